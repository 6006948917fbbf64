"""One call: its intent on disk, the sends and look-ups that follow one another at once, and what is decided of it.

No policy lives here: what a case means is in `rules`. Nothing is sent before its intent is on disk, nor with less of
the lease left than the call may take: whoever claims the event next must not meet a request of ours still to come.
"""

from collections.abc import Sequence
from typing import Unpack

from msgspec.structs import replace

from engine.errors import LeaseLost
from engine.language import LanguageError
from engine.model import Allowed, Outcome, Request, Sent, Verdict, effect_digest
from engine.rules import decide
from engine.rules.calls import to_provider
from engine.rules.classify import Meaning, answer_scope, classify, is_found, result_of
from engine.rules.decide import Action, Decision, Known
from engine.rules.needs import Call
from engine.rules.undo import SHARED, UNDO
from engine.run.claim import LEASE_MARGIN_US, SENT_WITHIN_S, Claim, Said
from engine.run.gates import Admitted, Denied
from engine.spec.plan import DEFAULT_ON_UNKNOWN, OperationPlan
from engine.store import Answered, Intent, Leave, Quota, Settled

BEGINS_MAX = 3
PROBE_LATER_US = 1_000_000
OWN = "recalled"
"""The kind of line of an effect that this event made before, under an earlier plan."""
SAID = {True: "found", False: "not found", None: "unknown"}


