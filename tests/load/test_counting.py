"""What a partner counts: a table of quotas, calls and what becomes of them."""

import pytest
from described import system

from engine.charter.ladders import rate_text
from engine.spec import shape
from harness.counting import BUNCHING_S, Counting, declared, told

OPERATION = "touch:\n  request: {method: POST, path: /x}\n  effect: unprotected\n  identity: path[0]\n"


def quota(text: str) -> shape.Quota:
    found = system(OPERATION, head=f"quota: {text}").quota
    assert found is not None
    return found


def taken(counting: Counting, times: list[float]) -> list[bool]:
    return [counting.refuses(at) is None for at in times]


@pytest.mark.parametrize(
    ("text", "times", "expected"),
    [
        pytest.param("{rate: 2/s}", [0, 0, 0, 0.5, 0.5, 1.0], [1, 1, 0, 1, 0, 1], id="a bucket of one second"),
        pytest.param("{rate: 1/s, burst: 3}", [0, 0, 0, 0, 0.99, 1], [1, 1, 1, 0, 0, 1], id="a burst of its own"),
        pytest.param("{spacing: 1s}", [0, 0.5, 1 - BUNCHING_S, 1.5], [1, 0, 1, 0], id="a spacing, with patience"),
        pytest.param(
            "{rate: 10/s, kind: leaky_bucket}",
            [0, 0.01, 0.02, 0.1],
            [1, 1, 0, 1],
            id="one by one, as near as they come",
        ),
    ],
)
def test_a_partner_counts_what_its_file_says_and_is_generous_by_nothing(
    text: str, times: list[float], expected: list[int]
) -> None:
    counting = declared(system(OPERATION, head=f"quota: {text}"), 0.0)[""]
    assert taken(counting, times) == [bool(one) for one in expected]


def test_who_comes_too_early_is_told_when_the_next_call_may_come() -> None:
    counting = declared(system(OPERATION, head="quota: {rate: 2/s, burst: 1, concurrency: 2}"), 0.0)[""]
    counting.under_way = 2
    assert counting.refuses(0) == 1.0
    counting = Counting(2, 1.0, 2, patience_s=0.0)
    assert counting.refuses(0) is None
    assert counting.refuses(0) is None
    assert counting.refuses(0.1) == pytest.approx(0.4)


def test_an_operation_has_a_count_of_its_own_beside_that_of_its_system() -> None:
    text = OPERATION + "  quota: {rate: 1/s}\n"
    assert set(declared(system(text, head="quota: {rate: 5/s}"), 0.0)) == {"", "touch"}
    assert declared(system(OPERATION), 0.0) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{rate: 25/s, burst: 50, concurrency: 8}", "25/s, burst 50, concurrency 8"),
        ("{rate: 0.5/s}", "30/min"),
        ("{rate: 600/min}", "600/min"),
        ("{rate: 10/h, kind: leaky_bucket}", "10/h, no bursts"),
        ("{spacing: 200ms}", "0.2 s apart"),
    ],
)
def test_a_quota_is_told_as_people_write_it(text: str, expected: str) -> None:
    assert told(quota(text)) == expected
    assert told(None) == ""


def test_a_rate_below_one_a_day_is_still_told() -> None:
    assert rate_text(shape.Rate(1, 2 * 86_400_000_000)) == "0.5/d"
