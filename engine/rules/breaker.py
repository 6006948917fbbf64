"""When to stop calling a partner that fails, and how to begin again.

Closed, it counts calls, failures and slow ones in a window of time; too large a share of either, of enough calls, opens
it. Open, nothing is sent and no attempt is spent. Then it lets a ramp of probes through: one at a time, then two, four,
and so on, each stage after as many answers without too large a share of failures; past the last stage it is closed. A
probe has a deadline: one that never came back has failed, so that a hanging call cannot jam the ramp. To close after
one good answer lets a whole backlog loose on a partner that has just got up.

Only what says that the partner is ill counts: no connection, no answer, 5xx. Its refusals (4xx) are a healthy partner's
answers, 429 is the quota's matter, and what could not be sent says nothing. This file refuses to send or to wait.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.model import Failure, Outcome, Sent

SLICES: Final = 10
"""The window moves on in so many parts."""


class Breaking(Struct, frozen=True):
    """When a breaker opens: in `window_us`, of at least `calls_min` calls, a share of `failed_ppm` in a million failed,
    or took `slow_us` or longer (0: none is slow). It stays open for `open_for_us`. `ramp_max` probes at once are the
    last stage before it is closed."""

    window_us: int
    calls_min: int
    failed_ppm: int
    slow_us: int
    open_for_us: int
    ramp_max: int = 16


class State(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Counted(StrEnum):
    """What one call says of its partner's health."""

    WELL = "well"
    SLOW = "slow"
    FAILED = "failed"
    NOTHING = "nothing"


class Slice(Struct, frozen=True):
    """A part of the window: which one, and what was counted in it."""

    number: int
    calls: int = 0
    failed: int = 0
    slow: int = 0


class Breaker(Struct, frozen=True, omit_defaults=True):
    """The state of one breaker. `since` is when it came to this state and `reason` why, `until` when it begins to probe
    (OPEN). `slices` are the window (CLOSED). `ramp` probes may be out at once (HALF_OPEN): `probes` are (number,
    deadline); of this stage `ended` came back, `failed` of them badly. `number` counts probes: late ones are known.
    """

    state: State = State.CLOSED
    since: int = 0
    until: int = 0
    reason: str = ""
    slices: tuple[Slice, ...] = ()
    ramp: int = 0
    probes: tuple[tuple[int, int], ...] = ()
    ended: int = 0
    failed: int = 0
    number: int = 0


class Let(Struct, frozen=True):
    """The answer to a call that wants through. `until` is when it is worth asking again (not let through); `probe` is
    to be handed back with what came of the call (0: it is none)."""

    through: bool
    probe: int = 0
    until: int = 0


def count(outcome: Outcome, policy: Breaking) -> Counted:
    """What an outcome says of its partner's health."""
    if outcome.failure is Failure.UNSENDABLE or outcome.status == 429:
        return Counted.NOTHING
    if outcome.sent is not Sent.ANSWERED or outcome.status >= 500:
        return Counted.FAILED
    return Counted.SLOW if policy.slow_us and outcome.took_us >= policy.slow_us else Counted.WELL


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def look(breaker: Breaker, policy: Breaking, now: int) -> Breaker:
    """The breaker as time has made it: probes past their deadline have failed, an open one begins to probe."""
    if breaker.state is State.HALF_OPEN and any(deadline <= now for _, deadline in breaker.probes):
        breaker = opened(breaker, policy, now, "a probe did not come back in time")
    if breaker.state is State.OPEN and not now < breaker.until <= now + policy.open_for_us:
        # Further off than it can be, its end was told by a clock that has been set back.
        breaker = half_open(breaker, now, 1)
    return breaker


def places(breaker: Breaker, policy: Breaking, now: int) -> int | None:
    """How many calls may begin; None: no limit."""
    breaker = look(breaker, policy, now)
    if breaker.state is State.CLOSED:
        return None
    return 0 if breaker.state is State.OPEN else max(0, breaker.ramp - len(breaker.probes))


def ask(breaker: Breaker, policy: Breaking, now: int, deadline: int) -> tuple[Breaker, Let]:
    """Whether a call that must be back at `deadline` may begin."""
    breaker = look(breaker, policy, now)
    if breaker.state is State.CLOSED:
        return breaker, Let(True)
    if breaker.state is State.OPEN:
        return breaker, Let(False, until=breaker.until)
    if len(breaker.probes) >= breaker.ramp:
        return breaker, Let(False, until=min(deadline for _, deadline in breaker.probes))
    number = breaker.number + 1
    return replace(breaker, number=number, probes=(*breaker.probes, (number, deadline))), Let(True, number)


