"""How much of what is sent to a system may be retries: at most a fifth, so that a partner in trouble is not called more
often for being in trouble.

Counted over the last ten seconds. However few calls there are, ten retries a second are always allowed (Finagle's and
Linkerd's floor): without it a backlog in which nothing but retries is left would not end for hours. To a system with a
quota that floor is a fifth of what its quota lets through: more would be its whole capacity. A retry that finds the
budget spent waits and spends no attempt. It is given a time of its own, spread over the time to come: if all came back
as soon as there is room, most would be sent away again. A bucket fed by first sends with a floor beside it lets more
than a fifth through, as both count. This file refuses to know when a call is worth a retry.
"""

from typing import Final

from msgspec import Struct

from engine.rules.quota import Quota

SLICE_US: Final = 1_000_000
SLICES: Final = 10
FLOOR: Final = 100
"""Retries allowed in ten seconds, however few calls there are, where no quota says that it is too much."""
SHARE: Final = 5
"""One call in so many may be a retry."""
PUT_OFF_MAX_US: Final = 900_000_000


class Second(Struct, frozen=True):
    """What was sent in one second."""

    number: int
    calls: int = 0
    retries: int = 0


class Budget(Struct, frozen=True, omit_defaults=True):
    """The calls of the last seconds, and the last time that was given to a retry which had to wait."""

    seconds: tuple[Second, ...] = ()
    promised_at: int = 0


def recent(budget: Budget, now: int) -> tuple[Second, ...]:
    """The seconds that count; those of the future are of a clock that has been set back."""
    current = now // SLICE_US
    return tuple(second for second in budget.seconds if current - SLICES < second.number <= current)


def floor_below(quota: Quota | None) -> int:
    """How many retries are always allowed in ten seconds to a system with this quota."""
    window_us, calls = SLICES * SLICE_US, FLOOR * SHARE
    if quota is not None and quota.rate:
        calls = min(calls, quota.rate * window_us // quota.per_us)
    if quota is not None and quota.spacing_us:
        calls = min(calls, window_us // quota.spacing_us)
    return max(1, calls // SHARE)


def retries_allowed(calls: int, floor: int = FLOOR) -> int:
    """How many of so many calls may be retries."""
    return max(floor, calls // SHARE)


def send(budget: Budget, now: int, *, retry: bool, floor: int = FLOOR) -> tuple[Budget, int | None]:
    """Asks for one send, and counts it: (the budget then, None) or, spent, (…, when to ask again)."""
    current, seconds = now // SLICE_US, budget.seconds
    if retry or not seconds or seconds[-1].number != current:  # else nearly always: nothing is asked of other seconds
        seconds = recent(budget, now)
    if retry:
        calls, retries = sum(one.calls for one in seconds), sum(one.retries for one in seconds)
        if retries >= retries_allowed(calls + 1, floor):
            pace_us = SLICES * SLICE_US // retries_allowed(calls, floor)
            last = budget.promised_at if now < budget.promised_at <= now + PUT_OFF_MAX_US else now
            at = min(last + pace_us, now + PUT_OFF_MAX_US)
            return Budget(seconds, at), at
    *earlier, newest = seconds or (Second(current),)
    if newest.number != current:
        earlier, newest = [*earlier, newest], Second(current)
    counted = Second(current, newest.calls + 1, newest.retries + retry)
    return Budget((*earlier, counted), budget.promised_at), None


def not_sent(budget: Budget, at: int, *, retry: bool) -> Budget:
    """The budget without a send that was counted at `at` and was not made after all."""
    number = at // SLICE_US
    return Budget(
        tuple(
            Second(number, max(0, one.calls - 1), max(0, one.retries - retry)) if one.number == number else one
            for one in budget.seconds
        ),
        budget.promised_at,
    )
