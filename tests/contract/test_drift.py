"""Drift: which fields a contract does not know, told without a name that could be a customer's, and never without end."""

import json
from collections.abc import Mapping

import pytest
from real import ROOT

from engine.contract.body import decode_body
from engine.contract.drift import (
    NAME_CHARS_MAX,
    NAMES_MAX,
    OBJECTS_MAX,
    PATHS_MAX,
    SHAPE_NAMES_MAX,
    SHAPES_MAX,
    compile_drift,
    missing_fields,
)
from engine.contract.schema import check_schema, compile_contract
from engine.spec import yaml

LINE = {"properties": {"sku": {}, "price": {"properties": {"amount": {}, "currency": {}}}}}
ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {}, "customer": {"properties": {"name": {}}}, "lines": {"items": LINE}},
}

CASES: Mapping[str, tuple[object, object, set[str]]] = {
    # (schema, document, the unknown fields)
    "all known": (ORDER, {"id": 1, "customer": {"name": "Ada"}, "lines": [{"sku": "a"}]}, set()),
    "a field beside": (ORDER, {"id": 1, "duties": 0}, {"duties"}),
    "a field below": (ORDER, {"customer": {"name": "Ada", "vip": True}}, {"customer.vip"}),
    "in items of a list, once": (ORDER, {"lines": [{"duty": 1}, {"sku": "a"}, {"duty": 2}]}, {"lines[*].duty"}),
    "deep in items": (ORDER, {"lines": [{"price": {"amount": 1, "scale": 2}}]}, {"lines[*].price.scale"}),
    "the outermost name only": (ORDER, {"shop": {"id": 1, "plan": {"name": "x"}}}, {"shop"}),
    "of another type than the schema's": (ORDER, {"customer": [{"vip": 1}], "lines": {"duty": 1}}, set()),
    "not even an object": (ORDER, [{"duty": 1}], set()),
    "a name that is no identifier": (ORDER, {"Ada Lovelace": 1, "ada@example.org": 2, "4711": 3, "x" * 65: 4}, {"*"}),
    "a hyphen wants quotes": (ORDER, {"x-trace": 1, "customer": {"x-id": 1}}, {'"x-trace"', 'customer."x-id"'}),
    "known names of any kind": (
        {"properties": {"Bill To": {"properties": {"zip": {}}}}},
        {"Bill To": {"zip": 1, "city": 2}},
        {'"Bill To".city'},
    ),
    "required is known": ({"required": ["a"], "properties": {"b": {}}}, {"a": 1, "b": 2, "c": 3}, {"c"}),
    "what another field asks for is known": (
        {"properties": {"a": {}}, "dependentRequired": {"b": ["c"]}, "dependentSchemas": {"d": {}}},
        {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
        {"e"},
    ),
    # where the schema lists nothing, nothing is strange
    "a schema that says nothing": ({}, {"a": 1}, set()),
    "true": (True, {"a": 1}, set()),
    "an object without fields": ({"properties": {"meta": {"type": "object"}}}, {"meta": {"a": 1}}, set()),
    "required alone lists no fields": ({"required": ["a"]}, {"a": 1, "b": 1}, set()),
    # tolerance that is written down
    "additionalProperties: true is no list": ({"properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, {"b"}),
    "additionalProperties: false": ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, {"b"}),
    "a map knows all names": (
        {"properties": {"a": {}}, "additionalProperties": {"type": "string"}},
        {"b": "x", "c d": "y"},
        set(),
    ),
    "an open map": ({"properties": {"a": {}}, "additionalProperties": {}}, {"b": 1}, set()),
    "below a map, without its names": (
        {"additionalProperties": {"properties": {"qty": {}}}},
        {"Ada": {"qty": 1, "bin": 2}, "Bob": {"bin": 1}},
        {"*.bin"},
    ),
    "below a map beside listed fields": (
        {"properties": {"total": {}}, "additionalProperties": {"properties": {"qty": {}}}},
        {"total": {"any": 1}, "Ada": {"qty": 1, "bin": 2}},
        {"*.bin"},
    ),
    "unevaluatedProperties with a schema": (
        {"properties": {"a": {}}, "unevaluatedProperties": {"type": "integer"}},
        {"b": 1},
        set(),
    ),
    "a pattern": ({"patternProperties": {"^x_": {}}}, {"x_a": 1, "y": 2}, {"y"}),
    "below a pattern": (
        {"patternProperties": {"^x_": {"properties": {"a": {}}}}},
        {"x_1": {"a": 1, "b": 2}},
        {"*.b"},
    ),
    "a listed field that a pattern describes too": (
        {"properties": {"x_1": {}}, "patternProperties": {"^x_": {"properties": {"a": {}}}}},
        {"x_1": {"a": 1, "b": 2}},
        {"x_1.b"},
    ),
    # branches
    "allOf": ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"a": 1, "b": 1, "c": 1}, {"c"}),
    "anyOf": ({"properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}, {"a": 1, "b": 1, "c": 1}, {"c"}),
    "oneOf, below": (
        {"oneOf": [{"properties": {"p": {"properties": {"x": {}}}}}, {"properties": {"p": {"properties": {"y": {}}}}}]},
        {"p": {"x": 1, "y": 1, "z": 1}},
        {"p.z"},
    ),
    "if, then, else, not": (
        {
            "if": {"properties": {"a": {}}},
            "then": {"properties": {"b": {}}},
            "else": {"properties": {"c": {}}},
            "not": {"properties": {"d": {}}},
        },
        {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
        {"e"},
    ),
    "a branch that is a map": (
        {"properties": {"a": {}}, "anyOf": [{"additionalProperties": {"type": "integer"}}]},
        {"b": 1},
        set(),
    ),
    # lists
    "prefixItems": ({"prefixItems": [{"properties": {"a": {}}}]}, [{"a": 1, "b": 1}], {"[*].b"}),
    "contains and items": (
        {"items": {"properties": {"a": {}}}, "contains": {"properties": {"b": {}}}},
        [{"a": 1, "b": 1, "c": 1}],
        {"[*].c"},
    ),
    "a list in a list": ({"items": {"items": {"properties": {"a": {}}}}}, [[{"a": 1}], [{"b": 1}]], {"[*][*].b"}),
    # references
    "a reference": (
        {"properties": {"to": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"properties": {"zip": {}}}}},
        {"to": {"zip": 1, "city": 1}},
        {"to.city"},
    ),
    "a reference into a list": (
        {"properties": {"to": {"$ref": "#/allOf/0"}}, "allOf": [{"properties": {"zip": {}}}]},
        {"to": {"zip": 1, "city": 1}},
        {"to.city"},
    ),
    "an anchor": (
        {"properties": {"to": {"$ref": "#address"}}, "$defs": {"a": {"$anchor": "address", "properties": {"zip": {}}}}},
        {"to": {"zip": 1, "city": 1}},
        {"to.city"},
    ),
    "a schema of itself": (
        {"properties": {"name": {}, "parts": {"items": {"$ref": "#"}}}},
        {"name": 1, "parts": [{"parts": [{"name": 1, "weight": 1}]}]},
        {"parts[*].parts[*].weight"},
    ),
    "what an $id inside moves is not followed": (
        {
            "properties": {"to": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"properties": {"zip": {}}}, "b": {"$id": "https://example.org/b"}},
        },
        {"to": {"city": 1}, "b": 1},
        {"b"},
    ),
    "a field that is called $id moves nothing": (
        {
            "properties": {"$id": {}, "to": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"properties": {"zip": {}}}},
        },
        {"to": {"city": 1}},
        {"to.city"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_contract_does_not_know(name: str) -> None:
    schema, document, expected = CASES[name]
    assert check_schema(schema) == ()
    unknown = compile_drift(schema)
    assert set(unknown(document)) == expected
    assert set(unknown(document)) == expected, "a second look, at shapes that are remembered"


def test_shapes_that_are_remembered_do_not_change_what_is_told() -> None:
    unknown = compile_drift(ORDER)
    for number in range(3 * SHAPES_MAX):
        assert unknown({"id": 1, f"field_{number}": 1}) == (f"field_{number}",)
        assert unknown({"id": 1}) == ()


# ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_is_told_of_in_a_bounded_number_of_paths() -> None:
    assert len(compile_drift(ORDER)({f"field_{number}": 1 for number in range(10 * PATHS_MAX)})) == PATHS_MAX
    wide = {"properties": {f"p{number}": {"properties": {"a": {}}} for number in range(2 * PATHS_MAX)}}
    assert len(compile_drift(wide)({f"p{number}": {"b": 1} for number in range(2 * PATHS_MAX)})) == PATHS_MAX


def test_a_document_is_walked_in_a_bounded_number_of_objects() -> None:
    unknown = compile_drift(ORDER)
    known = [{"sku": "a"}] * OBJECTS_MAX
    assert unknown({"lines": [*known[: OBJECTS_MAX // 2 - 2], {"duty": 1}]}) == ("lines[*].duty",)
    assert unknown({"lines": [*known, {"duty": 1}]}) == ()
    assert unknown({"lines": [*known], "customer": {"vip": 1}}) == ("customer.vip",)


def test_objects_in_objects_are_walked_up_to_the_same_bound() -> None:
    unknown = compile_drift({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}})
    tree: dict[str, object] = {}
    for _ in range(14):
        tree = {"left": tree, "right": tree}
    assert unknown({"left": tree, "right": {"other": 1}}) == ()
    assert unknown({"left": {"other": 1}, "right": tree}) == ("left.other",)


def test_names_of_a_map_are_looked_at_up_to_a_bound() -> None:
    unknown = compile_drift({"additionalProperties": {"properties": {"qty": {}}}})
    assert unknown({**{f"n{number}": {} for number in range(NAMES_MAX - 1)}, "last": {"bin": 1}}) == ("*.bin",)
    assert unknown({**{f"n{number}": {} for number in range(NAMES_MAX)}, "last": {"bin": 1}}) == ()


def test_a_document_nested_beyond_any_body_ends_the_walk() -> None:
    document: dict[str, object] = {"name": 1}
    for _ in range(5_000):
        document = {"parts": [document]}
    listed: list[object] = []
    for _ in range(5_000):
        listed = [listed]
    unknown = compile_drift({"properties": {"name": {}, "parts": {"items": {"$ref": "#"}}}, "items": {"$ref": "#"}})
    assert unknown(document) == ()
    assert unknown(listed) == ()


def test_a_chain_of_references_longer_than_the_stack_is_compiled() -> None:
    names = [f"s{number}" for number in range(5_000)]
    definitions = {
        name: {"properties": {"next": {"$ref": f"#/$defs/{after}"}}}
        for name, after in zip(names, [*names[1:], names[0]], strict=True)
    }
    unknown = compile_drift({"$ref": "#/$defs/s0", "$defs": definitions})
    assert unknown({"next": {"next": {"other": 1}}}) == ("next.next.other",)


def test_what_is_remembered_is_small() -> None:
    """Shapes with many or long names are looked at each time, and a place that has seen too many begins anew."""
    from engine.contract import drift

    root = drift._Builder(ORDER).build()
    assert root is not None
    root.learn(tuple(f"n{number}" for number in range(SHAPE_NAMES_MAX + 1)))
    root.learn(("x" * (NAME_CHARS_MAX + 1),))
    assert root.shapes == {}
    for number in range(5 * SHAPES_MAX):
        root.learn((f"n{number}",))
        assert len(root.shapes) <= SHAPES_MAX


# ── required fields ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_required_fields_that_did_not_come_are_named_by_their_place() -> None:
    line = {"type": "object", "required": ["sku", "x-id"]}
    contract = compile_contract(
        "shop/order@1",
        {"type": "object", "required": ["id", "total"], "properties": {"lines": {"items": line}, "id": {"minimum": 3}}},
    )
    found = contract.check({"id": 1, "lines": [{"x-id": 1}, {"sku": 1}, {}]})
    assert missing_fields(found) == ("total", "lines[*].sku", 'lines[*]."x-id"')
    assert missing_fields(contract.check({"id": 3, "total": 1})) == ()


# ── the contracts of the reference workspace ─────────────────────────────────────────────────────────────────────────


def test_the_reference_contract_of_an_order_does_not_know_what_the_shop_sends_beyond_it() -> None:
    node, _ = yaml.compose((ROOT / "charter/models/shopify/order@2024-10.yaml").read_bytes(), "order")
    assert node is not None
    unknown = compile_drift(yaml.plain(node))
    order = json.loads((ROOT / "recordings/shopify/order-paid.json").read_bytes())["body"]
    before = set(unknown(decode_body(json.dumps(order).encode())))
    order["surprise"] = {"a": 1}
    order["line_items"][-1]["price_set"]["shop_money"]["scale"] = 2
    order["shipping_address"]["Ada Lovelace"] = 1
    after = set(unknown(decode_body(json.dumps(order).encode())))
    assert after - before == {"surprise", "line_items[*].price_set.shop_money.scale", "shipping_address.*"}
