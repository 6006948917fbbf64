"""Documents drawn from a schema: they satisfy it, they reach its edges, and what cannot be drawn is said."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample, Unsatisfiable
from real import ROOT, real_data

from engine.contract import ContractError, compile_contract
from engine.contract.body import canonical_json, decode_body, encode_json
from engine.run.load import load
from harness.alternatives import CannotDraw
from harness.samples import FORMATTED
from harness.strategies import documents
from harness.vocabulary import vocabulary

drawn = settings(
    max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
REFERENCE = load(ROOT, "local").workspace


def every(schema: Any, count: int = 60, words: Mapping[str, Sequence[str]] = MappingProxyType({})) -> list[Any]:
    """What is drawn from a schema, in order."""
    seen: list[Any] = []

    def one(document: Any) -> None:
        seen.append(document)

    settings(drawn, max_examples=count)(given(documents("test/any@1", schema, words))(one))()
    assert seen
    return seen


def reaches(schema: Any, wanted: Callable[[Any], bool]) -> bool:
    """Whether a document of this kind is drawn sooner or later."""
    try:
        searching = settings(drawn, derandomize=False, max_examples=3000, phases=[Phase.generate])
        find(documents("test/any@1", schema), wanted, settings=searching, random=Random(1))
    except NoSuchExample:
        return False
    return True


# ── what is drawn satisfies the schema ───────────────────────────────────────────────────────────────────────────────

OBJECT = {"type": "object"}
SCHEMAS: dict[str, Any] = {
    "anything": True,
    "no rule": {},
    "types": {"type": ["string", "integer", "null"]},
    "a constant": {"const": {"a": [1, Decimal("0.1")]}},
    "words": {"enum": ["a", 1, None, Decimal("19.99")]},
    "words that other rules thin out": {"enum": ["a", "bb", 3, None], "type": "string", "minLength": 2},
    "whole numbers": {"type": "integer", "minimum": -3, "exclusiveMaximum": 4},
    "numbers between": {"type": "number", "exclusiveMinimum": 0, "maximum": Decimal("0.05")},
    "cents": {"type": "number", "multipleOf": Decimal("0.01"), "minimum": 0},
    "multiples of two numbers": {"allOf": [{"type": "integer", "multipleOf": 4}, {"multipleOf": 6}], "maximum": 1000},
    "multiples of a half that are whole": {"type": "integer", "multipleOf": Decimal("0.5")},
    "lengths": {"type": "string", "minLength": 2, "maxLength": 3},
    "an anchored pattern": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "a pattern that searches": {"type": "string", "pattern": "b[0-9]"},
    "two patterns": {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "^[ab][0-9]$"}]},
    "a pattern and a length": {"type": "string", "pattern": "^[0-9]+$", "maxLength": 3},
    "a moment of this age": {"type": "string", "format": "date-time", "pattern": "^20"},
    "fields": {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "never": False},
    },
    "no other fields": {**OBJECT, "properties": {"a": True}, "additionalProperties": False},
    "other fields of a kind": {**OBJECT, "properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
    "fields by pattern": {
        **OBJECT,
        "patternProperties": {"^x-": {"type": "string"}, "[0-9]$": {"type": "string", "minLength": 1}},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "names": {**OBJECT, "propertyNames": {"pattern": "^[a-z]+$"}, "properties": {"UPPER": {}, "lower": {}}},
    "few fields": {**OBJECT, "properties": {"a": {}, "b": {}, "c": {}}, "required": ["a"], "maxProperties": 2},
    "many fields": {**OBJECT, "minProperties": 4},
    "a field that needs another": {
        **OBJECT,
        "properties": {"a": {}, "b": {}, "c": {}},
        "dependentRequired": {"a": ["b"], "b": ["c"]},
        "additionalProperties": False,
    },
    "a field that asks for more": {
        **OBJECT,
        "properties": {"card": {"type": "string"}},
        "dependentSchemas": {"card": {"required": ["address"], "properties": {"address": {"type": "string"}}}},
    },
    "a list": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
    "a tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    "a tuple and more": {"type": "array", "prefixItems": [{"const": "a"}], "items": {"type": "integer"}, "minItems": 3},
    "a set": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 4}, "uniqueItems": True},
    "a list with one of a kind": {"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}},
    "a list with two of a kind": {"type": "array", "contains": {"type": "null"}, "minContains": 2, "maxContains": 3},
    "all of": {"allOf": [{**OBJECT, "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
    "any of": {"anyOf": [{"type": "integer", "minimum": 5}, {"type": "string", "maxLength": 2}]},
    "one of": {
        "oneOf": [
            {**OBJECT, "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
            {**OBJECT, "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind", "y"]},
        ]
    },
    "one of two that overlap": {"oneOf": [{"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 3}]},
    "not": {"type": "string", "not": {"pattern": "a"}},
    "if, then, else": {
        **OBJECT,
        "required": ["country"],
        "properties": {"country": {"enum": ["DE", "US"]}, "zip": {"type": "string"}},
        "if": {"properties": {"country": {"const": "US"}}},
        "then": {"required": ["zip"], "properties": {"zip": {"pattern": "^[0-9]{5}$"}}},
        "else": {"properties": {"zip": {"pattern": "^D-[0-9]{5}$"}}},
    },
    "if a field is there": {"if": {**OBJECT, "required": ["a"]}, "then": {"required": ["b"]}, "type": "object"},
    "a chain of ifs": {
        **OBJECT,
        "required": ["c", "v"],
        "properties": {"c": {"enum": ["JPY", "EUR", "KWD"]}, "v": {"type": "string"}},
        "if": {"properties": {"c": {"const": "JPY"}}},
        "then": {"properties": {"v": {"pattern": "^[0-9]+$"}}},
        "else": {
            "if": {"properties": {"c": {"const": "KWD"}}},
            "then": {"properties": {"v": {"pattern": "^[0-9]+\\.[0-9]{3}$"}}},
            "else": {"properties": {"v": {"pattern": "^[0-9]+\\.[0-9]{2}$"}}},
        },
    },
    "references": {
        **OBJECT,
        "properties": {"a": {"$ref": "#/$defs/a~1b"}, "c": {"$ref": "#here"}, "d": {"$ref": "#/properties/a"}},
        "$defs": {"a/b": {"type": "integer"}, "x": {"$anchor": "here", "type": "boolean"}},
    },
    "a reference with neighbours": {"$ref": "#/$defs/text", "maxLength": 2, "$defs": {"text": {"type": "string"}}},
    "a tree": {
        **OBJECT,
        "required": ["value"],
        "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "additionalProperties": False,
    },
    "two that stand in each other": {
        "$ref": "#/$defs/a",
        "$defs": {
            "a": {"anyOf": [{"type": "integer"}, {**OBJECT, "properties": {"b": {"$ref": "#/$defs/b"}}}]},
            "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "array", "items": {"$ref": "#/$defs/b"}}]},
        },
    },
    "notes are notes": {"type": "integer", "title": "t", "default": 1, "deprecated": True, "discriminator": {"x": 1}},
    **{f"format {name}": {"type": "string", "format": name} for name in FORMATTED},
}


@pytest.mark.parametrize("which", SCHEMAS)
def test_what_is_drawn_satisfies_the_schema_and_is_what_a_body_can_hold(which: str) -> None:
    contract = compile_contract("test/any@1", SCHEMAS[which])
    for document in every(SCHEMAS[which]):
        assert contract.check(document) == ()
        assert canonical_json(decode_body(encode_json(document))) == canonical_json(document)


@pytest.mark.parametrize("name", sorted(REFERENCE.models))
def test_the_contracts_of_the_reference_workspace_can_be_drawn_from(name: str) -> None:
    schema = REFERENCE.models[name].content
    contract = compile_contract(name, schema)
    seen = every(schema, 30)
    assert len(seen) >= 30
    assert all(contract.check(document) == () for document in seen)


# ── and reaches its edges ────────────────────────────────────────────────────────────────────────────────────────────

ORDER = {
    **OBJECT,
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["string", "null"]},
        "total": {"type": "number", "minimum": 0, "maximum": 100, "multipleOf": Decimal("0.01")},
        "lines": {"type": "array", "items": {"type": "integer"}},
        "kind": {"enum": ["a", "b"]},
    },
}
EDGES: dict[str, Callable[[Any], bool]] = {
    "only what is required": lambda order: order.keys() == {"id"},
    "everything": lambda order: order.keys() >= ORDER["properties"].keys(),  # type: ignore[attr-defined]
    "a field that no contract knows": lambda order: bool(order.keys() - ORDER["properties"].keys()),  # type: ignore[attr-defined]
    "null where null may stand": lambda order: order.get("name", "") is None,
    "an empty text": lambda order: order.get("name") == "",
    "a text beyond ASCII": lambda order: not (order.get("name") or "").isascii(),
    "an accent as a character of its own": lambda order: "\u0301" in (order.get("name") or ""),
    "an id beyond 64 bits": lambda order: abs(order["id"]) >= 2**64,
    "an id of thirty digits": lambda order: len(str(abs(order["id"]))) == 30,
    "the smallest amount": lambda order: order.get("total") == 0,
    "one step above it": lambda order: order.get("total") == Decimal("0.01"),
    "the largest": lambda order: order.get("total") == 100,
    "a fraction that no binary float holds": lambda order: isinstance(order.get("total"), Decimal),
    "an empty list": lambda order: order.get("lines") == [],
    "one item twice": lambda order: len(order.get("lines", ())) > len(set(order.get("lines", ()))),
    "either word": lambda order: order.get("kind") == "b",
}


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_of_a_document_are_reached(edge: str) -> None:
    assert reaches(ORDER, EDGES[edge])


def test_no_binary_float_is_drawn_and_no_text_that_cannot_be_stored() -> None:
    for document in every({"type": ["number", "string"]}, 300):
        assert type(document) in (int, Decimal, str)
        assert "\0" not in str(document)


def test_a_branch_is_drawn_as_often_as_the_other_without_waste() -> None:
    countries = [document["country"] for document in every(SCHEMAS["if, then, else"], 200)]
    assert min(countries.count("US"), countries.count("DE")) > 40


def test_the_same_documents_are_drawn_again() -> None:
    assert every(ORDER) == every(ORDER)


def test_a_schema_within_itself_ends() -> None:
    def depth(tree: Any) -> int:
        return 1 + max(map(depth, tree.get("children", ())), default=0)

    depths = {depth(tree) for tree in every(SCHEMAS["a tree"], 200)}
    assert depths == {1, 2, 3}


# ── words of tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_are_drawn_where_the_contract_lets_them_and_others_too() -> None:
    schema = {**OBJECT, "required": ["sku"], "properties": {"sku": {"type": "string", "maxLength": 8}}}
    words = {"sku": ("MUG-1", "MUG-2", "LANTERN-IS-TOO-LONG")}
    skus = [document["sku"] for document in every(schema, 200, words)]
    assert {"MUG-1", "MUG-2"} <= set(skus)
    assert "LANTERN-IS-TOO-LONG" not in skus
    assert 0 < sum(sku not in words["sku"] for sku in skus) < 150


def test_the_words_of_a_mapping_are_those_of_its_tables_by_the_fields_that_are_looked_up() -> None:
    found = vocabulary(REFERENCE.mappings["shopify-order"].content, REFERENCE.tables)
    assert found.keys() == {"financial_status", "sku"}
    assert "NW-MUG-350-BLU" in found["sku"]
    assert "partially_paid" in found["financial_status"]
    stripe = vocabulary(REFERENCE.mappings["stripe-object"].content, REFERENCE.tables)
    assert "requires_capture" in stripe["status"]  # of `payment_intent:requires_capture`
    assert "isk" in stripe["currency"]
    amazon = vocabulary(REFERENCE.mappings["amazon-order"].content, REFERENCE.tables)
    assert "A1PA6795UKMFR9" in amazon["marketplaceId"]  # behind a `let`
    assert "EUR" in amazon["currencyCode"]


# ── what cannot be drawn ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (
            {**OBJECT, "unevaluatedProperties": False, "properties": {"a": {"unevaluatedItems": False}}},
            (
                "unevaluatedProperties: `unevaluatedProperties` is not served; say it with `properties` and `items`",
                "properties.a.unevaluatedItems: `unevaluatedItems` is not served; say it with `properties` and `items`",
            ),
        ),
        (
            {"$defs": {"a": {"$dynamicAnchor": "x"}}, "$dynamicRef": "#x"},
            ("$dynamicRef: `$dynamicRef` is not served; say it with `properties` and `items`",),
        ),
        (
            {"properties": {"a": {"$id": "urn:example:a"}}},
            ("properties.a.$id: an `$id` inside moves where references start; keep one at the top",),
        ),
        ({"type": "string", "pattern": "^\\p{Lu}$"}, ("the schema: the pattern '^\\\\p{Lu}$' cannot be drawn from: ",)),
        (False, ("the schema: no document satisfies it",)),
        ({"type": "integer", "minimum": 3, "maximum": 2}, ("the schema: no document satisfies it",)),
        ({"enum": [1, 2], "type": "string"}, ("the schema: no document satisfies it",)),
        ({**OBJECT, "required": ["a"], "properties": {"a": False}}, ("the schema: no document satisfies it",)),
        (
            {"allOf": [{"anyOf": [{"minimum": n}, {"maximum": -n}]} for n in range(1, 10)]},
            ("the schema: more than 256 combinations of alternatives meet in one place; chain `if` with `else`",),
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_with_its_place(schema: Any, said: tuple[str, ...]) -> None:
    with pytest.raises(CannotDraw) as told:
        documents("test/any@1", schema)
    assert len(told.value.gaps) == len(said)
    for gap, start in zip(told.value.gaps, said, strict=True):
        assert str(gap).startswith(start)
    assert str(told.value).startswith("no documents can be drawn for test/any@1: ")


def test_a_schema_as_deep_as_they_come_and_one_that_leads_on_for_ever_end() -> None:
    deep: Any = {"$ref": "#"}
    for _ in range(30):
        deep = {**OBJECT, "properties": {"a": deep}, "required": ["a"]}
    with pytest.raises(CannotDraw, match="no document satisfies it"):  # thirty levels within themselves for ever
        documents("test/any@1", deep)
    chain = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(500)}
    with pytest.raises(CannotDraw, match="more than 100 references lead on from one another"):
        documents("test/any@1", {"$ref": "#/$defs/d0", "$defs": {**chain, "d500": {"type": "integer"}}})


def test_a_schema_that_is_no_contract_is_refused_as_everywhere() -> None:
    with pytest.raises(ContractError):
        documents("test/any@1", {"type": "strange"})


def test_a_word_that_nobody_can_serve_is_no_keyword_where_it_names_a_field() -> None:
    assert every({**OBJECT, "properties": {"unevaluatedItems": {"type": "integer"}, "$dynamicRef": {}}})


def test_hypothesis_is_an_extra_and_its_absence_is_one_sentence() -> None:
    look = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from engine.errors import UserError\n"
        "from harness.strategies import documents\n"
        "try: documents('test/any@1', {})\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert done.stdout == "generating documents needs Hypothesis: install waybill[prove]\n"


# ── the public suite ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.real
def test_what_is_drawn_from_the_public_suite_s_schemas_satisfies_them() -> None:
    """Each schema of the suite that is a contract: documents of it, or the sentence why there are none."""
    ran, other = 0, Counter[str]()
    for file in sorted((real_data() / "compliance/json-schema/tests").rglob("*.json")):
        for group in json.loads(file.read_bytes(), parse_float=Decimal):
            schema = group["schema"]
            try:
                contract = compile_contract("test/any@1", schema)
            except ContractError:
                continue
            seen, why = tried(schema)
            assert all(contract.check(document) == () for document in seen)
            if why == IMPOSSIBLE:  # nothing is called so of which the suite has an example
                assert not any(test["valid"] for test in group["tests"]), (file.name, group["description"])
            ran += not why
            other[why] += bool(why)
    assert (ran, +other) == SUITE


IMPOSSIBLE = "no document satisfies it"
SUITE = (
    269,
    {
        "`unevaluatedProperties`": 45,
        "`unevaluatedItems`": 28,
        "`dependencies`": 7,
        "`$dynamicRef`": 3,
        "a `$ref` by address": 32,
        "an `$id` inside moves where references start; keep one at the top": 5,
        "a pattern": 8,
        IMPOSSIBLE: 11,
    },
)
"""How many schemas were drawn from, and why not from the others."""


def tried(schema: Any) -> tuple[list[Any], str]:
    """A few documents of a schema, or why there are none: the word that is not served, a pattern, nothing to be had."""
    try:
        return every(schema, 5), ""
    except CannotDraw as error:
        said = error.gaps[0].message
        return [], "a pattern" if said.startswith("the pattern") else said.partition(" is not served")[0]
    except Unsatisfiable:
        return [], IMPOSSIBLE
