"""Which seconds of a run are looked at, and by how much something grew in them."""

import pytest

from harness.load.measure.steady import slope, steady, steady_phase
from harness.load.model import PhaseSpan, Second

PHASES = (PhaseSpan("warm-up", 0, 3, counted=False), PhaseSpan("steady", 3, 15))


def test_of_a_steady_phase_its_first_third_is_left_out() -> None:
    assert steady(PHASES, ()) == (7, 15)


def test_without_one_it_is_the_ten_seconds_in_which_most_was_completed() -> None:
    counts = [1] * 20 + [9] * 10 + [2] * 20
    seconds = [Second(at_s=at, completed=count) for at, count in enumerate(counts)]
    phases = (PhaseSpan("burst", 0, 50),)
    assert steady(phases, seconds) == (20, 30)
    assert steady(phases, seconds[:4]) == (0, 4)
    assert steady(phases, ()) == (0, 0)


def test_a_slope_means_something_of_the_last_phase_that_sends_for_long_enough() -> None:
    long, short = PhaseSpan("long", 10, 70), PhaseSpan("burst", 70, 80)
    outage, warm = PhaseSpan("outage", 80, 200, outage=True), PhaseSpan("warm-up", 0, 40, counted=False)
    assert steady_phase((warm, long, short, outage)) == long
    assert steady_phase((warm, short, outage)) is None


def test_a_slope_is_that_of_the_line_through_all_points() -> None:
    assert slope([(at, 500 + 3 * at) for at in range(20)]) == pytest.approx(3.0)
    assert slope([(0, 10), (1, 4), (2, 16), (3, 10)]) == pytest.approx(1.2)
    assert slope([(7, 1)]) == slope([(7, 1), (7, 9)]) == 0.0
