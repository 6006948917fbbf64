"""One claimed delivery on its way: think, write the intent, send, decide, record, until it ends or waits.

No policy lives here: what a case means is in `rules`, and what is remembered between claims is in rows, so that a crash
at any line resumes at the next claim.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from msgspec.structs import replace

from engine.errors import Gone, LeaseLost, StoreFull
from engine.language import LanguageError
from engine.model import Allowed, Delivery, EffectState, Fact, Outcome, Sent, Sighting, Status, Verdict, effect_digest
from engine.ports import Chance, Clock, Committer, HttpOut, Item, Observer, Result, Verb
from engine.rules import decide, steps
from engine.rules.classify import answer_scope, classify, is_found, result_of
from engine.rules.decide import Action, Decision, Known
from engine.run.live import Live
from engine.run.sightings import Sightings
from engine.spec.plan import CallStep, OperationPlan, Plan
from engine.store import Answered, Intent, Leave, Line, Record, Settled, Store

LEASE_US = 120_000_000
LEASE_MARGIN_US = 30_000_000
BUSY_WAIT_US = 1_000_000
FULL_WAIT_S = 1.0
ENDS = (Leave.KNOWN, Leave.BUSY, Leave.CHANGED, Leave.STALE)
"""What the ledger may say instead of `send` or `unknown`."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a delivery touches the world with."""

    store: Store
    committer: Committer
    http: HttpOut
    live: Live
    clock: Clock
    chance: Chance
    observe: Observer
    sightings: Sightings = field(default_factory=Sightings)


class Where(TypedDict, total=False):
    """Where an event stands, in the fields of `Record` that say so."""

    step: str
    due_at: int
    queue: str
    reason: str
    on_release: str
    sightings: tuple[Sighting, ...]


class More(TypedDict, total=False):
    """What a line of a story says beside its step and kind, in the fields of `Line`."""

    operation: str
    once: str
    verdict: str
    status: int
    took_us: int
    reason: str


