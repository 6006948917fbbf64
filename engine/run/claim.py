"""What one claim of an event holds in hand: where it stands, what is yet to be written, and the writing itself.

No policy lives here, and nothing is sent: it counts, tells and records, for `walk`, `call` and `compensate`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from msgspec.structs import replace

from engine.errors import LeaseLost, StoreFull
from engine.model import Allowed, Delivery, Emission, Fact, ItemState, Sighting, Status, Step
from engine.ports import Chance, Clock, Committer, HttpOut, Item, Observer, Result, Verb
from engine.rules.decide import Decision
from engine.rules.needs import item_of
from engine.rules.steps import Course
from engine.run.gates import Gates
from engine.run.live import Live
from engine.run.sightings import Sightings
from engine.spec.plan import Plan
from engine.store import Learnt, Line, Record, Settled, Store

LEASE_US = 120_000_000
LEASE_MARGIN_US = 30_000_000
SENT_WITHIN_S = 5.0
"""Of its intent. A process that was stopped meanwhile may have been taken for dead, and another be at its work: on a
store that several share after ten seconds, by a lease that ends later still."""
FULL_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a delivery touches the world with. `wake` is told that something may be due at once. Without `gates`
    every call may go out."""

    store: Store
    committer: Committer
    http: HttpOut
    live: Live
    clock: Clock
    chance: Chance
    observe: Observer
    sightings: Sightings = field(default_factory=Sightings)
    wake: Callable[[], None] = lambda: None
    gates: Gates | None = None


class Where(TypedDict, total=False):
    """Where an event stands, in the fields of `Record` that say so."""

    step: str
    due_at: int
    queue: str
    reason: str
    on_release: str
    on_reject: str
    sightings: tuple[Sighting, ...]
    gate: str
    awaits: tuple[str, str]
    seen_message: int


class Said(TypedDict, total=False):
    """What is said of an outcome, in the fields of `Line`."""

    verdict: str
    status: int
    took_us: int
    reason: str


class Called(Said, total=False):
    """And of what, in the fields of `Line`."""

    operation: str
    once: str


class More(Called, total=False):
    """What a line of a story says beside its step and kind, in the fields of `Line`."""

    ended: bool
    result: object


