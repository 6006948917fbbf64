"""The engine's ports in a simulated run: clock, chance, committer, http out. Each belongs to one life of the engine.

Commits and calls pass a counted point before and after; at any of them the power may be cut. A cut is told to the ports
first: what is dropped half-way still runs its `finally` blocks, and reaches nothing any more. Reading the clock and
drawing chance have no points: between two commits or calls they change nothing that outlives the process, so a crash
there is the crash before the next of them.

The committer is that of production but for the disk: the same groups, the same transaction for each, and the time of an
fsync drawn. A crash before is one with nothing on disk, a crash after one with all of it on disk and nobody told. This
file refuses to know what is stored or sent.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import apsw

from engine.model import Outcome, Request
from engine.ports import Item, Result, Verb
from engine.store.groups import Entry, GroupCommitter
from engine.store.settle import settle_group
from harness.simulation.loop import SimLoop
from harness.simulation.streams import Stream
from harness.simulation.witness import Witness

Committed = Callable[[Any, Any, Any, int | None], None]
"""Told of (verb, item, result, the sending whose delivery it was) once it is on disk."""


class PowerCut(BaseException):
    """The engine is gone: nothing after this line reaches anything."""


class Power:
    """The power of one life. `reached` counts what the dead still asked of their ports, and did not get."""

    def __init__(self, off: Callable[[], None]) -> None:
        self.on = True
        self.reached = 0
        self._off = off

    def check(self) -> None:
        """Raises PowerCut where there is none."""
        if not self.on:
            self.reached += 1
            raise PowerCut

    def cut(self) -> None:
        if self.on:
            self.on = False
            self._off()


class SimClock:
    """`engine.ports.Clock`: the loop's time, counted from `begin_at`."""

    def __init__(self, loop: SimLoop, begin_at: int, power: Power) -> None:
        self._loop = loop
        self._begin_at = begin_at
        self._power = power

    def now(self) -> int:
        self._power.check()
        return self._begin_at + round(self._loop.time() * 1_000_000)

    def monotonic(self) -> float:
        self._power.check()
        return self._loop.time()


class SimChance:
    """`engine.ports.Chance`: a stream of the run."""

    def __init__(self, stream: Stream, power: Power) -> None:
        self._stream = stream
        self._power = power

    def uniform(self) -> float:
        self._power.check()
        return self._stream.uniform()


class SimCommitter(GroupCommitter):
    """`engine.ports.Committer` over the real store in memory. `sending` says whose delivery is being handed in."""

    def __init__(
        self,
        connection: apsw.Connection,
        power: Power,
        witness: Witness,
        disk: Stream,
        disk_s: tuple[float, float],
        committed: Committed,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        super().__init__(on_failure)
        self.connection = connection
        self.power = power
        self.witness = witness
        self.disk = disk
        self.disk_s = disk_s
        self.committed = committed
        self.sending: int | None = None
        self.origins: dict[int, int] = {}

    def hand_in(self, verb: Verb[Item, Result], item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """See `Committer.hand_in`."""
        self.power.check()
        if self.witness.passing("before", name_of(verb)):
            self.power.cut()
            raise PowerCut
        if self.sending is not None:
            self.origins[id(item)] = self.sending
        super().hand_in(verb, item, done)

    def send(self, group: list[Entry]) -> None:
        """See `GroupCommitter.send`. The disk takes its time over it; what is handed in meanwhile is the next one."""
        self.loop.call_later(self.disk.between(*self.disk_s), self.commit, group)

    def commit(self, group: list[Entry]) -> None:
        """The group is on disk, and whoever waits is told, unless the power went before or goes now."""
        if not self.power.on:
            return
        try:
            results = settle_group(self.connection, [(verb, item) for verb, item, _ in group])
        except Exception as error:  # noqa: BLE001 — whatever it was, the loop must hear of it
            self.answer(error)
            return
        for (verb, item, _), result in zip(group, results, strict=True):
            if not isinstance(result, Exception):
                self.committed(verb, item, result, self.origins.pop(id(item), None))
        cuts = [self.witness.passing("after", name_of(verb)) for verb, _, _ in group]  # each of them is counted
        if True in cuts:
            self.power.cut()
            return
        self.answer(results)

    def tell(self, entries: list[Entry], results: Iterable[Any]) -> None:
        """As ever, until the power goes by what one of them does."""
        for entry, result in zip(entries, results, strict=True):
            if not self.power.on:
                return
            super().tell([entry], [result])


def name_of(verb: Callable[..., Any]) -> str:
    """How a verb's points are called."""
    return verb.__name__


class SimHttp:
    """`engine.ports.HttpOut`: hands requests to the network. `out` begins a call, and its future gives the outcome."""

    def __init__(
        self, power: Power, witness: Witness, out: "Callable[[Request, float], asyncio.Future[Outcome]]"
    ) -> None:
        self._power = power
        self._witness = witness
        self._out = out

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        """See `HttpOut.send`."""
        self._power.check()
        if self._witness.passing("before", "send"):
            self._power.cut()
            raise PowerCut
        outcome = await self._out(request, timeout_s)
        self._power.check()
        if self._witness.passing("after", "send"):
            self._power.cut()
            raise PowerCut
        return outcome
