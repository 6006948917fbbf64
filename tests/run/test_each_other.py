"""Two events, each with an effect in doubt that the other one asks for: neither keeps the other from ending."""

import pytest
from run.shop import shop
from run.stage import LOST, Stage, answered

BOOK = """
  book:
    request: {method: POST, path: "/book/{{ once }}", body: input}
    effect: at_most_once
    identity: path[1]
    answer: {status: 200}
  reserve:
    request: {method: POST, path: "/reserve/{{ once }}", body: input}
    effect: verifiable
    identity: path[1]
    lookup: {call: reserved, input: "{once: once}", found: body.there}
    answer: {status: 200}
  reserved:
    request: {method: GET, path: "/reserved/{{ input.once }}"}
    effect: none
    identity: path[1]
    answer: {status: 200}
"""
EACH = """
  - id: seats
    each: body.seats
    as: seat
    steps:
      - {id: seat_booked, call: erp.book, input: seat, once: seat.id}
"""
VERIFIABLE = EACH.replace("erp.book", "erp.reserve")
REPEATED = EACH.replace("erp.book", "carrier-a.buy")
FIRST = """
  - {id: first, call: erp.book, input: "body.seats[0]", once: "body.seats[0].id"}
"""
SECOND = FIRST.replace("first", "second").replace("[0]", "[1]")
FAILS = EACH.replace("seat.id}", "seat.id, on_unknown: dead_letter}")
GOES_ON = f"{FAILS.replace('body.seats', 'body.seats[:1]')}    on_failure: continue\n    default: []\n{SECOND}"
DONE, ERROR = answered(200, {"label": "l-1"}), answered(500)
THERE = answered(200, {"there": True})
HELD = ("held", "unknown-effects")


def meet(*replies: object, steps: str = EACH) -> Stage:
    """One event asks for x and then y, another for y and then x, at the same moment; the answers to what each sends
    first are lost."""
    files = shop(steps)
    path = "charter/systems/erp.yaml"
    stage = Stage(LOST, LOST, *replies, files={**files, path: files[path] + BOOK})  # type: ignore[arg-type]
    for at, seats in enumerate(("xy", "yx"), 1):
        stage.arrive(f"e{at}", str(at), customer=seats, seats=[{"id": seat} for seat in seats])
    stage.run_together()
    return stage


def go_on(stage: Stage, *replies: object) -> None:
    """Delivers for two hours whatever is due, when it is."""
    stage.replies.extend(replies)  # type: ignore[arg-type]
    until = stage.at + 7200 * 1_000_000
    while stage.at < until:
        if not stage.run():
            stage.pass_time(10)


def release(stage: Stage, event: int, *replies: object) -> None:
    stage.decide("release", event)
    go_on(stage, *replies)


def stands(stage: Stage) -> list[tuple[str, str]]:
    return [(row.status.value, row.queue) for row in stage.rows()]


# ── items that wait for a person ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["the older first", "the younger first"])
@pytest.mark.parametrize(
    ("steps", "in_vain", "found"),
    [(VERIFIABLE, [ERROR] * 6, THERE), (REPEATED, [LOST] * 6, DONE)],
    ids=["found by look-up", "sent again"],
)
def test_what_is_held_of_an_event_is_a_persons_though_its_other_items_wait_for_another_event(
    steps: str, in_vain: list[object], found: object, order: tuple[int, int]
) -> None:
    stage = meet(*in_vain, steps=steps)
    go_on(stage)
    assert stands(stage) == [HELD, HELD]
    assert "1 waiting and 1 held of its items: seats[0]: " in stage.row(1).reason
    first, second = order
    release(stage, first, found)
    assert (stage.status(first), stands(stage)[second - 1]) == ("waiting", HELD)
    release(stage, second, found)
    assert (stands(stage), len(stage.sent)) == ([("done", "")] * 2, 10)


def test_an_event_that_is_held_asks_by_itself_whether_the_other_has_made_its_effect() -> None:
    stage = meet(*[ERROR] * 6, steps=VERIFIABLE)
    go_on(stage)
    release(stage, 2, THERE)
    assert stage.story(1)[-1] == "known"
    assert stage.row(1).reason.startswith("step seats: 0 waiting and 1 held of its items")


def test_a_no_to_what_is_held_lets_the_other_event_settle_it() -> None:
    stage = meet(*[ERROR] * 6, steps=VERIFIABLE)
    go_on(stage)
    stage.decide("reject", 1)
    stage.decide("reject", 2)
    go_on(stage, THERE, THERE)
    assert stands(stage) == [("dead", "")] * 2
    assert [story.count("look-up found") for story in (stage.story(1), stage.story(2))] == [1, 1]


def test_items_that_are_to_be_tried_again_are_so_before_what_is_held_is_a_persons() -> None:
    steps = EACH.replace("erp.book", "carrier-a.buy").replace("seat.id}", "seat.id, on_unknown: hold}")
    stage = Stage(LOST, answered(503), DONE, files=shop(steps))
    stage.arrive(seats=[{"id": "x"}, {"id": "y"}])
    stage.run()
    assert stage.status() == "waiting"
    go_on(stage)
    assert stands(stage) == [HELD]


# ── what was left behind ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("steps", [FAILS, GOES_ON], ids=["its item failed", "its each went on"])
def test_a_doubt_that_an_event_left_behind_is_anothers_to_settle(steps: str) -> None:
    stage = meet(steps=steps)
    go_on(stage)
    ends = {FAILS: ("dead", ""), GOES_ON: HELD}
    assert (stands(stage), len(stage.sent)) == ([ends[steps]] * 2, 2)


@pytest.mark.parametrize("steps", [EACH, FIRST + SECOND], ids=["items", "steps"])
def test_a_doubt_that_a_person_let_an_event_go_on_from_is_anothers_to_settle(steps: str) -> None:
    stage = meet(steps=steps)
    go_on(stage)
    assert stands(stage) == [HELD, HELD]
    stage.decide("release", 1)
    stage.decide("release", 2)
    go_on(stage)
    assert stands(stage) == [HELD, HELD]
    stage.decide("release", 1)
    stage.decide("release", 2)
    go_on(stage)
    assert (stands(stage), len(stage.sent)) == ([("done", "")] * 2, 2)


# ── each behind the other's key ──────────────────────────────────────────────────────────────────────────────────────

REVIEWED = """
  - {id: review, when: 'body.number == `2`', hold: {queue: review, reason: look}}
  - {id: label, call: carrier-a.buy, input: body.seat, once: body.seat}
"""


def test_two_older_events_do_not_wait_for_ever_for_the_younger_one_behind_the_other() -> None:
    stage = Stage(LOST, LOST, files=shop(REVIEWED))
    for order, (customer, seat) in enumerate((("c", "y"), ("d", "x"), ("c", "x"), ("d", "y")), 1):
        stage.arrive(f"e{order}", str(order), customer=customer, number=2 if order < 3 else 1, seat=seat)
    stage.run()
    stage.run()
    assert [stage.status(event) for event in (1, 2, 3, 4)] == ["held", "held", "waiting", "waiting"]
    stage.decide("release", 1)
    stage.decide("release", 2)
    go_on(stage, DONE, DONE)
    assert (stands(stage), len(stage.sent)) == ([("done", "")] * 4, 4)
