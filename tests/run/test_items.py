"""Steps for each item of a list: items retry, are held and fail without one another, through crashes."""

import pytest
from run.shop import shop
from run.stage import LOST, REFUSED, Crash, Stage, answered

EACH = """
  - id: parcels
    each: body.parcels
    as: parcel
    steps:
      - {id: label, call: carrier-a.buy, input: parcel, once: "join('-', [body.id, parcel.id])"}
"""
HELD = """
  - id: parcels
    each: body.parcels
    as: parcel
    steps:
      - {id: review, hold: {queue: look, reason: "parcel {{ parcel.id }}", expires: 1h, warn: 10m}, when: "parcel.weight > `20`"}
      - {id: label, call: carrier-a.buy, input: parcel, once: parcel.id}
"""
PARCELS = [{"id": "a", "weight": 30}, {"id": "b", "weight": 5}, {"id": "c", "weight": 5}]
TURNED_AWAY, BAD = answered(503), answered(422)


def bought(label: str) -> object:
    return answered(201, {"label": label})


def play(*replies: object, steps: str = EACH) -> Stage:
    stage = Stage(*replies, files=shop(steps))  # type: ignore[arg-type]
    stage.arrive(parcels=PARCELS)
    return stage


def keys(stage: Stage) -> list[str]:
    return [request.body["reference"] for request in stage.sent]  # type: ignore[index,call-overload]


def test_every_item_is_one_effect_of_its_own() -> None:
    stage = play(bought("l-1"), bought("l-2"), bought("l-3"))
    stage.run()
    assert (stage.status(), keys(stage)) == ("done", ["1-a", "1-b", "1-c"])
    assert [line.step for line in stage.lines()] == [f"parcels[{at}].label" for at in range(3)]


def test_only_what_failed_is_tried_again() -> None:
    stage = play(bought("l-1"), TURNED_AWAY, bought("l-3"), TURNED_AWAY, bought("l-2"))
    stage.run()
    assert (stage.status(), keys(stage)) == ("waiting", ["1-a", "1-b", "1-c"])
    stage.run_all()
    assert (stage.status(), keys(stage)[3:]) == ("done", ["1-b", "1-b"])


def test_a_failed_item_fails_the_step_once_all_have_ended() -> None:
    stage = play(BAD, bought("l-2"), TURNED_AWAY, bought("l-3"))
    stage.run()
    assert stage.status() == "waiting"
    stage.run_all()
    assert stage.status() == "dead"
    assert stage.row().reason == "step parcels: 1 of 3 items failed: parcels[0]: answered 422"


def test_a_redrive_tries_the_failed_items_alone() -> None:
    stage = play(BAD, bought("l-2"), BAD, bought("l-1"), bought("l-3"))
    stage.run_all()
    assert "2 of 3 items failed" in stage.row().reason
    stage.decide("redrive")
    stage.run_all()
    assert (stage.status(), keys(stage)[3:]) == ("done", ["1-a", "1-c"])


def test_a_failed_step_may_go_on_with_its_default() -> None:
    steps = (
        EACH
        + '    on_failure: continue\n    default: []\n  - {id: after, when: "parcels == `[]`", call: erp.touch, input: body, once: body.id}\n'
    )
    stage = play(BAD, bought("l-2"), bought("l-3"), answered(200), steps=steps)
    stage.run_all()
    assert (stage.status(), stage.paths()[-1]) == ("done", "POST /touch")


def test_a_failed_step_may_be_held_and_a_release_tries_what_failed() -> None:
    stage = play(BAD, bought("l-2"), bought("l-3"), bought("l-1"), steps=EACH + "    on_failure: hold\n")
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "failed-items")
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), keys(stage)[3:]) == ("done", ["1-a"])


def test_attempts_are_counted_for_each_item() -> None:
    stage = play(*[TURNED_AWAY] * 3, *[TURNED_AWAY] * 9)
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("dead", 12)


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_crash_in_an_item_resumes_there_and_sends_what_is_in_doubt_again_under_the_same_key(dies_at: int) -> None:
    labels = [bought(f"l-{at}") for at in range(3)]
    stage = play(*labels[:dies_at], Crash, *labels[dies_at:])
    stage.run_all()
    expected = [f"1-{'abc'[at]}" for at in range(3)]
    expected.insert(dies_at, expected[dies_at])
    assert (stage.status(), keys(stage)) == ("done", expected)


