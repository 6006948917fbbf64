"""`waybill`, killed by its own hand at a named point: `dying_engine.py POINT COUNT run DIR …`.

Points: `after-append` (the arrivals are on disk, no sender has its answer yet) and `before-record` (the partner has
answered, nothing of it is written yet). The point is wrapped around the engine from outside, so that the engine itself
knows of no such thing.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from engine.cli import main
from engine.store import committer

run_group = committer.run_group
left = int(sys.argv[2])


def has(entries: Sequence[tuple[Any, Any]], verb: str) -> bool:
    return any(one.__name__ == verb for one, _ in entries)


def dying(connection: Any, entries: Sequence[tuple[Any, Any]], *more: Any) -> list[Any]:
    global left
    point = sys.argv[1]
    if point == "before-record" and has(entries, "record"):
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
    results = run_group(connection, entries, *more)
    if point == "after-append" and has(entries, "accept"):
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return results


committer.run_group = dying
sys.exit(main(sys.argv[3:]))
