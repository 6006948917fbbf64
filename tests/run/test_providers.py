"""One of several providers: moved on from only where there was surely no effect; who served is remembered."""

import pytest
from run.shop import shop
from run.stage import LOST, REFUSED, Crash, Stage, answered

from engine.rules.breaker import Breaker, State

LABEL = """
  - id: label
    call: {any_of: [carrier-a.buy, carrier-b.buy]}
    input: {fields: {id: body.id}}
    once: body.id
"""
LABEL_A, LABEL_B = answered(201, {"label": "a-1"}), answered(201, {"label": "b-1"})
TURNED_AWAY, TAKEN = answered(503), answered(409)
A, B = "POST /carrier-a/labels", "POST /carrier-b/labels"


def play(*replies: object, steps: str = LABEL) -> Stage:
    stage = Stage(*replies, files=shop(steps))  # type: ignore[arg-type]
    stage.arrive()
    return stage


def test_the_first_one_serves_where_it_can() -> None:
    stage = play(LABEL_A)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A])


@pytest.mark.parametrize("failed", [REFUSED, TAKEN])
def test_what_never_left_or_is_declared_harmless_moves_on_at_once(failed: object) -> None:
    stage = play(failed, LABEL_B)
    stage.run()
    assert (stage.status(), stage.paths()) == ("done", [A, B])
    assert stage.lines()[-1].operation == "carrier-b.buy"


def test_what_was_turned_away_in_http_words_is_tried_again_at_the_same_one() -> None:
    stage = play(TURNED_AWAY, LABEL_A)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, A])


def test_a_lost_answer_is_settled_where_it_was_lost() -> None:
    stage = play(LOST, LABEL_A)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, A])


@pytest.mark.parametrize("first", [LOST, Crash])
@pytest.mark.parametrize("repeat", [REFUSED, TAKEN, TURNED_AWAY])
def test_that_a_repeat_had_no_effect_does_not_say_that_the_first_send_had_none(first: object, repeat: object) -> None:
    stage = play(first, repeat, LABEL_A)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, A, A])


def test_a_lost_answer_of_the_second_one_is_settled_there() -> None:
    stage = play(REFUSED, LOST, LABEL_B)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, B, B])


def test_a_crash_while_the_second_one_is_asked_is_settled_there() -> None:
    stage = play(REFUSED, Crash, LABEL_B)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, B, B])


def test_it_stays_with_the_second_one_that_turned_it_away() -> None:
    stage = play(REFUSED, TURNED_AWAY, LABEL_B)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, B, B])


def test_a_refusal_moves_nowhere() -> None:
    stage = play(answered(422))
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("dead", [A])


def test_when_none_can_be_reached_it_begins_again_with_the_first_and_attempts_are_the_steps() -> None:
    stage = play(*[REFUSED] * 4)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("dead", [A, B, A, B])


def test_another_event_gets_what_any_of_them_did() -> None:
    stage = play(REFUSED, LABEL_B)
    stage.run_all()
    stage.arrive("e2")
    stage.run_all()
    assert (stage.status(2), len(stage.sent)) == ("done", 2)
    assert (stage.lines(2)[-1].operation, stage.lines(2)[-1].result) == ("carrier-b.buy", "b-1")


def test_another_event_waits_for_what_is_open_at_any_of_them() -> None:
    stage = play(REFUSED, LOST, LABEL_B)
    stage.arrive("e2", customer="other")
    stage.run()
    assert [stage.status(1), stage.status(2)] == ["waiting", "waiting"]
    stage.run_all()
    assert ([stage.status(1), stage.status(2)], stage.paths()) == (["done", "done"], [A, B, B])


def test_another_event_waits_for_one_that_was_turned_away() -> None:
    stage = play(REFUSED, TURNED_AWAY, LABEL_B)
    stage.arrive("e2", customer="other")
    stage.run()
    assert "open intent" in stage.row(2).reason
    stage.run_all()
    assert ([stage.status(1), stage.status(2)], stage.paths()) == (["done", "done"], [A, B, B])


def test_they_are_tried_as_picked() -> None:
    steps = """
  - id: route
    decide:
      first:
        - {when: "body.number > `5`", then: {value: [carrier-a.buy]}}
        - {then: {value: [carrier-b.buy, carrier-a.buy]}}
""" + LABEL.replace("buy]}", "buy], pick: route}")
    stage = play(REFUSED, LABEL_A, steps=steps)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [B, A])


