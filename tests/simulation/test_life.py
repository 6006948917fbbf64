"""One life: an idle engine looks at its store when production would, but for the looks that can find nothing new."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from engine.model import Fact
from engine.run.claim import Ports
from engine.store import Claimed
from engine.store.verbs import SqlStore
from harness.simulation.life import LeapingDeliverer
from harness.simulation.loop import SimLoop
from harness.simulation.streams import Streams

SECOND = 1_000_000


class Idle:
    """A store with nothing to claim, the next of which is due at `due_us`; also the clock."""

    def __init__(self, loop: SimLoop, due_us: int | None) -> None:
        self.loop = loop
        self.due_us = due_us

    async def submit(self, verb: Any, item: Any) -> Claimed:
        return Claimed((), self.due_us)

    def now(self) -> int:
        return round(self.loop.time() * SECOND)


def ignore(_: Fact) -> None:
    """Nobody asks."""


def waits(prepare: Callable[[SimLoop], object], due_us: int | None = None) -> float:
    """How long a deliverer would wait after one look; `prepare` says what else is to happen. Where nothing is, somebody
    wakes it."""
    streams = Streams(1)
    loop = SimLoop(streams.of("ties"))  # type: ignore[abstract]
    idle: Any = Idle(loop, due_us)

    async def look() -> float:
        deliverer = LeapingDeliverer(Ports(SqlStore(), idle, idle, idle, idle, idle, ignore), 4, 0)

        def wake() -> bool:
            deliverer.wake()
            return True

        loop.idle = wake
        async with asyncio.TaskGroup() as group:
            prepare(loop)
            return await deliverer.claim(group)

    waited: float = loop.run_until_complete(look())
    return waited


@pytest.mark.parametrize(
    ("prepare", "due_us", "waited"),
    [
        (lambda loop: loop.call_soon(int), None, 5.0),  # something happens at once
        (lambda loop: loop.call_later(1, int), None, 5.0),
        (lambda loop: loop.call_later(12, int), None, 15.0),  # the first look after it
        (lambda loop: loop.call_later(3_600, int), None, 3_600.0),
        (lambda loop: loop.call_later(3_600, int), 61 * SECOND, 61.0),  # something of the store's own
        (lambda loop: None, 3 * SECOND, 3.0),
        (lambda loop: None, 3_601 * SECOND, 3_601.0),
        (lambda loop: None, None, 0.0),  # nothing can happen: it waits to be woken, and looks at once
    ],
)
def test_the_next_look_is_the_first_that_can_find_anything(
    prepare: Callable[[SimLoop], object], due_us: int | None, waited: float
) -> None:
    assert waits(prepare, due_us) == pytest.approx(waited)
