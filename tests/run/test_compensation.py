"""What an event did is undone in reverse, each undo retried and recorded; a crash anywhere resumes; what stands is told."""

import pytest
from run.shop import shop
from run.stage import LOST, REFUSED, Crash, Stage, answered

STEPS = """
  - {id: erp, call: erp.create_order, input: body, once: body.id}
  - id: parcels
    each: body.parcels
    as: parcel
    steps:
      - {id: label, call: {any_of: [carrier-a.buy, carrier-b.buy]}, input: parcel, once: "join('-', [body.id, parcel.id])"}
  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: compensate}
"""
ORDER = answered(201, {"id": "so-1"})
LABEL_A, LABEL_B = answered(201, {"label": "a-1"}), answered(201, {"label": "b-1"})
DONE, BAD, TURNED_AWAY = answered(200), answered(422), answered(503)
MADE = (ORDER, LABEL_A, REFUSED, LABEL_B, BAD)
CANCEL, VOID_A, VOID_B = (
    "POST /sales-orders/so-1/cancel",
    "POST /carrier-a/labels/a-1/void",
    "POST /carrier-b/labels/b-1/void",
)


def play(*replies: object, steps: str = STEPS) -> Stage:
    stage = Stage(*replies, files=shop(steps))  # type: ignore[arg-type]
    stage.arrive(parcels=[{"id": "a"}, {"id": "b"}])
    return stage


def undone(stage: Stage) -> list[str]:
    return stage.paths()[5:]


def state(stage: Stage, operation: str, once: str) -> str:
    system, name = operation.split(".")
    rows = stage.connection.rows(
        "SELECT state FROM effect WHERE system = ? AND operation = ? AND once = ?", (system, name, once)
    )
    return str(rows[0][0])


def test_effects_are_undone_the_last_first_by_the_provider_that_served() -> None:
    stage = play(*MADE, DONE, DONE, DONE)
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B, VOID_A, CANCEL])
    assert stage.row().reason == "step touch: answered 422"
    assert stage.sent[-1].body == {"id": "so-1", "customer": "c"}
    assert [line.step for line in stage.lines() if line.kind == "undo"] == [
        "parcels[1].label",
        "parcels[0].label",
        "erp",
    ]
    assert state(stage, "erp.create_order", "1") == "undone"


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_crash_while_one_is_undone_resumes_there(dies_at: int) -> None:
    stage = play(*MADE, *[DONE] * dies_at, Crash, *[DONE] * (3 - dies_at))
    stage.run_all()
    expected = [VOID_B, VOID_A, CANCEL]
    expected.insert(dies_at, expected[dies_at])
    assert (stage.status(), undone(stage)) == ("compensated", expected)


def test_a_crash_before_the_first_undo_goes_out_resumes_the_compensation(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = play(*MADE, DONE, DONE, DONE)
    submit = stage.committer.submit
    begun = []

    async def dying(verb: object, item: object) -> object:
        answered = await submit(verb, item)  # type: ignore[arg-type]
        if getattr(item, "operation", "") == "void" and not begun:
            begun.append(item)
            raise Crash
        return answered

    monkeypatch.setattr(stage.committer, "submit", dying)
    stage.run()
    assert len(stage.sent) == 5
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B, VOID_A, CANCEL])


def test_an_undo_is_retried_and_settled_like_any_call() -> None:
    stage = play(*MADE, TURNED_AWAY, DONE, LOST, DONE, REFUSED, DONE)
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B, VOID_B, VOID_A, VOID_A, CANCEL, CANCEL])


def test_what_cannot_be_undone_stands_and_the_others_are_undone_all_the_same() -> None:
    stage = play(*MADE, DONE, BAD, DONE)
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("dead", [VOID_B, VOID_A, CANCEL])
    assert stage.row().reason == "step touch: answered 422; these stand: carrier-a.buy 1-a (answered 422)"
    assert [line.step for line in stage.lines() if line.kind == "stands"] == ["parcels[0].label"]


def test_a_redrive_tries_only_what_stands() -> None:
    stage = play(*MADE, DONE, BAD, DONE, DONE)
    stage.run_all()
    stage.decide("redrive")
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B, VOID_A, CANCEL, VOID_A])


def test_a_redrive_under_another_plan_still_knows_what_was_done() -> None:
    stage = play(*MADE, DONE, BAD, DONE, DONE)
    stage.run_all()
    newer = Stage(files=shop(STEPS, more="lane: bulk\n"))
    stage.live.replace(newer.plans, stage.live.systems)
    (plan,) = newer.plans.values()
    stage.decide("redrive", plan=plan.hash)
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B, VOID_A, CANCEL, VOID_A])


def test_an_undo_in_doubt_for_too_long_is_held_and_a_release_settles_it() -> None:
    stage = play(*MADE, LOST, LOST, LOST, LOST, DONE, DONE, DONE)
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), undone(stage)) == ("compensated", [VOID_B] * 5 + [VOID_A, CANCEL])


