"""Plans of every form of step: what each is bound to, what they are pinned to, and the same again from what is kept."""

from collections.abc import Mapping

import pytest
from spec.everything import CARRIER, CHARTER, ERP, EVERYTHING, PAID, PAYMENT, SPEC
from spec.minimal import MINIMAL, Edit, edited, read, told

from engine.contract.body import decode_body
from engine.language import Resources
from engine.model import Verdict
from engine.spec import yaml
from engine.spec.compile import compile_content, compile_workspace
from engine.spec.pinned import pinned
from engine.spec.plan import CallStep, DecideStep, EachStep, EmitStep, HoldStep, Plan
from engine.spec.workspace import Document

PAYMENT_BODY = {"order_id": "o1", "at": "2026-01-01T00:00:00Z", "number": 3, "state": "paid"}
DAY_US = 86_400_000_000


def plans(files: Mapping[str, str] = EVERYTHING) -> dict[str, Plan]:
    workspace, faults = read(files)
    assert not faults, told(faults)
    return compile_workspace(workspace, "local", Resources(tables=workspace.tables, zones=lambda _: None))


def again(plan: Plan) -> Plan:
    return compile_content(plan.content, "local", Resources(tables=plan.tables, zones=lambda _: None))


def both(name: str) -> tuple[Plan, Plan]:
    """A plan, and the same from what the store kept."""
    plan = plans()[name]
    return plan, again(plan)


def step_of(plan: Plan, name: str) -> object:
    return next(step for step in plan.steps if step.id == name)


@pytest.mark.parametrize("name", ["orders", "order-mails", "payments"])
def test_the_kept_content_makes_the_same_plan_again(name: str) -> None:
    plan, kept = both(name)
    assert (kept.hash, kept.content, kept.lane, kept.within_us) == (plan.hash, plan.content, plan.lane, plan.within_us)
    assert [type(step) for step in kept.steps] == [type(step) for step in plan.steps]


LATER = "  - {id: more, call: erp.find_order, %s}\nexamples:"


@pytest.mark.parametrize(
    ("later", "done"),
    [
        ("input: order", {"erp", "more"}),
        ('input: "{reference: erp, lines: order.lines[*].sku, by: $event.id}"', {"erp", "more"}),
        ("input: body", {"more"}),
        ('input: "{reference: $body.id}"', {"more"}),
        ("input: envelope.id", {"more"}),
        ("input: keys(@)", {"more"}),
        ("input: $root", {"more"}),
        ("input: '*.id'", {"more"}),
        ('input: {template: "{{ body.id }}"}', {"more"}),
        ("input: {fields: {reference: {value: 1}, order: {each: body.lines, fields: {sku: sku}}}}", {"more"}),
        ("input: {from: order.total, decimal: body.currency}", {"more"}),
        ("input: {from: order.total, unit: each, from_unit: order.note, packs: sizes, packs_of: body.sku}", {"more"}),
        ("input: order, when: body.paid", {"more"}),
    ],
)
def test_a_call_after_which_no_step_reads_the_body_is_known(later: str, done: set[str]) -> None:
    files = edited((SPEC, "examples:", LATER % later), of=MINIMAL) | {"charter/tables/sizes.csv": "sku,case:integer\n"}
    (plan,) = plans(files).values()
    assert plan.done_with_body == again(plan).done_with_body == done


def test_a_mapping_without_from_reads_the_body_and_a_wait_has_another_one() -> None:
    mapped = "  - {id: mapped, map: shop-order}\nexamples:"
    (plan,) = plans(edited((SPEC, "examples:", mapped), of=MINIMAL)).values()
    assert plan.done_with_body == set()
    assert plans()["orders"].done_with_body == set()  # its `each` reads it, and no call of its own comes after


def test_lane_and_promise_are_the_plans() -> None:
    assert [(plan.lane, plan.within_us) for plan in plans().values()] == [(2, None), (0, DAY_US), (1, None)]


