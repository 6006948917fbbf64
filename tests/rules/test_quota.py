"""Buckets let through at most burst + rate x w in any window w, whatever its clock and quotas do meanwhile."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.quota import (
    HEARD_FOR_US,
    SET_BACK_US,
    UNLIMITED,
    Bucket,
    Heard,
    Quota,
    available,
    decode,
    decode_heard,
    encode,
    enter,
    learn,
    next_at,
    take,
)

S = 1_000_000
NOW = 1_700_000_000 * S


def quota(**declared: Any) -> Quota:
    return Quota("erp", **declared)


def taken(policy: Quota, n: int, bucket: Bucket | None = None, now: int = NOW) -> Bucket:
    return take(bucket or Bucket(), policy, now, n)


# ── what each kind lets through ──────────────────────────────────────────────────────────────────────────────────────


def test_a_new_bucket_is_full_and_fills_at_its_rate() -> None:
    policy = quota(rate=25, burst=50)
    assert available(Bucket(), policy, NOW) == 50
    empty = taken(policy, 50)
    assert available(empty, policy, NOW) == 0
    assert next_at(empty, policy, NOW) == NOW + 40_000
    assert available(empty, policy, NOW + 39_999) == 0
    assert available(empty, policy, NOW + 40_000) == 1
    assert available(empty, policy, NOW + S) == 25
    assert available(empty, policy, NOW + 3600 * S) == 50


@pytest.mark.parametrize("rate", [1, 3, 7, 999, 9999])
def test_a_burst_is_whole_though_a_token_is_no_whole_number_of_microseconds(rate: int) -> None:
    policy, bucket = quota(rate=rate, burst=40), Bucket()
    for left in range(40, 0, -1):
        assert available(bucket, policy, NOW) == left
        bucket = taken(policy, 1, bucket)
    assert available(bucket, policy, NOW) == 0


def test_without_a_burst_it_is_the_calls_of_one_second_and_at_least_one() -> None:
    assert available(Bucket(), quota(rate=25), NOW) == 25
    assert available(Bucket(), quota(rate=100, per_us=60 * S), NOW) == 1


def test_a_leaky_bucket_lets_calls_out_one_by_one() -> None:
    policy = quota(rate=10, burst=30, kind="leaky_bucket")
    assert available(Bucket(), policy, NOW) == 1
    assert next_at(taken(policy, 1), policy, NOW) == NOW + S // 10
    assert available(taken(policy, 1), policy, NOW + 60 * S) == 1


def test_spacing_keeps_two_calls_apart_also_where_the_bucket_is_full() -> None:
    policy = quota(rate=100, burst=100, spacing_us=200_000)
    assert available(Bucket(), policy, NOW) == 1
    bucket = taken(policy, 1)
    assert available(bucket, policy, NOW + 199_999) == 0
    assert next_at(bucket, policy, NOW + 50_000) == NOW + 200_000
    assert available(bucket, policy, NOW + 200_000) == 1


def test_concurrency_counts_what_is_under_way_and_needs_no_row() -> None:
    policy, bucket = quota(concurrency=8), Bucket()
    assert [available(bucket, policy, NOW, under_way) for under_way in (0, 7, 8, 9)] == [8, 1, 0, 0]
    assert take(bucket, policy, NOW, 8) is bucket
    assert next_at(bucket, policy, NOW) == NOW


def test_no_limit_is_no_limit() -> None:
    assert available(Bucket(), quota(), NOW) == UNLIMITED


def test_a_quota_that_is_changed_neither_locks_a_bucket_nor_overfills_it() -> None:
    slow, fast = quota(rate=1, per_us=86_400 * S, burst=1), quota(rate=25, burst=50)
    bucket = taken(slow, 1)
    assert next_at(bucket, slow, NOW) == NOW + 86_400 * S
    assert next_at(bucket, fast, NOW) == NOW + 40_000, "an empty bucket of 25/s, not one that is full tomorrow"
    assert available(taken(fast, 50), slow, NOW) == 0


def test_a_state_survives_its_row() -> None:
    bucket = learn(taken(quota(rate=3), 2), Heard(rate=2, left=7, left_us=S, tokens=1, pause_us=S), NOW)
    assert decode(encode(bucket)) == bucket
    assert decode(b"") == Bucket()
    heard = Heard(rate=3, tokens=0)
    assert decode_heard(encode(heard)) == heard


# ── the bound, under a bad clock ─────────────────────────────────────────────────────────────────────────────────────


def most_in_any_window(calls: list[tuple[int, int]], policy: Quota) -> None:
    """Holds the partner's count to the bound, in every window that begins and ends with a call. Calls are (when, how
    often the clock was set forward before): each time fills the bucket once."""
    burst = 1 if policy.kind == "leaky_bucket" else policy.burst
    for first, (begin, set_before) in enumerate(calls):
        for last in range(first, len(calls)):
            end, set_now = calls[last]
            most = burst * (1 + set_now - set_before) + 1.05 * policy.rate * (end - begin) / policy.per_us
            assert last - first + 1 <= most


POLICIES = st.builds(
    quota,
    rate=st.integers(1, 50),
    per_us=st.sampled_from([S, 7 * S, 60 * S]),
    burst=st.integers(1, 12),
    spacing_us=st.sampled_from([0, 0, 70_000]),
    kind=st.sampled_from(["token_bucket", "token_bucket", "leaky_bucket"]),
)
SET = [0, 0, 0, 0, -10_000, -3 * S, -86_400 * S, 3 * S, 86_400 * S]
STEPS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 60_000), st.integers(0, 3 * S)),  # how much later
        st.integers(1, 9),  # how many whoever comes wants
        st.sampled_from(SET),  # how the clock is set before
    ),
    max_size=60,
)


@given(POLICIES, STEPS)
def test_no_window_has_more_than_burst_and_rate_and_one_more_bucket_when_the_clock_is_set_forward(
    policy: Quota, steps: list[tuple[int, int, int]]
) -> None:
    bucket, time, off, forward, calls = Bucket(), NOW, 0, 0, list[tuple[int, int]]()
    for later, wanted, set_by in steps:
        time += later
        off += set_by
        forward += set_by > 0
        now = time + off
        bucket = decode(encode(enter(bucket, now)))
        got = min(wanted, available(bucket, policy, now))
        if got:
            bucket = take(bucket, policy, now, got)
            calls += [(time, forward)] * got
    most_in_any_window(calls, policy)


@given(POLICIES, STEPS)
def test_however_the_clock_is_set_a_bucket_is_full_when_an_empty_one_would_be(
    policy: Quota, steps: list[tuple[int, int, int]]
) -> None:
    bucket, now = Bucket(), NOW
    for later, wanted, set_by in steps:
        now += later + set_by
        bucket = enter(bucket, now)
        got = min(wanted, available(bucket, policy, now))
        bucket = take(bucket, policy, now, got) if got else bucket
    filled = now + SET_BACK_US + policy.burst * policy.per_us // policy.rate
    assert available(bucket, policy, filled) == available(Bucket(), policy, NOW)


@given(st.integers(1, 50))
def test_what_is_asked_for_all_the_time_is_used_up(rate: int) -> None:
    policy, bucket, got = quota(rate=rate, burst=rate + 1), Bucket(), 0
    for tenth in range(200):
        now = NOW + tenth * S // 10
        n = available(bucket, policy, now)
        bucket = take(bucket, policy, now, n) if n else bucket
        got += n
    assert got >= policy.burst + int(rate * 19.7)


@given(POLICIES, st.integers(0, 30), st.integers(0, 5 * S))
def test_the_next_time_told_is_the_first_at_which_one_may_go(policy: Quota, n: int, later: int) -> None:
    bucket = Bucket()
    for _ in range(n):
        if available(bucket, policy, NOW):
            bucket = taken(policy, 1, bucket)
    now = NOW + later
    at = next_at(bucket, policy, now)
    assert available(bucket, policy, at) >= 1
    assert (at == now) == (available(bucket, policy, now) >= 1)
    assert at == now or available(bucket, policy, at - 1) == 0


def test_a_clock_set_back_by_a_day_does_not_stop_a_bucket_for_a_day() -> None:
    policy = quota(rate=10, burst=10)
    bucket = taken(policy, 10)
    back = NOW - 86_400 * S
    bucket = enter(bucket, back)
    assert available(bucket, policy, back) == 0
    assert available(bucket, policy, back + S // 2) == 5


def test_all_that_a_bucket_remembers_goes_back_with_its_clock() -> None:
    policy = quota(rate=10, burst=10, spacing_us=200_000)
    told = Heard(rate=5, burst=5, left=3, left_us=9 * S, pause_us=2 * S, tokens=1)
    bucket = learn(taken(policy, 1), told, NOW)
    back = enter(bucket, NOW - 86_400 * S)
    for later in (0, S, 2 * S, 2 * S + 200_000, 5 * S, 9 * S, HEARD_FOR_US - 1, HEARD_FOR_US):
        assert available(back, policy, NOW - 86_400 * S + later) == available(bucket, policy, NOW + later)
        assert next_at(back, policy, NOW - 86_400 * S + later) == next_at(bucket, policy, NOW + later) - 86_400 * S


def test_readings_in_another_order_than_they_were_taken_change_nothing_and_give_nothing() -> None:
    policy = quota(rate=10, burst=10)
    bucket = taken(policy, 10)
    assert enter(bucket, NOW + S) is bucket
    assert enter(bucket, NOW - SET_BACK_US) is bucket
    assert enter(bucket, NOW - SET_BACK_US - 1) is not bucket
    assert next_at(bucket, policy, NOW - 5000) == NOW + 100_000
    late = take(learn(bucket, Heard(pause_us=S), NOW - 5000), policy, NOW - 5000, 0)
    assert available(late, policy, NOW + S - 1) == 0
    assert available(late, policy, NOW + S) == 10


# ── learning ─────────────────────────────────────────────────────────────────────────────────────────────────────────

DECLARED = quota(rate=25, burst=50, concurrency=8)


def test_a_pause_is_for_all_and_at_most_an_hour() -> None:
    bucket = learn(Bucket(), Heard(pause_us=30 * S), NOW)
    assert available(bucket, DECLARED, NOW + 30 * S - 1) == 0
    assert next_at(bucket, DECLARED, NOW) == NOW + 30 * S
    assert available(bucket, DECLARED, NOW + 30 * S) == 8
    assert next_at(learn(Bucket(), Heard(pause_us=90_000 * S), NOW), DECLARED, NOW) == NOW + 3600 * S


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    bucket = learn(learn(Bucket(), Heard(pause_us=30 * S), NOW), Heard(pause_us=S), NOW)
    assert next_at(bucket, DECLARED, NOW) == NOW + 30 * S


def test_after_a_429_there_is_no_burst() -> None:
    policy = quota(rate=10, burst=10)
    bucket = learn(Bucket(), Heard(pause_us=2 * S, tokens=0), NOW)
    assert available(bucket, policy, NOW + 2 * S) == 0
    assert available(bucket, policy, NOW + 2 * S + S // 2) == 5


@pytest.mark.parametrize(
    ("declared", "told", "rate", "burst"),
    [
        (quota(rate=25, burst=50), Heard(rate=5, burst=5), 5, 5),
        (quota(rate=25, burst=50), Heard(rate=1, per_us=S // 40, burst=100), 25, 50),
        (quota(rate=25, burst=50), Heard(rate=40, per_us=20 * S, burst=40), 2, 40),
        (quota(rate=2), Heard(rate=80, per_us=20 * S, burst=80), 2, 2),
        (quota(), Heard(rate=5, burst=9), 5, 9),
        (quota(), Heard(rate=5, per_us=10 * S), 0.5, 1),
        (quota(concurrency=8), Heard(rate=5), 5, 5),
        (quota(rate=25, burst=50), Heard(burst=7), 25, 7),
    ],
)
def test_what_is_told_tightens_what_is_declared_and_is_all_where_nothing_is(
    declared: Quota, told: Heard, rate: float, burst: int
) -> None:
    bucket = learn(Bucket(), told, NOW)
    assert available(bucket, declared, NOW) == min(burst, declared.concurrency or burst)
    empty = take(bucket, declared, NOW, burst)
    in_ten = available(empty, Quota("erp", declared.rate, declared.per_us, declared.burst or burst), NOW + 10 * S)
    assert in_ten == min(burst, int(rate * 10))


def test_limits_told_are_forgotten_after_an_hour_and_the_newest_word_counts() -> None:
    bucket = learn(Bucket(), Heard(rate=1, burst=1), NOW)
    assert available(bucket, quota(rate=25, burst=50), NOW + HEARD_FOR_US - 1) == 1
    assert available(bucket, quota(rate=25, burst=50), NOW + HEARD_FOR_US) == 50
    assert available(learn(bucket, Heard(rate=4, burst=4), NOW), quota(rate=25, burst=50), NOW) == 4


def test_concurrency_told_is_kept_too() -> None:
    bucket = learn(Bucket(), Heard(concurrency=3), NOW)
    assert available(bucket, DECLARED, NOW, 1) == 2
    assert available(bucket, quota(), NOW, 1) == 2


def test_calls_left_of_a_window_are_counted_down_until_it_ends() -> None:
    bucket = learn(Bucket(), Heard(left=3, left_us=10 * S), NOW)
    assert available(bucket, quota(), NOW) == 3
    bucket = take(bucket, quota(), NOW, 2)
    assert available(bucket, quota(), NOW + S) == 1
    bucket = take(bucket, quota(), NOW + S, 1)
    assert next_at(bucket, quota(), NOW + 2 * S) == NOW + 10 * S
    assert available(bucket, quota(), NOW + 10 * S) == UNLIMITED


def test_an_answer_that_was_on_its_way_gives_no_calls_back() -> None:
    bucket = take(learn(Bucket(), Heard(left=5, left_us=10 * S), NOW), quota(), NOW, 4)
    assert available(learn(bucket, Heard(left=4, left_us=10 * S), NOW), quota(), NOW) == 1
    assert available(learn(bucket, Heard(left=0, left_us=10 * S), NOW), quota(), NOW) == 0
    assert available(learn(bucket, Heard(left=5, left_us=10 * S), NOW + 10 * S), quota(), NOW + 10 * S) == 5


def test_a_window_of_a_day_is_asked_about_again_after_an_hour() -> None:
    bucket = learn(Bucket(), Heard(left=0, left_us=86_400 * S), NOW)
    assert next_at(bucket, quota(), NOW) == NOW + 3600 * S


def test_the_partner_s_own_bucket_bounds_ours() -> None:
    policy = quota(rate=2, burst=40)
    bucket = learn(Bucket(), Heard(rate=40, per_us=20 * S, burst=40, tokens=8), NOW)
    assert available(bucket, policy, NOW) == 8
    assert available(take(bucket, policy, NOW, 8), policy, NOW + S) == 2
    assert available(learn(taken(policy, 38), Heard(tokens=8), NOW), policy, NOW) == 2, "it never gives tokens back"


HEARD = st.builds(
    Heard,
    pause_us=st.sampled_from([0, 0, S, 10**18]),
    rate=st.integers(0, 10**10),
    per_us=st.integers(1, 10**16),
    burst=st.integers(0, 10**10),
    concurrency=st.integers(0, 10),
    left=st.integers(0, 20),
    left_us=st.sampled_from([0, S, 10**16]),
    tokens=st.none() | st.integers(0, 30),
)


@given(POLICIES, st.lists(st.tuples(HEARD, st.integers(0, 10 * S), st.integers(0, 4)), max_size=20))
def test_whatever_is_told_it_only_tightens(policy: Quota, told: list[tuple[Heard, int, int]]) -> None:
    plain, bucket, time = Bucket(), Bucket(), NOW
    for heard, later, wanted in told:
        time += later
        bucket = decode(encode(learn(bucket, heard, time)))
        got = min(wanted, available(bucket, policy, time))
        assert got <= available(plain, policy, time)
        if got:
            bucket, plain = take(bucket, policy, time, got), take(plain, policy, time, got)
        assert next_at(bucket, policy, time) >= next_at(plain, policy, time)
