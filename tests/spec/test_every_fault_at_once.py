"""No fault hides another: a bad value leaves the rest of its file, and every file that refers to it, checked."""

import pytest
from spec.minimal import CHARTER, ERP, MAPPING, SPEC, edited, read, told

PLANTED = (
    (CHARTER, "{local: {}, ", "{local: {private_networks: perhaps}, ", {("unknown-word", 2)}),
    (CHARTER, 'contact: "#orders"', "contact: 5", {("wrong-type", 3)}),
    (CHARTER, "deploys: orders", "deploys: ops", {("unknown-team", 4)}),
    (CHARTER, "record: erp", "record: sap", {("unknown-system", 5)}),
    (ERP, "production: https", "prod: https", {("unknown-environment", 3)}),
    (ERP, "timeout: 5s", "timeout: 2", {("bad-duration", 6)}),
    (ERP, "first: 1s", "first: soon", {("bad-duration", 7)}),
    (ERP, "merge(input,", "merge(order,", {("unknown-name", 10)}),
    (ERP, "call: find_order", "call: find", {("unknown-operation", 15)}),
    (ERP, "> `0`", "> 0", {("bare-number", 17)}),
    (ERP, "status: 201", "status: created", {("wrong-type", 18)}),
    (ERP, "so-{{ n }}", "so-{{ m }}", {("unknown-name", 18)}),
    (MAPPING, "to: canonical/order@1", "to: canonical/order@9", {("unknown-contract", 3)}),
    (MAPPING, "money: currency", "money: EUR", {("bare-currency", 8)}),
    (
        MAPPING,
        "table: statuses",
        "table: status, on_missing: perhaps",
        {("unknown-table", 9), ("unknown-word", 9)},
    ),
    (MAPPING, "sku: sku", "sku: {from: $item.sku, time: dat}", {("unknown-variable", 13), ("unknown-word", 13)}),
    (MAPPING, "price, money: $root.currency", "at, time: utc, zone: Europe/Berln", {("unknown-zone", 14)}),
    (MAPPING, "{value: shop}", "{valeu: shop}", {("wrong-value", 16)}),
    (SPEC, "owner: orders", "owner: order", {("unknown-team", 4)}),
    (SPEC, "receive:", "recieve:", {("unknown-key", 6)}),
    (SPEC, "system: shop}", "system: shopp}", {("unknown-system", 7)}),
    (SPEC, 'headers."x-event-id"', 'header."x-event-id"', {("unknown-name", 10)}),
    (SPEC, "  key: to_string(body.id)", "  key: to_string(body.id)\n  dedupe_for: 30", {("bad-duration", 12)}),
    (SPEC, "map: shop-order", "map: shop-ordr", {("unknown-mapping", 15)}),
    (SPEC, "queue: large-orders", "queue: Large_Orders", {("bad-name", 18)}),
    (SPEC, "{{ order.id }}", "{{ ordr.id }}", {("unknown-name", 18)}),
    (SPEC, "input: order", "input: 7\n    on_unknown: perhaps", {("bare-literal", 21), ("unknown-word", 22)}),
    (SPEC, "once: order.id", "once: ordr.id", {("unknown-name", 23)}),
    (SPEC, "[recordings/order.json]", "[recordings/ordre.json]", {("unknown-recording", 26)}),
    (SPEC, "status: done", "status: finished", {("unknown-word", 27)}),
)


def test_thirty_mistakes_of_every_kind_in_four_files_are_all_told_and_nothing_else() -> None:
    _, faults = read(edited(*((file, old, new) for file, old, new, _ in PLANTED)))
    planted = sorted((file, line, code) for file, _, _, told_here in PLANTED for code, line in told_here)
    assert sorted((fault.mark.file, fault.mark.line, fault.code) for fault in faults) == planted, told(faults)
    assert len(PLANTED) == 30
    assert len(planted) == 33


KEPT = [
    pytest.param((SPEC, "- id: review", "- id: Review"), ("bad-name",), "Review.ok == `true`", id="misspelled"),
    pytest.param((SPEC, "- id: review", "- id: 5"), ("wrong-type",), "review.ok == `true`", id="no text"),
    pytest.param((SPEC, "- id: review", "- when: body"), ("missing-key",), "review.ok == `true`", id="missing"),
]


