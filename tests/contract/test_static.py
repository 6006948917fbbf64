"""Kinds: whatever satisfies a schema is of its kind, and the kind is there soon whatever the schema."""

from decimal import Decimal

import pytest
from contract.test_schema_suite import cases
from real import real_data

from engine.contract import ContractError, compile_contract
from engine.contract.static.kind import (
    ANYTHING,
    BOOLEAN,
    FRACTION,
    INTEGER,
    KNOWN,
    LIST,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    PARTS_MAX,
    SILENT,
    TEXT,
    UNKNOWN,
    Kind,
    falsy,
    item_of,
    join,
    list_of,
    meet,
    member_of,
    text_of,
    truthy,
    words_of,
)
from engine.contract.static.of_schema import IN_PLACE_MAX, SUBSCHEMAS_MAX, kind_of_schema
from engine.contract.static.of_value import kind_of_value, refusal, type_of

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "status": {"enum": ["open", "paid", None]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "parent": {"$ref": "#"},
    },
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": ["string", "null"]}}}},
}


def read(schema: object, *path: str) -> Kind:
    """What reading the names gives, one after another; `[]` is an item."""
    kind = kind_of_schema("shop/order@1", schema)
    for name in path:
        kind = item_of(kind) if name == "[]" else member_of(kind, name)
    return kind


