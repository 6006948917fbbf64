"""Claim, decide, send, decide, record: what happens to an event after its 2xx.

Every claimed delivery runs as one task. It thinks (`rules.steps`), writes its intent, sends, decides (`rules.decide`)
and records, until the event ends or waits; then its worker is free. Nothing is remembered between claims but rows, so
a crash at any line resumes at the next claim. No policy lives here: what a case means is in the tables.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from engine.errors import Gone, LeaseLost, StoreFull
from engine.language import LanguageError
from engine.model import Delivery, EffectState, Fact, Outcome, Sent, Status, Verdict, effect_digest
from engine.ports import Chance, Clock, Committer, HttpOut, Item, Observer, Result, Verb
from engine.rules import decide, steps
from engine.rules.classify import answer_scope, classify, is_found, result_of
from engine.rules.decide import Action, Decision, Known
from engine.run.live import Live
from engine.spec.plan import CallStep, Plan
from engine.store import Answered, ClaimRequest, Intent, Leave, Line, Record, Settled, Store

LEASE_US = 120_000_000
LEASE_MARGIN_US = 30_000_000
BUSY_WAIT_US = 1_000_000
FULL_WAIT_S = 1.0
IDLE_WAIT_S = 5.0
ENDS = (Leave.KNOWN, Leave.BUSY, Leave.CHANGED, Leave.STALE)


@dataclass(slots=True)
class Progress:
    """One claimed delivery on its way: the scope so far, and what must be written with the next record."""

    delivery: Delivery
    attempts: int
    again: bool
    plan: Plan | None = None
    scope: dict[str, object] = field(default_factory=dict)
    ended: dict[str, object] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    settled: Settled | None = None


class Deliverer:
    """Keeps up to `workers` deliveries running; `wake` tells it that something may be due."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        http: HttpOut,
        live: Live,
        clock: Clock,
        chance: Chance,
        observe: Observer,
        workers: int,
    ) -> None:
        self.store = store
        self.committer = committer
        self.http = http
        self.live = live
        self.clock = clock
        self.chance = chance
        self.observe = observe
        self.workers = workers
        self.running: Counter[str] = Counter()
        self.tasks: set[asyncio.Task[None]] = set()
        self.due = asyncio.Event()
        self.draining = False

    def wake(self) -> None:
        self.due.set()

    async def run(self) -> None:
        """Claims and starts deliveries until `drain`; an error of ours in any of them ends it."""
        async with asyncio.TaskGroup() as group:
            while not self.draining:
                self.due.clear()
                wait_s = await self.claim(group)
                if wait_s > 0 and not self.draining:
                    try:
                        async with asyncio.timeout(wait_s):
                            await self.due.wait()
                    except TimeoutError:
                        continue

    def drain(self) -> None:
        """Claims nothing more; `run` returns when what is under way has ended."""
        self.draining = True
        self.due.set()

    async def claim(self, group: asyncio.TaskGroup) -> float:
        """Starts what is due; the seconds until something else may be."""
        free = self.workers - len(self.tasks)
        if free <= 0:
            return IDLE_WAIT_S
        now = self.clock.now()
        request = ClaimRequest(now, min(free, 64), now + LEASE_US, dict(self.running))
        try:
            claimed = await self.committer.submit(self.store.claim, request)
        except StoreFull:
            return FULL_WAIT_S
        for delivery in claimed.deliveries:
            self.running[delivery.integration] += 1
            task = group.create_task(self.deliver(delivery))
            self.tasks.add(task)
            task.add_done_callback(self.ended(delivery.integration))
        if claimed.next_due_at is None:
            return IDLE_WAIT_S
        if claimed.deliveries and claimed.next_due_at <= now:
            return 0.0 if len(self.tasks) < self.workers else IDLE_WAIT_S
        return min(IDLE_WAIT_S, max(0.001, (claimed.next_due_at - self.clock.now()) / 1_000_000))

    def ended(self, integration: str) -> Callable[[asyncio.Task[None]], None]:
        def done(task: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            self.running[integration] -= 1
            self.due.set()

        return done

    # ── one delivery ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def deliver(self, delivery: Delivery) -> None:
        """Runs one claimed delivery as far as it goes now."""
        try:
            progress = Progress(delivery, delivery.attempts, delivery.again)
            try:
                await self.walk(progress, self.live.plan(delivery.plan))
            except Gone as error:
                # The next reload may bring it back; until then a person is told, and other events go on.
                progress.settled = None
                await self.record(progress, Status.HELD, queue="gone", reason=str(error), on_release="send")
        except LeaseLost:
            self.fact("lease_lost", progress)

    async def walk(self, progress: Progress, plan: Plan) -> None:
        """Thinks, then does the one thing that is needed, until the event ends or waits."""
        opened = steps.open_event(plan, progress.delivery)
        if isinstance(opened, steps.End):
            await self.finish(progress, opened)
            return
        progress.plan, progress.scope = plan, opened
        progress.ended = {step.id: step.result for step in progress.delivery.steps}
        while await self.go_on(progress):
            pass

    async def go_on(self, progress: Progress) -> bool:
        """Thinks, then does the one thing that is needed; true while the delivery goes on at once."""
        assert progress.plan is not None
        need = steps.advance(progress.plan, progress.scope, progress.ended)
        if isinstance(need, steps.End):
            await self.finish(progress, need)
            return False
        if isinstance(need, steps.Ask):
            now = self.clock.now()
            progress.lines.append(Line(step=need.step.id, kind="hold", at=now, reason=need.reason))
            await self.record(
                progress, Status.HELD, step=need.step.id, queue=need.step.queue, reason=need.reason, on_release="end"
            )
            return False
        return await self.call(progress, need)

    async def finish(self, progress: Progress, end: steps.End) -> None:
        on_release = "send" if end.status is Status.HELD else ""
        await self.record(
            progress, end.status, step=end.step, queue=end.queue, reason=end.reason, on_release=on_release
        )

    # ── one call ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def call(self, progress: Progress, call: steps.Call) -> bool:
        """Makes one call, with all the sends and look-ups that may follow one another without waiting."""
        answered = await self.begin(progress, call, again=progress.again)
        refreshed = False
        while True:
            if answered.leave in ENDS:
                return await self.leave(progress, call, answered)
            if answered.leave is Leave.UNKNOWN:
                decision = decide.on_open_intent(self.known(progress, call, answered))
            else:
                decision = await self.send(progress, call, answered, refreshed=refreshed)
            if decision.action is Action.LOOK_UP:
                decision = await self.look_up(progress, call, answered, done=answered.leave is Leave.SEND)
            if decision.action is Action.REFRESH:
                refreshed = True
                self.live.refresh(call.request.system)
            if decision.action not in (Action.SEND, Action.REFRESH):
                return await self.carry_out(progress, call, decision)
            answered = await self.begin(progress, call, again=True)

    async def begin(self, progress: Progress, call: steps.Call, *, again: bool) -> Answered:
        """Commits the intent (with whatever was still to be recorded), before anything is sent."""
        operation = call.step.operation
        now = self.clock.now()
        lease_until = now + int(self.live.system(operation.system).timeout_s * 1_000_000) + LEASE_MARGIN_US
        intent = Intent(
            event=progress.delivery.event,
            token=progress.delivery.token,
            step=call.step.id,
            system=operation.system,
            operation=operation.name,
            once=call.once,
            request_digest=call.digest,
            at=now,
            lease_until=lease_until,
            again=again,
            record=self.make_record(progress, Status.RUNNING, step=call.step.id) if progress.lines else None,
        )
        progress.lines, progress.settled = [], None
        answered = await self.commit(self.store.begin, intent)
        if answered.leave is Leave.SEND:
            progress.attempts += 1
        return answered

    async def send(self, progress: Progress, call: steps.Call, answered: Answered, *, refreshed: bool) -> Decision:
        """Sends, and decides what the answer means."""
        operation = call.step.operation
        outcome = await self.http.send(call.request, self.live.system(operation.system).timeout_s)
        scope = answer_scope(call.input, call.once, outcome)
        verdict, why = classify(operation, outcome, scope)
        result = result_of(operation.result, scope) if verdict is Verdict.DONE else None
        decision = decide.after_answer(
            verdict,
            self.known(progress, call, answered, outcome, why, refreshed=refreshed),
            wants_lookup=operation.result is not None and result is None,
        )
        self.note(progress, call, "call", outcome, verdict.value, why)
        self.settle(progress, call, decision, result)
        return decision

    async def look_up(self, progress: Progress, call: steps.Call, answered: Answered, *, done: bool) -> Decision:
        """Asks the partner whether the effect is there, and decides what its answer means."""
        lookup = call.step.operation.lookup
        assert lookup is not None
        asked = {"input": call.input, "once": call.once}
        operation = lookup.operation
        counted = Intent(
            event=progress.delivery.event,
            token=progress.delivery.token,
            step=call.step.id,
            system=operation.system,
            operation=operation.name,
            once=None,
            request_digest=b"",
            at=self.clock.now(),
            lease_until=self.clock.now()
            + int(self.live.system(operation.system).timeout_s * 1_000_000)
            + LEASE_MARGIN_US,
        )
        if (await self.commit(self.store.begin, counted)).leave is Leave.STALE:
            raise LeaseLost
        progress.attempts += 1
        try:
            request = operation.request(lookup.input(asked), call.once)
            outcome = await self.http.send(request, self.live.system(operation.system).timeout_s)
        except LanguageError as error:
            outcome = Outcome(Sent.NOT_SENT, f"the look-up cannot be made: {error.message}")
        scope = answer_scope(call.input, call.once, outcome)
        verdict, why = classify(operation, outcome, scope)
        found = is_found(lookup, scope) if verdict is Verdict.DONE else None
        result = result_of(lookup.result, scope) if found else None
        decision = decide.after_lookup(found, self.known(progress, call, answered, outcome, why), done=done)
        said = {True: "found", False: "not found", None: "unknown"}[found]
        self.note(progress, call, "look-up", outcome, said, why)
        self.settle(progress, call, decision, result)
        return decision

    def known(
        self,
        progress: Progress,
        call: steps.Call,
        answered: Answered,
        outcome: Outcome | None = None,
        why: str = "",
        *,
        refreshed: bool = False,
    ) -> Known:
        step, system = call.step, self.live.system(call.request.system)
        return Known(
            effect=step.operation.effect,
            on_unknown=step.on_unknown,
            on_failure=step.on_failure,
            has_lookup=step.operation.lookup is not None,
            retry=system.retry,
            attempts=progress.attempts,
            now=self.clock.now(),
            chance=self.chance.uniform(),
            first_sent_at=answered.first_sent_at,
            key_valid_us=step.operation.key_valid_us,
            retry_after=outcome.headers.get("retry-after") if outcome else None,
            refreshed=refreshed,
            why=why,
        )

    def note(self, progress: Progress, call: steps.Call, kind: str, outcome: Outcome, verdict: str, why: str) -> None:
        progress.lines.append(
            Line(
                step=call.step.id,
                kind=kind,
                at=self.clock.now(),
                operation=call.step.operation.full_name,
                once=call.once or "",
                verdict=verdict,
                status=outcome.status if outcome.sent is Sent.ANSWERED else 0,
                took_us=outcome.took_us,
                reason=why,
            )
        )
        self.fact(
            "call",
            progress,
            operation=call.step.operation.full_name,
            kind=kind,
            verdict=verdict,
            took_us=outcome.took_us,
        )

    def settle(self, progress: Progress, call: steps.Call, decision: Decision, result: object) -> None:
        """Keeps the effect's new state, and on success the result, for the next record."""
        if call.once is not None and decision.effect is not None:
            operation = call.step.operation
            digest = effect_digest(operation.system, operation.name, call.once)
            progress.settled = Settled(digest, decision.effect, result)
        if decision.action is Action.GO_ON:
            self.end_step(progress, call.step, result)
        elif decision.action is Action.DEFAULT:
            self.end_step(progress, call.step, call.step.default)

    def end_step(self, progress: Progress, step: CallStep, result: object) -> None:
        progress.lines[-1] = replace(progress.lines[-1], ended=True, result=result)
        progress.scope[step.id] = result
        progress.ended[step.id] = result
        progress.attempts = 0
        progress.again = False

    async def carry_out(self, progress: Progress, call: steps.Call, decision: Decision) -> bool:
        """Goes on, waits, holds or ends, as decided."""
        if decision.action in (Action.GO_ON, Action.DEFAULT):
            return True
        step = call.step.id
        if decision.action is Action.WAIT:
            await self.record(progress, Status.WAITING, step=step, due_at=decision.at, reason=decision.reason)
        elif decision.action is Action.HOLD:
            self.settle_state(progress, call, decision)
            queue = "unknown-effects" if decision.effect is EffectState.UNKNOWN else "failed-calls"
            await self.record(
                progress,
                Status.HELD,
                step=step,
                queue=queue,
                reason=f"step {step}: {decision.reason}",
                on_release=decision.on_release,
            )
        else:
            self.settle_state(progress, call, decision)
            await self.record(progress, Status.DEAD, step=step, reason=f"step {step}: {decision.reason}")
        return False

    def settle_state(self, progress: Progress, call: steps.Call, decision: Decision) -> None:
        """A decision taken without a send (an open intent) settles the effect too."""
        if progress.settled is None and call.once is not None and decision.effect is not None:
            operation = call.step.operation
            progress.settled = Settled(effect_digest(operation.system, operation.name, call.once), decision.effect)

    async def leave(self, progress: Progress, call: steps.Call, answered: Answered) -> bool:
        """What the ledger said instead of `send`."""
        step, operation = call.step, call.step.operation
        if answered.leave is Leave.STALE:
            raise LeaseLost
        if answered.leave is Leave.KNOWN:
            differs = ", with another request" if answered.differs else ""
            why = f"the effect is there already: event {answered.event}{differs}"
            progress.lines.append(
                Line(
                    step=step.id,
                    kind="known",
                    at=self.clock.now(),
                    operation=operation.full_name,
                    once=call.once or "",
                    reason=why,
                )
            )
            self.fact("effect_known", progress, operation=operation.full_name)
            self.end_step(progress, step, answered.result)
            return True
        if answered.leave is Leave.BUSY:
            reason = f"event {answered.event} has an open intent for the same effect"
            await self.record(
                progress, Status.WAITING, step=step.id, due_at=self.clock.now() + BUSY_WAIT_US, reason=reason
            )
            return False
        reason = f"step {step.id}: the request differs from the one that was sent for the same effect"
        await self.record(
            progress, Status.HELD, step=step.id, queue="changed-requests", reason=reason, on_release="send"
        )
        return False

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def make_record(
        self,
        progress: Progress,
        status: Status,
        *,
        step: str = "",
        due_at: int = 0,
        queue: str = "",
        reason: str = "",
        on_release: str = "",
    ) -> Record:
        now = self.clock.now()
        return Record(
            event=progress.delivery.event,
            token=progress.delivery.token,
            at=now,
            status=status,
            due_at=due_at,
            lease_until=now + LEASE_US if status is Status.RUNNING else 0,
            attempts=progress.attempts,
            step=step,
            on_release=on_release,
            queue=queue,
            reason=reason,
            lines=tuple(progress.lines),
            settled=progress.settled,
        )

    async def record(
        self,
        progress: Progress,
        status: Status,
        *,
        step: str = "",
        due_at: int = 0,
        queue: str = "",
        reason: str = "",
        on_release: str = "",
    ) -> None:
        """Writes the end of this claim."""
        record = self.make_record(
            progress, status, step=step, due_at=due_at, queue=queue, reason=reason, on_release=on_release
        )
        if not await self.commit(self.store.record, record):
            raise LeaseLost
        progress.lines, progress.settled = [], None
        took_us = self.clock.now() - progress.delivery.received_at
        self.fact("recorded", progress, status=status.value, took_us=took_us, reason=reason)

    async def commit(self, verb: Verb[Item, Result], item: Item) -> Result:
        """Runs a verb. A full disk is waited out: what happened is known, and only we can write it down."""
        while True:
            try:
                return await self.committer.submit(verb, item)
            except StoreFull:
                self.observe(Fact("outcome_waits_for_room", self.clock.now(), {}))
                await asyncio.sleep(FULL_WAIT_S)

    def fact(self, name: str, progress: Progress, **data: str | float | None) -> None:
        delivery = progress.delivery
        self.observe(
            Fact(name, self.clock.now(), {"event": delivery.event, "integration": delivery.integration, **data})
        )
