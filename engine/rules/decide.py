"""The one table: what is known of a call x what its step declares → what happens next.

Four questions are answered here and nowhere else: what a verdict means, what an intent without an outcome means, what a
look-up's answer means, and what it means that the effect was taken back. The rows are written out in
`tests/rules/decide.yaml`.
"""

from enum import StrEnum

from msgspec import Struct

from engine.model import Effect, EffectState, Verdict
from engine.rules.retry import next_try_at
from engine.spec.shape import Retry

UNKNOWN_EFFECTS = "unknown-effects"
"""The queue of calls of which nobody knows whether they took effect."""
CHANGED_REQUESTS = "changed-requests"
"""That of calls of which nobody knows it either, and which would be sent with another request now."""
IN_DOUBT = frozenset((UNKNOWN_EFFECTS, CHANGED_REQUESTS))


class Action(StrEnum):
    """What the delivery does next."""

    GO_ON = "go_on"  # the step is over, with a result
    DEFAULT = "default"  # the step failed without effect, its default is the result
    SEND = "send"  # send (again) now
    LOOK_UP = "look_up"  # ask the partner now
    REFRESH = "refresh"  # read the credentials again, then send again now
    NEXT = "next"  # ask the next provider now
    WAIT = "wait"  # until `at`
    PARK = "park"  # at a gate; no attempt is spent
    HOLD = "hold"  # a person decides
    COMPENSATE = "compensate"  # undo what the event did
    DIE = "die"  # a dead letter


class Decision(Struct, frozen=True):
    """What happens next. `effect` is the ledger's new state (None: leave it), `at` a time for WAIT and PARK,
    `on_release` what a person's release will do to a HOLD: `send` once more, or `end` the step with null; `queue` is
    where it is held, `gate` where it is parked, `behind` the event whose effect it waits for (0: none's)."""

    action: Action
    reason: str = ""
    effect: EffectState | None = None
    at: int = 0
    on_release: str = ""
    queue: str = ""
    gate: str = ""
    behind: int = 0


class Known(Struct, frozen=True):
    """What is known of a call when a decision is due. Times in microseconds; `chance` is in [0, 1).

    `attempts` counts sends and look-ups of this step so far; `first_sent_at` is when the effect's first intent was
    written, `took_us` how long the call took that has just ended; `released` that a person let it go on; `key_valid_us`
    is how long the partner remembers its idempotency key (None: it has none, or for ever). `within_at` is when retries
    end (None: never). `in_doubt`: it is a repeat, and what was sent before has no outcome; `answered`: the partner has
    answered, and what was sent before was the same request. `several`: it has other providers; `another`: one of them
    may be asked now; `surely`: what was answered says that there was no effect at all.
    """

    effect: Effect
    on_unknown: str
    on_failure: str
    has_lookup: bool
    retry: Retry
    attempts: int
    now: int
    chance: float
    first_sent_at: int = 0
    took_us: int = 0
    key_valid_us: int | None = None
    retry_after: str | None = None
    refreshed: bool = False
    released: bool = False
    within_at: int | None = None
    in_doubt: bool = False
    answered: bool = True
    several: bool = False
    another: bool = False
    surely: bool = False
    why: str = ""

    @property
    def spent(self) -> bool:
        return self.attempts >= self.retry.attempts_max

    @property
    def next_at(self) -> int:
        return next_try_at(self.retry, max(1, self.attempts), self.chance, self.now, self.retry_after)

    def ends(self, at: int) -> str:
        """Why nothing is tried again at that time, in words; empty where it is. What a person let go on has all its
        attempts, however late it is."""
        if self.spent:
            return f"{self.attempts} attempts spent"
        if self.within_at is not None and at > self.within_at and not self.released:
            return "the time it had to complete is over"
        return ""


