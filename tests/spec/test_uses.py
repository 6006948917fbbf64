"""Where a workspace uses a contract, and which of it a change reaches."""

from typing import Any

import pytest
from spec.everything import CHARTER, EVERYTHING, PAID, PUBLISHED
from spec.minimal import MAPPING, MINIMAL, SPEC, edited, read

from engine.contract.versions.compatibility import compare, written
from engine.spec.uses import reach, users, uses
from engine.spec.workspace import Workspace

OLD: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "integer"},
        "status": {"enum": ["settled", "void"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"sku": {"type": "string"}, "price": {"type": "integer"}},
            },
        },
        "note": {"type": "string"},
        "channel": {"type": "string"},
    },
}


def workspace(*edits: tuple[str, str, str]) -> Workspace:
    found, faults = read(edited(*edits))
    assert not faults
    return found


def test_who_uses_a_contract() -> None:
    found = workspace()
    assert [(document.file, key) for document, key in users(found, "shop/order@1")] == [
        (MAPPING, "from"),
        (SPEC, "receive.contract"),
    ]
    assert [(document.file, key) for document, key in users(found, "canonical/order@1")] == [(MAPPING, "to")]
    assert list(users(found, "canonical/order@2")) == []


def test_topics_use_the_contract_of_their_bodies_wherever_they_are_emitted_received_and_waited_for() -> None:
    found, faults = read(EVERYTHING)
    assert not faults
    assert [(document.file, key) for document, key in users(found, "canonical/payment@1")] == [
        (PAID, "receive.contract"),
        (CHARTER, "topics.payments.contract"),
    ]
    lines = [(use.mark.file, use.kind, written(use.steps)) for use in uses(found, "canonical/payment@1")]
    assert sorted(set(lines)) == [
        (CHARTER, "checks", ""),
        (CHARTER, "reads", "at"),
        (CHARTER, "reads", "number"),
        (CHARTER, "reads", "order_id"),
        (SPEC, "reads", "number"),
        (SPEC, "reads", "state"),
        (PAID, "checks", ""),
        (PAID, "reads", ""),
        (PAID, "reads", "at"),
        (PAID, "reads", "number"),
        (PAID, "reads", "order_id"),
    ]
    assert [line for line in lines if line == (SPEC, "reads", "state")] == [(SPEC, "reads", "state")] * 2
    assert (PUBLISHED, "checks", "") in {
        (use.mark.file, use.kind, written(use.steps)) for use in uses(found, "canonical/order@1")
    }


def test_what_was_split_is_a_document_of_the_contract_and_the_delivery_is_not() -> None:
    found, _ = read(EVERYTHING)
    lines = {written(use.steps) for use in uses(found, "shop/order@1") if use.mark.file == SPEC}
    assert {"status", "id", "updated_at", "parcels", "weight"} <= lines
    assert not {"shop", "orders"} & lines


def test_what_is_read_of_what_comes_in() -> None:
    found = [(str(use.mark), use.kind, written(use.steps)) for use in uses(workspace(), "shop/order@1")]
    assert found == [
        ("mappings/shop-order.yaml:7:37", "reads", "id"),
        ("mappings/shop-order.yaml:8:17", "reads", "total_price"),
        ("mappings/shop-order.yaml:8:37", "reads", "currency"),
        ("mappings/shop-order.yaml:9:18", "reads", "financial_status"),
        ("mappings/shop-order.yaml:11:11", "reads", "line_items"),
        ("mappings/shop-order.yaml:13:12", "reads", "line_items[*].sku"),
        ("mappings/shop-order.yaml:14:21", "reads", "line_items[*].price"),
        ("mappings/shop-order.yaml:14:35", "reads", "currency"),
        ("mappings/shop-order.yaml:15:30", "reads", "name"),
        ("specs/orders.yaml:9:13", "checks", ""),
        ("specs/orders.yaml:8:9", "reads", "status"),
        ("specs/orders.yaml:11:18", "reads", "id"),
    ]


def test_what_is_written_and_what_steps_read_of_it() -> None:
    found = [(use.mark.line, use.kind, written(use.steps), use.whole) for use in uses(workspace(), "canonical/order@1")]
    assert found == [
        (7, "writes", "", False),
        (7, "writes", "id", True),
        (8, "writes", "total", True),
        (9, "writes", "status", True),
        (11, "writes", "lines", False),
        (13, "writes", "lines[*]", False),
        (13, "writes", "lines[*].sku", True),
        (14, "writes", "lines[*].price", True),
        (15, "writes", "note", True),
        (16, "writes", "channel", True),
        (16, "reads", "total", True),
        (17, "reads", "id", True),
        (20, "reads", "", True),
        (21, "reads", "id", True),
    ]


