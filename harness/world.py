"""A small world around the real engine: the store in memory, partners simulated, time that jumps. No network, no
thread.

It hands the loops of `engine.run` their ports and touches nothing else of them: what runs here is what runs in
production. One event at a time; `waybill try` and the examples of a spec are told from it.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from engine.errors import WaybillError
from engine.model import Delivery, Fact, Outcome, Request, Sent, Status
from engine.rules.opening import open_event
from engine.rules.steps import Course, advance
from engine.rules.undo import step_at
from engine.run.claim import Ports
from engine.run.intake import named
from engine.run.live import Live, none_kept
from engine.run.load import Loaded
from engine.run.walk import Walk
from engine.spec import shape
from engine.spec.plan import HoldStep, Plan
from engine.store import Claimed, ClaimRequest, EventRow, Filter
from engine.store.committer import InlineCommitter
from engine.store.deliveries import load
from engine.store.files import open_memory
from engine.store.readers import read_events
from engine.store.sqlite import SqliteDatabase
from engine.store.verbs import SqlStore
from engine.wire.answers import Inbound
from harness.partner import Partner, received_of

BEGIN_AT = 1_800_000_000_000_000
CLAIMS_MAX = 1_000
WALKS_MAX = 20
"""Of one event, before it is asked whether they come to anything."""


class WorldClock:
    """Time that stands until it is set."""

    def __init__(self) -> None:
        self.at = BEGIN_AT

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1_000_000


class EvenChance:
    """Chance without chance: every draw is the middle."""

    def uniform(self) -> float:
        return 0.5


class Called(Struct, frozen=True):
    """One call as it would have gone out, without its sign-in."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: object


class Ended(Struct, frozen=True):
    """What became of one event: where it stands, every step's result so far, and the calls made for it."""

    status: Status
    id: str | None
    key: str | None
    reason: str
    steps: dict[str, object]
    calls: tuple[Called, ...]


class SimulatedHttp:
    """`HttpOut` that asks simulated partners; keeps every call."""

    def __init__(self, loaded: Loaded) -> None:
        systems = {name: document.content for name, document in loaded.workspace.systems.items()}
        self.partners = {name: Partner(system, loaded.resources) for name, system in systems.items()}
        self.base_urls = {name: base_url(system, loaded.environment) for name, system in systems.items()}
        self.calls: list[Called] = []

    async def send(self, request: Request, timeout_s: float) -> Outcome:  # noqa: ARG002 — nothing here takes time
        query = f"?{urlencode(request.query)}" if request.query else ""
        self.calls.append(
            Called(
                operation=f"{request.system}.{request.operation}",
                method=request.method,
                url=f"{self.base_urls[request.system]}{request.path}{query}",
                headers=dict(request.headers),
                body=request.body,
            )
        )
        answer = self.partners[request.system].answer(received_of(request))
        return Outcome(Sent.ANSWERED, status=answer.status, headers=answer.headers, body=answer.body)


def base_url(system: shape.System, environment: str) -> str:
    """The address as the spec says it; a variable that is not set here stays its name."""
    base = system.base_url.get(environment, f"https://{system.system}.example")
    return base if isinstance(base, str) else os.environ.get(base.name) or f"{{{base.name}}}"


EMPTY: list[SqliteDatabase] = []


def new_store() -> SqliteDatabase:
    """An empty store in memory, copied: to make one anew takes as long as a run of several events."""
    if not EMPTY:
        EMPTY.append(open_memory())
    store = SqliteDatabase(":memory:")
    with store.backup("main", EMPTY[0], "main") as copying:
        copying.step(-1)
    return store