def test_what_has_no_undo_stands() -> None:
    steps = """
  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id}
  - {id: erp, call: erp.create_order, input: body, once: body.id, on_failure: compensate}
"""
    stage = play(DONE, BAD, steps=steps)
    stage.run_all()
    assert stage.status() == "dead"
    assert "these stand: erp.touch 1 (it has no `undo`)" in stage.row().reason


def test_nothing_done_is_nothing_to_undo() -> None:
    stage = play(
        BAD, steps="\n  - {id: erp, call: erp.create_order, input: body, once: body.id, on_failure: compensate}\n"
    )
    stage.run_all()
    assert (stage.status(), len(stage.sent)) == ("compensated", 1)


def test_another_events_effect_stands_for_its_sake() -> None:
    steps = """
  - {id: erp, call: erp.create_order, input: body, once: body.id}
  - {id: touch, when: "headers.\\"x-shop-event\\" == 'e2'", call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: compensate}
"""
    stage = play(ORDER, BAD, steps=steps)
    stage.run_all()
    stage.arrive("e2", parcels=[{"id": "a"}, {"id": "b"}])
    stage.run_all()
    assert [stage.status(1), stage.status(2)] == ["done", "compensated"]
    assert [line.reason for line in stage.lines(2) if line.kind == "remark"] == [
        "erp.create_order 1: it is another event's effect, and stands"
    ]
    assert len(stage.sent) == 2


def test_an_effect_that_was_undone_is_made_by_no_one_else() -> None:
    stage = play(*MADE, DONE, DONE, DONE)
    stage.run_all()
    stage.arrive("e2", parcels=[])
    stage.run_all()
    assert (stage.status(2), len(stage.sent)) == ("dead", 8)
    assert "it was undone by evt-1" in stage.row(2).reason


def test_a_new_effect_is_made_where_a_person_asks_for_it() -> None:
    stage = play(*MADE, DONE, DONE, DONE, ORDER, DONE)
    stage.run_all()
    stage.arrive("e2", parcels=[])
    stage.run_all()
    stage.decide("redrive", 2, new_effect=True)
    stage.run_all()
    assert stage.status(2) == "done"
    assert stage.sent[-2].body["external_id"] == "1/2"  # type: ignore[index,call-overload]


def test_an_event_of_a_topic_was_heard_and_stands() -> None:
    steps = """
  - {id: order, map: order}
  - {id: publish, emit: {topic: orders, body: order}}
  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: compensate}
"""
    stage = play(BAD, steps=steps)
    stage.run_all()
    assert stage.status() == "dead"
    assert "these stand: orders e1:publish (others have it already)" in stage.row().reason


@pytest.mark.parametrize("how", ["reject", "expire"])
def test_a_hold_that_is_rejected_or_expires_undoes_what_was_done(how: str) -> None:
    steps = """
  - {id: erp, call: erp.create_order, input: body, once: body.id}
  - {id: review, hold: {queue: look, reason: why, expires: 1h}, on_failure: compensate}
"""
    stage = play(ORDER, DONE, steps=steps)
    stage.run_all()
    assert stage.status() == "held"
    if how == "reject":
        stage.decide("reject")
    else:
        stage.pass_time(3600)
    stage.run_all()
    assert (stage.status(), stage.paths()[1:]) == ("compensated", [CANCEL])
    assert ("rejected by ada" if how == "reject" else "nobody decided in time") in stage.row().reason


def test_failed_items_undo_what_the_others_did() -> None:
    steps = STEPS[: STEPS.index("  - {id: touch")] + "    on_failure: compensate\n"
    stage = play(ORDER, LABEL_A, BAD, DONE, DONE, steps=steps)
    stage.run_all()
    assert (stage.status(), stage.paths()[3:]) == ("compensated", [VOID_A, CANCEL])


def test_what_an_older_revision_did_is_undone_though_a_newer_one_is_done() -> None:
    steps = """
  - {id: erp, call: erp.create_order, input: body, once: "join('-', [body.id, to_string(body.number)])"}
  - {id: review, when: "body.number == `1`", hold: {queue: look, reason: why}, on_failure: compensate}
"""
    stage = Stage(ORDER, ORDER, DONE, files=shop(steps, receive="  revision: body.number\n"))
    for number in (1, 2):
        stage.arrive(f"e{number}", number=number)
        stage.run_all()
    assert [stage.status(1), stage.status(2)] == ["held", "done"]
    stage.decide("reject", 1)
    stage.run_all()
    assert (stage.status(1), stage.paths()[2:]) == ("compensated", [CANCEL])


# ── what nobody knows of ─────────────────────────────────────────────────────────────────────────────────────────────

