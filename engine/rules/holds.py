"""How long something waits for a person, or for an event of a topic: until when, and when somebody is told.

A span counts from when it began to wait, so that a restart does not begin it anew. This file refuses to know whether
anybody has decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.language.errors import LanguageError
from engine.language.times import micros, utc_text
from engine.model import ItemState, Status
from engine.rules.needs import Ask, End
from engine.spec.plan import HoldStep


@dataclass(frozen=True, slots=True)
class Times:
    """When a hold ends by itself, and when somebody is told that it still waits; 0: never."""

    expires_at: int
    warn_at: int

    def expired(self, now: int) -> bool:
        return bool(self.expires_at) and now >= self.expires_at

    def due_to_warn(self, now: int) -> bool:
        return bool(self.warn_at) and now >= self.warn_at

    def next_at(self, *, warned: bool) -> int:
        """When it wakes by itself."""
        times = [at for at in (self.expires_at, 0 if warned else self.warn_at) if at]
        return min(times, default=0)


def make_question(step: HoldStep, scope: Mapping[str, object], place: str) -> Ask | End:
    """What is asked, and until when; the reason why it cannot be asked."""
    expires_at = 0
    if step.expires is not None and not isinstance(step.expires, int):
        try:
            expires_at = time_at(step.expires(scope))
        except LanguageError as error:
            return End(Status.QUARANTINED, f"step {place}: hold.expires: {error.message}", place)
    reason = f"waits for an event of {step.until.topic}" if step.until else str(step.reason(scope))
    return Ask(step, place, reason, expires_at, scope)


def time_at(value: object) -> int:
    """A time as a value says it, in microseconds since 1970. Raises LanguageError for what is none."""
    return micros(datetime.fromisoformat(utc_text(value, None)))


def times_of(question: Ask, began_at: int) -> Times:
    """The times of a hold that began to wait then."""
    step = question.step
    expires_at = began_at + step.expires if isinstance(step.expires, int) else question.expires_at
    warn_at = began_at + step.warn_us if step.warn_us is not None else 0
    return Times(expires_at, warn_at if not expires_at or warn_at < expires_at else 0)


def began_of(question: Ask, state: ItemState) -> int:
    """When a held item began to wait, from when it was to wake: an item's row has no room for both."""
    step, warned = question.step, state.attempts > 0
    if isinstance(step.expires, int):
        spans = [step.expires] if warned or step.warn_us is None else [step.expires, step.warn_us]
        return state.due_at - min(spans)
    if step.warn_us is None or warned or state.due_at == question.expires_at:
        return 0
    return state.due_at - step.warn_us
