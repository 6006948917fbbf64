"""Lanes share 16:4:1 where not all can go, none starves, nothing is wasted; integrations share a lane evenly."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.lanes import TURNS, WEIGHTS, deal, share

ROUND = sum(WEIGHTS)
COUNTS = st.tuples(*[st.integers(0, 50)] * 3)


def test_a_round_has_each_lane_as_often_as_it_weighs_and_spread_out() -> None:
    assert Counter(TURNS) == {0: 16, 1: 4, 2: 1}
    normal = [place for place, lane in enumerate(TURNS) if lane == 1]
    assert all(3 <= later - sooner <= 7 for sooner, later in pairwise(normal))


@pytest.mark.parametrize("places", [1, 2, 5, 20, 21, 64])
def test_under_scarcity_shares_are_sixteen_to_four_to_one_however_many_are_dealt_at_a_time(places: int) -> None:
    turn, had = 0, Counter[int]()
    for _ in range(ROUND * 100):
        dealt, turn = deal(places, (1000, 1000, 1000), turn)
        had.update(dict(enumerate(dealt)))
    assert [had[lane] * ROUND for lane in range(3)] == [weight * sum(had.values()) for weight in WEIGHTS]


@given(st.lists(st.tuples(st.integers(0, 7), COUNTS), max_size=60), st.integers(0, ROUND - 1))
def test_nothing_is_wasted_and_nobody_waits_longer_than_a_round(
    deals: list[tuple[int, tuple[int, ...]]], turn: int
) -> None:
    passed_over = [0, 0, 0]
    for places, waiting in deals:
        dealt, turn = deal(places, waiting, turn)
        assert sum(dealt) == min(places, sum(waiting))
        assert all(got <= wait for got, wait in zip(dealt, waiting, strict=True))
        for lane in range(3):
            served = dealt[lane] > 0 or dealt[lane] == waiting[lane]
            passed_over[lane] = 0 if served else passed_over[lane] + sum(dealt)
            assert passed_over[lane] < ROUND


def test_the_same_state_deals_the_same() -> None:
    assert deal(7, (9, 9, 9), 3) == deal(7, (9, 9, 9), 3)


def test_what_empty_lanes_leave_goes_to_the_others() -> None:
    assert deal(10, (0, 0, 50), 0)[0] == (0, 0, 10)
    assert deal(10, (0, 3, 50), 0)[0] == (0, 3, 7)
    assert deal(10, (0, 0, 0), 5) == ((0, 0, 0), 5)
    assert deal(0, (9, 9, 9), 5) == ((0, 0, 0), 5)


def test_in_a_lane_places_go_to_the_integration_that_holds_fewest() -> None:
    lane = {"orders": [1, 4, 7], "stock": [2, 5], "prices": [3]}
    assert share([{}, lane, {}], {"orders": 2}, 3)[0] == [3, 2, 5]
    assert share([{}, lane, {}], {}, 9)[0] == [1, 3, 2, 4, 5, 7]


def test_what_one_lane_gives_an_integration_counts_in_the_next() -> None:
    chosen, turn = share([{"a": [1]}, {"a": [2], "b": [3]}, {}], {}, 2)
    assert chosen == [1, 3]
    assert turn == 3, "after the urgent one there is nothing urgent left: its next turn is skipped"


@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)), min_size=3, max_size=3),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)),
    st.integers(0, 40),
    st.integers(0, ROUND - 1),
)
def test_a_share_takes_the_first_of_each_queue_once(
    counts: list[dict[str, int]], running: dict[str, int], places: int, turn: int
) -> None:
    numbers = iter(range(1000))
    waiting = [{name: [next(numbers) for _ in range(count)] for name, count in lane.items()} for lane in counts]
    chosen, _ = share(waiting, running, places, turn)
    assert len(chosen) == len({*chosen}) == min(places, sum(sum(lane.values()) for lane in counts))
    for lane in waiting:
        for queue in lane.values():
            taken = [event for event in queue if event in chosen]
            assert taken == queue[: len(taken)]