class Claim:
    """One claim of one event. `lines`, `settled`, `emitted`, `undone` and `learnt` are yet to be written; `course` is
    how far it has come. `behind` are events whose effects it waits for. `leaving`: the record that ends it is on its
    way."""

    def __init__(self, ports: Ports, delivery: Delivery) -> None:
        self.ports = ports
        self.delivery = delivery
        self.attempts = delivery.attempts
        self.again = delivery.again
        self.phase = delivery.phase
        self.cause = delivery.cause
        self.lines: list[Line] = []
        self.settled: Settled | None = None
        self.emitted: list[Emission] = []
        self.undone: list[bytes] = []
        self.learnt: list[Learnt] = []
        self.behind: list[int] = []
        self.items_changed = False
        self.passes = delivery.passes
        self.tables: dict[str, None] = {}
        self.ended_lines: list[Line] = []
        self.leaving = False

    def open(self, plan: Plan, scope: dict[str, object]) -> None:
        """Begins at what is stored."""
        delivery = self.delivery
        self.plan = plan
        self.course = Course(plan, scope, renewed=delivery.renewed, tables=self.tables)
        if delivery.steps:
            self.course.remember(delivery.steps)
        for state in delivery.items:
            self.course.items[state.place] = state

    def steps(self) -> tuple[Step, ...]:
        """The steps that ended, in earlier claims and in this one."""
        ended = (Step(line.step, line.result, line.operation, line.once, line.kind) for line in self.ended_lines)
        return (*self.delivery.steps, *ended)

    # ── where it stands ──────────────────────────────────────────────────────────────────────────────────────────────

    def item(self, place: str) -> str:
        """The item whose state a place is part of; empty where the event's own is. What is undone, is undone one after
        the other: then no item has a state of its own."""
        return "" if "." not in place or self.phase else item_of(place)

    def state_of(self, item: str, place: str) -> ItemState:
        """An item's state at a place, a new one where it has none or has come from another step."""
        state = self.course.items.get(item)
        step = place.rpartition(".")[2]
        return state if state is not None and state.step == step else ItemState(item, "waiting", step)

    def put_item(self, state: ItemState) -> None:
        self.course.items[state.place] = state
        self.items_changed = True

    def attempts_at(self, place: str) -> int:
        item = self.item(place)
        return self.state_of(item, place).attempts if item else self.attempts

    def again_at(self, place: str) -> Allowed:
        item = self.item(place)
        return self.state_of(item, place).again if item else self.again

    def drop_item(self, place: str) -> None:
        """Forgets the state of one item."""
        if self.course.items.pop(place, None) is not None:
            self.items_changed = True

    def drop_items(self, place: str = "") -> None:
        """Forgets the items of an `each`, or of all."""
        for state in self.items_of(place) if place else [*self.course.items.values()]:
            self.drop_item(state.place)

    def items_of(self, place: str) -> list[ItemState]:
        """The items of an `each` that have not ended."""
        return [state for state in self.course.items.values() if state.place.startswith(f"{place}[")]

    def count_attempt(self, place: str) -> None:
        """Counts a send, as the store did when it wrote the intent."""
        item = self.item(place)
        if not item:
            self.attempts += 1
            return
        state = self.state_of(item, place)
        self.course.items[item] = replace(state, state="waiting", due_at=0, attempts=state.attempts + 1)

    def spare_attempt(self, place: str) -> None:
        """Takes back what `count_attempt` counted, of a send that says nothing of its event."""
        item = self.item(place)
        if not item:
            self.attempts = max(0, self.attempts - 1)
            return
        state = self.state_of(item, place)
        self.put_item(replace(state, attempts=max(0, state.attempts - 1)))

    def end_step(self, place: str, kind: str, result: object, **more: Unpack[Called]) -> None:
        """The step at a place is over, and a line says so; what was counted there is counted no more."""
        self.tell(place, kind, ended=True, result=result, **more)
        line = self.lines[-1]
        self.ended_lines.append(line)
        if not self.phase:
            self.course.ended[place] = result
            if line.operation:
                self.course.served[place] = line.operation
        item = self.item(place)
        if not item:
            self.attempts = 0
            self.again = Allowed.NOTHING
        else:
            self.drop_item(item)

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, place: str, kind: str, **more: Unpack[More]) -> None:
        """Adds a line to the event's story, with the tables that were looked up in."""
        now = self.ports.clock.now()
        self.lines.append(Line(step=place, kind=kind, at=now, tables=tuple(self.tables), **more))

    def fact(self, name: str, **data: str | float | None) -> None:
        delivery = self.delivery
        self.ports.observe(
            Fact(name, self.ports.clock.now(), {"event": delivery.event, "integration": delivery.integration, **data})
        )

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def pending(self, place: str) -> Record | None:
        """What must be written before a call goes out; None where nothing is."""
        if self.lines or self.emitted or self.items_changed:
            return self.make_record(Status.RUNNING, step=place)
        return None

    def make_record(self, status: Status, **where: Unpack[Where]) -> Record:
        now = self.ports.clock.now()
        return Record(
            event=self.delivery.event,
            token=self.delivery.token,
            at=now,
            status=status,
            lease_until=now + LEASE_US if status is Status.RUNNING else 0,
            attempts=self.attempts,
            again=self.again if status.active else Allowed.NOTHING,
            lines=tuple(self.lines),
            settled=self.settled,
            tables=tuple(self.tables),
            phase=self.phase,
            cause=self.cause,
            items=tuple(self.course.items.values()) if self.items_changed else None,
            emitted=tuple(self.emitted),
            undone=tuple(self.undone),
            learnt=tuple(self.learnt),
            behind=tuple(self.behind) if status is Status.WAITING else (),
            **where,
        )

    def written(self) -> None:
        """What was in hand is on disk."""
        if self.emitted:
            self.ports.wake()
        self.lines, self.settled, self.items_changed = [], None, False
        self.emitted, self.undone, self.learnt = [], [], []

    async def park(self, place: str, decision: Decision) -> None:
        """Waits at a gate, or where it has no name until then; nothing is spent by that."""
        await self.record(Status.WAITING, step=place, due_at=decision.at, reason=decision.reason, gate=decision.gate)

    async def record(self, status: Status, **where: Unpack[Where]) -> None:
        """Writes where the event stands, which ends the claim."""
        self.leaving = True
        self.ports.wake()
        if not await self.commit(self.ports.store.record, self.make_record(status, **where)):
            raise LeaseLost
        self.written()
        took_us = self.ports.clock.now() - self.delivery.received_at
        step, queue = where.get("step", ""), where.get("queue", "")
        self.fact("recorded", status=status.value, step=step, queue=queue, took_us=took_us)

    async def commit(self, verb: Verb[Item, Result], item: Item) -> Result:
        """Runs a verb. A full disk is waited out: what happened is known, and only we can write it down."""
        while True:
            try:
                return await self.ports.committer.submit(verb, item)
            except StoreFull:
                self.ports.observe(Fact("outcome_waits_for_room", self.ports.clock.now(), {}))
                await asyncio.sleep(FULL_WAIT_S)
