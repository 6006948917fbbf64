"""The one table: what is known of a call x what its step declares → what happens next.

Three questions are answered here and nowhere else: what a verdict means, what an intent without an outcome means, and
what a look-up's answer means. The rows are written out in `tests/rules/decide.yaml`.
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.model import Effect, EffectState, Verdict
from engine.rules.retry import next_try_at
from engine.spec.shape import Retry


class Action(StrEnum):
    """What the delivery does next."""

    GO_ON = "go_on"  # the step is over, with a result
    DEFAULT = "default"  # the step failed without effect, its default is the result
    SEND = "send"  # send (again) now
    LOOK_UP = "look_up"  # ask the partner now
    REFRESH = "refresh"  # read the credentials again, then send again now
    WAIT = "wait"  # until `at`
    HOLD = "hold"  # a person decides
    DIE = "die"  # a dead letter


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens next. `effect` is the ledger's new state (None: leave it), `at` a time for WAIT,
    `on_release` what a person's release will do to a HOLD: `send` once more, or `end` the step with null."""

    action: Action
    reason: str = ""
    effect: EffectState | None = None
    at: int = 0
    on_release: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a call when a decision is due. Times in microseconds; `chance` is in [0, 1).

    `attempts` counts sends and look-ups of this step so far; `first_sent_at` is when the effect's first intent was
    written; `released` that a person let it go on; `key_valid_us` is how long the partner remembers its idempotency key
    (None: it has none, or for ever).
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
    key_valid_us: int | None = None
    retry_after: str | None = None
    refreshed: bool = False
    released: bool = False
    why: str = ""

    @property
    def spent(self) -> bool:
        return self.attempts >= self.retry.attempts_max

    @property
    def next_at(self) -> int:
        return next_try_at(self.retry, max(1, self.attempts), self.chance, self.now, self.retry_after)


def after_answer(verdict: Verdict, known: Known, *, wants_lookup: bool = False) -> Decision:
    """What a call's verdict means. `wants_lookup`: it is done, but left its declared result null, and a look-up may
    know it."""
    if verdict is Verdict.DONE:
        if wants_lookup and known.has_lookup and not known.spent:
            return Decision(Action.LOOK_UP, known.why)
        return Decision(Action.GO_ON, known.why, EffectState.DONE)
    if verdict is Verdict.REAUTHENTICATE and not known.refreshed:
        return Decision(Action.REFRESH, known.why, EffectState.CLEAR)
    if verdict in (Verdict.REFUSED, Verdict.REAUTHENTICATE):
        return failed(known, EffectState.REFUSED, known.why)
    if verdict is Verdict.RETRY:
        if known.spent:
            return failed(known, EffectState.CLEAR, f"{known.attempts} attempts spent; the last: {known.why}")
        return Decision(Action.WAIT, known.why, EffectState.CLEAR, known.next_at)
    return unknown(known)


def unknown(known: Known) -> Decision:
    """Nobody knows whether the call took effect."""
    if known.on_unknown == "dead_letter":
        return Decision(Action.DIE, f"unknown whether it took effect: {known.why}", EffectState.UNKNOWN)
    if known.on_unknown == "hold":
        return hold_unknown(known, known.why)
    if known.spent:
        return hold_unknown(known, f"{known.attempts} attempts spent; the last: {known.why}")
    return Decision(Action.WAIT, f"unknown whether it took effect: {known.why}", EffectState.UNKNOWN, known.next_at)


def on_open_intent(known: Known) -> Decision:
    """An intent of this event is on disk without an outcome: the engine died, or the answer was lost.

    Where a person let it go on, the doubt is settled as the partner allows: by a look-up, else by one more send.
    """
    if known.released and known.effect is not Effect.AT_MOST_ONCE and not known.spent:
        return Decision(Action.LOOK_UP if known.has_lookup else Action.SEND, "a person let it go on")
    if known.on_unknown == "dead_letter":
        return Decision(Action.DIE, "unknown whether it took effect", EffectState.UNKNOWN)
    if known.on_unknown == "hold" or known.spent:
        return hold_unknown(known, "an earlier send has no outcome")
    forgotten = known.key_valid_us is not None and known.now - known.first_sent_at > known.key_valid_us
    if known.on_unknown == "lookup" or (forgotten and known.has_lookup):
        return Decision(Action.LOOK_UP, "an earlier send has no outcome")
    if forgotten:
        return hold_unknown(known, "the partner has forgotten the idempotency key of the first send")
    return Decision(Action.SEND, "an earlier send has no outcome; the partner makes repeats one effect")


def after_lookup(found: bool | None, known: Known, *, done: bool = False) -> Decision:
    """What a look-up says: there, not there, or None for nobody can tell. `done`: the call itself was answered."""
    if found or (done and known.spent):
        return Decision(Action.GO_ON, "found by look-up" if found else known.why, EffectState.DONE)
    if found is None or done:
        if known.spent:
            return hold_unknown(known, f"{known.attempts} attempts spent; the last look-up: {known.why}")
        return Decision(Action.WAIT, f"the look-up could not tell: {known.why}", EffectState.UNKNOWN, known.next_at)
    if known.effect is Effect.AT_MOST_ONCE:
        return hold_unknown(known, "the look-up does not find it, and it is never sent again")
    if known.spent:
        return failed(known, EffectState.CLEAR, f"{known.attempts} attempts spent; the look-up does not find it")
    return Decision(Action.SEND, "the look-up does not find it", EffectState.CLEAR)


def failed(known: Known, effect: EffectState, why: str) -> Decision:
    """The step failed, surely without effect: what the step declares for that."""
    if known.on_failure == "continue":
        return Decision(Action.DEFAULT, why, effect)
    if known.on_failure == "hold":
        return Decision(Action.HOLD, why, effect, on_release="send")
    return Decision(Action.DIE, why, effect)


def hold_unknown(known: Known, why: str) -> Decision:
    """A person finds out. A release sends once more, but what is declared at_most_once goes on with null instead."""
    on_release = "end" if known.effect is Effect.AT_MOST_ONCE else "send"
    return Decision(Action.HOLD, f"unknown whether it took effect: {why}", EffectState.UNKNOWN, on_release=on_release)
