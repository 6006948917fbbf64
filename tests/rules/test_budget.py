"""At most a fifth of what is sent are retries; a quiet system may retry; who has to wait comes back spread out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.budget import FLOOR, PUT_OFF_MAX_US, SLICES, Budget, floor_below, not_sent, retries_allowed, send
from engine.rules.quota import Quota

S = 1_000_000
NOW = 1_700_000_000 * S


def sent(budget: Budget, now: int, firsts: int = 0, retries: int = 0) -> tuple[Budget, int]:
    """(the budget after so many sends were asked for, how many retries were let through)."""
    through = 0
    for _ in range(firsts):
        budget, at = send(budget, now, retry=False)
        assert at is None, "a first send is never put off"
    for _ in range(retries):
        budget, at = send(budget, now, retry=True)
        through += at is None
    return budget, through


def test_a_quiet_system_may_retry_ten_times_a_second() -> None:
    budget, through = sent(Budget(), NOW, retries=300)
    assert through == FLOOR == 10 * SLICES
    assert sent(budget, NOW + 9 * S, retries=300)[1] == 0
    assert sent(budget, NOW + 10 * S, retries=300)[1] == FLOOR


def test_a_busy_one_a_fifth_of_its_calls() -> None:
    assert sent(sent(Budget(), NOW, firsts=4000)[0], NOW, retries=10_000)[1] == 1000


@pytest.mark.parametrize(
    ("quota", "floor"),
    [
        (None, 100),
        (Quota("erp"), 100),
        (Quota("erp", concurrency=2), 100),
        (Quota("erp", rate=10), 20),
        (Quota("erp", rate=2000), 100),
        (Quota("erp", rate=40, per_us=60 * S), 1),
        (Quota("erp", rate=100, spacing_us=S), 2),
    ],
)
def test_under_a_quota_a_fifth_of_what_it_lets_through(quota: Quota | None, floor: int) -> None:
    assert floor_below(quota) == floor


def test_the_floor_given_is_what_a_quiet_system_has() -> None:
    budget, at = send(Budget(), NOW, retry=True, floor=1)
    assert at is None
    assert send(budget, NOW, retry=True, floor=1)[1] == NOW + 10 * S


def test_who_has_to_wait_comes_back_spread_out() -> None:
    budget, _ = sent(Budget(), NOW, retries=FLOOR)
    times = []
    for _ in range(5):
        budget, at = send(budget, NOW, retry=True)
        times.append(at)
    assert times == [NOW + place * S // 10 for place in range(1, 6)]
    for _ in range(20_000):
        budget, at = send(budget, NOW, retry=True)
    assert at == NOW + PUT_OFF_MAX_US


def test_a_send_that_was_not_made_is_given_back() -> None:
    budget, _ = sent(Budget(), NOW, retries=FLOOR)
    budget = not_sent(budget, NOW, retry=True)
    assert sent(budget, NOW, retries=2)[1] == 1
    assert not_sent(Budget(), NOW, retry=True) == Budget()


def test_a_clock_set_back_starts_anew() -> None:
    budget, _ = sent(Budget(), NOW, retries=300)
    budget, through = sent(budget, NOW - 3600 * S, retries=FLOOR + 1)
    assert through == FLOOR
    assert budget.promised_at == NOW - 3600 * S + S // 10


@given(st.lists(st.tuples(st.integers(0, 3 * S), st.integers(0, 300), st.integers(0, 100)), max_size=40))
def test_in_no_ten_seconds_are_more_than_a_fifth_retries(steps: list[tuple[int, int, int]]) -> None:
    budget, now = Budget(), NOW
    calls, retries = dict[int, int](), dict[int, int]()
    for later, firsts, again in steps:
        now += later
        second = now // S
        budget, through = sent(budget, now, firsts, again)
        calls[second] = calls.get(second, 0) + firsts + through
        retries[second] = retries.get(second, 0) + through
        window = range(second - SLICES + 1, second + 1)
        of_window = sum(calls.get(one, 0) for one in window)
        if through:
            assert sum(retries.get(one, 0) for one in window) <= retries_allowed(of_window)
        assert len(budget.seconds) <= SLICES
