"""Schedules: exact counts where arrivals are even, the right distribution where they are not, and both the same again
from the same seed."""

from collections import Counter
from itertools import islice, pairwise
from math import exp, sqrt

import pytest

from harness.load.model import Arrival, PhaseSpan
from harness.load.send.arrivals import AGAIN_MOST_US, arrivals, due_times, schedule, spans
from harness.load.send.profile import Phase, Piece, Profile, scaled, steady

SECOND = 1_000_000


def profile(*phases: Phase, arrivals: str = "even", again: float = 0.0) -> Profile:
    return Profile(name="p", arrivals=arrivals, again=again, phases=phases)  # type: ignore[arg-type]


def phase(name: str, for_s: float, begin: float, end: float | None = None, **more: bool) -> Phase:
    return Phase(name, (Piece(round(for_s * SECOND), begin, begin if end is None else end),), **more)


def of_phases(found: list[Arrival]) -> Counter[tuple[int, bool]]:
    return Counter((each.phase, each.again) for each in found)


def test_even_arrivals_come_at_even_gaps() -> None:
    found, told = schedule(profile(phase("a", 2, 5)), seed=1)
    assert [each.due_us for each in found] == [100_000 + 200_000 * number for number in range(10)]
    assert [each.message for each in found] == list(range(10))
    assert told == (PhaseSpan("a", 0.0, 2.0),)


@pytest.mark.parametrize(
    ("phases", "counts"),
    [
        ((phase("a", 10, 7),), [70]),
        ((phase("up", 10, 0, 100),), [500]),
        ((phase("down", 10, 100, 0), phase("b", 1, 3)), [500, 3]),
        ((phase("a", 1, 10), phase("quiet", 5, 0), phase("b", 2, 10)), [10, 0, 20]),
        ((phase("a", 0.5, 1), phase("b", 0.5, 1), phase("c", 1, 1)), [1, 0, 1]),
    ],
)
def test_even_counts_are_exact(phases: tuple[Phase, ...], counts: list[int]) -> None:
    found, _ = schedule(profile(*phases), seed=1)
    assert [of_phases(found)[place, False] for place in range(len(phases))] == counts


def test_a_ramp_brings_half_of_its_messages_in_its_last_three_tenths() -> None:
    found, _ = schedule(profile(phase("up", 10, 0, 1000)), seed=1)
    early = sum(each.due_us < 10 * SECOND / sqrt(2) for each in found)
    assert early == pytest.approx(len(found) / 2, abs=1)


def test_poisson_counts_and_gaps_are_those_of_a_poisson_process() -> None:
    times = list(due_times(profile(phase("a", 200, 500), arrivals="poisson"), seed=7))
    expected = 200 * 500
    assert abs(len(times) - expected) < 4 * sqrt(expected)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = SECOND / 500
    for share in (0.5, 1, 2):  # P(gap > x) = exp(-x / mean)
        measured = sum(gap > share * mean for gap in gaps) / len(gaps)
        assert measured == pytest.approx(exp(-share), abs=0.01)
    counts = Counter(moment // SECOND for moment in times)
    spread = sum((counts[second] - 500) ** 2 for second in range(200)) / 200
    assert spread == pytest.approx(500, rel=0.4)  # the variance of a second's count is its mean


def test_a_poisson_ramp_follows_its_rate() -> None:
    found, _ = schedule(profile(phase("up", 100, 0, 1000), arrivals="poisson"), seed=3)
    by_tenth = Counter(each.due_us // (10 * SECOND) for each in found)
    for tenth in range(10):
        expected = (tenth + 0.5) * 1000
        assert abs(by_tenth[tenth] - expected) < 5 * sqrt(expected)


def test_one_seed_is_one_schedule_and_another_is_another() -> None:
    one = profile(phase("a", 10, 50), phase("b", 5, 50, outage=True), phase("c", 5, 50), arrivals="poisson", again=0.1)
    assert schedule(one, 5) == schedule(one, 5)
    assert schedule(one, 5) != schedule(one, 6)


def test_twice_the_rates_are_the_same_draws_at_half_the_times() -> None:
    one = profile(phase("a", 10, 50), arrivals="poisson")
    first = list(islice(due_times(one, 5), 200))
    twice = list(islice(due_times(scaled(one, times=2), 5), 200))
    assert all(abs(each - 2 * half) <= 2 for each, half in zip(first, twice, strict=True))


@pytest.mark.parametrize("word", ["even", "poisson"])
def test_what_an_outage_holds_back_comes_once_in_the_next_phase(word: str) -> None:
    phases = (phase("a", 10, 20), phase("out", 10, 20, outage=True), phase("c", 5, 20), phase("d", 10, 20))
    one = profile(*phases, arrivals=word, again=0.3)
    found, _ = schedule(one, seed=2)
    firsts = Counter(each.message for each in found if not each.again)
    held = {*range(max(each.message for each in found) + 1)} - {*firsts}
    made_up = Counter(each.message for each in found if each.again and each.message in held and each.phase == 2)
    assert 1 not in {each.phase for each in found}
    assert set(made_up) == held
    # Of what was due in its first half a second delivery was due in the outage as well: both come as one.
    deliveries = Counter(each.message for each in found)
    early = [number for number, due_us in enumerate(due_times(one, 2)) if 10 * SECOND <= due_us < 15 * SECOND]
    assert early
    assert {deliveries[number] for number in early} == {1}
    assert all(each.due_us < 10 * SECOND or each.due_us >= 20 * SECOND for each in found)
    assert found == sorted(found, key=lambda each: each.due_us)


def test_a_catch_up_of_an_even_profile_is_exact() -> None:
    phases = (phase("a", 1, 10), phase("out", 2, 10, outage=True), phase("c", 1, 10), phase("d", 1, 10))
    found, told = schedule(profile(*phases), seed=2)
    assert of_phases(found) == {(0, False): 10, (2, True): 20, (2, False): 10, (3, False): 10}
    late = [each for each in found if each.again]
    assert [each.message for each in late] == list(range(10, 30))
    assert [each.due_us for each in late[:2]] == [3 * SECOND + 25_000, 3 * SECOND + 75_000]
    assert [span.name for span in told] == ["a", "out", "c", "d"]


def test_second_deliveries_come_within_seconds_and_before_the_end() -> None:
    found, _ = schedule(profile(phase("a", 60, 100), arrivals="poisson", again=0.05), seed=4)
    first = {each.message: each.due_us for each in found if not each.again}
    agains = [each for each in found if each.again]
    assert len(agains) == pytest.approx(0.05 * len(first), rel=0.25)
    assert all(0 < each.due_us - first[each.message] <= AGAIN_MOST_US for each in agains)
    assert max(each.due_us for each in found) < 60 * SECOND
    assert found == sorted(found, key=lambda each: each.due_us)


def test_to_deliver_again_moves_no_first_delivery() -> None:
    once, _ = schedule(profile(phase("a", 10, 100), arrivals="poisson"), seed=4)
    twice, _ = schedule(profile(phase("a", 10, 100), arrivals="poisson", again=0.5), seed=4)
    assert [each for each in twice if not each.again] == once


def test_a_warm_up_is_not_counted() -> None:
    assert spans(steady("p", 10, 3, warm_up_s=2)) == (
        PhaseSpan("warm-up", 0.0, 2.0, counted=False),
        PhaseSpan("steady", 2.0, 5.0),
    )


def test_a_soak_is_drawn_as_it_goes() -> None:
    long = profile(phase("soak", 86_400, 1000), arrivals="poisson")
    assert len(list(islice(arrivals(long, 1), 1000))) == 1000  # of 86 million: they are not made first