CHANGES: dict[str, tuple[Any, list[tuple[int, str, str, bool]]]] = {
    "a limit that new documents keep": (
        {"total": {"type": "integer", "minimum": 0}},
        [(8, "writes", "total", False), (16, "reads", "total", True), (20, "reads", "", True)],
    ),
    "a value that readers do not know": (
        {"status": {"enum": ["settled", "void", "open"]}},
        [(9, "writes", "status", True), (20, "reads", "", False)],
    ),
    "a field of every line": (
        {"lines": {**OLD["properties"]["lines"], "items": {
            "type": "object", "additionalProperties": False,
            "properties": {"sku": {"type": "string", "minLength": 1}, "price": {"type": "integer"}}}}},
        [(13, "writes", "lines[*].sku", False), (20, "reads", "", True)],
    ),
    "the list": (
        {"lines": {**OLD["properties"]["lines"], "minItems": 1}},
        [(11, "writes", "lines", False), (13, "writes", "lines[*]", False), (13, "writes", "lines[*].sku", False),
         (14, "writes", "lines[*].price", False), (20, "reads", "", True)],
    ),
    "a field that nothing reads or writes": ({"vat": {"type": "string"}}, [(20, "reads", "", False)]),
    "nothing": ({}, []),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "reached"), CHANGES.values(), ids=CHANGES)
def test_a_change_reaches(changed: dict[str, Any], reached: list[tuple[int, str, str, bool]]) -> None:
    comparison = compare(OLD, {**OLD, "properties": {**OLD["properties"], **changed}})
    found = reach(workspace(), "canonical/order@1", "canonical/order@1", comparison)
    assert [(each.mark.line, each.kind, each.path, each.holds) for each in found] == reached


def test_a_required_field_that_nothing_writes_is_lacking_where_it_would_stand() -> None:
    items = {**OLD["properties"]["lines"]["items"]}
    items |= {"required": ["weight"], "properties": {**items["properties"], "weight": {"type": "integer"}}}
    new = {**OLD, "required": ["id", "vat"], "properties": {
        **OLD["properties"], "vat": {"type": "string"}, "lines": {"type": "array", "items": items}}}  # fmt: skip
    found = reach(workspace(), "canonical/order@1", "canonical/order@1", compare(OLD, new))
    lacking = [(each.mark.line, each.path, each.holds) for each in found if each.kind == "lacks"]
    assert lacking == [(7, "vat", False), (13, "lines[*].weight", False)]


def test_a_line_that_lacks_something_may_be_reached_itself_too() -> None:
    new = {**OLD, "required": ["id", "vat"], "minProperties": 3, "properties": {**OLD["properties"], "vat": {}}}
    found = reach(workspace(), "canonical/order@1", "canonical/order@1", compare(OLD, new))
    assert [(each.kind, each.path) for each in found if each.mark.line == 7][:2] == [("lacks", "vat"), ("writes", "")]


def test_other_fields_refused_reach_only_what_the_schema_does_not_name() -> None:
    open_ = {**OLD, "properties": {"id": {}, "total": {}}, "additionalProperties": True}
    closed = {**open_, "additionalProperties": False}
    found = reach(workspace(), "canonical/order@1", "canonical/order@1", compare(open_, closed))
    paths = [each.path for each in found if each.kind == "writes"]
    assert paths == ["status", "lines", "lines[*]", "lines[*].sku", "lines[*].price", "note", "channel"]


def test_who_uses_the_new_version_relies_on_the_other_direction() -> None:
    narrower = compare(
        {"properties": {"id": {"type": ["string", "integer"]}}}, {"properties": {"id": {"type": "string"}}}
    )
    found = {each.kind: each.holds for each in reach(workspace(), "canonical/order@1", "canonical/order@2", narrower)}
    assert found == {"writes": False, "reads": True}
    found = {each.kind: each.holds for each in reach(workspace(), "canonical/order@0", "canonical/order@1", narrower)}
    assert found == {"writes": True, "reads": False}


def test_of_a_tree_every_level_is_the_first_again() -> None:
    def tree(kind: str) -> Any:
        return {
            "$defs": {"n": {"properties": {"kids": {"items": {"$ref": "#/$defs/n"}}, "v": {"type": kind}}}},
            "$ref": "#/$defs/n",
        }

    found = workspace((SPEC, "when: body.status == 'paid'", "when: body.kids[0].kids[?v == `1`].kids[*].v"))
    comparison = compare(tree("integer"), tree("string"))
    reached = [(str(each.mark), each.path) for each in reach(found, "shop/order@1", "shop/order@1", comparison)]
    assert ("specs/orders.yaml:8:28", "kids[0].kids[*].v") in reached
    assert ("specs/orders.yaml:8:9", "kids[0].kids[*].kids[*].v") in reached


def test_files_with_faults_are_left_out() -> None:
    files = {**MINIMAL, MAPPING: "mapping: shop-order\n", SPEC: "integration: orders\n"}
    found, faults = read(files)
    assert faults
    assert list(uses(found, "shop/order@1")) == []
    assert list(users(found, "shop/order@1")) == []


def test_let_and_each_are_followed() -> None:
    found = workspace(
        (MAPPING, "prefix: \"'shop'\"", "prefix: customer.address"),
        (MAPPING, "sku: sku", "sku: join('-', [$prefix.zip, $parent.number, sku])"),
    )
    read_ = {(use.mark.line, written(use.steps)) for use in uses(found, "shop/order@1")}
    assert {(5, "customer.address"), (13, "customer.address.zip"), (13, "number"), (13, "line_items[*].sku")} <= read_