def test_a_plan_without_topics_keeps_the_hash_it_had_before_there_were_any() -> None:
    (plan,) = plans(MINIMAL).values()
    content = decode_body(plan.content)
    assert isinstance(content, dict)
    assert set(content) == {"spec", "mappings", "models", "systems"}
    assert {*content["systems"]["erp"]} == {"system", "kind", "idempotency", "operations"}


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("orders", (CHARTER, "canonical/order@1, key: id", "canonical/order@1, key: to_string(id)")),
        ("order-mails", (CHARTER, "canonical/order@1, key: id", "canonical/order@1, key: to_string(id)")),
        ("payments", (PAYMENT, "number: {type: integer}", "number: {type: integer, minimum: 1}")),
        ("payments", (CHARTER, "[at, number]", "[number, at]")),
        ("orders", (CARRIER, "is: refused", "is: retry")),
        ("orders", (ERP, 'input: "{id: result}"', 'input: "{id: result, why: once}"')),
        ("orders", (SPEC, "lane: urgent", "lane: bulk")),
    ],
)
def test_what_topics_undoing_and_systems_say_is_behaviour(name: str, edit: Edit) -> None:
    edited_ = {**EVERYTHING, edit[0]: EVERYTHING[edit[0]].replace(edit[1], edit[2], 1)}
    assert plans(edited_)[name].hash != plans()[name].hash


def test_another_topic_is_no_part_of_a_plan() -> None:
    files = edited((CHARTER, "key: order_id, revision: [at, number]", "key: order_id"), of=EVERYTHING)
    assert plans(files)["order-mails"].hash == plans()["order-mails"].hash


def test_a_quota_of_an_operation_is_live_and_no_part_of_a_plan() -> None:
    text = "system: erp\nkind: erp\ntimeout: 5s\noperations: {a: {quota: {rate: 25/s}, effect: none}}\n"
    node, _ = yaml.compose(text, ERP)
    assert node is not None
    assert pinned(Document(ERP, node, None)) == {
        "system": "erp",
        "kind": "erp",
        "operations": {"a": {"effect": "none"}},
    }


def test_a_delivery_is_split_and_its_items_are_named_by_place_and_envelope() -> None:
    for plan in both("orders"):
        receive = plan.receive
        assert receive.split is not None
        assert receive.when is not None
        assert receive.revision is not None
        assert (receive.extract, receive.space, receive.keep_newest, receive.blocks) == (None, "orders", True, True)
        item = {"id": 7, "status": "paid", "updated_at": "2026-01-01T01:00:00+01:00"}
        envelope = {"shop": "eu", "orders": [item]}
        delivery = {"environment": "local", "headers": {"x-event-id": "e"}, "query": {}, "body": envelope}
        assert receive.split(delivery) == [item]
        scope = {**delivery, "body": item, "envelope": envelope, "index": 0}
        assert (receive.id(scope), receive.key(scope), receive.when(scope)) == ("e-0", "7", True)
        assert receive.revision(scope) == "2026-01-01T00:00:00Z"


def test_only_what_names_an_event_is_decoded_its_revision_among_it() -> None:
    receive = plans()["payments"].receive
    assert receive.extract is not None
    assert receive.revision is not None
    body = receive.extract(b'{"order_id": "o1", "at": "t", "number": 3, "state": "paid", "more": [1]}')
    assert body == {"order_id": "o1", "at": "t", "number": 3}
    assert receive.revision({"headers": {}, "query": {}, "environment": "local", "body": body}) == ["t", 3]


def test_a_topic_is_read_over_the_body_by_who_emits_and_who_receives() -> None:
    for plan in both("payments"):
        emit = step_of(plan, "tell")
        assert isinstance(emit, EmitStep)
        assert emit.once is not None
        assert emit.topic.revision is not None
        scope = {"body": PAYMENT_BODY}
        assert (emit.topic.name, emit.topic.contract.name) == ("payments", "canonical/payment@1")
        assert (emit.topic.key(scope), emit.topic.revision(scope)) == ("o1", ["2026-01-01T00:00:00Z", 3])
        assert (emit.body(scope), emit.once(scope)) == (PAYMENT_BODY, "o1-3")
    for plan in both("order-mails"):
        receive = plan.receive
        assert (receive.path, receive.system, receive.topic, receive.space) == ("", "", "orders", "orders")
        assert receive.contract is not None
        assert receive.contract.name == "canonical/order@1"
        assert (receive.key({"body": {"id": "o1"}}), receive.revision, receive.extract) == ("o1", None, None)
        ids = {receive.id({"body": {"id": text}}) for text in ("o1", "o2", "o1")}
        assert len(ids) == 2, "what is tried without an emitter is known by what it says"


