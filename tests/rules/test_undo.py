"""What a compensation undoes, in which order, with what, and what stands after all."""

from rules.plans import call, each, emit, operation, plan, scope

from engine.model import Step
from engine.rules.needs import Call
from engine.rules.steps import Course, advance
from engine.rules.undo import remarks, standing, step_at, to_undo, told, undo_call
from engine.spec.plan import Plan

ORDER = operation("erp.create_order", undo="erp.cancel_order")
LABEL_A = operation("carrier-a.buy", undo="carrier-a.void")
LABEL_B = operation("carrier-b.buy", undo="carrier-b.refund")
MAIL = operation("mail.send")

MADE = (
    Step("erp", "so-1", "erp.create_order", "o-1", "call"),
    Step("publish", "e1:publish", "", "e1:publish", "emit"),
    Step("parcels[0].label", "l-1", "carrier-b.buy", "a", "look-up"),
    Step("mail", None, "mail.send", "o-1", "call"),
)


def the_plan() -> Plan:
    return plan(
        call("erp", ORDER, input="body"),
        emit("publish", "orders", "body"),
        each("parcels", "body.parcels", "parcel", call("label", LABEL_A, LABEL_B, input="parcel", once="parcel.id")),
        call("mail", MAIL),
    )


def surveyed(steps: tuple[Step, ...] = MADE) -> Course:
    course = Course(the_plan(), scope({"id": "o-1", "parcels": [{"id": "a"}]}), surveys=True)
    course.remember(steps)
    advance(course, 0)
    return course


def test_effects_are_undone_in_reverse_and_each_once() -> None:
    passed: set[str] = set()
    order = []
    while (effect := to_undo(MADE, passed)) is not None:
        order.append(effect.id)
        passed.add(effect.id)
    assert order == ["mail", "parcels[0].label", "erp"]
    undone = Step("mail", None, "mail.unsend", "o-1", "undo")
    assert to_undo((*MADE, undone), ()) == MADE[2]


def test_another_events_effect_is_not_ours_to_undo() -> None:
    shared = Step("erp", "so-1", "erp.create_order", "o-1", "known")
    assert to_undo((shared,), ()) is None
    assert [one.what for one in remarks((shared, *MADE))] == ["erp.create_order o-1"]


def test_steps_that_had_no_effect_are_passed() -> None:
    steps = (Step("risk", {"score": 1}, "fraud.score", "", "call"), Step("review", {"by": "ada"}, "", "", "release"))
    assert to_undo(steps, ()) is None


def test_an_undo_sees_input_once_and_result_of_what_it_undoes() -> None:
    made = undo_call(surveyed(), MADE[0])
    assert isinstance(made, Call)
    assert (made.kind, made.place, made.once) == ("undo", "erp", "o-1")
    assert made.operation.full_name == "erp.cancel_order"
    assert made.input == {"id": "so-1", "once": "o-1", "made_of": {"id": "o-1", "parcels": [{"id": "a"}]}}


def test_an_undo_goes_to_the_provider_that_served() -> None:
    made = undo_call(surveyed(), MADE[2])
    assert isinstance(made, Call)
    assert made.operation.full_name == "carrier-b.refund"
    assert made.input == {"id": "l-1", "once": "a", "made_of": {"id": "a"}}


def test_what_cannot_be_undone_says_why() -> None:
    assert undo_call(surveyed(), MADE[3]) == "it has no `undo`"
    gone = Step("erp", "so-1", "erp.other", "o-1", "call")
    assert undo_call(surveyed(), gone) == "its step no longer calls it"
    course = Course(the_plan(), scope({}), surveys=True)
    assert undo_call(course, MADE[2]) == "its input can no longer be made"


def test_what_stands_is_told_in_the_order_it_was_made() -> None:
    left = standing(the_plan(), MADE, {"mail": "it has no `undo`", "erp": "answered 422"})
    assert told(left) == (
        "these stand: erp.create_order o-1 (answered 422), orders e1:publish (others have it already),"
        " mail.send o-1 (it has no `undo`)"
    )


def test_a_place_leads_to_its_step() -> None:
    found = [step_at(the_plan(), place) for place in ("erp", "parcels", "parcels[12].label", "parcels[0].no", "no")]
    assert [step and step.id for step in found] == ["erp", "parcels", "label", None, None]
