"""What people decide, at the engine's own door: moves of events, and breakers forced by hand.

What is wanted is carried out by the store's verbs and the gates; here it is only handed to them. Which store a command
means is asked first: one that means another store opens that one itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engine.model import Fact
from engine.run.claim import Ports
from engine.store import Move


class Commands:
    """`shown` names our store. `newest` takes in the tables as they are on disk, `force` puts a gate as a person wants
    it; `ports.wake` is told that events were moved."""

    def __init__(
        self,
        shown: str,
        ports: Ports,
        newest: Callable[[], Awaitable[None]],
        force: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self.shown = shown
        self.ports = ports
        self.newest = newest
        self.force = force

    async def carry_out(self, request: Any) -> Any:
        """{store, moves: [{event, action, …}]} or {store, gates: [[gate, forced]]} → {answers}, one for each: empty
        where it was done, else why not."""
        if request["store"] != self.shown:
            return {"elsewhere": self.shown}
        if "gates" in request:
            for gate, forced in request["gates"]:
                await self.force(gate, forced)
            return {"answers": [""] * len(request["gates"])}
        if any(move["action"] != "reject" for move in request["moves"]):
            await self.newest()  # whoever has just added a row means the table with it
        answers = await asyncio.gather(*(self.move(move) for move in request["moves"]))
        self.ports.wake()
        return {"answers": answers}

    async def move(self, wish: Any) -> str:
        ports, latest = self.ports, wish.pop("latest")
        plan = ports.live.plans[latest].hash if latest in ports.live.plans else None
        decided = Move(at=ports.clock.now(), plan=plan, **wish)
        said = await ports.committer.submit(ports.store.move, decided)
        if not said:
            told: dict[str, str | float | None] = {"event": decided.event, "action": decided.action, "by": decided.by}
            ports.observe(Fact("released", ports.clock.now(), told))
        return said