def test_attempts_of_an_item_survive_a_crash() -> None:
    stage = play(TURNED_AWAY, bought("l-2"), bought("l-3"), Crash, LOST, LOST)
    stage.run_all()
    assert (stage.status(), stage.row().queue, len(stage.sent)) == ("held", "unknown-effects", 6)


def test_an_item_in_doubt_is_held_and_the_others_are_done_before() -> None:
    stage = play(*[LOST, bought("l-2"), bought("l-3")], LOST, LOST, LOST, bought("l-1"))
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), keys(stage)) == ("done", ["1-a", "1-b", "1-c", "1-a", "1-a", "1-a", "1-a"])


# ── holds inside ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_item_that_waits_for_a_person_keeps_no_other() -> None:
    stage = play(bought("l-2"), bought("l-3"), bought("l-1"), steps=HELD)
    stage.run()
    assert (stage.status(), stage.row().queue, keys(stage)) == ("held", "look", ["b", "c"])
    assert "parcel a" in stage.row().reason
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), keys(stage)) == ("done", ["b", "c", "a"])
    released = next(line for line in stage.lines() if line.kind == "release" and line.ended)
    assert (released.step, released.result) == ("parcels[0].review", {"by": "ada", "reason": "because"})


def test_an_item_is_told_of_once_and_expires_at_its_time() -> None:
    stage = play(bought("l-2"), bought("l-3"), steps=HELD)
    stage.run()
    stage.pass_time(600)
    stage.run()
    assert (stage.status(), [fact.name for fact in stage.facts].count("hold_overdue")) == ("held", 1)
    stage.pass_time(2999)
    assert stage.run() == 0
    stage.pass_time(1)
    stage.run()
    assert stage.status() == "dead"
    assert "nobody decided in time" in stage.row().reason


def test_a_rejected_item_fails() -> None:
    stage = play(bought("l-2"), bought("l-3"), steps=HELD)
    stage.run()
    stage.decide("reject")
    stage.run_all()
    assert stage.status() == "dead"
    assert "rejected by ada" in stage.row().reason


def test_a_rejected_item_goes_on_where_its_hold_says_so() -> None:
    steps = HELD.replace('when: "parcel.weight > `20`"}', 'when: "parcel.weight > `20`", on_failure: continue}')
    stage = play(bought("l-2"), bought("l-3"), bought("l-1"), steps=steps)
    stage.run()
    stage.decide("reject")
    stage.run_all()
    assert (stage.status(), keys(stage)) == ("done", ["b", "c", "a"])


def test_a_connection_refused_in_one_item_does_not_stop_the_next() -> None:
    stage = play(REFUSED, bought("l-2"), bought("l-3"), bought("l-1"))
    stage.run_all()
    assert (stage.status(), keys(stage)) == ("done", ["1-a", "1-b", "1-c", "1-a"])


# ── what a person's no and a new effect are about ────────────────────────────────────────────────────────────────────


def test_a_no_to_what_failed_already_ends_the_event() -> None:
    stage = play(BAD, bought("l-2"), bought("l-3"), steps=EACH + "    on_failure: hold\n")
    stage.run_all()
    stage.decide("reject")
    stage.run_all()
    assert stage.status() == "discarded"


def test_a_no_to_what_kills_the_engine_ends_the_event() -> None:
    stage = play(TURNED_AWAY, bought("l-2"), bought("l-3"), Crash, Crash, Crash)
    for _ in range(4):
        stage.run()
        stage.pass_time(10)
    assert stage.status() == "quarantined"
    stage.decide("reject")
    stage.run_all()
    assert stage.status() == "discarded"


def test_a_new_effect_is_made_for_what_failed_alone() -> None:
    stage = play(BAD, bought("l-2"), bought("l-3"), bought("l-1"))
    stage.run_all()
    stage.decide("redrive", new_effect=True)
    stage.run_all()
    assert (stage.status(), keys(stage)[3:]) == ("done", ["1-a/2"])
