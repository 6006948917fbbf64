"""How far an event gets by thinking: items that go on without one another, decisions, providers, what is told."""

from dataclasses import replace
from typing import Any

import pytest
from rules.plans import bound, call, each, emit, hold, operation, plan, scope

from engine.contract.schema import compile_contract
from engine.model import Delivery, Effect, ItemState, Status, Step
from engine.rules.needs import Ask, Call, Emit, End, Failed, Rest
from engine.rules.steps import BODIES, EACH_ITEMS_MAX, Course, advance, scope_at
from engine.spec.plan import DecideStep, StepPlan

NOW = 1_000
LABEL = operation("carrier.buy")
PARCELS = {"parcels": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}


def course(*steps: StepPlan, body: dict[str, Any] | None = None, **more: Any) -> Course:
    return Course(plan(*steps), scope(body if body is not None else PARCELS), **more)


def labels(**more: Any) -> StepPlan:
    return each("parcels", "body.parcels", "parcel", call("label", LABEL, input="parcel", once="parcel.id"), **more)


def done(*places: str) -> dict[str, object]:
    return {f"parcels[{place}].label": f"label-{place}" for place in places}


def states(*items: tuple[int, str]) -> dict[str, ItemState]:
    return {
        f"parcels[{at}]": ItemState(f"parcels[{at}]", state, f"parcels[{at}].label", due_at=NOW + 1, reason="because")
        for at, state in items
    }


def test_a_body_that_no_step_reads_any_more_is_let_go_of_with_the_call_and_comes_back_for_who_looks_back() -> None:
    erp = call("erp", operation("erp.create"), input="body.parcels", once="event.id")
    one = replace(plan(erp, call("more", LABEL, input="erp")), done_with_body=frozenset(("erp", "more")))
    way = Course(one, scope(PARCELS))
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert (need.input, way.scope.keys() & BODIES) == (PARCELS["parcels"], set())
    way.ended["erp"] = "so-1"
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert need.input == "so-1"
    way.recall(Delivery(1, "orders", "plan", "e1", "k", {}, {}, b'{"parcels": []}', 0, 1, 0, 0, 0))
    assert (way.scope["body"], way.scope["envelope"]) == ({"parcels": []}, {"parcels": []})


@pytest.mark.parametrize("more", [{"surveys": True}, {}])
def test_a_body_stays_where_a_later_step_reads_it_and_for_who_only_looks(more: dict[str, bool]) -> None:
    done = frozenset(("erp",)) if more else frozenset[str]()
    way = Course(replace(plan(call("erp", LABEL)), done_with_body=done), scope(PARCELS), **more)
    assert isinstance(advance(way, NOW), Call)
    assert way.scope["body"] == PARCELS


# ── each ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_items_are_called_one_by_one_in_scopes_of_their_own() -> None:
    way = course(each("parcels", "body.parcels", "parcel", call("label", LABEL, input="{p: parcel.id, i: $index}")))
    made = []
    for at in range(3):
        need = advance(way, NOW)
        assert isinstance(need, Call)
        made.append((need.place, need.input))
        way.ended[need.place] = f"label-{at}"
    assert made == [(f"parcels[{at}].label", {"p": "abc"[at], "i": at}) for at in range(3)]
    assert advance(way, NOW) == End(Status.DONE)
    assert way.scope["parcels"] == [{"parcel": {"id": "abc"[at]}, "label": f"label-{at}"} for at in range(3)]
    assert "parcel" not in way.scope


def test_inner_steps_see_those_before_them_and_a_skipped_one_is_null() -> None:
    inner = (call("weigh", LABEL, when="parcel.id == 'a'"), call("label", LABEL, input="weigh"))
    way = course(each("parcels", "body.parcels", "parcel", *inner), ended={"parcels[0].weigh": 7})
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert (need.place, need.input) == ("parcels[0].label", 7)
    way.ended[need.place] = None
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert (need.place, need.input) == ("parcels[1].label", None)


def test_an_item_that_waits_is_held_or_has_failed_does_not_keep_the_others() -> None:
    way = course(labels(), items=states((0, "waiting"), (1, "failed")))
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert need.place == "parcels[2].label"


@pytest.mark.parametrize("state", ["waiting", "held"])
def test_an_item_whose_time_has_come_goes_on(state: str) -> None:
    way = course(labels(), items=states((0, state)))
    need = advance(way, NOW + 1)
    assert isinstance(need, Call)
    assert need.place == "parcels[0].label"


