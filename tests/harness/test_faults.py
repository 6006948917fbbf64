"""Faults are drawn from a seed alone, in the shares that were asked for."""

from collections import Counter

import pytest

from engine.errors import UserError
from harness.faults import SHARES, Fate, Faults, draw, parse_faults, seeded

BAD_DAY = Faults(slow=0.3, times_max=3, **dict.fromkeys(SHARES, 0.1))


def fate(seed: int, asked: str, times: int) -> Fate:
    return draw(BAD_DAY, seeded(seed, asked, str(times)), times)


def test_the_same_seed_and_request_meet_the_same_fate_in_whatever_order() -> None:
    asked = [(f"order {number}", times) for number in range(50) for times in (1, 2, 3)]
    forth = {one: fate(7, *one) for one in asked}
    back = {one: fate(7, *one) for one in reversed(asked)}
    assert forth == back
    assert forth != {one: fate(8, *one) for one in asked}


def test_shares_are_met() -> None:
    kinds = Counter(fate(1, str(number), 1).kind for number in range(4000))
    assert set(kinds) == {"", *SHARES}
    assert all(300 < count < 500 for kind, count in kinds.items() if kind)


def test_throttles_come_with_and_without_a_wait_and_cuts_as_close_and_reset() -> None:
    fates = [fate(1, str(number), 1) for number in range(2000)]
    assert {one.retry_after_s for one in fates if one.kind == "throttle"} == {0, 1}
    assert {one.reset for one in fates if one.kind == "cut_after"} == {True, False}
    assert {one.status for one in fates if one.kind == "error_before"} == {500, 502, 503}


def test_an_error_after_the_commit_never_says_not_now() -> None:
    statuses = {
        fate(1, str(number), 1).status for number in range(2000) if fate(1, str(number), 1).kind == "error_after"
    }
    assert statuses == {500, 502, 504}


def test_who_asks_often_enough_meets_only_slowness() -> None:
    fates = [fate(1, str(number), 4) for number in range(500)]
    assert {one.kind for one in fates} == {""}
    assert any(one.delay_s for one in fates)


def test_slow_answers_stay_in_their_range() -> None:
    faults = Faults(slow=1, slow_least_s=0.2, slow_most_s=0.4)
    delays = [draw(faults, seeded(number), 1).delay_s for number in range(200)]
    assert 0.2 <= min(delays) < 0.22
    assert 0.38 < max(delays) <= 0.4


def test_faults_are_written_as_names_and_numbers() -> None:
    assert parse_faults("slow=0.25, cut_after=0.1,throttle_wait_s=2") == Faults(
        slow=0.25, cut_after=0.1, throttle_wait_s=2
    )
    assert parse_faults("") == Faults()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slow", "NAME=NUMBER"),
        ("slo=1", "slo"),
        ("slow=much", "slow"),
        ("cutafter=0.1", "no fault `cutafter`; known are slow"),
        ("slow=1.5", "from 0 to 1"),
        ("throttle=-0.1", "from 0 to 1"),
        ("throttle=0.6,cut_after=0.6", "exceed 1"),
        ("slow_least_s=2,slow_most_s=1", "in this order"),
        ("throttle_wait_s=601", "throttle_wait_s"),
        ("silence_s=-1", "silence_s"),
        ("times_max=-1", "times_max"),
    ],
)
def test_a_fault_that_makes_no_sense_is_told(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_faults(text)
