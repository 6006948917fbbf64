"""Which event loop: the faster one where there is one. Only here stands its name; this file refuses to run anything."""

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """For `asyncio.Runner`: uvloop's loop, or None for asyncio's own. A busy process needs a third of the CPU on it."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
