"""A stage for transcripts: the real store and loops, a partner that answers from a list, a crash wherever one is wanted.

A test reads as what happened: an order arrives, the partner answers so and so, the engine dies here, and this is where
the event stands.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from blackbox.rig import FILES, order_body

from engine.language import Resources
from engine.model import Delivery, Fact, Outcome, Request, Sent, Sighted
from engine.run.claim import Ports
from engine.run.gates import Gates
from engine.run.intake import name
from engine.run.live import Live, live_systems, none_kept
from engine.run.load import check
from engine.run.tables import put_in
from engine.run.walk import Walk
from engine.spec.compile import compile_workspace
from engine.spec.table import read_table
from engine.store import ClaimRequest, EventRow, Filter, Line, Move, Tally
from engine.store.committer import InlineCommitter
from engine.store.files import open_memory
from engine.store.readers import read_events, read_lines, read_tallies
from engine.store.verbs import SqlStore
from engine.wire.answers import Inbound

SECOND = 1_000_000


class Crash(BaseException):
    """The engine is gone: nothing after this line runs."""


def answered(status: int, body: object = None, **headers: str) -> Outcome:
    return Outcome(Sent.ANSWERED, status=status, body=body, headers=headers)


LOST = Outcome(Sent.UNKNOWN, "no answer in 2 s")
REFUSED = Outcome(Sent.NOT_SENT, "connection refused")
CREATED = answered(201, {"id": "so-1"})


class Stage:
    """One engine over one store; `replies` is what the partner answers, in order."""

    def __init__(self, *replies: Outcome | type[Crash], files: dict[str, str] | None = None, gates: int = 0) -> None:
        """`gates`: so many workers, whose calls pass the gates; 0: every call may go out."""
        self.replies: deque[Outcome | type[Crash]] = deque(replies)
        self.sent: list[Request] = []
        self.refreshed: list[str] = []
        self.at = 1_800_000_000 * SECOND
        self.store = SqlStore()
        self.connection = open_memory()
        self.committer = InlineCommitter(self.connection)
        checked = check({path: text.lstrip().encode() for path, text in (files or FILES).items()})
        assert checked.faults == (), [str(fault) for fault in checked.faults]
        workspace = checked.workspace
        self.tables = workspace.tables
        self.plans = compile_workspace(workspace, "local", Resources(tables=workspace.tables, zones=lambda _: None))
        systems = live_systems({key: document.content for key, document in workspace.systems.items()})
        live = Live(self.plans, systems, none_kept, self.refreshed.append)
        self.live = live
        self.facts: list[Fact] = []
        self.ports = Ports(self.store, self.committer, self, live, self, self, self.facts.append)
        self.gates = Gates(live, gates) if gates else None
        if gates:
            self.ports = replace(self.ports, gates=self.gates)
        self.took_s = 0.0
        self.pauses = False

    # ── the ports ────────────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / SECOND + self.took_s

    def uniform(self) -> float:
        return 0.5

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        self.sent.append(request)
        reply = self.replies.popleft()
        if isinstance(reply, type):
            raise reply
        if self.pauses:
            await asyncio.sleep(0)
        return reply

    # ── the play ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, id_: str = "e1", order: str = "1", integration: str = "shop-orders", **more: Any) -> int:
        """An authentic order arrives and is stored."""
        plan = self.plans[integration]
        inbound = Inbound(
            "POST",
            "/",
            {"x-shop-event": id_},
            {},
            order_body(order, more.pop("customer", "c"), more.pop("number", 1), **more),
        )
        (receipt,) = self.store.accept(self.connection, [name(plan, inbound, self.at)])
        assert not isinstance(receipt, Exception)
        return receipt.event

    def claim(self) -> Sequence[Delivery]:
        allow = self.gates.allow(self.at) if self.gates else {}
        quotas = self.gates.quotas(self.at) if self.gates else {}
        request = ClaimRequest(self.at, 10, self.at + 60 * SECOND, allow=allow, quotas=quotas)
        (claimed,) = self.store.claim(self.connection, [request])
        assert not isinstance(claimed, Exception)
        return claimed.deliveries

    def claim_of(self, integration: str) -> Delivery:
        """Claims what is due; the one of this integration."""
        self.claimed = {**getattr(self, "claimed", {}), **{one.integration: one for one in self.claim()}}
        return self.claimed[integration]

    def run_together(self) -> None:
        """Delivers what is due now, all up to their first answers before any of these is written."""
        walks = [Walk(self.ports, delivery) for delivery in self.claim()]

        async def deliver() -> None:
            self.pauses = True
            await asyncio.gather(*(walk.run() for walk in walks))
            self.pauses = False

        asyncio.run(deliver())

    def run(self) -> int:
        """Delivers what is due now; how many. A crash leaves the leases with the dead."""
        deliveries = self.claim()

        async def deliver() -> None:
            for delivery in deliveries:
                await Walk(self.ports, delivery).run()

        try:
            asyncio.run(deliver())
        except Crash:
            self.store.recover(self.connection, [(0, self.at)])
        return len(deliveries)

    def pass_time(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)

    def run_all(self, times: int = 50) -> None:
        """Delivers and lets time pass until nothing moves by itself; holds and waits for topics stay."""
        for _ in range(times):
            if not self.run():
                waiting = [row.due_at for row in self.rows() if row.status.active and row.due_at]
                if not waiting:
                    return
                self.at = max(self.at, min(waiting))
        raise AssertionError("it never ends")

    def decide(self, action: str, event: int = 1, plan: str | None = None, *, new_effect: bool = False) -> None:
        move = Move(event, self.at, action, "ada", "because", plan, new_effect=new_effect)
        assert self.store.move(self.connection, [move]) == [""]

    # ── what is left ─────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self) -> list[EventRow]:
        return list(read_events(self.connection, Filter()))

    def row(self, event: int = 1) -> EventRow:
        return self.rows()[event - 1]

    def status(self, event: int = 1) -> str:
        return self.row(event).status.value

    def lines(self, event: int = 1) -> list[Line]:
        return read_lines(self.connection, event)

    def tallies(self) -> list[Tally]:
        return read_tallies(self.connection, *Sighted)

    def change_table(self, name: str, text: str) -> None:
        """The table is another one from now on, as the engine's own watch would make it."""
        table, faults = read_table(text.encode(), f"charter/tables/{name}.csv")
        assert table is not None, faults
        put_in(self.tables, {**self.tables, name: table})

    def story(self, event: int = 1) -> list[str]:
        """What is written of an event: `call done`, `look-up not found`, …"""
        return [f"{line.kind} {line.verdict}".strip() for line in self.lines(event)]

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.sent]