class World:
    """One engine in memory over a loaded workspace; `http` is who answers, else its partners simulated."""

    def __init__(self, loaded: Loaded, http: SimulatedHttp | None = None) -> None:
        self.loaded = loaded
        self.clock = WorldClock()
        self.store = SqlStore()
        self.connection = new_store()
        self.http = http or SimulatedHttp(loaded)
        self.committer = InlineCommitter(self.connection)
        live = Live(loaded.plans, loaded.systems, kept=none_kept, refresh=lambda _: None)
        self.ports = Ports(self.store, self.committer, self.http, live, self.clock, EvenChance(), ignore)
        self.calls: dict[int, list[Called]] = {}
        self.walks: Counter[int] = Counter()
        self.stands: dict[int, tuple[object, ...]] = {}
        self.stuck: set[int] = set()

    async def receive(self, plan: Plan, inbound: Inbound) -> int:
        """Takes one authentic delivery of one event; the event it became, or was a duplicate of."""
        (event,) = await self.receive_all(plan, inbound)
        return event

    async def receive_all(self, plan: Plan, inbound: Inbound) -> list[int]:
        """Takes one authentic delivery; the events it became, or was duplicates of, in the order of its items."""
        self.clock.at += 1_000_000
        now = self.clock.now()
        receipts = await self.committer.submit(self.store.accept_all, named(plan, inbound, now))
        await self.settle()
        return [receipt.event for receipt in receipts]

    async def wait_out(self) -> None:
        """Lets time pass until what waits for people, or for events of topics, has waited long enough."""
        await self.settle(holds=True)

    async def settle(self, *, holds: bool = False) -> None:
        """Runs deliveries, jumping to the next time one is due, until nothing moves any more. What waits for a person
        or for an event of a topic is left there, unless `holds`: how long that takes is not the engine's doing."""
        for _ in range(CLAIMS_MAX):
            if self.goes_on(await self.claim()):
                continue
            due_at = self.next_due_at(holds=holds)
            if due_at is None:
                return
            self.clock.at = max(due_at, self.clock.now())
        raise WaybillError(f"an event still moves after {CLAIMS_MAX} claims")

    async def claim(self) -> Claimed:
        """Claims what is due now, and walks it."""
        now = self.clock.now()
        claimed: Claimed = await self.committer.submit(self.store.claim, ClaimRequest(now, 1, now + 3_600_000_000))
        for delivery in claimed.deliveries:
            await self.walk(delivery)
        return claimed

    async def walk(self, delivery: Delivery) -> None:
        """Walks one delivery as far as it goes now, and keeps the calls it made."""
        before = len(self.http.calls)
        await Walk(self.ports, delivery).run()
        self.calls.setdefault(delivery.event, []).extend(self.http.calls[before:])

    def goes_on(self, claimed: Claimed) -> bool:
        """Did anything come of what was claimed, or is more due at this moment?"""
        moved = [self.moves(delivery.event) for delivery in claimed.deliveries]
        due_at = claimed.next_due_at
        return any(moved) or (bool(moved) and due_at is not None and due_at <= self.clock.now())

    def moves(self, event: int) -> bool:
        """Did its walk come to anything? Who asks in vain again and again (for the effect of an event that waits for a
        person) is left to wait: no person comes here."""
        self.walks[event] += 1
        if self.walks[event] <= WALKS_MAX:
            return True
        row = next(read_events(self.connection, Filter(after=event - 1, limit=1)))
        stands = (row.status, row.step, row.attempts, row.reason)
        if self.stands.get(event) != stands:
            self.walks[event] = 0
            self.stuck.discard(event)
        else:
            self.stuck.add(event)
        self.stands[event] = stands
        return event not in self.stuck

    def next_due_at(self, *, holds: bool = False) -> int | None:
        """When the next event falls due that waits for the engine alone, or with `holds` for whatever it be."""
        now = self.clock.now()
        statuses = (Status.ACCEPTED, Status.WAITING, *((Status.HELD,) if holds else ()))
        times = [
            row.due_at
            for row in read_events(self.connection, Filter(status=statuses))
            if row.due_at > now and row.event not in self.stuck and (holds or not self.waits_for_others(row))
        ]
        return min(times, default=None)

    def waits_for_others(self, row: EventRow) -> bool:
        """Does it stand at a wait for people or for news?"""
        return isinstance(step_at(self.loaded.plans[row.integration], row.step), HoldStep)

    def ended(self, event: int) -> Ended:
        """Where an event stands now."""
        row: EventRow = next(read_events(self.connection, Filter(after=event - 1, limit=1)))
        _, made = self.scope(event)
        return Ended(row.status, row.id, row.key, row.reason, made, tuple(self.calls.get(event, ())))

    def scope(self, event: int) -> tuple[dict[str, object], dict[str, object]]:
        """(what the steps of an event see now, the results among it); both empty where no step saw anything."""
        (delivery,) = load(self.connection, [event])
        delivery = replace(delivery, done_revision=None)  # what a newer one did since does not change what this one saw
        plan = self.loaded.plans[delivery.integration]
        scope: Any = open_event(plan, delivery)
        if not isinstance(scope, dict):
            return {}, {}
        known = set(scope)
        course = Course(plan, scope, renewed=delivery.renewed, surveys=True)
        course.remember(delivery.steps)
        advance(course, self.clock.now())
        return scope, {step: result for step, result in scope.items() if step not in known}


def ignore(_: Fact) -> None:
    """The observer of a world that is told by its store alone."""


def run(work: Any) -> Any:
    """Runs a coroutine of the world to its end."""
    return asyncio.run(work)