# ── being told ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tell(breaker: Breaker, policy: Breaking, now: int, counted: Counted, probe: int = 0) -> Breaker:
    """The breaker after a call came back. What was sent before it opened says nothing new."""
    breaker = look(breaker, policy, now)
    if breaker.state is State.CLOSED:
        return breaker if counted is Counted.NOTHING or probe else closed_after(breaker, policy, now, counted)
    if breaker.state is State.HALF_OPEN and probe in (number for number, _ in breaker.probes):
        left = tuple(one for one in breaker.probes if one[0] != probe)
        return probed(replace(breaker, probes=left), policy, now, counted)
    return breaker


def in_vain(breaker: Breaker, probe: int, counted: Counted) -> bool:
    """Whether a probe failed before anybody was answered well again. That says how the partner is and nothing of the
    probe's own event, which spends no attempt by it: else a long outage would use up one event after the other. In a
    later stage others have been answered, and its own request may be why."""
    first = breaker.state is State.HALF_OPEN and breaker.ramp == 1
    return first and counted is Counted.FAILED and probe in (number for number, _ in breaker.probes)


def closed_after(breaker: Breaker, policy: Breaking, now: int, counted: Counted) -> Breaker:
    width = max(1, policy.window_us // SLICES)
    current = now // width
    # Slices of the future are of a clock that has been set back.
    kept = [part for part in breaker.slices if current - SLICES < part.number <= current]
    last = kept.pop() if kept and kept[-1].number == current else Slice(current)
    last = Slice(
        current,
        last.calls + 1,
        last.failed + (counted is Counted.FAILED),
        last.slow + (counted is Counted.SLOW),
    )
    kept.append(last)
    breaker = replace(breaker, slices=tuple(kept))
    calls, failed, slow = 0, 0, 0
    for part in kept:
        calls, failed, slow = calls + part.calls, failed + part.failed, slow + part.slow
    if calls < policy.calls_min:
        return breaker
    if failed * 1_000_000 >= calls * policy.failed_ppm:
        return opened(breaker, policy, now, f"{failed} of {calls} calls failed")
    if slow * 1_000_000 >= calls * policy.failed_ppm:
        return opened(breaker, policy, now, f"{slow} of {calls} calls were slow")
    return breaker


def probed(breaker: Breaker, policy: Breaking, now: int, counted: Counted) -> Breaker:
    """A stage of the ramp is over when as many probes have ended as it allows at once."""
    if counted is Counted.NOTHING:
        return breaker
    ended, failed = breaker.ended + 1, breaker.failed + (counted is not Counted.WELL)
    if failed * 1_000_000 >= breaker.ramp * policy.failed_ppm:
        return opened(breaker, policy, now, f"{failed} of {ended} probes failed or were slow")
    if ended < breaker.ramp:
        return replace(breaker, ended=ended, failed=failed)
    if breaker.ramp * 2 > policy.ramp_max:
        return Breaker(since=now, reason="the partner answers again", number=breaker.number)
    return replace(breaker, ramp=breaker.ramp * 2, ended=0, failed=0)


def opened(breaker: Breaker, policy: Breaking, now: int, reason: str) -> Breaker:
    return Breaker(State.OPEN, now, now + policy.open_for_us, reason, number=breaker.number)


def half_open(breaker: Breaker, now: int, ramp: int) -> Breaker:
    return Breaker(State.HALF_OPEN, now, 0, breaker.reason, ramp=ramp, number=breaker.number)


def from_row(breaker: Breaker, policy: Breaking, now: int, *, state: str, until: int, reason: str, at: int) -> Breaker:
    """The breaker after reading what another node, or this one's former life, wrote of it at `at`. That it is open is
    taken over, and that it no longer is ends an open one, by a ramp of our own. What is older than our own says
    nothing."""
    if at <= breaker.since:
        return breaker
    if state == State.OPEN and now < until <= now + policy.open_for_us:
        return Breaker(State.OPEN, at, until, reason, number=breaker.number)
    is_new = not breaker.since
    if (state != State.CLOSED and is_new) or (state != State.OPEN and breaker.state is State.OPEN):
        return half_open(replace(breaker, reason=reason), now, 1)
    return breaker