READS = [
    pytest.param(ORDER, ("id",), INTEGER, id="a required field is never null"),
    pytest.param(ORDER, ("status",), TEXT | NULL, id="another may be"),
    pytest.param(ORDER, ("lines", "[]", "sku"), TEXT | NULL, id="through a list and a reference"),
    pytest.param(ORDER, ("parent", "parent", "parent", "id"), INTEGER | NULL, id="a schema that holds itself"),
    pytest.param({"type": "number"}, (), NUMBER, id="a number may be whole"),
    pytest.param({"const": Decimal("2.0")}, (), INTEGER, id="2.0 is whole"),
    pytest.param({"enum": [1, Decimal("0.5")]}, (), NUMBER, id="an enumeration of numbers"),
    pytest.param({"type": ["string", "integer"], "enum": ["a"]}, (), TEXT, id="what both leave"),
    pytest.param({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "array"]}]}, (), NULL, id="allOf"),
    pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, (), TEXT | NULL, id="anyOf"),
    pytest.param(
        {"if": {"type": "string"}, "then": {"const": "a"}, "else": {"type": "null"}}, (), TEXT | NULL, id="if"
    ),
    pytest.param({"type": "object", "additionalProperties": {"type": "string"}}, ("x",), TEXT | NULL, id="any name"),
    pytest.param({"type": "object", "additionalProperties": False}, ("x",), NULL, id="no name"),
    pytest.param(
        {"properties": {"a": {"type": "string"}}, "unevaluatedProperties": False, "type": "object"},
        ("b",),
        NULL,
        id="closed by unevaluatedProperties",
    ),
    pytest.param(
        {"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}], "unevaluatedProperties": False},
        ("a",),
        TEXT | NULL,
        id="what an alternative declares is evaluated",
    ),
    pytest.param(
        {"type": "object", "allOf": [{"properties": {"a": True}}, {"additionalProperties": False}]},
        ("a",),
        NULL,
        id="additionalProperties knows only its own schema",
    ),
    pytest.param({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, ("[]",), TEXT, id="a pair"),
    pytest.param(False, (), 0, id="nothing"),
    pytest.param({"$ref": "#/$defs/none"}, (), ANYTHING.types, id="a reference that leads nowhere"),
]


@pytest.mark.parametrize(("schema", "path", "types"), READS)
def test_a_path_reads_what_the_schema_says(schema: object, path: tuple[str, ...], types: int) -> None:
    assert words_of(read(schema, *path).types) == words_of(types)


STANDS = [
    pytest.param({"properties": {"a": True}}, "a", KNOWN, id="declared"),
    pytest.param({"properties": {"a": True}}, "b", UNKNOWN, id="not declared, though the object is open"),
    pytest.param({"type": "object"}, "b", SILENT, id="nothing declared"),
    pytest.param({"required": ["b"]}, "b", KNOWN, id="required is declared"),
    pytest.param({"required": ["b"]}, "c", SILENT, id="required alone declares no others away"),
    pytest.param({"properties": {"a": True}, "additionalProperties": True}, "b", KNOWN, id="open on purpose"),
    pytest.param({"properties": {"a": True}, "patternProperties": {"^x": True}}, "xb", KNOWN, id="patterns"),
    pytest.param({"properties": {"a": True}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "c", UNKNOWN, id="anyOf"),
    pytest.param({"properties": {"a": True}, "allOf": [{"properties": {"b": True}}]}, "b", KNOWN, id="allOf"),
    pytest.param({"oneOf": [{"properties": {"a": True}}, {"properties": {"b": True}}]}, "c", UNKNOWN, id="oneOf"),
    pytest.param({"oneOf": [{"properties": {"a": True}}, {"type": "object"}]}, "c", SILENT, id="one of them is open"),
    pytest.param({"properties": {"a": True}, "$ref": "#anchor"}, "c", KNOWN, id="what was not read may declare it"),
    pytest.param({"properties": {"a": True}, "$dynamicRef": "#x"}, "c", KNOWN, id="nor a dynamic reference"),
    pytest.param({"allOf": [{"$id": "urn:x", "properties": {}}], "properties": {"a": True}}, "c", KNOWN, id="an $id"),
    pytest.param(
        {"properties": {"a": True}, "dependentSchemas": {"a": {"properties": {"b": True}}}}, "b", KNOWN, id="dependent"
    ),
    pytest.param({"properties": {"a": True}, "if": {"required": ["a"]}, "else": {"required": ["t"]}}, "c", UNKNOWN, id="if"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "name", "stand"), STANDS)
def test_how_a_name_stands_to_an_object(schema: object, name: str, stand: int) -> None:
    assert kind_of_schema("shop/order@1", schema).members.find(name).known == stand


REFUSED = [
    pytest.param(ORDER, {"id": 1, "status": "paid", "lines": [{"sku": None}]}, None, id="a good one"),
    pytest.param(ORDER, {"id": "1"}, ("type", "id"), id="a type"),
    pytest.param(ORDER, {"id": 1, "status": "payed"}, ("enum", "status"), id="an enumeration"),
    pytest.param(ORDER, {"id": 1, "lines": [{}, {"sku": 5}]}, ("type", "lines[1].sku"), id="inside a list"),
    pytest.param(ORDER, {}, ("required", ""), id="required"),
    pytest.param({"additionalProperties": False}, {"a": 1}, ("additionalProperties", ""), id="closed"),
    pytest.param({"pattern": "^[A-Z]{3}$"}, "eur", ("pattern", ""), id="a pattern"),
    pytest.param({"minimum": 0}, -1, ("minimum", ""), id="a bound"),
    pytest.param({"format": "date"}, "2026-02-30", ("format", ""), id="a format"),
    pytest.param({"const": {"a": 1}}, {"a": 2}, ("const", ""), id="a constant object"),
    pytest.param({"allOf": [{"minLength": 2}, {"maxLength": 3}]}, "abcd", ("maxLength", ""), id="rules of both"),
    pytest.param({"multipleOf": Decimal("0.01")}, Decimal("19.99"), None, id="exact numbers"),
]


@pytest.mark.parametrize(("schema", "value", "expected"), REFUSED)
def test_a_value_is_refused_for_the_rule_it_breaks(schema: object, value: object, expected: object) -> None:
    found = refusal(kind_of_schema("shop/order@1", schema), value)
    assert (found and (found.rule, found.path)) == expected
    assert (found is None) == (compile_contract("shop/order@1", schema).check(value) == ())


@pytest.mark.real
def test_what_satisfies_a_schema_of_the_public_suite_is_of_its_kind() -> None:
    """And of what does not, kinds see more than half: they are wider than the schema, and not empty words."""
    satisfied = broken = seen = 0
    for _, schema, data, _ in cases(real_data() / "compliance" / "json-schema" / "tests" / "draft2020-12", Decimal):
        kind = kind_of_schema("suite", schema)
        try:
            holds = not compile_contract("suite", schema).check(data)
        except ContractError:
            continue
        found = refusal(kind, data)
        if holds:
            satisfied += 1
            assert found is None, (schema, data, found)
        else:
            broken += 1
            seen += found is not None
    assert satisfied > 700
    assert broken > 500
    assert seen > 0.55 * broken


# ── arithmetic of kinds ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_true_and_what_is_false_of_a_kind() -> None:
    text = text_of(["", "a"])
    assert truthy(text).texts == {"a"}
    assert falsy(text).texts == {""}
    assert truthy(text_of([""])).types == 0
    assert falsy(text_of(["a"])).types == 0
    assert truthy(Kind(NULL | BOOLEAN | INTEGER)).types == words("true", "a whole number")
    assert falsy(Kind(INTEGER)).types == 0, "0 is true"
    assert truthy(list_of()).types == 0
    assert falsy(kind_of_schema("x", {"type": "object", "required": ["a"]})).types == 0


def words(*some: str) -> int:
    return sum(bit for bit in (1 << place for place in range(8)) if words_of(bit) in some)


def test_a_union_is_as_wide_as_its_parts_and_a_meeting_as_narrow() -> None:
    one, other = text_of(["a", "b"]), text_of(["b", "c"])
    assert join((one, other)).texts == {"a", "b", "c"}
    assert meet(one, other).texts == {"b"}
    assert meet(one, text_of(["z"])).types == 0
    assert join((one, Kind(TEXT))).texts is None
    assert join(()) is NEVER
    assert join((one, NEVER)) is one
    assert meet(one, ANYTHING) is one
    assert item_of(join((list_of(one), list_of(other), Kind(NULL)))).texts == {"a", "b", "c"}
    assert item_of(join((list_of(one), Kind(LIST)))) is ANYTHING


@pytest.mark.parametrize(
    ("value", "types"),
    [
        (True, BOOLEAN),
        (1, INTEGER),
        (Decimal("1.00"), INTEGER),
        (Decimal("1e1000000"), INTEGER),
        (Decimal("1e-1000000"), FRACTION),
        (Decimal("1.01"), FRACTION),
        (Decimal("0E-9"), INTEGER),
        (Decimal("NaN"), 0),
        (1.5, 0),
    ],
)
def test_the_type_of_a_value(value: object, types: int) -> None:
    assert type_of(value) & types == type_of(value)
    assert bool(type_of(value)) == bool(types)


def test_a_literal_of_many_items_and_levels_is_a_kind_at_once() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    assert item_of(item_of(kind_of_value(deep))).types == LIST
    assert item_of(kind_of_value(list(range(PARTS_MAX + 1)))) is ANYTHING
    assert refusal(ANYTHING, deep) is None


# ── total ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def chain(length: int) -> dict[str, object]:
    """References one after another, on the same value."""
    links = {f"a{place}": {"$ref": f"#/$defs/a{place + 1}"} for place in range(length)}
    return {"$ref": "#/$defs/a0", "$defs": {**links, f"a{length}": {"type": "string"}}}


def doubling(levels: int) -> dict[str, object]:
    """Each definition twice the next: 2^levels, if anybody wrote it out."""
    links = {
        f"a{place}": {
            "allOf": [{"$ref": f"#/$defs/a{place + 1}"}, {"properties": {"x": {"$ref": f"#/$defs/a{place}"}}}]
        }
        for place in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**links, f"a{levels}": {"type": "object"}}}


NASTY = {
    "a circle in place": {"$ref": "#"},
    "a circle of two": {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
    "a long chain": chain(5_000),
    "a chain below unevaluatedProperties": {
        "$ref": "#/$defs/a0",
        "$defs": {
            f"a{place}": {"unevaluatedProperties": {"$ref": f"#/$defs/a{place + 1}"}, "type": "object"}
            for place in range(2_000)
        },
    },
    "a doubling": doubling(30),
    "wide alternatives": {"anyOf": [{"properties": {f"n{place}": {"type": "string"}}} for place in range(3_000)]},
    "alternatives of alternatives": {
        "anyOf": [{"oneOf": [{"properties": {"x": {"$ref": "#"}}, "required": [f"n{a}{b}"]} for a in range(20)]} for b in range(20)]
    },
    "a long enumeration": {"enum": [str(number) for number in range(20_000)]},
    "many properties": {"properties": {f"n{place}": {"type": "integer"} for place in range(20_000)}},
    "keywords of the wrong type": {
        "type": [7, "strng"], "enum": 5, "properties": [], "required": "id", "items": 3, "allOf": {}, "$ref": 5, "format": 1
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_a_schema_made_to_hurt_is_a_kind_that_can_be_looked_into(name: str) -> None:
    kind = kind_of_schema("x", NASTY[name])
    for _ in range(200):
        kind = member_of(kind, "x")
    assert kind.types


def test_a_long_chain_says_nothing_and_a_short_one_what_it_ends_in() -> None:
    assert kind_of_schema("x", chain(IN_PLACE_MAX - 2)).types == TEXT
    assert kind_of_schema("x", chain(IN_PLACE_MAX + 2)).types == ANYTHING.types


def test_the_schemas_of_a_contract_are_read_once_each_and_up_to_a_limit() -> None:
    wide = {"anyOf": [{"type": "string", "minLength": place} for place in range(SUBSCHEMAS_MAX + 1)]}
    assert kind_of_schema("x", wide).types == ANYTHING.types
    assert kind_of_schema("x", {"anyOf": wide["anyOf"][:100]}).types == TEXT


def test_an_object_of_too_many_parts_can_hold_anything() -> None:
    names = [{"type": "object", "properties": {f"n{place}": True}} for place in range(PARTS_MAX + 1)]
    assert kind_of_schema("x", {"anyOf": names[:-1]}).members.find("no").known == UNKNOWN
    assert kind_of_schema("x", {"anyOf": names}).members.find("no").known == KNOWN
    assert kind_of_schema("x", {"allOf": names}).members.find("no").known == KNOWN
    assert kind_of_schema("x", {"allOf": names, "unevaluatedProperties": False}).types == OBJECT
