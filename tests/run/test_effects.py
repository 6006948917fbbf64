"""Effects over time: retries that end with the time an event has, look-ups that come late, new effects, declared outcomes."""

from run.shop import shop
from run.stage import LOST, Stage, answered

from engine.model import Failure, Outcome, Sent

CALL = "\n  - {id: erp, call: erp.create_order, input: body, once: body.id, on_unknown: lookup}\n"
CREATED, TURNED_AWAY = answered(201, {"id": "so-1"}), answered(503)
FOUND, NOT_FOUND = answered(200, {"items": [{"id": "so-1"}]}), answered(200, {"items": []})
NO_TLS = Outcome(Sent.NOT_SENT, "the TLS handshake failed", failure=Failure.TLS)


def play(*replies: object, steps: str = CALL, more: str = "", erp: str = "") -> Stage:
    files = shop(steps, more=more)
    path = "charter/systems/erp.yaml"
    stage = Stage(*replies, files={**files, path: files[path] + erp})  # type: ignore[arg-type]
    stage.arrive()
    return stage


def test_what_would_be_tried_after_its_time_is_not_tried() -> None:
    stage = play(*[TURNED_AWAY] * 2, more="sla: {complete: {within: 1s}}\n")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("dead", 2)
    assert "the time it had to complete is over" in stage.row().reason


def test_a_redriven_event_has_its_attempts_however_late() -> None:
    stage = play(*[TURNED_AWAY] * 4, CREATED, more="sla: {complete: {within: 1s}}\n")
    stage.run_all()
    stage.pass_time(100)
    stage.decide("redrive")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 5)


def test_what_is_in_doubt_when_its_time_is_over_is_held() -> None:
    stage = play(LOST, more="sla: {complete: {within: 100ms}}\n")
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")


def test_repeats_that_never_went_out_leave_what_was_sent_before_in_doubt() -> None:
    stage = play(LOST, *[NO_TLS] * 3, steps=CALL.replace(", on_unknown: lookup", ", on_failure: compensate"))
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")
    stage.replies.append(FOUND)
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 5)


def test_a_look_up_that_does_not_find_it_ends_the_doubt() -> None:
    stage = play(LOST, NOT_FOUND, NO_TLS, NO_TLS)
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("dead", 4)


def test_that_another_request_was_refused_says_nothing_of_the_one_that_was_sent_before() -> None:
    """A partner that knows the key refuses another body just because the first one arrived."""
    label = (
        "\n  - {id: label, call: carrier-a.buy, input: {fields: {n: body.number}}, once: body.id, on_unknown: hold}\n"
    )
    stage = play(LOST, answered(422), steps=label)
    stage.run_all()
    stage.decide("reject")
    stage.arrive("e2", number=2)
    stage.run_all()
    assert (stage.status(1), stage.status(2)) == ("discarded", "held")
    stage.decide("release", 2)
    stage.run_all()
    assert (stage.status(2), stage.row(2).queue, len(stage.sent)) == ("held", "unknown-effects", 2)


def test_a_look_up_that_is_not_signed_in_reads_the_credentials_again() -> None:
    stage = play(LOST, answered(401), FOUND)
    stage.run_all()
    assert (stage.status(), stage.refreshed) == ("done", ["erp"])


def test_a_new_effect_is_one_of_its_own_in_the_ledger_and_at_the_partner() -> None:
    stage = play(answered(422), CREATED)
    stage.run_all()
    stage.decide("redrive", new_effect=True)
    stage.run_all()
    assert stage.status() == "done"
    assert [request.body["external_id"] for request in stage.sent] == ["1", "1/2"]  # type: ignore[index,call-overload]
    assert len({dict(request.headers)["Idempotency-Key"] for request in stage.sent}) == 2


def test_a_system_says_what_failures_mean_and_a_step_says_otherwise() -> None:
    rules = "outcomes: [{when: \"failure == 'tls'\", is: refused}]\n"
    stage = play(NO_TLS, erp=rules)
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("dead", 1)
    own = CALL.replace("}\n", ", outcomes: [{when: \"failure == 'tls'\", is: retry}]}\n")
    stage = play(NO_TLS, CREATED, steps=own, erp=rules)
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 2)