def after_answer(verdict: Verdict, known: Known, *, wants_lookup: bool = False) -> Decision:
    """What a call's verdict means. `wants_lookup`: it is done, but left its declared result null, and a look-up may
    know it."""
    if verdict is Verdict.DONE:
        if wants_lookup and known.has_lookup and not known.spent:
            return Decision(Action.LOOK_UP, known.why)
        return Decision(Action.GO_ON, known.why, EffectState.DONE)
    if verdict is Verdict.REAUTHENTICATE and not known.refreshed:
        return Decision(Action.REFRESH, known.why, EffectState.UNKNOWN if known.in_doubt else EffectState.CLEAR)
    if verdict in (Verdict.REFUSED, Verdict.REAUTHENTICATE):
        if known.in_doubt and not refuses_the_effect(verdict, known):
            return hold_unknown(known, f"an earlier send has no outcome, and the repeat was refused: {known.why}")
        return failed(known, EffectState.REFUSED, known.why)
    if verdict is Verdict.RETRY:
        return again(known)
    return unknown(known)


def refuses_the_effect(verdict: Verdict, known: Known) -> bool:
    """Whether a repeat that is refused says that nothing came of what was sent before: only where the partner makes
    repeats one effect, has answered the same request, and knows who asks."""
    return verdict is Verdict.REFUSED and known.answered and known.effect is Effect.IDEMPOTENT


def again(known: Known) -> Decision:
    """It may be tried again: at another provider where there was surely no effect, else at the same one.

    What a partner turned away in HTTP's own words (429, 503) is harmless to repeat there, under the same identity. It
    is not enough to go elsewhere, where nobody knows that identity. And that a repeat was not sent, or turned away,
    says nothing of what was sent before: the doubt stays.
    """
    if known.in_doubt:
        return wait_in_doubt(known, known.next_at)
    sure = known.surely or not known.several
    if sure and known.another and not known.ends(known.now):
        return Decision(Action.NEXT, known.why, EffectState.CLEAR)
    at = known.next_at
    if end := known.ends(at):
        return failed(known, EffectState.CLEAR, f"{end}; the last: {known.why}")
    return Decision(Action.WAIT, known.why, EffectState.CLEAR if sure else EffectState.TURNED_AWAY, at)


def unknown(known: Known) -> Decision:
    """Nobody knows whether the call took effect."""
    if known.on_unknown == "dead_letter":
        return Decision(Action.DIE, f"unknown whether it took effect: {known.why}", EffectState.UNKNOWN)
    if known.on_unknown == "hold":
        return hold_unknown(known, known.why)
    at = known.next_at
    if known.on_unknown == "lookup":
        # A partner that was slow may do it a moment after nobody listens any more. Asked before that it says "not
        # there", and what is sent again is there twice: so it gets as long again.
        at = max(at, known.now + max(known.retry.first.microseconds, known.took_us))
    return wait_in_doubt(known, at)


def wait_in_doubt(known: Known, at: int) -> Decision:
    """The effect stays unknown, until then or until a person finds out."""
    if end := known.ends(at):
        return hold_unknown(known, f"{end}; the last: {known.why}")
    return Decision(Action.WAIT, f"unknown whether it took effect: {known.why}", EffectState.UNKNOWN, at)


def on_open_intent(known: Known) -> Decision:
    """An intent of this event is on disk without an outcome: the engine died, or the answer was lost.

    Where a person let it go on, the doubt is settled as the partner allows: by a look-up, else by one more send.
    """
    if known.released and known.effect is not Effect.AT_MOST_ONCE and not known.spent:
        return Decision(Action.LOOK_UP if known.has_lookup else Action.SEND, "a person let it go on")
    if known.on_unknown == "dead_letter":
        return Decision(Action.DIE, "unknown whether it took effect", EffectState.UNKNOWN)
    asked_in_vain = known.on_unknown == "lookup" and not known.has_lookup
    if known.on_unknown == "hold" or known.spent or asked_in_vain:
        return hold_unknown(known, "an earlier send has no outcome")
    forgotten = known.key_valid_us is not None and known.now - known.first_sent_at > known.key_valid_us
    if known.on_unknown == "lookup" or (forgotten and known.has_lookup):
        # An engine that starts again at once may be faster than the partner is with the request.
        at = known.first_sent_at + known.retry.first.microseconds
        if at > known.now:
            return Decision(Action.WAIT, "an earlier send has no outcome yet", EffectState.UNKNOWN, at)
        return Decision(Action.LOOK_UP, "an earlier send has no outcome")
    if forgotten:
        return hold_unknown(known, "the partner has forgotten the idempotency key of the first send")
    return Decision(Action.SEND, "an earlier send has no outcome; the partner makes repeats one effect")


