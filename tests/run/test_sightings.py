"""Counts of unknown fields between two writings: added up, bounded, put back where they could not be written."""

from engine.model import Sighted, Sighting
from engine.run.sightings import LOOKED_INTO_MAX, PATHS_MAX, SHAPES_MAX, Sightings, times_by_place
from engine.store import Tally

ORDER, PAYMENT = "shop/order@1", "shop/payment@1"


def tally(contract: str, path: str, count: int, first_at: int, last_at: int, event: int) -> Tally:
    return Tally(Sighting(Sighted.UNKNOWN_FIELD, contract, path), count, first_at, last_at, event)


def test_counts_are_added_up_and_begin_anew_once_taken() -> None:
    sightings = Sightings()
    sightings.add(ORDER, ("duties", "lines[*].duty"), event=1, now=10)
    sightings.add(ORDER, ("duties",), event=2, now=20)
    sightings.add(PAYMENT, ("duties",), event=3, now=30)
    taken = sightings.take()
    assert taken == (
        tally(ORDER, "duties", 2, 10, 20, 2),
        tally(ORDER, "lines[*].duty", 1, 10, 10, 1),
        tally(PAYMENT, "duties", 1, 30, 30, 3),
    )
    assert times_by_place(taken) == {ORDER: 3, PAYMENT: 1}
    assert sightings.take() == ()


def test_in_a_storm_only_so_many_events_of_a_contract_are_looked_into_between_two_writings() -> None:
    sightings = Sightings()
    wanted = [sightings.wants(ORDER) for _ in range(LOOKED_INTO_MAX + 2)]
    assert wanted == [True] * LOOKED_INTO_MAX + [False, False]
    assert sightings.wants(PAYMENT)
    sightings.take()
    assert sightings.wants(ORDER)


def test_sets_of_fields_by_turns_keep_when_each_field_was_seen_first_and_last() -> None:
    sightings = Sightings()
    sightings.add(ORDER, ("duties", "tips"), event=1, now=10)
    sightings.add(ORDER, ("duties",), event=2, now=20)
    sightings.add(ORDER, ("duties", "tips"), event=3, now=30)
    assert sightings.take() == (tally(ORDER, "duties", 3, 10, 30, 3), tally(ORDER, "tips", 2, 10, 30, 3))


def test_more_sets_of_fields_than_are_kept_together_are_counted_all_the_same() -> None:
    sightings = Sightings()
    for number in range(2 * SHAPES_MAX):
        sightings.add(ORDER, ("duties", f"f{number}"), event=number, now=number)
    counts = {each.sighting.name: each.count for each in sightings.take()}
    assert counts["duties"] == 2 * SHAPES_MAX
    assert len(counts) == 2 * SHAPES_MAX + 1
    assert len(sightings.together) == 0


def test_what_could_not_be_written_is_counted_with_what_came_since() -> None:
    sightings = Sightings()
    sightings.add(ORDER, ("duties", "tips"), event=1, now=10)
    taken = sightings.take()
    sightings.add(ORDER, ("duties", "fees"), event=2, now=20)
    sightings.give_back(taken)
    assert set(sightings.take()) == {
        tally(ORDER, "duties", 2, 10, 20, 2),
        tally(ORDER, "tips", 1, 10, 10, 1),
        tally(ORDER, "fees", 1, 20, 20, 2),
    }


def test_a_contract_has_a_bounded_number_of_paths_and_no_sighting_goes_uncounted() -> None:
    sightings = Sightings()
    sightings.add(PAYMENT, ("duties",), event=1, now=1)
    sightings.add(ORDER, (f"lines[*].f{number}" for number in range(PATHS_MAX)), event=1, now=1)
    sightings.add(ORDER, ("lines[*].more", "lines[*].most", "top", "lines[*].f7"), event=2, now=2)
    taken = {(each.sighting.place, each.sighting.name): each.count for each in sightings.take()}
    assert len(taken) == PATHS_MAX + 3
    assert (taken[ORDER, "lines[*].*"], taken[ORDER, "*"], taken[ORDER, "lines[*].f7"]) == (2, 1, 2)
    assert taken[PAYMENT, "duties"] == 1