def test_what_cannot_be_sent_is_not_tried_again_unless_a_rule_says_so() -> None:
    blocked = Outcome(Sent.NOT_SENT, "the partner's address is not one that is called", failure=Failure.UNSENDABLE)
    stage = play(blocked)
    stage.run_all()
    assert (stage.status(), len(stage.sent), stage.lines()[0].verdict) == ("dead", 1, "refused")
    assert stage.row().reason == "step erp: the partner's address is not one that is called"
    stage = play(blocked, CREATED, erp="outcomes: [{when: \"failure == 'unsendable'\", is: retry}]\n")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 2)


def test_a_second_event_with_another_body_gets_what_the_first_did_and_the_difference_is_told() -> None:
    stage = play(CREATED)
    stage.run_all()
    stage.arrive("e2", number=7)
    stage.run_all()
    assert (stage.status(2), len(stage.sent)) == ("done", 1)
    assert stage.lines(2)[-1].reason == "the effect is there already: evt-1, with another request"


def test_a_redriven_event_has_its_attempts_at_later_steps_too() -> None:
    later = "  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id}\n"
    more = "sla: {complete: {within: 1s}}\n"
    stage = play(answered(422), CREATED, TURNED_AWAY, answered(200), steps=CALL + later, more=more)
    stage.run_all()
    stage.pass_time(100)
    stage.decide("redrive")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 4)


def test_two_events_that_go_on_without_what_the_other_asks_for_do_not_wait_for_each_other() -> None:
    touch = "\n  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: continue, default: none}"
    order = "\n  - {id: erp, call: erp.create_order, input: body, once: body.id, on_failure: continue, default: none}"
    receive = (
        'receive: {webhook: {path: /hooks/second, system: shop}, id: headers."x-shop-event", key: body.customer}\n'
    )
    files = shop(touch + order + "\n", second=f"{receive}steps:{order}{touch}\n")
    stage = Stage(answered(422), answered(422), CREATED, answered(200), files=files)
    stage.arrive("e1")
    stage.arrive("e2", integration="second")
    stage.run_together()
    stage.run_all()
    assert [stage.status(1), stage.status(2)] == ["done", "done"]
    assert sorted(stage.paths()) == ["POST /sales-orders"] * 2 + ["POST /touch"] * 2


def test_an_older_event_that_a_person_lets_go_on_waits_for_the_younger_one_of_its_key_and_both_end() -> None:
    steps = "\n  - {id: review, when: 'body.number == `2`', hold: {queue: review, reason: look}}" + CALL
    stage = Stage(LOST, NOT_FOUND, CREATED, files=shop(steps))
    stage.arrive("e1", number=2)
    stage.run()
    stage.arrive("e2")
    stage.run()
    assert [stage.status(1), stage.status(2)] == ["held", "waiting"]
    stage.decide("release")
    stage.run_all()
    assert ([stage.status(1), stage.status(2)], len(stage.sent)) == (["done", "done"], 3)


def test_what_is_done_stays_done_though_the_request_is_another_one_now() -> None:
    pay = "  pay: {request: {method: POST, path: /pay, body: input}, effect: at_most_once, identity: body.id, answer: {status: 200}}\n"

    def steps(number: str) -> str:
        return f"""
  - {{id: pay, call: erp.pay, input: {{fields: {{id: body.id, number: {number}}}}}, once: body.id}}
  - {{id: touch, call: erp.touch, input: {{fields: {{id: body.id}}}}, once: body.id}}
"""

    stage = play(answered(200, {"id": "p-1"}), answered(422), answered(200), steps=steps("body.number"), erp=pay)
    stage.run_all()
    newer = play(steps=steps("body.total"), erp=pay)
    stage.live.replace(newer.plans, stage.live.systems)
    stage.decide("redrive", plan=newer.plans["shop-orders"].hash)
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "changed-requests")
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("done", 3)


def test_what_was_answered_as_done_is_not_sent_again_because_a_look_up_lags() -> None:
    files = shop(CALL)
    erp = files["charter/systems/erp.yaml"].replace("effect: idempotent", "effect: verifiable", 1)
    stage = Stage(answered(201, {}), NOT_FOUND, NOT_FOUND, CREATED, files={**files, "charter/systems/erp.yaml": erp})
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.paths().count("POST /sales-orders")) == ("done", 1)