def after_lookup(found: bool | None, known: Known, *, done: bool = False) -> Decision:
    """What a look-up says: there, not there, or None for nobody can tell. `done`: the call itself was answered."""
    # That it was answered as done is known now and not at the next claim, which would send again what it does not find.
    last = known.spent or known.effect is not Effect.IDEMPOTENT
    if found or (done and last):
        return Decision(Action.GO_ON, "found by look-up" if found else known.why, EffectState.DONE)
    if found is None or done:
        at = known.next_at
        if end := known.ends(at):
            return hold_unknown(known, f"{end}; the last look-up: {known.why}")
        return Decision(Action.WAIT, f"the look-up could not tell: {known.why}", EffectState.UNKNOWN, at)
    if known.effect is Effect.AT_MOST_ONCE:
        return hold_unknown(known, "the look-up does not find it, and it is never sent again")
    if end := known.ends(known.now):
        return failed(known, EffectState.CLEAR, f"{end}; the look-up does not find it")
    return Decision(Action.SEND, "the look-up does not find it", EffectState.CLEAR)


def after_undo(known: Known, event: int) -> Decision:
    """The effect was there and was taken back, for the sake of that event."""
    why = f"it was undone by evt-{event}; the same `once` is the same effect: `redrive --new-effect` makes another one"
    return failed(known, None, why)


BUSY_WAIT_US = 1_000_000
BUSY_WAIT_US_MAX = 60_000_000
BUSY_SHARE = 8


def on_busy(event: int, first_sent_at: int, now: int) -> Decision:
    """Another event has an open intent for the same effect: its outcome will be ours. Asked for again after an eighth
    of the time that it has been open, since a doubt that is a person's may last for days."""
    wait_us = min(BUSY_WAIT_US_MAX, max(BUSY_WAIT_US, (now - first_sent_at) // BUSY_SHARE))
    reason = f"evt-{event} has an open intent for the same effect"
    return Decision(Action.WAIT, reason, at=now + wait_us, behind=event)


def on_gated(gate: str, at: int) -> Decision:
    """A quota is spent, or others wait for it already."""
    return Decision(Action.PARK, f"waits at the gate {gate}", at=at, gate=gate)


def on_changed() -> Decision:
    """This event sent another request for the same effect, and nobody knows what came of it."""
    reason = "the request differs from the one that was sent for the same effect"
    return Decision(Action.HOLD, reason, on_release="send", queue=CHANGED_REQUESTS)


def failed(known: Known, effect: EffectState | None, why: str) -> Decision:
    """The step failed, surely without effect: what the step declares for that."""
    if known.on_failure == "continue":
        return Decision(Action.DEFAULT, why, effect)
    if known.on_failure == "hold":
        return Decision(Action.HOLD, why, effect, on_release="send", queue="failed-calls")
    if known.on_failure == "compensate":
        return Decision(Action.COMPENSATE, why, effect)
    return Decision(Action.DIE, why, effect)


def hold_unknown(known: Known, why: str) -> Decision:
    """A person finds out. A release sends once more, but what is declared at_most_once goes on with null instead."""
    on_release = "end" if known.effect is Effect.AT_MOST_ONCE else "send"
    reason = f"unknown whether it took effect: {why}"
    return Decision(Action.HOLD, reason, EffectState.UNKNOWN, on_release=on_release, queue=UNKNOWN_EFFECTS)
