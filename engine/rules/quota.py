"""How often a partner may be called: token bucket, leaky bucket, spacing, concurrency, and what its answers told.

A bucket is a row that all integrations of an account share, and all nodes; in any window w it lets through at most
burst + rate x w. It is kept as the moment at which it will be full again (the generic cell rate algorithm), so that a
quota that changes while it is in use needs no conversion. All integers: a token costs its share of microseconds rounded
down, less than one too few, which is far within the 5 % that a partner's count may differ from ours.

A bucket goes by one clock, that of whoever keeps its row: of the database where several nodes share one, else of the
only engine. Each node's own was tried: a bucket then needs a time of its own that passes between two readings of one
clock, and a node that comes for the first time lags behind it and finds tokens that others have taken. One clock may
still be set. Forward it fills a bucket once. Back it takes the bucket's times along, so that nothing is locked for as
long as the clock was set back, and nothing is given back either.

What a partner tells of its own limits only ever tightens what is declared: the file may leave room for other users of
the account, which the partner cannot know. Where nothing is declared, what it tells is all there is. Its newest word
counts, and is forgotten an hour after it was said. This file refuses to send, to wait and to count what is under way.
"""

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.rules.retry import WISH_MAX_US

SECOND_US: Final = 1_000_000
SET_BACK_US: Final = 1_000_000
"""A reading so far behind the newest is a clock that was set; less are readings that came in another order than they
were taken, and time stands still for them."""
HEARD_FOR_US: Final = 3_600_000_000
SAME_WINDOW_US: Final = 2_000_000
"""Partners tell the end of a window in whole seconds, in answers that were on their way: ends so near are one."""
UNLIMITED: Final = 1 << 31


class Quota(Struct, frozen=True):
    """What a partner allows at one gate: `rate` calls every `per_us`, `burst` at once after a quiet time (0: those of
    one second); `spacing_us` between two calls; `concurrency` at a time. Zero: no such limit. `kind` is `token_bucket`,
    or `leaky_bucket`: no bursts, calls leave as evenly as the rate goes."""

    gate: str
    rate: int = 0
    per_us: int = SECOND_US
    burst: int = 0
    spacing_us: int = 0
    concurrency: int = 0
    kind: str = "token_bucket"


class Heard(Struct, frozen=True, omit_defaults=True):
    """What an answer told; zero and None say nothing. `pause_us`: so long nothing more. `rate`, `per_us`, `burst`,
    `concurrency` as in Quota. `left` calls within `left_us`. `tokens`: so many are in the partner's own bucket when the
    pause is over."""

    pause_us: int = 0
    rate: int = 0
    per_us: int = SECOND_US
    burst: int = 0
    concurrency: int = 0
    left: int = 0
    left_us: int = 0
    tokens: int | None = None

    @property
    def has_limits(self) -> bool:
        return bool(self.rate or self.burst or self.concurrency)


class Bucket(Struct, frozen=True, omit_defaults=True):
    """The state of a gate's quota; a new one is full. `at` is the newest reading of its clock, by which all is told:
    when it will be full (`full_at`), the last call, until when there is a pause, `left` calls and until when, what was
    `heard` of limits and when; and a bound that the partner told: no more than `tokens` at `tokens_at`. `rate` and
    `per_us` are what flowed in when `full_at` was last written. `turn` is where the lanes are with this gate's places.
    """

    at: int = 0
    full_at: int = 0
    rate: int = 0
    per_us: int = 0
    last_at: int | None = None
    paused_until: int = 0
    left: int = 0
    left_until: int = 0
    tokens: int | None = None
    tokens_at: int = 0
    heard: Heard | None = None
    heard_at: int = 0
    turn: int = 0


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Bucket).decode
_decode_heard = msgspec.json.Decoder(Heard).decode


def encode(state: Bucket | Heard) -> bytes:
    return _encode(state)


def decode(stored: bytes) -> Bucket:
    """A bucket from its row; an empty row is a new one."""
    return _decode(stored) if stored else Bucket()


def decode_heard(stored: bytes) -> Heard:
    return _decode_heard(stored)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def enter(bucket: Bucket, now: int) -> Bucket:
    """The bucket as it is found, before anything is asked of it. Where its clock was set back, its times are set back
    as far: the row must then be written even if nothing is taken. Else it is the same object."""
    back = bucket.at - now
    if back <= SET_BACK_US:
        return bucket
    return replace(
        bucket,
        at=now,
        full_at=bucket.full_at - back,
        last_at=None if bucket.last_at is None else bucket.last_at - back,
        paused_until=bucket.paused_until - back,
        left_until=bucket.left_until - back,
        tokens_at=bucket.tokens_at - back,
        heard_at=bucket.heard_at - back,
    )


# ── limits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def limits(bucket: Bucket, policy: Quota, clock: int) -> Quota:
    """What holds: what is declared, tightened by what was told. `burst` is given wherever there is a rate."""
    rate, per_us, burst, concurrency = policy.rate, policy.per_us, policy.burst, policy.concurrency
    if rate and not burst:
        burst = burst_of(rate, per_us)
    heard = bucket.heard
    if heard is not None and clock - bucket.heard_at < HEARD_FOR_US:
        if heard.rate and (not rate or heard.rate * per_us < rate * heard.per_us):
            rate, per_us = heard.rate, heard.per_us
        burst = tighter(burst, heard.burst)
        concurrency = tighter(concurrency, heard.concurrency)
    if rate and not burst:
        burst = burst_of(rate, per_us)
    if policy.kind == "leaky_bucket":
        burst = 1
    return replace(policy, rate=rate, per_us=per_us, burst=burst, concurrency=concurrency)


