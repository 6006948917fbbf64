"""What people decide, at the engine's own door: moves of events, and breakers forced by hand.

What is wanted is carried out by the store's verbs and the gates; here it is only handed to them. Which store a command
means is asked first: one that means another store opens that one itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import StoreAway, StoreFull
from engine.model import Fact
from engine.run.claim import Ports
from engine.store import Move

ANSWER_S = 20.0
"""Less than a command waits at the socket: it hears a sentence, not silence."""
SILENT = (
    "the store does not answer, and nobody knows yet what came of this; the engine goes on trying for as long as it"
    " runs: look at `waybill event` or `waybill system` once the store is back, before you ask again"
)


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
            wanted = [self.put_gate(gate, forced) for gate, forced in request["gates"]]
            return {"answers": await asyncio.gather(*map(in_words, wanted))}
        if any(move["action"] != "reject" for move in request["moves"]):
            await self.newest()  # whoever has just added a row means the table with it
        answers = await asyncio.gather(*(in_words(self.move(move)) for move in request["moves"]))
        self.ports.wake()
        return {"answers": answers}

    async def put_gate(self, gate: str, forced: str) -> str:
        await self.force(gate, forced)
        return ""

    async def move(self, wish: Any) -> str:
        ports, latest = self.ports, wish.pop("latest")
        plan = ports.live.plans[latest].hash if latest in ports.live.plans else None
        decided = Move(at=ports.clock.now(), plan=plan, **wish)
        said = await ports.committer.submit(ports.store.move, decided)
        if not said:
            told: dict[str, str | float | None] = {"event": decided.event, "action": decided.action, "by": decided.by}
            ports.observe(Fact("released", ports.clock.now(), told))
        return said


async def in_words(deciding: Awaitable[str]) -> str:
    """What came of a decision; what the store says against it, too."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await deciding
    except TimeoutError:
        return SILENT
    except StoreAway as error:
        return f"the store is away ({error}), and nobody knows yet whether this was written; look before you ask again"
    except StoreFull as error:
        return f"nothing was changed: {error}; make room on its disk, or raise its max_size"
