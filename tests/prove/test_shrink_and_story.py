"""From a scenario that fails to a short one, and from its run to a story."""

import pytest
from told import run, sending

from harness.prove.labels import label, made_of, near_of, noun_of, state_of, thing_of
from harness.prove.shrink import shrink, simpler
from harness.prove.sides import Violation
from harness.prove.story import WENT_WRONG, story
from harness.simulation.scenario import CALL_FAULTS, SENDER_FAULTS, Crash, Fault, Moment, Scenario

FULL = Scenario(
    seed=3,
    permute=True,
    sendings=tuple(sending(f"order {number}", 60_000_000 + number) for number in range(5)),
    faults=(Fault("cut_after", "erp", "create_order", 2), Fault("slow", "erp", "create_order", 0, 2.0)),
    crashes=(Crash("before send", 3), Crash("after record", 0)),
)


def test_what_is_not_needed_is_left_out_and_what_is_needed_is_made_plain() -> None:
    def fails(scenario: Scenario) -> bool:
        kinds = [fault.kind for fault in scenario.faults if fault.kind.endswith("_after")]
        return bool(kinds) and any(each.label == "order 3" for each in scenario.sendings)

    shortest = shrink(FULL, fails, 1_000)
    assert shortest == Scenario(
        seed=0, sendings=(sending("order 3", 0),), faults=(Fault("silence_after", "erp", "create_order", 0),)
    )
    assert not any(map(fails, simpler(shortest)))


def test_shrinking_ends_after_so_many_runs() -> None:
    tried: list[Scenario] = []
    assert shrink(FULL, lambda scenario: bool(tried.append(scenario)), 7) == FULL
    assert len(tried) == 7


def test_every_fault_has_its_words() -> None:
    assert {*WENT_WRONG} == {*CALL_FAULTS, *SENDER_FAULTS}


def test_a_story_tells_what_somebody_did_what_went_wrong_and_what_is_wrong_in_the_end() -> None:
    moments = (
        Moment(0, "send", "order 1", system="shop", nth=1),
        Moment(1, "accepted", "order 1", 1),
        Moment(2, "call", "order 1", 1, "erp", "create_order"),
        Moment(3, "fault", "order 1", 1, "erp", "create_order", detail="silence_after"),
        Moment(4, "crash", detail="before record"),
        Moment(5, "restart", nth=2),
        Moment(7_200_000_000, "send", "order 1", system="shop", nth=1),
        Moment(7_200_000_001, "recorded", "order 1", 1, detail="held"),
    )
    made = run(moments=moments)
    assert story(made, Violation("nothing-twice", "orders", "erp", "the erp holds two orders")) == (
        "shop sends order 1",
        "the erp commits and the answer is lost (create_order)",
        "the engine dies before record",
        "the engine starts again",
        "shop sends order 1 again, 2 hours later",
        "order 1 is held",
        "the erp holds two orders",
    )


def test_how_a_message_ended_is_told_once_where_that_is_what_is_wrong() -> None:
    sent = Moment(0, "send", "order 1", system="shop", nth=1)
    made = run(moments=(sent, Moment(1, "recorded", "order 1", 1, detail="quarantined")))
    why = Violation("mapping-total", "orders", "map", "order 1 is quarantined, though shop/order@1 allows it")
    assert story(made, why) == ("shop sends order 1", why.words)
    other = Violation("liveness", "orders", "", "order 10 is still waiting")
    assert story(made, other) == ("shop sends order 1", "order 1 is quarantined", other.words)


@pytest.mark.parametrize("action", ["release", "reject", "redrive"])
def test_what_a_person_decides_is_told_as_what_he_does(action: str) -> None:
    decided = run(moments=(Moment(0, "person", "order 1", 1, detail=action),))
    assert story(decided, Violation("liveness", "orders", "", "wrong")) == (f"somebody {action}s order 1", "wrong")


def test_a_long_story_says_how_much_it_leaves_out() -> None:
    moments = tuple(Moment(place, "send", f"order {place}", system="shop", nth=1) for place in range(40))
    told = story(run(moments=moments), Violation("liveness", "orders", "", "wrong"))
    assert (len(told), told[-2:]) == (13, ("and 29 more such things happen", "wrong"))


def test_a_label_is_read_as_it_was_written() -> None:
    assert [label("order", 0), label("order", 0, 1), label("order", 2, made="without body.note")] == [
        "order 1",
        "order 1 (state 2)",
        "order 3 without body.note",
    ]
    assert (thing_of("order 1 (state 2)"), state_of("order 1 (state 2)"), state_of("order 1")) == ("order 1", 2, 1)
    assert (made_of(label("order", 2, made="with body.n null")), made_of("order 1")) == ("with body.n null", "")
    assert (near_of(label("order", 1, beside=0)), near_of("order 1")) == ("order 1", "")
    assert [noun_of(name) for name in ("shopify/order@2024-10", "")] == ["order", "message"]