EACH = """
  - {id: parcels, each: body.parcels, as: parcel, on_failure: compensate, steps: [
      {id: label, call: carrier-a.buy, input: parcel, once: "join('-', [body.id, parcel.id])"}]}
"""
TOUCH = "  - {id: touch, call: erp.touch, input: {fields: {id: body.id}}, once: body.id, on_failure: compensate}\n"
PAY = """
  pay:
    request: {method: POST, path: /pay, body: input}
    effect: at_most_once
    identity: body.id
    answer: {status: 200}
"""
MAY_STAND = "these stand: {} (nobody knows whether it took effect)"


@pytest.mark.parametrize("how", ["rejected", "dead letter"])
@pytest.mark.parametrize("went_on", [False, True], ids=["its event failed", "its event went on without it"])
def test_an_item_of_which_nobody_knows_may_stand(how: str, went_on: bool) -> None:
    steps = EACH.replace("on_failure: compensate", "on_failure: continue, default: []") + TOUCH if went_on else EACH
    if how == "dead letter":
        steps = steps.replace('parcel.id])"', 'parcel.id])", on_unknown: dead_letter')
    lost, failed = [LOST] * (3 if how == "rejected" else 0), [BAD] * went_on
    stage = play(LOST, LABEL_A, *lost, *failed, DONE, steps=steps)
    stage.run_all()
    if how == "rejected":
        assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")
        stage.decide("reject")
        stage.run_all()
    assert (stage.status(), stage.paths()[-1]) == ("dead", VOID_A)
    assert MAY_STAND.format("parcels[0].label") in stage.row().reason


def test_an_item_whose_changed_request_a_person_said_no_to_may_stand() -> None:
    steps = EACH.replace("input: parcel", "input: {fields: {id: {from: parcel.id, table: ids}}}")
    stage = Stage(LOST, LABEL_A, DONE, files={**shop(steps), "charter/tables/ids.csv": "id,theirs\na,1\nb,2\n"})
    stage.arrive(parcels=[{"id": "a"}, {"id": "b"}])
    stage.run()
    stage.change_table("ids", "id,theirs\na,9\nb,2\n")
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "changed-requests")
    stage.decide("reject")
    stage.run_all()
    assert (stage.status(), stage.paths()[-1]) == ("dead", VOID_A)
    assert MAY_STAND.format("parcels[0].label") in stage.row().reason


def test_an_item_whose_doubt_was_settled_does_not() -> None:
    stage = play(LOST, LABEL_A, LOST, LOST, LOST, BAD, DONE, steps=EACH)
    stage.run_all()
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), stage.paths()[-1]) == ("compensated", VOID_A)


def test_a_call_that_a_person_let_go_on_in_doubt_has_no_result_and_may_stand() -> None:
    steps = """
  - {id: erp, call: erp.create_order, input: body, once: body.id}
  - {id: pay, call: erp.pay, input: {fields: {id: body.id}}, once: body.id}
"""
    touch = TOUCH.replace("{id: body.id}", "{id: body.id, paid: {from: pay, optional: true}}")
    files = shop(steps + touch)
    files["charter/systems/erp.yaml"] += PAY
    stage = Stage(ORDER, LOST, BAD, DONE, files=files)
    stage.arrive()
    stage.run_all()
    assert stage.status() == "held"
    stage.decide("release")
    stage.run_all()
    assert stage.sent[2].body == {"id": "1"}
    assert (stage.status(), stage.paths()[-1]) == ("dead", CANCEL)
    assert MAY_STAND.format("pay") in stage.row().reason


def test_an_undo_that_is_never_sent_again_is_over_once_a_person_lets_it_go_on() -> None:
    files = shop("\n  - {id: erp, call: erp.create_order, input: body, once: body.id}\n" + LABEL + TOUCH)
    before, cancel, after = files["charter/systems/carrier-a.yaml"].partition("  void:")
    files["charter/systems/carrier-a.yaml"] = before + cancel + after.replace("idempotent", "at_most_once")
    stage = Stage(ORDER, LABEL_A, BAD, LOST, DONE, files=files)
    stage.arrive()
    stage.run_all()
    assert (stage.status(), stage.row().queue) == ("held", "unknown-effects")
    stage.decide("release")
    stage.run_all()
    assert (stage.status(), stage.paths()[3:]) == ("dead", [VOID_A, CANCEL])
    assert MAY_STAND.format("the undo of label") in stage.row().reason


LABEL = "  - {id: label, call: carrier-a.buy, input: {fields: {id: body.id}}, once: body.id}\n"


def test_items_of_a_step_that_went_on_with_its_default_are_undone_after_a_crash_too() -> None:
    stage = play(LABEL_A, BAD, BAD, Crash, DONE, steps=EACH.replace("compensate", "continue, default: null") + TOUCH)
    stage.run_all()
    assert (stage.status(), stage.paths()[3:]) == ("compensated", [VOID_A, VOID_A])


def test_a_persons_no_to_an_undo_in_doubt_ends_the_event() -> None:
    stage = play(*MADE[:4], BAD, BAD, *[LOST] * 4)
    stage.run_all()
    assert stage.status() == "held"
    stage.decide("reject")
    stage.run_all()
    assert stage.status() == "discarded"