def test_providers_are_bound_in_order_with_what_is_picked_and_what_undoes_them() -> None:
    for plan in both("orders"):
        each = step_of(plan, "parcels")
        assert isinstance(each, EachStep)
        label = each.steps[0]
        assert isinstance(label, CallStep)
        assert label.pick is not None
        assert [one.full_name for one in (label.operation, *label.others)] == [
            "carrier.buy_label",
            "other-carrier.buy_label",
        ]
        assert label.pick({"route": ["carrier.buy_label"]}) == ["carrier.buy_label"]
        assert label.on_unknown == "", "which goes by what each provider does there"
        undo = label.others[0].undo
        assert undo is not None
        assert undo.input({"input": {}, "once": "o-0", "result": "l1"}) == {"id": "l1", "reason": "o-0"}
        request = undo.operation.request({"id": "l1"}, "o-0")
        assert (request.system, request.method, request.path, undo.operation.undo) == (
            "other-carrier",
            "DELETE",
            "/labels/l1",
            None,
        )
        document = each.steps[1]
        assert isinstance(document, CallStep)
        assert document.operation.request("l1", None).read == "base64"
        assert [call.id for call in plan.calls()] == ["erp", "label", "document"]


def test_an_undo_is_looked_up_as_any_call_and_a_look_up_by_nothing() -> None:
    erp = step_of(plans()["orders"], "erp")
    assert isinstance(erp, CallStep)
    undo = erp.operation.undo
    assert undo is not None
    assert undo.operation.lookup is not None
    assert (undo.operation.lookup.operation.name, undo.operation.lookup.operation.lookup) == ("find_order", None)
    assert erp.on_unknown == "retry"


def test_operations_that_name_one_another_have_an_end() -> None:
    loop = '    undo: {call: create_order, input: "{id: result}"}\n'
    lookup = '    lookup: {call: find_order, input: "{reference: once}", found: body.id}\n'
    files = edited(
        (ERP, "    identity: path[1]\n", f"    identity: path[1]\n{loop}"),
        (ERP, "    effect: none\n", f"    effect: none\n{lookup}"),
        of=EVERYTHING,
    )
    erp = step_of(plans(files)["orders"], "erp")
    assert isinstance(erp, CallStep)
    assert erp.operation.undo is not None
    assert erp.operation.undo.operation.undo is None


def test_outcomes_are_those_of_the_step_then_of_the_operation_then_of_the_system() -> None:
    files = edited(
        (ERP, "timeout: 5s\n", "timeout: 5s\noutcomes: [{when: failure == 'tls', is: refused}]\n"),
        (ERP, "    result: body.id\n", "    result: body.id\n    outcomes: [{when: status == `410`, is: done}]\n"),
        of=EVERYTHING,
    )
    plan = plans(files)["orders"]
    for one in (plan, again(plan)):
        erp = step_of(one, "erp")
        assert isinstance(erp, CallStep)
        assert [verdict for _, verdict in erp.outcomes] == [Verdict.RETRY]
        assert [verdict for _, verdict in erp.operation.outcomes] == [Verdict.DONE, Verdict.REFUSED]
        (mine, _), (_, _), (tls, _) = *erp.outcomes, *erp.operation.outcomes
        lost = {"input": None, "once": "o", "status": None, "headers": {}, "body": None, "failure": "tls"}
        assert (mine(lost), tls(lost), mine({**lost, "failure": "connect"})) == (False, True, True)


