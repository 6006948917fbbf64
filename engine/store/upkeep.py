"""Retention as a task of the loop: a batch when the writer has nothing to do, now and then also when it has."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from engine.clock import SystemClock
from engine.errors import StoreFull
from engine.ports import Committer
from engine.store.options import Keep
from engine.store.retention import Retention
from engine.store.verbs import SqlStore

IDLE_PAUSE_S = 0.05
BUSY_PAUSE_S = 0.5
REST_S = 60.0
"""After a pass that has seen everything."""


class Upkept(Committer, Protocol):
    """A committer that says whether a group is under way."""

    in_flight: bool


async def forget(
    committer: Upkept,
    store: SqlStore,
    keep: Keep,
    rows_from: Callable[[], int | None],
) -> None:
    """Forgets until it is cancelled. `rows_from` gives None while another node does it."""
    clock = SystemClock()
    while True:
        least = rows_from()
        if least is None:
            await asyncio.sleep(REST_S)
            continue
        now = clock.now()
        try:
            done = await committer.submit(
                store.retain, Retention(now, now - keep.events_us, now - keep.effects_us, least)
            )
        except StoreFull:
            await asyncio.sleep(REST_S)
            continue
        await asyncio.sleep(
            IDLE_PAUSE_S if done.more and not committer.in_flight else BUSY_PAUSE_S if done.more else REST_S
        )