class CallOut:
    """A call on its way. `which` is the provider that is asked now, by its place among the call's; `in_doubt`: what was
    sent to it before has no outcome."""

    def __init__(self, claim: Claim, call: Call) -> None:
        self.claim = claim
        self.ports = claim.ports
        self.call = call
        self.which = 0
        self.refreshed = False
        self.in_doubt = False
        self.asks_others = bool(call.step.others)
        self.answered = Answered(Leave.SEND)
        self.admitted: Admitted | None = None

    async def run(self) -> Decision:
        """What is decided of the call in the end: to go on, to wait, to park, to hold or to fail."""
        try:
            if self.asks_others:
                self.turn_to(self.first_open())
            return await self.settle_it()
        except LanguageError as error:
            # Another provider's request cannot be made of what the first one's was made of.
            reason = f"the call of {self.call.providers[self.which].full_name} cannot be made: {error.message}"
            return Decision(Action.HOLD, reason, on_release="send", queue="failed-calls")
        finally:
            self.withdraw()  # lost or cancelled on the way; after an outcome it does nothing

    async def settle_it(self) -> Decision:
        again = False
        while True:
            decision = await self.begin(again=again)
            sent = decision is None
            if decision is None:
                decision = await self.send()
            if decision.action is Action.LOOK_UP:
                decision = await self.look_up(done=sent)
            if decision.action is Action.REFRESH:
                self.refreshed = True
                self.ports.live.refresh(self.call.request.system)
            elif decision.action is Action.NEXT:
                self.turn_to(self.next_open(self.which + 1) or 0)
            elif decision.action is not Action.SEND:
                if self.claim.settled is None:
                    self.settle(decision)  # decided without a send
                return decision
            again = decision.action is not Action.NEXT

    # ── providers ────────────────────────────────────────────────────────────────────────────────────────────────────

    def turn_to(self, which: int) -> None:
        """From here on the call is made to that provider. Raises LanguageError where it cannot be."""
        if which != self.which:
            call, self.which = self.call, which
            self.call = to_provider(call.step, call.place, call.providers, which, call.input, call.identity)

    def place_of(self, operation: OperationPlan) -> int:
        """Where a provider is among the call's: at the end, where it was not picked this time but was called before."""
        if operation not in self.call.providers:
            self.call = replace(self.call, providers=(*self.call.providers, operation))
        return self.call.providers.index(operation)

    def first_open(self) -> int:
        """The first provider whose breaker lets calls through, else the one that does so first: the call waits for it,
        and not for one that a person has shut."""
        first, gates, now = self.next_open(0), self.ports.gates, self.ports.clock.now()
        if first is not None or gates is None:
            return first or 0
        opens = [gates.opens_at(one.system, one.name, now) for one in self.call.providers]
        return min(range(len(opens)), key=lambda at: (opens[at] is None, opens[at] or 0))

    def next_open(self, after: int) -> int | None:
        """The next provider whose breaker lets calls through; None where there is none."""
        gates, now = self.ports.gates, self.ports.clock.now()
        for at, operation in enumerate(self.call.providers[after:], after):
            if gates is None or gates.admits(operation.system, operation.name, now):
                return at
        return None

    # ── the gates ────────────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, operation: OperationPlan, *, retry: bool) -> Decision | None:
        """Takes a place at the gates of an operation. A decision: there is none now. A look-up is no retry: it spares
        one, and who waits for the budget with an effect in doubt would only keep others waiting."""
        gates = self.ports.gates
        if gates is None:
            return None
        found = gates.admit(operation.system, operation.name, retry=retry, now=self.ports.clock.now())
        if isinstance(found, Denied):
            return Decision(Action.PARK, found.reason, at=found.until, gate=found.gate)
        self.admitted = found
        return None

    def withdraw(self) -> None:
        """What was let go did not go, or nobody will know what came of it."""
        if self.ports.gates is not None and self.admitted is not None:
            self.ports.gates.withdraw(self.admitted, self.ports.clock.now())

    async def go_out(self, request: Request) -> Outcome:
        """Sends a request, and tells its gates what came of it."""
        outcome = await self.ports.http.send(request, self.ports.live.system(request.system).timeout_s)
        if self.ports.gates is not None and self.admitted is not None:
            self.claim.learnt += self.ports.gates.told(self.admitted, outcome, self.ports.clock.now())
            if self.admitted.in_vain:
                self.claim.spare_attempt(self.call.place)
        return outcome

    def behind_others(self, decision: Decision) -> Decision:
        """Who probed in vain comes after those who wait at the gate: the next probe is another's, if there is another.
        So one whose own request makes the partner fail does not keep the breaker open for all, for ever."""
        gates, admitted = self.ports.gates, self.admitted
        if gates is None or admitted is None or not admitted.in_vain or decision.action is not Action.WAIT:
            return decision
        opens_at = gates.opens_at(admitted.system, admitted.operation, self.ports.clock.now())
        return replace(decision, at=max(decision.at, (opens_at or 0) + PROBE_LATER_US))

    # ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def begin(self, *, again: bool) -> Decision | None:
        """Commits the intent (with whatever was still to be recorded) before anything is sent. None: send."""
        call = self.call
        others = call.step.alternatives(call.operation) if self.asks_others else ()
        parked = await self.commit_intent(call.operation, again=again, others=others)
        if parked is not None:
            return parked
        answered = self.answered
        self.asks_others = False
        if answered.leave is Leave.SEND:
            return None
        if answered.place:
            other = others[answered.place - 1]
            if answered.leave in (Leave.UNKNOWN, Leave.STAY):
                self.turn_to(self.place_of(other))
                return await self.begin(again=False)
            self.call = replace(call, operation=other)
        return self.left()

    async def commit_intent(
        self,
        operation: OperationPlan,
        *,
        again: bool = False,
        others: Sequence[OperationPlan] = (),
        asks: bool = False,
    ) -> Decision | None:
        """Passes the gates and writes the intent, of the call or (`asks`) of a look-up. A decision: it must wait."""
        claim, place, clock = self.claim, self.call.place, self.ports.clock
        for _ in range(BEGINS_MAX):
            denied = self.admit(operation, retry=not asks and (again or claim.attempts_at(place) > 0))
            if denied is not None:
                return denied
            began_s = clock.monotonic()
            quotas = self.admitted.quotas if self.admitted else ()
            intent = self.intent(operation, None if asks else self.call, again=again, others=others, quotas=quotas)
            answered = await claim.commit(self.ports.store.begin, intent)
            if answered.leave is Leave.STALE:
                raise LeaseLost
            claim.written()
            if not asks or answered.leave is not Leave.SEND:
                self.answered = answered
            if answered.leave is not Leave.SEND:
                self.withdraw()
                return decide.on_gated(answered.gate, answered.at) if answered.leave is Leave.GATED else None
            claim.passes = ()
            if clock.monotonic() - began_s < SENT_WITHIN_S:
                claim.count_attempt(place)
                return None
            # Stopped on the way: too little of the lease is left for a call. It was not sent, and begins again.
            self.withdraw()
            again = True
        raise LeaseLost

    def intent(
        self,
        operation: OperationPlan,
        call: Call | None,
        *,
        again: bool,
        others: Sequence[OperationPlan],
        quotas: tuple[Quota, ...],
    ) -> Intent:
        """The intent to call an operation; the lease outlasts the call's deadline. Without `call` it has no effect."""
        claim, place = self.claim, self.call.place
        now = self.ports.clock.now()
        timeout_us = int(self.ports.live.system(operation.system).timeout_s * 1_000_000)
        return Intent(
            event=claim.delivery.event,
            token=claim.delivery.token,
            step=place,
            system=operation.system,
            operation=operation.name,
            once=call.once if call else None,
            request_digest=call.digest if call else b"",
            at=now,
            lease_until=now + timeout_us + LEASE_MARGIN_US,
            again=again,
            record=claim.pending(place),
            tables=tuple(claim.tables),
            quotas=quotas,
            lane=claim.plan.lane,
            passes=claim.passes,
            others=tuple((one.system, one.name) for one in others),
        )

    def left(self) -> Decision:
        """What the ledger said instead of `send`."""
        call, answered, claim = self.call, self.answered, self.claim
        released = claim.again_at(call.place) is Allowed.ANOTHER_REQUEST
        if answered.leave is Leave.KNOWN or (answered.done and released):
            differs = ", with another request" if answered.differs else ""
            why = f"the effect is there already: evt-{answered.event}{differs}"
            kind = SHARED if answered.event != claim.delivery.event else OWN
            claim.fact("effect_known", operation=call.operation.full_name)
            self.end(UNDO if call.kind == UNDO else kind, answered.result, reason=why)
            return Decision(Action.GO_ON, why)
        if answered.leave is Leave.BUSY:
            claim.behind.append(answered.event)
            return decide.on_busy(answered.event, answered.first_sent_at, self.ports.clock.now())
        if answered.leave is Leave.UNDONE:
            decision = decide.after_undo(self.known(), answered.event)
            claim.tell(
                call.place, "undone", operation=call.operation.full_name, once=call.once or "", reason=decision.reason
            )
            if decision.action is Action.DEFAULT:
                claim.end_step(call.place, "default", call.step.default)
            return decision
        if answered.leave is Leave.CHANGED and not released:
            return decide.on_changed()
        self.in_doubt = True
        return decide.on_open_intent(self.known())

    # ── the partner ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self) -> Decision:
        """Sends, and decides what the answer means."""
        call, operation = self.call, self.call.operation
        outcome = await self.go_out(call.request)
        scope = answer_scope(call.input, call.once, outcome)
        meaning = classify(operation, outcome, scope, call.step.outcomes)
        result = result_of(operation.result, scope) if meaning.verdict is Verdict.DONE else None
        wants_lookup = operation.result is not None and result is None
        decision = decide.after_answer(meaning.verdict, self.known(outcome, meaning), wants_lookup=wants_lookup)
        decision = self.behind_others(decision)
        self.note(call.kind, outcome, meaning.verdict.value, meaning.why, decision, result)
        return decision

    async def look_up(self, *, done: bool) -> Decision:
        """Asks the partner whether the effect is there, and decides what its answer means."""
        call, lookup = self.call, self.call.operation.lookup
        assert lookup is not None
        parked = await self.commit_intent(lookup.operation, asks=True)
        if parked is not None:
            return parked
        try:
            request = lookup.operation.request(lookup.input({"input": call.input, "once": call.once}), call.once)
            outcome = await self.go_out(request)
        except LanguageError as error:
            outcome = Outcome(Sent.NOT_SENT, f"the look-up cannot be made: {error.message}")
            self.withdraw()
        scope = answer_scope(call.input, call.once, outcome)
        meaning = classify(lookup.operation, outcome, scope)
        if meaning.verdict is Verdict.REAUTHENTICATE:
            self.ports.live.refresh(request.system)
        found = is_found(lookup, scope) if meaning.verdict is Verdict.DONE else None
        result = result_of(lookup.result, scope) if found else None
        self.in_doubt = self.in_doubt and found is None
        decision = self.behind_others(decide.after_lookup(found, self.known(outcome, meaning), done=done))
        self.note("look-up", outcome, SAID[found], meaning.why, decision, result)
        return decision

    def known(self, outcome: Outcome | None = None, meaning: Meaning | None = None) -> Known:
        """What is known of the call now."""
        call, operation, claim = self.call, self.call.operation, self.claim
        # Who redrives an event knows that it is late, and means all its steps.
        within_us = None if claim.phase or claim.delivery.redriven else claim.plan.within_us
        return Known(
            effect=operation.effect,
            on_unknown=call.step.on_unknown or DEFAULT_ON_UNKNOWN[operation.effect],
            on_failure=call.step.on_failure,
            has_lookup=operation.lookup is not None,
            retry=self.ports.live.system(operation.system).retry,
            attempts=claim.attempts_at(call.place),
            now=self.ports.clock.now(),
            chance=self.ports.chance.uniform(),
            first_sent_at=self.answered.first_sent_at,
            took_us=outcome.took_us if outcome else 0,
            key_valid_us=operation.key_valid_us,
            retry_after=outcome.headers.get("retry-after") if outcome else None,
            refreshed=self.refreshed,
            released=claim.again_at(call.place) is not Allowed.NOTHING,
            within_at=None if within_us is None else claim.delivery.received_at + within_us,
            in_doubt=self.in_doubt,
            answered=outcome is not None and outcome.sent is Sent.ANSWERED and not self.answered.differs,
            several=bool(call.step.others),
            another=len(call.providers) > 1 and self.next_open(self.which + 1) is not None,
            surely=meaning.surely if meaning else False,
            why=meaning.why if meaning else "",
        )

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────

    def note(self, kind: str, outcome: Outcome, verdict: str, why: str, decision: Decision, result: object) -> None:
        """Tells of a send or a look-up, and keeps what it means for the effect and the step."""
        call, claim, operation = self.call, self.claim, self.call.operation.full_name
        status = outcome.status if outcome.sent is Sent.ANSWERED else 0
        said: Said = {"verdict": verdict, "status": status, "took_us": outcome.took_us, "reason": why}
        claim.fact("call", operation=operation, kind=kind, verdict=verdict, took_us=outcome.took_us)
        self.settle(decision, result)
        if decision.action is Action.GO_ON and (kind == call.kind or call.kind != UNDO):
            self.end(kind, result, **said)
            return
        claim.tell(call.place, kind, operation=operation, once=call.once or "", **said)
        if decision.action is Action.GO_ON:
            self.end(UNDO, result, reason=decision.reason)
        elif decision.action is Action.DEFAULT:
            # A line of its own, without the identity of the effect: there is none.
            claim.end_step(call.place, "default", call.step.default)

    def end(self, kind: str, result: object, **more: Unpack[Said]) -> None:
        """The step is over, served by this operation."""
        call = self.call
        self.claim.end_step(call.place, kind, result, operation=call.operation.full_name, once=call.once or "", **more)

    def settle(self, decision: Decision, result: object = None) -> None:
        """Keeps the effect's new state, and on success the result, for the next record."""
        call = self.call
        if call.once is not None and decision.effect is not None:
            digest = effect_digest(call.operation.system, call.operation.name, call.once)
            self.claim.settled = Settled(digest, decision.effect, result)
