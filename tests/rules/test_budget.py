"""At most a fifth of what is sent are retries; a quiet system may retry; who has to wait comes back spread out."""

from hypothesis import given
from hypothesis import strategies as st

from engine.rules.budget import FLOOR, PUT_OFF_MAX_US, SLICES, Budget, not_sent, retries_allowed, send

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


def test_a_quiet_system_may_retry_ten_times_in_ten_seconds() -> None:
    budget, through = sent(Budget(), NOW, retries=30)
    assert through == FLOOR == 10
    assert sent(budget, NOW + 9 * S, retries=30)[1] == 0
    assert sent(budget, NOW + 10 * S, retries=30)[1] == 10


def test_a_busy_one_a_fifth_of_its_calls() -> None:
    assert sent(sent(Budget(), NOW, firsts=400)[0], NOW, retries=1000)[1] == 100


def test_who_has_to_wait_comes_back_spread_out() -> None:
    budget, _ = sent(Budget(), NOW, retries=10)
    times = []
    for _ in range(5):
        budget, at = send(budget, NOW, retry=True)
        times.append(at)
    assert times == [NOW + S, NOW + 2 * S, NOW + 3 * S, NOW + 4 * S, NOW + 5 * S]
    for _ in range(2000):
        budget, at = send(budget, NOW, retry=True)
    assert at == NOW + PUT_OFF_MAX_US


def test_a_send_that_was_not_made_is_given_back() -> None:
    budget, _ = sent(Budget(), NOW, retries=10)
    budget = not_sent(budget, NOW, retry=True)
    assert sent(budget, NOW, retries=2)[1] == 1
    assert not_sent(Budget(), NOW, retry=True) == Budget()


def test_a_clock_set_back_starts_anew() -> None:
    budget, _ = sent(Budget(), NOW, retries=300)
    budget, through = sent(budget, NOW - 3600 * S, retries=11)
    assert through == 10
    assert budget.promised_at == NOW - 3600 * S + S


@given(st.lists(st.tuples(st.integers(0, 3 * S), st.integers(0, 40), st.integers(0, 40)), max_size=60))
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