def test_a_held_item_without_a_time_waits_for_ever() -> None:
    held = ItemState("parcels[0]", "held", "parcels[0].label")
    assert advance(course(labels(), ended=done("1", "2"), items={held.place: held}), 10**18) == Rest("parcels")


def test_it_rests_while_an_item_is_neither_done_nor_failed() -> None:
    way = course(labels(), ended=done("2"), items=states((0, "held"), (1, "failed")))
    assert advance(way, NOW) == Rest("parcels")


def test_when_all_have_ended_a_failed_one_fails_the_step() -> None:
    need = advance(course(labels(), ended=done("0", "2"), items=states((1, "failed"))), NOW)
    assert isinstance(need, Failed)
    assert need.reason == "1 of 3 items failed: parcels[1]: because"


def test_the_stored_end_of_the_whole_step_goes_before_its_items() -> None:
    way = course(labels(), ended={"parcels": []}, items=states((1, "failed")))
    assert advance(way, NOW) == End(Status.DONE)
    assert way.scope["parcels"] == []


def test_an_empty_list_is_over_at_once() -> None:
    way = course(labels(), body={"parcels": []})
    assert advance(way, NOW) == End(Status.DONE)
    assert way.scope["parcels"] == []


@pytest.mark.parametrize("parcels", [None, {}, "abc"])
def test_what_is_no_list_is_quarantined(parcels: object) -> None:
    need = advance(course(labels(), body={"parcels": parcels}), NOW)
    assert isinstance(need, End)
    assert (need.status, need.reason) == (
        Status.QUARANTINED, "step parcels: each: the expression gave no list",
    )  # fmt: skip


def test_there_is_a_limit_to_items() -> None:
    most: list[object] = [{"id": "a"}] * EACH_ITEMS_MAX
    assert isinstance(advance(course(labels(), body={"parcels": most}), NOW), Call)
    need = advance(course(labels(), body={"parcels": [*most, 1]}), NOW)
    assert isinstance(need, End)
    assert "EACH_ITEMS_MAX" in need.reason


def test_what_goes_wrong_in_an_item_is_told_of_its_place() -> None:
    need = advance(course(each("parcels", "body.parcels", "parcel", call("label", LABEL, once="parcel.no"))), NOW)
    assert isinstance(need, End)
    assert (need.step, "`once` gave no text or number" in need.reason) == ("parcels[0].label", True)


def test_a_survey_sees_every_item_that_is_there_and_asks_none_to_go_on() -> None:
    way = course(labels(), call("after", LABEL), ended=done("0", "2"), surveys=True)
    assert advance(way, NOW) == Rest("parcels")
    seen = [scope_at(way, f"parcels[{at}].label") for at in range(3)]
    assert [one and one["parcel"] for one in seen] == [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    assert [one and one["index"] for one in seen] == [0, 1, 2]
    assert scope_at(way, "after") is None


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("all_", "weight", "expected"),
    [
        (False, 30, "heavy"),
        (False, 15, "middle"),
        (False, 5, None),
        (True, 30, ["heavy", "middle"]),
        (True, 5, []),
    ],
)
def test_a_table_decides_by_its_first_row_or_by_all(all_: bool, weight: int, expected: object) -> None:
    rows = ((bound("body.weight > `20`"), bound("'heavy'")), (bound("body.weight > `10`"), bound("'middle'")))
    way = course(DecideStep("route", None, rows, all_), body={"weight": weight})
    assert advance(way, NOW) == End(Status.DONE)
    assert way.scope["route"] == expected


def test_a_row_without_when_always_holds() -> None:
    way = course(DecideStep("route", None, ((bound("`false`"), bound("'a'")), (None, bound("'b'"))), False))
    advance(way, NOW)
    assert way.scope["route"] == "b"


# ── providers ────────────────────────────────────────────────────────────────────────────────────────────────────────

A, B = operation("carrier-a.buy"), operation("carrier-b.buy")


@pytest.mark.parametrize(
    ("pick", "names"),
    [
        (None, ["carrier-a.buy", "carrier-b.buy"]),
        ("['carrier-b.buy']", ["carrier-b.buy"]),
        ("['carrier-b.buy', 'carrier-a.buy', 'carrier-b.buy']", ["carrier-b.buy", "carrier-a.buy"]),
    ],
)
def test_providers_are_tried_as_declared_or_as_picked(pick: str | None, names: list[str]) -> None:
    need = advance(course(call("label", A, B, **({"pick": pick} if pick else {}))), NOW)
    assert isinstance(need, Call)
    assert [one.full_name for one in need.providers] == names
    assert need.operation.full_name == names[0]