def test_later_steps_may_ask_who_served() -> None:
    steps = (
        LABEL
        + """
  - id: again
    call: {any_of: [carrier-a.buy, carrier-b.buy], pick: "[event.served.label]"}
    input: {fields: {id: label}}
    once: "join('-', [body.id, 'again'])"
"""
    )
    stage = play(REFUSED, LABEL_B, Crash, LABEL_B, steps=steps)
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, B, B, B])
    assert stage.sent[-1].body == {"parcel": {"id": "b-1"}, "reference": "1-again"}


def test_a_request_that_the_next_one_cannot_be_made_of_is_held() -> None:
    files = shop(LABEL)
    carrier = files["charter/systems/carrier-b.yaml"].replace("{parcel: input,", "{parcel: join('-', input),")
    stage = Stage(REFUSED, files={**files, "charter/systems/carrier-b.yaml": carrier})
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("held", [A])
    assert "the call of carrier-b.buy cannot be made" in stage.row().reason


# ── what is picked may be another one the next time ──────────────────────────────────────────────────────────────────

PICKED = LABEL.replace("buy]}", "buy], pick: body.route}")
FROM_A_TABLE = """
  - id: carrier
    decide: {first: [{then: {from: "'x'", table: route, by: zone, give: carrier}}]}
""" + LABEL.replace("buy]}", 'buy], pick: "[carrier]"}')


def test_an_event_that_picks_another_one_gets_what_was_done_elsewhere() -> None:
    stage = Stage(LABEL_A, files=shop(PICKED))
    for event, route in (("e1", "carrier-a.buy"), ("e2", "carrier-b.buy")):
        stage.arrive(event, route=[route])
        stage.run_all()
    assert (stage.status(2), stage.paths()) == ("done", [A])
    assert (stage.lines(2)[-1].operation, stage.lines(2)[-1].result) == ("carrier-a.buy", "a-1")


def test_an_event_that_picks_another_one_waits_for_what_is_open_elsewhere() -> None:
    stage = Stage(LOST, LABEL_A, files=shop(PICKED))
    stage.arrive("e1", route=["carrier-a.buy"])
    stage.arrive("e2", customer="other", route=["carrier-b.buy"])
    stage.run()
    assert (stage.status(2), stage.paths()) == ("waiting", [A])
    stage.run_all()
    assert (stage.status(2), stage.paths()) == ("done", [A, A])


@pytest.mark.parametrize("first", [LOST, TURNED_AWAY, Crash])
def test_what_is_in_doubt_or_turned_away_stays_there_though_another_one_is_picked_now(first: object) -> None:
    files = shop(FROM_A_TABLE)
    files["charter/tables/route.csv"] = "zone,carrier\nx,carrier-a.buy\n"
    stage = Stage(first, LABEL_A, files=files)  # type: ignore[arg-type]
    stage.arrive()
    stage.run()
    stage.change_table("route", "zone,carrier\nx,carrier-b.buy\n")
    stage.run_all()
    assert (stage.status(), stage.paths()) == ("done", [A, A])


def test_where_none_lets_calls_through_it_waits_for_the_first_that_will_and_not_for_a_person() -> None:
    stage = Stage(LABEL_B, files=shop(LABEL), gates=8)
    assert stage.gates is not None
    stage.gates.forced["carrier-a"] = "open"
    stage.gates.breakers["carrier-b.buy"] = Breaker(State.OPEN, stage.at, stage.at + 10_000_000, "3 of 3 failed")
    stage.arrive()
    stage.run()
    assert (stage.status(), stage.row().gate) == ("waiting", "carrier-b.buy")
    stage.pass_time(11)
    stage.run()
    assert (stage.status(), stage.paths()) == ("done", [B])


@pytest.mark.parametrize("first", ["carrier-a.buy, carrier-b.buy", "carrier-b.buy, carrier-a.buy"])
def test_what_was_undone_at_one_provider_is_not_made_anew_at_another(first: str) -> None:
    """One event that came twice: the first was compensated, the second asks whomever it asks first."""
    steps = LABEL.replace("carrier-b.buy]}", f"carrier-b.buy], pick: {{value: [{first}]}}}}")
    undone = """
  - id: label
    call: {any_of: [carrier-a.buy, carrier-b.buy]}
    input: {fields: {id: body.id}}
    once: body.id
  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: compensate}
"""
    second = f"""
receive:
  webhook: {{path: /hooks/second, system: shop}}
  id: headers."x-shop-event"
  key: body.customer
steps:{steps}"""
    stage = Stage(LABEL_A, answered(422), answered(200), LABEL_B, files=shop(undone, second=second))
    stage.arrive()
    stage.run_all()
    stage.arrive("e2", integration="second")
    stage.run_all()
    assert [stage.status(1), stage.status(2)] == ["compensated", "dead"]
    assert len(stage.sent) == 3
    assert "it was undone by evt-1; the same `once` is the same effect" in stage.row(2).reason