def test_holds_know_until_when_and_for_what() -> None:
    for plan in both("orders"):
        payment, review = step_of(plan, "payment"), step_of(plan, "review")
        assert isinstance(payment, HoldStep)
        assert isinstance(review, HoldStep)
        assert payment.until is not None
        assert payment.until.when is not None
        assert (payment.until.topic, payment.queue, payment.expires) == ("payments", "", 7 * DAY_US)
        assert (payment.warn_us, payment.on_failure, payment.default) == (3 * DAY_US, "continue", None)
        assert [payment.until.when({"body": {**PAYMENT_BODY, "number": n}}) for n in (0, 3)] == [False, True]
        assert payment.reason({}) == ""
        assert (review.until, review.queue, review.warn_us) == (None, "large-orders", DAY_US // 6)
        assert callable(review.expires)
        assert review.expires({"body": {"until": "2026-01-01T00:00:00Z"}}) == "2026-01-01T00:00:00Z"


def test_decisions_are_rows_in_order() -> None:
    for plan in both("orders"):
        route, reasons = step_of(plan, "route"), step_of(plan, "reasons")
        assert isinstance(route, DecideStep)
        assert isinstance(reasons, DecideStep)
        assert (route.all, reasons.all) == (False, True)
        (heavy, heavy_then), (always, then) = route.rows
        assert heavy is not None
        assert (heavy({"body": {"weight": 20001}}), always) == (True, None)
        assert heavy_then({}) == ["other-carrier.buy_label"]
        assert then({}) == ["carrier.buy_label", "other-carrier.buy_label"]
        assert reasons.rows[1][1]({"order": {"id": "o1"}}) == "o1"


def test_inner_steps_see_the_item_and_its_place() -> None:
    for plan in both("orders"):
        each, told_ = step_of(plan, "parcels"), step_of(plan, "told")
        assert isinstance(each, EachStep)
        assert isinstance(told_, EachStep)
        scope = {"body": {"parcels": [{"number": 1}]}, "order": {"id": "o1"}, "parcel": {"number": 1}, "index": 4}
        assert (each.items(scope), each.name, each.on_failure) == ([{"number": 1}], "parcel", "compensate")
        assert (told_.on_failure, told_.default) == ("continue", [])
        label, _, look = each.steps
        assert isinstance(label, CallStep)
        assert isinstance(look, HoldStep)
        assert label.once is not None
        assert label.input is not None
        assert (label.once(scope), label.input(scope)) == ("o1-4", {"number": 1})
        assert look.reason(scope) == "the label of parcel 1 is large"


def test_steps_name_the_tables_of_every_provider_and_every_row() -> None:
    files = {
        **edited(
            (
                CARRIER,
                "{method: POST, path: /labels,",
                "{method: POST, path: /labels, query: {s: {from: input.s, table: services}},",
            ),
            (SPEC, "then: \"'several parcels'\"", "then: {from: order.id, table: words}"),
            (
                SPEC,
                "  - id: publish\n    emit: {topic: orders, body: order}\n",
                "  - id: publish\n    emit: {topic: orders, body: {fields: {id: {from: order.id, table: ids}}}}\n",
            ),
            of=EVERYTHING,
        ),
        **{f"charter/tables/{name}.csv": "a,b\n1,2\n" for name in ("services", "words", "ids")},
    }
    plan = plans(files)["orders"]
    for one in (plan, again(plan)):
        each, reasons, publish = (step_of(one, name) for name in ("parcels", "reasons", "publish"))
        assert isinstance(each, EachStep)
        assert isinstance(reasons, DecideStep)
        assert isinstance(publish, EmitStep)
        label = each.steps[0]
        assert isinstance(label, CallStep)
        assert (label.tables, reasons.tables, publish.tables) == (("services",), ("words",), ("ids",))


def test_the_contract_of_a_topic_is_checked_where_it_is_emitted() -> None:
    emit = step_of(plans(edited((PAID, "version: 1", "version: 2"), of=EVERYTHING))["payments"], "tell")
    assert isinstance(emit, EmitStep)
    assert not emit.topic.contract.check(PAYMENT_BODY)
    assert emit.topic.contract.check({**PAYMENT_BODY, "state": "odd"})