@pytest.mark.parametrize(("edit", "codes", "when"), KEPT)
def test_the_result_of_a_step_whose_id_is_at_fault_is_not_unknown(
    edit: tuple[str, str, str], codes: tuple[str, ...], when: str
) -> None:
    later = (SPEC, "call: erp.create_order\n", f"call: erp.create_order\n    when: {when}\n")
    doubled = (SPEC, '    when: "order.total > `500000`"\n', "")
    _, faults = read(edited(edit, later, doubled))
    assert tuple(fault.code for fault in faults) == codes, told(faults)


def test_a_step_of_two_kinds_is_told_beside_what_is_wrong_with_either() -> None:
    _, faults = read(edited((SPEC, "map: shop-order", "map: 5\n    call: epr.create_order")))
    assert {fault.code for fault in faults} == {"wrong-type", "one-of", "unknown-system"}, told(faults)


def test_a_step_that_is_no_step_hides_none_of_the_others() -> None:
    _, faults = read(edited((SPEC, "  - id: review\n", "  - later\n  - id: review\n"), (SPEC, "`500000`", "500000")))
    assert [fault.code for fault in faults] == ["wrong-type", "bare-number"], told(faults)


def test_converters_are_not_judged_while_one_of_them_cannot_be_read() -> None:
    _, faults = read(edited((MAPPING, "money: currency", "monye: currency, minor: true")))
    assert [fault.code for fault in faults] == ["unknown-key"], told(faults)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        pytest.param((ERP, "identity: body.reference", "identty: body.reference"), "unknown-key", id="identity"),
        pytest.param((ERP, "identity: body.reference", "identity: 17"), "bare-literal", id="identity of a number"),
        pytest.param((ERP, "effect: idempotent", "effect: idem"), "unknown-word", id="effect"),
        pytest.param((SPEC, "once: order.id", "once: order.id\n    on_failure: contine"), "unknown-word", id="policy"),
    ],
)
def test_what_goes_together_is_not_judged_while_half_of_it_cannot_be_read(
    edit: tuple[str, str, str], code: str
) -> None:
    _, faults = read(edited(edit))
    assert [fault.code for fault in faults] == [code], told(faults)


def test_what_stands_below_a_misspelled_key_is_located_where_it_stands() -> None:
    files = edited((SPEC, "receive:", "recieve:"), (SPEC, "system: shop}", "system: shopp}"))
    _, faults = read(files)
    assert [(fault.code, fault.path, fault.mark.line, fault.mark.column) for fault in faults] == [
        ("unknown-key", "recieve", 6, 1),
        ("unknown-system", "receive.webhook.system", 7, 42),
    ]


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        pytest.param((SPEC, "owner: orders", "owner: *team"), "yaml-alias", id="a needed key"),
        pytest.param(
            (SPEC, "integration: orders\n", "integration: orders\n<<: {owner: me}\n"), "yaml-merge-key", id="<<"
        ),
        pytest.param((SPEC, "    map: shop-order", "    map: *mapping"), "yaml-alias", id="the kind of a step"),
        pytest.param(
            (SPEC, "    map: shop-order", "    <<: {map: shop-order}"), "yaml-merge-key", id="any kind of step"
        ),
        pytest.param((CHARTER, "teams: {orders: {", "teams: {? [orders] : {"), "yaml-key", id="a name others refer to"),
        pytest.param((CHARTER, "{local: {}, production: {}}", "*all"), "yaml-alias", id="all names of a kind"),
        pytest.param(
            (ERP, "identity: body.reference", "identity: *id"), "yaml-alias", id="a key needed beside another"
        ),
    ],
)
def test_what_yaml_refused_is_not_also_missing(edit: tuple[str, str, str], code: str) -> None:
    workspace, faults = read(edited(edit))
    assert [fault.code for fault in faults] == [code], told(faults)
    documents = (workspace.charter, *workspace.systems.values(), *workspace.integrations.values())
    assert [document.file for document in documents if document and document.content is None] == [edit[0]]
