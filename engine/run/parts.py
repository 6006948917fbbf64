"""One engine's parts, joined over its ports, and how it begins: alike in production and in the harness's simulated
runs.

What is listened on, opened and told of a process is `app`'s matter. This file refuses to make a port.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from engine.errors import StoreFull
from engine.model import Fact, Sighted
from engine.run.claim import Ports
from engine.run.deliver import Deliverer
from engine.run.gate_watch import GateWatch
from engine.run.gates import Gates
from engine.run.intake import Intake, Route
from engine.run.sightings import times_by_place
from engine.spec.plan import Plan
from engine.store import GateRow

SIGHTINGS_EVERY_S = 5.0
Deliverers = Callable[[Ports, int, int], Deliverer]


class Parts:
    """The gates, the deliverer, the watch over gates and the intake of one engine, whose number among several is
    `node`. `read_gates` gives all rows of gates; `wake` is told of what came in."""

    def __init__(
        self,
        ports: Ports,
        workers: int,
        node: int,
        read_gates: Callable[[], Awaitable[Sequence[GateRow]]],
        wake: Callable[[], None],
        routes: Mapping[str, Route],
        deliverers: Deliverers = Deliverer,
    ) -> None:
        self.node = node
        self.gates = Gates(ports.live, workers)
        self.ports = ports = replace(ports, gates=self.gates)
        self.deliverer = deliverers(ports, workers, node)
        self.gate_watch = GateWatch(
            self.gates, self.keep_gate, read_gates, ports.clock, ports.observe, self.deliverer.wake
        )
        self.intake = Intake(ports.store, ports.committer, ports.clock, ports.observe, wake, routes)

    def fact(self, name: str, **data: str | float | None) -> None:
        self.ports.observe(Fact(name, self.ports.clock.now(), data))

    async def begin(self, plans: Iterable[Plan]) -> None:
        """Before the first claim: keeps the plans, reads the gates, and gives back what a former life held."""
        await self.keep_plans(plans)
        await self.gate_watch.settle()
        ports = self.ports
        recovered = await ports.committer.submit(ports.store.recover, (self.node, ports.clock.now()))
        if recovered:
            self.fact("recovered", events=recovered)

    async def keep_plans(self, plans: Iterable[Plan]) -> None:
        """Keeps plans, so that events that are pinned to them can be run when there are newer ones."""
        ports = self.ports
        now = ports.clock.now()
        for plan in plans:
            kept = (plan.hash, plan.integration, plan.version, plan.content, now)
            await ports.committer.submit(ports.store.keep_plans, kept)

    async def keep_gate(self, row: GateRow) -> None:
        await self.ports.committer.submit(self.ports.store.keep_gates, row)

    async def flush_sightings(self) -> None:
        """Writes what was counted in memory; a full store puts it off."""
        sightings = self.ports.sightings
        tallies = sightings.take()
        if not tallies:
            return
        try:
            await self.ports.committer.submit(self.ports.store.tally, tallies)
        except StoreFull:
            sightings.give_back(tallies)
            return
        for contract, times in times_by_place(tallies).items():
            self.fact("sighted", kind=Sighted.UNKNOWN_FIELD.value, place=contract, times=times)
