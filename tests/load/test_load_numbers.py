"""Numbers as everything that a load says writes them."""

import pytest

from harness.load import numbers as words
from harness.load.model import Latency


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00421, "0.00421"),
        (0.421, "0.421"),
        (4.214, "4.21"),
        (42.14, "42.1"),
        (421.4, "421"),
        (4_214.4, "4,214"),
        (9.996, "10"),
        (-42.14, "-42.1"),
    ],
)
def test_a_number_has_three_digits(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, words.ABSENT),
        (0.42, "0.42 ms"),
        (999.0, "999 ms"),
        (999.7, "1 s"),
        (1_000.0, "1 s"),
        (1_240.0, "1.24 s"),
        (41_200.0, "41.2 s"),
        (372_000.0, "6 min 12 s"),
        (45_000_000.0, "12 h 30 min"),
        (86_400_000.0, "1 d"),
        (float("inf"), words.ABSENT),
        (float("nan"), words.ABSENT),
    ],
)
def test_a_time_is_told_in_the_unit_that_a_person_would_take(ms: float | None, text: str) -> None:
    assert words.milliseconds(ms) == text


def test_a_change_shows_its_direction() -> None:
    assert [words.signed(change) for change in (38.0, -61.0, 0.0)] == ["+38", f"{words.MINUS}61", "0"]


def test_a_share_that_is_not_nothing_is_not_told_as_nothing() -> None:
    assert [words.share(part) for part in (0.0, 0.0002, 0.042, 1.94)] == ["0 %", "< 0.1 %", "4.2 %", "194 %"]


def test_a_quantile_that_was_refused_tells_how_few_samples_there_were() -> None:
    few = Latency(count=212, mean_ms=5, max_ms=9, quantiles_ms={"0.5": 4.0})
    none = Latency(count=0, mean_ms=0, max_ms=0, quantiles_ms={})
    assert words.quantile(few, "0.5") == "4 ms"
    assert words.quantile(few, "0.99") == "too few (212)"
    assert words.quantile(none, "0.5") == words.quantile(None, "0.5") == words.ABSENT


def test_a_share_of_which_something_is_missing_is_not_told_as_all() -> None:
    assert [words.nearly_all(part) for part in (1.0, 0.99999, 0.9987, 0.9)] == ["100 %", "99.99 %", "99.87 %", "90 %"]


def test_lost_events_are_told_to_the_last() -> None:
    assert words.whole(1_234_567) == "1,234,567"


@pytest.mark.parametrize(("name", "text"), [("0.5", "p50"), ("0.99", "p99"), ("0.999", "p99.9")])
def test_a_quantile_has_the_name_that_everybody_gives_it(name: str, text: str) -> None:
    assert words.label(name) == text


@pytest.mark.parametrize(("second", "text"), [(41, "0:41"), (65.0, "1:05"), (3_723, "1:02:03")])
def test_a_second_of_the_run_is_told_as_the_charts_tell_it(second: float, text: str) -> None:
    assert words.clock(second) == text