class Walk:
    """One claim of one event. `scope` and `ended` grow with each step, `tables` with each that is looked up in; `lines`
    and `settled` are yet to be written."""

    def __init__(self, ports: Ports, delivery: Delivery) -> None:
        self.ports = ports
        self.delivery = delivery
        self.attempts = delivery.attempts
        self.again = delivery.again
        self.scope: dict[str, object] = {}
        self.ended: dict[str, object] = {}
        self.tables: dict[str, None] = {}
        self.lines: list[Line] = []
        self.settled: Settled | None = None

    async def run(self) -> None:
        """Goes as far as it can now. A lost lease ends it: whoever has the delivery goes on with it."""
        try:
            try:
                await self.walk(self.ports.live.plan(self.delivery.plan))
            except Gone as error:
                # The next reload may bring it back; until then a person is told, and other events go on.
                self.settled = None
                await self.record(Status.HELD, queue="gone", reason=str(error), on_release="send")
        except LeaseLost:
            self.fact("lease_lost")

    async def walk(self, plan: Plan) -> None:
        """Thinks, then does the one thing that is needed, until the event ends or waits."""
        opened = steps.open_event(plan, self.delivery)
        self.count_unknown(plan, opened)
        if isinstance(opened, steps.End):
            await self.finish(opened)
            return
        self.scope = opened
        self.ended = {step.id: step.result for step in self.delivery.steps}
        while await self.go_on(plan):
            pass

    def count_unknown(self, plan: Plan, opened: dict[str, object] | steps.End) -> None:
        """Counts the fields that the contract does not know; at the first claim only, since retries see them again."""
        receive = plan.receive
        if self.delivery.token != 1 or receive.contract is None or receive.unknown is None:
            return
        unknown = opened.unknown if isinstance(opened, steps.End) else receive.unknown(opened["body"])
        if unknown:
            self.ports.sightings.add(receive.contract.name, unknown, self.delivery.event, self.ports.clock.now())

    async def go_on(self, plan: Plan) -> bool:
        """Thinks, then does the one thing that is needed; true while the delivery goes on at once."""
        need = steps.advance(plan, self.scope, self.ended, self.tables)
        if isinstance(need, steps.End):
            await self.finish(need)
            return False
        if isinstance(need, steps.Ask):
            self.tell(need.step.id, "hold", reason=need.reason)
            await self.record(
                Status.HELD, step=need.step.id, queue=need.step.queue, reason=need.reason, on_release="end"
            )
            return False
        return await self.call(need)

    async def finish(self, end: steps.End) -> None:
        on_release = "send" if end.status is Status.HELD else ""
        if end.reason and end.status is not Status.IGNORED:
            # A person will move it, and the reason with it: the story keeps it, and what was looked up in.
            self.tell(end.step, end.status.value, reason=end.reason)
        await self.record(
            end.status,
            step=end.step,
            queue=end.queue,
            reason=end.reason,
            on_release=on_release,
            sightings=end.sightings,
        )
        for (kind, place), times in Counter((seen.kind, seen.place) for seen in end.sightings).items():
            self.fact("sighted", kind=kind.value, place=place, times=times)

    # ── one call ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def call(self, call: steps.Call) -> bool:
        """Makes one call, with all the sends and look-ups that may follow one another without waiting."""
        answered = await self.begin(call, again=False)
        refreshed = False
        while True:
            released = self.again is Allowed.ANOTHER_REQUEST and answered.leave is Leave.CHANGED
            if answered.leave in ENDS and not released:
                return await self.leave(call, answered)
            if answered.leave is Leave.UNKNOWN or released:
                decision = decide.on_open_intent(self.known(call, answered))
            else:
                decision = await self.send(call, answered, refreshed=refreshed)
            if decision.action is Action.LOOK_UP:
                decision = await self.look_up(call, answered, done=answered.leave is Leave.SEND)
            if decision.action is Action.REFRESH:
                refreshed = True
                self.ports.live.refresh(call.request.system)
            if decision.action not in (Action.SEND, Action.REFRESH):
                return await self.carry_out(call, decision)
            answered = await self.begin(call, again=True)

    async def begin(self, call: steps.Call, *, again: bool) -> Answered:
        """Commits the intent (with whatever was still to be recorded), before anything is sent."""
        intent = replace(
            self.intent(call.step, call.step.operation),
            once=call.once,
            request_digest=call.digest,
            again=again,
            record=self.make_record(Status.RUNNING, step=call.step.id) if self.lines else None,
        )
        self.lines, self.settled = [], None
        answered = await self.commit(self.ports.store.begin, intent)
        if answered.leave is Leave.SEND:
            self.attempts += 1
        return answered

    def intent(self, step: CallStep, operation: OperationPlan) -> Intent:
        """The intent to call an operation for a step, without an effect; the lease outlasts the call's deadline."""
        now = self.ports.clock.now()
        timeout_us = int(self.ports.live.system(operation.system).timeout_s * 1_000_000)
        return Intent(
            event=self.delivery.event,
            token=self.delivery.token,
            step=step.id,
            system=operation.system,
            operation=operation.name,
            once=None,
            request_digest=b"",
            at=now,
            lease_until=now + timeout_us + LEASE_MARGIN_US,
            tables=tuple(self.tables),
        )

    async def send(self, call: steps.Call, answered: Answered, *, refreshed: bool) -> Decision:
        """Sends, and decides what the answer means."""
        operation = call.step.operation
        outcome = await self.ports.http.send(call.request, self.ports.live.system(operation.system).timeout_s)
        scope = answer_scope(call.input, call.once, outcome)
        verdict, why = classify(operation, outcome, scope)
        result = result_of(operation.result, scope) if verdict is Verdict.DONE else None
        decision = decide.after_answer(
            verdict,
            self.known(call, answered, outcome, why, refreshed=refreshed),
            wants_lookup=operation.result is not None and result is None,
        )
        self.note(call, "call", outcome, verdict.value, why)
        self.settle(call, decision, result)
        return decision

    async def look_up(self, call: steps.Call, answered: Answered, *, done: bool) -> Decision:
        """Asks the partner whether the effect is there, and decides what its answer means."""
        lookup = call.step.operation.lookup
        assert lookup is not None
        asked = {"input": call.input, "once": call.once}
        operation = lookup.operation
        if (await self.commit(self.ports.store.begin, self.intent(call.step, operation))).leave is Leave.STALE:
            raise LeaseLost
        self.attempts += 1
        try:
            request = operation.request(lookup.input(asked), call.once)
            outcome = await self.ports.http.send(request, self.ports.live.system(operation.system).timeout_s)
        except LanguageError as error:
            outcome = Outcome(Sent.NOT_SENT, f"the look-up cannot be made: {error.message}")
        scope = answer_scope(call.input, call.once, outcome)
        verdict, why = classify(operation, outcome, scope)
        found = is_found(lookup, scope) if verdict is Verdict.DONE else None
        result = result_of(lookup.result, scope) if found else None
        decision = decide.after_lookup(found, self.known(call, answered, outcome, why), done=done)
        said = {True: "found", False: "not found", None: "unknown"}[found]
        self.note(call, "look-up", outcome, said, why)
        self.settle(call, decision, result)
        return decision

    def known(
        self,
        call: steps.Call,
        answered: Answered,
        outcome: Outcome | None = None,
        why: str = "",
        *,
        refreshed: bool = False,
    ) -> Known:
        step, system = call.step, self.ports.live.system(call.request.system)
        return Known(
            effect=step.operation.effect,
            on_unknown=step.on_unknown,
            on_failure=step.on_failure,
            has_lookup=step.operation.lookup is not None,
            retry=system.retry,
            attempts=self.attempts,
            now=self.ports.clock.now(),
            chance=self.ports.chance.uniform(),
            first_sent_at=answered.first_sent_at,
            key_valid_us=step.operation.key_valid_us,
            retry_after=outcome.headers.get("retry-after") if outcome else None,
            refreshed=refreshed,
            released=self.again is not Allowed.NOTHING,
            why=why,
        )

    def note(self, call: steps.Call, kind: str, outcome: Outcome, verdict: str, why: str) -> None:
        self.tell(
            call.step.id,
            kind,
            operation=call.step.operation.full_name,
            once=call.once or "",
            verdict=verdict,
            status=outcome.status if outcome.sent is Sent.ANSWERED else 0,
            took_us=outcome.took_us,
            reason=why,
        )
        self.fact(
            "call",
            operation=call.step.operation.full_name,
            kind=kind,
            verdict=verdict,
            took_us=outcome.took_us,
        )

    def settle(self, call: steps.Call, decision: Decision, result: object) -> None:
        """Keeps the effect's new state, and on success the result, for the next record."""
        if call.once is not None and decision.effect is not None:
            operation = call.step.operation
            digest = effect_digest(operation.system, operation.name, call.once)
            self.settled = Settled(digest, decision.effect, result)
        if decision.action is Action.GO_ON:
            self.end_step(call.step, result)
        elif decision.action is Action.DEFAULT:
            self.end_step(call.step, call.step.default)

    def end_step(self, step: CallStep, result: object) -> None:
        self.lines[-1] = replace(self.lines[-1], ended=True, result=result)
        self.scope[step.id] = result
        self.ended[step.id] = result
        self.attempts = 0
        self.again = Allowed.NOTHING

    async def carry_out(self, call: steps.Call, decision: Decision) -> bool:
        """Goes on, waits, holds or ends, as decided."""
        if decision.action in (Action.GO_ON, Action.DEFAULT):
            return True
        step = call.step.id
        if decision.action is Action.WAIT:
            await self.record(Status.WAITING, step=step, due_at=decision.at, reason=decision.reason)
        elif decision.action is Action.HOLD:
            self.settle_state(call, decision)
            queue = "unknown-effects" if decision.effect is EffectState.UNKNOWN else "failed-calls"
            await self.record(
                Status.HELD,
                step=step,
                queue=queue,
                reason=f"step {step}: {decision.reason}",
                on_release=decision.on_release,
            )
        else:
            self.settle_state(call, decision)
            await self.record(Status.DEAD, step=step, reason=f"step {step}: {decision.reason}")
        return False

    def settle_state(self, call: steps.Call, decision: Decision) -> None:
        """A decision taken without a send (an open intent) settles the effect too."""
        if self.settled is None and call.once is not None and decision.effect is not None:
            operation = call.step.operation
            self.settled = Settled(effect_digest(operation.system, operation.name, call.once), decision.effect)

    async def leave(self, call: steps.Call, answered: Answered) -> bool:
        """What the ledger said instead of `send`."""
        step, operation = call.step, call.step.operation
        if answered.leave is Leave.STALE:
            raise LeaseLost
        if answered.leave is Leave.KNOWN:
            differs = ", with another request" if answered.differs else ""
            why = f"the effect is there already: evt-{answered.event}{differs}"
            self.tell(step.id, "known", operation=operation.full_name, once=call.once or "", reason=why)
            self.fact("effect_known", operation=operation.full_name)
            self.end_step(step, answered.result)
            return True
        if answered.leave is Leave.BUSY:
            reason = f"evt-{answered.event} has an open intent for the same effect"
            await self.record(Status.WAITING, step=step.id, due_at=self.ports.clock.now() + BUSY_WAIT_US, reason=reason)
            return False
        reason = f"step {step.id}: the request differs from the one that was sent for the same effect"
        await self.record(Status.HELD, step=step.id, queue="changed-requests", reason=reason, on_release="send")
        return False

    def tell(self, step: str, kind: str, **more: Unpack[More]) -> None:
        """Adds a line to the event's story, with the tables that were looked up in."""
        now = self.ports.clock.now()
        self.lines.append(Line(step=step, kind=kind, at=now, tables=tuple(self.tables), **more))

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

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
            **where,
        )

    async def record(self, status: Status, **where: Unpack[Where]) -> None:
        """Writes the end of this claim."""
        if not await self.commit(self.ports.store.record, self.make_record(status, **where)):
            raise LeaseLost
        self.lines, self.settled = [], None
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

    def fact(self, name: str, **data: str | float | None) -> None:
        delivery = self.delivery
        self.ports.observe(
            Fact(name, self.ports.clock.now(), {"event": delivery.event, "integration": delivery.integration, **data})
        )
