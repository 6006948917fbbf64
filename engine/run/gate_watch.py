"""Gates on disk: writes what this node's breakers came to, and reads what other nodes and people wrote, every second.

What a breaker counts stays in memory; only that it opened, began to probe or closed is a row. So a restart goes on
where it was, another node need not find out for itself that a partner is down, and people see why events wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from engine.errors import StoreFull
from engine.model import Fact
from engine.ports import Clock, Observer
from engine.run.gates import Gates
from engine.store import GateRow

EVERY_S = 1.0


class GateWatch:
    """Keeps a node's gates and their rows together. `keep` writes one row, `read` gives all; `wake` is told that
    something that waits may go on."""

    def __init__(
        self,
        gates: Gates,
        keep: Callable[[GateRow], Awaitable[None]],
        read: Callable[[], Awaitable[Sequence[GateRow]]],
        clock: Clock,
        observe: Observer,
        wake: Callable[[], None],
    ) -> None:
        self.gates = gates
        self.keep = keep
        self.read = read
        self.clock = clock
        self.observe = observe
        self.wake = wake

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self.settle()

    async def settle(self) -> None:
        """Writes what changed, then reads. A full store puts the writing off."""
        rows = self.gates.changed()
        for row in rows:
            data = {"gate": row.gate, "state": row.state, "reason": row.reason}
            self.observe(Fact("breaker", self.clock.now(), data))
        try:
            await asyncio.gather(*(self.keep(row) for row in rows))
        except StoreFull:
            self.gates.give_back(rows)
            return
        try:
            there = await self.read()
        except StoreFull:  # the store is away: what the gates are is read when it is back
            return
        if self.gates.take_rows(there, self.clock.now()):
            self.wake()

    async def force(self, gate: str, forced: str) -> None:
        """What a person wants of a gate from now on: `open`, `closed`, or empty, what the breaker says."""
        await self.keep(GateRow(gate, state="", forced=forced))
        self.observe(Fact("gate_forced", self.clock.now(), {"gate": gate, "forced": forced or "auto"}))
        await self.settle()