@pytest.mark.parametrize("pick", ["`null`", "`[]`", "'carrier-a.buy'", "['carrier-c.buy']", "`[7]`"])
def test_what_is_not_among_the_providers_is_quarantined(pick: str) -> None:
    need = advance(course(call("label", A, B, pick=pick)), NOW)
    assert isinstance(need, End)
    assert need.status is Status.QUARANTINED


def test_an_identity_is_asked_for_where_any_provider_has_an_effect() -> None:
    reads = operation("rates.ask", Effect.NONE)
    need = advance(course(call("label", reads, A)), NOW)
    assert isinstance(need, Call)
    assert (need.once, need.identity) == (None, "e1")
    assert isinstance(advance(course(call("label", reads, A, once="body.no")), NOW), End)


def test_who_served_is_seen_by_later_steps() -> None:
    way = course(call("label", A, B), call("again", A, B, pick="[event.served.label]"))
    way.remember((Step("label", "l-1", "carrier-b.buy", "e1", "call"),))
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert [one.full_name for one in need.providers] == ["carrier-b.buy"]


def test_who_served_an_item_is_seen_in_that_item_alone() -> None:
    inner = (call("label", A, B, once="parcel.id"), call("again", A, B, once="parcel.id", pick="[event.served.label]"))
    way = course(each("parcels", "body.parcels", "parcel", *inner))
    way.remember((
        Step("parcels[0].label", 1, "carrier-b.buy", "a", "call"),
        Step("parcels[1].label", 1, "carrier-a.buy", "b", "call"),
        Step("parcels[0].again", 1, "carrier-b.buy", "a", "call"),
    ))  # fmt: skip
    need = advance(way, NOW)
    assert isinstance(need, Call)
    assert (need.place, need.operation.full_name) == ("parcels[1].again", "carrier-a.buy")


def test_a_new_effect_has_an_identity_of_its_own() -> None:
    made = [advance(course(call("label", A), renewed={"label": times}), NOW) for times in (0, 1, 2)]
    assert [need.once for need in made if isinstance(need, Call)] == ["e1", "e1/2", "e1/3"]


# ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_told_is_named_by_the_event_and_the_place() -> None:
    need = advance(course(emit("publish", "orders", "body"), body={"id": 7}), NOW)
    assert isinstance(need, Emit)
    assert (need.id, need.key, need.revision, need.body) == ("e1:publish", "7", None, b'{"id":7}')


def test_an_item_tells_under_its_own_name_and_a_once_is_the_id() -> None:
    way = course(each("parcels", "body.parcels", "parcel", emit("publish", "parcels", "parcel")))
    need = advance(way, NOW)
    assert isinstance(need, Emit)
    assert need.id == "e1:parcels[0].publish"
    need = advance(course(emit("publish", "orders", "body", once="body.id"), body={"id": 7}), NOW)
    assert isinstance(need, Emit)
    assert need.id == "7"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"contract": compile_contract("o@1", {"type": "object", "required": ["total"]})}, "breaks o@1"),
        ({"key": "body.no"}, "the key of topic orders"),
        ({"key": "abs('x')"}, "topic orders"),
        ({"once": "body.no"}, "`once` gave no text or number"),
        ({"revision": bound("body.no")}, "the revision of topic orders"),
    ],
)
def test_what_cannot_be_told_quarantines_the_teller(more: dict[str, Any], reason: str) -> None:
    need = advance(course(emit("publish", "orders", "body", **more), body={"id": 7}), NOW)
    assert isinstance(need, End)
    assert (need.status, reason in need.reason) == (Status.QUARANTINED, True)


# ── holds ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_may_expire_at_a_time_that_the_event_says() -> None:
    need = advance(course(hold("review", expires=bound("body.until")), body={"until": "1970-01-01T00:00:09Z"}), NOW)
    assert isinstance(need, Ask)
    assert need.expires_at == 9_000_000
    need = advance(course(hold("review", expires=bound("body.until")), body={"until": "soon"}), NOW)
    assert isinstance(need, End)
    assert "hold.expires" in need.reason