def burst_of(rate: int, per_us: int) -> int:
    """Where nothing else is said: the calls of one second."""
    return max(1, rate * SECOND_US // per_us)


def tighter(one: int, other: int) -> int:
    """The lesser of two limits, where zero is none."""
    return min(one, other) if one and other else one or other


def debt_us(bucket: Bucket, limit: Quota, clock: int) -> int:
    """How long until the bucket is full: never longer than an empty one takes. What is owed are tokens: where a slower
    rate was told meanwhile they take longer to flow in, else the news would give some back."""
    full_at = bucket.full_at
    if bucket.rate and full_at > clock and limit.rate * bucket.per_us < bucket.rate * limit.per_us:
        full_at = clock - -(full_at - clock) * bucket.rate * limit.per_us // (bucket.per_us * limit.rate)
    if bucket.tokens is not None and bucket.tokens < limit.burst:
        full_at = max(full_at, bucket.tokens_at + cost_us(limit, limit.burst - bucket.tokens))
    return min(max(0, full_at - clock), cost_us(limit, limit.burst))


def cost_us(limit: Quota, tokens: int) -> int:
    """How long so many tokens take to flow in."""
    return tokens * limit.per_us // limit.rate


def silent_us(bucket: Bucket, clock: int) -> int:
    """How long the partner wants to hear nothing more."""
    return max(0, bucket.paused_until - clock, bucket.left_until - clock if bucket.left <= 0 else 0)


def space_us(bucket: Bucket, limit: Quota, clock: int) -> int:
    """How long until the space between two calls is kept."""
    if not limit.spacing_us or bucket.last_at is None:
        return 0
    return max(0, bucket.last_at + limit.spacing_us - clock)


# ── asking and taking ────────────────────────────────────────────────────────────────────────────────────────────────


def available(bucket: Bucket, policy: Quota, now: int, in_flight: int = 0) -> int:
    """How many calls may begin at `now`, `in_flight` others being under way."""
    clock = max(bucket.at, now)
    if silent_us(bucket, clock):
        return 0
    limit = limits(bucket, policy, clock)
    most = limit.concurrency - in_flight if limit.concurrency else UNLIMITED
    if limit.rate:
        most = min(most, limit.burst + -debt_us(bucket, limit, clock) * limit.rate // limit.per_us)
    if limit.spacing_us:
        most = min(most, 0 if space_us(bucket, limit, clock) else 1)
    if clock < bucket.left_until:
        most = min(most, bucket.left)
    return max(0, most)


def take(bucket: Bucket, policy: Quota, now: int, n: int = 1) -> Bucket:
    """The bucket after `n` calls began, no more than are available. The same object where none is counted here: then
    no row need be written."""
    clock = max(bucket.at, now)
    limit = limits(bucket, policy, clock)
    in_window = clock < bucket.left_until
    if not (limit.rate or limit.spacing_us or in_window):
        return bucket
    full_at = bucket.full_at
    if limit.rate:
        full_at = clock + debt_us(bucket, limit, clock) + cost_us(limit, n)
    return replace(
        bucket,
        at=clock,
        full_at=full_at,
        rate=limit.rate,
        per_us=limit.per_us,
        last_at=clock,
        left=max(0, bucket.left - n) if in_window else 0,
        left_until=bucket.left_until if in_window else 0,
        tokens=None,
        tokens_at=0,
    )


def next_at(bucket: Bucket, policy: Quota, now: int) -> int:
    """When the next call may begin; `now` where only calls under way stand against it."""
    clock = max(bucket.at, now)
    limit = limits(bucket, policy, clock)
    # Tokens flow in while the partner wants silence: these waits run beside one another.
    wait = max(silent_us(bucket, clock), space_us(bucket, limit, clock))
    if limit.rate:
        wait = max(wait, debt_us(bucket, limit, clock) - cost_us(limit, limit.burst - 1))
    return clock + wait if wait else now


# ── learning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def learn(bucket: Bucket, heard: Heard, now: int) -> Bucket:
    """The bucket after an answer told something of its partner's limits. Calls and tokens only get fewer by it."""
    clock = max(bucket.at, now)
    bucket = replace(bucket, at=clock)
    if heard.pause_us:
        bucket = replace(bucket, paused_until=max(bucket.paused_until, clock + min(heard.pause_us, WISH_MAX_US)))
    if heard.has_limits:
        bucket = replace(bucket, heard=replace(heard, pause_us=0, left=0, left_us=0, tokens=None), heard_at=clock)
    if heard.left_us:
        until = clock + min(heard.left_us, WISH_MAX_US)
        fewer = heard.left < bucket.left
        later = heard.left == bucket.left and until > bucket.left_until + SAME_WINDOW_US
        if clock >= bucket.left_until or fewer or later:
            bucket = replace(bucket, left=heard.left, left_until=until)
    if heard.tokens is not None:
        at = max(clock, bucket.paused_until) if heard.pause_us else clock
        if bucket.tokens is None or at >= bucket.tokens_at:
            bucket = replace(bucket, tokens=heard.tokens, tokens_at=at)
    return bucket
