"""Generated contracts, documents that satisfy them, and expressions over both.

A contract comes with a strategy for its documents, built beside it, so that what is drawn satisfies it by construction;
the tests check that once more. Names are few, so that expressions hit.
"""

from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]
Contract = tuple[Schema, "st.SearchStrategy[Any]"]
"""A schema, and documents that satisfy it."""

NAMES = ("a", "b", "c", "d")
WORDS = ("", "a", "b", "xy", "2", "1.50", "EUR")
NUMBERS = (-3, 0, 2, 7, Decimal("0.5"), Decimal("-2.25"), Decimal("2.0"))
SCALARS: tuple[tuple[Schema, tuple[Any, ...]], ...] = (
    ({"type": "null"}, (None,)),
    ({"type": "boolean"}, (True, False)),
    ({"type": "integer"}, (-3, 0, 2, Decimal("2.0"))),
    ({"type": "number"}, NUMBERS),
    ({"type": "string"}, WORDS),
    ({"type": "string", "minLength": 1}, WORDS[1:]),
    ({"type": "string", "format": "date"}, ("2026-11-01", "1999-12-31")),
    ({"type": "string", "format": "date-time"}, ("2026-11-01T09:30:00Z", "2026-11-01T10:30:00+01:00")),
    ({"enum": ["a", "b"]}, ("a", "b")),
    ({"enum": ["c", "EUR"]}, ("c", "EUR")),
    ({"enum": ["xy", None, 2]}, ("xy", None, 2)),
    ({"const": "EUR"}, ("EUR",)),
    ({"type": ["string", "null"]}, (None, *WORDS)),
    ({"type": ["integer", "string"]}, (0, 2, *WORDS)),
    ({"type": "array", "items": {"type": "number"}}, ([], [2], [Decimal("0.5"), 2])),
    ({"type": "array", "items": {"type": ["string", "null"]}}, ([], ["a", None], ["b", "a"])),
    (
        {
            "type": "array",
            "items": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}},
        },
        ([], [{}], [{"a": "b", "b": 2}, {"a": "a", "b": Decimal("0.5")}]),
    ),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}, ({}, {"a": 2}, {"b": ""})),
    ({}, (None, 2, "a", [1], {"a": "a"}, [[2], "a"])),
)
"""Schemas that hold no others, and values that satisfy them."""
PLAIN: "st.SearchStrategy[Contract]" = st.sampled_from(
    [(schema, st.sampled_from(values)) for schema, values in SCALARS]
)


@st.composite
def objects(draw: st.DrawFn, inner: "st.SearchStrategy[Contract]") -> Contract:
    members = draw(st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3))
    required = [name for name in members if draw(st.booleans())]
    schema: Schema = {"type": "object", "properties": {name: each for name, (each, _) in members.items()}}
    if required:
        schema["required"] = required
    if draw(st.booleans()):
        schema["additionalProperties"] = False
    documents = st.fixed_dictionaries(
        {name: values for name, (_, values) in members.items() if name in required},
        optional={name: values for name, (_, values) in members.items() if name not in required},
    )
    return schema, documents


@st.composite
def dictionaries(draw: st.DrawFn, inner: "st.SearchStrategy[Contract]") -> Contract:
    schema, values = draw(inner)
    documents = st.dictionaries(st.sampled_from(NAMES), values, max_size=2)
    return {"type": "object", "additionalProperties": schema}, documents


@st.composite
def lists(draw: st.DrawFn, inner: "st.SearchStrategy[Contract]") -> Contract:
    schema, values = draw(inner)
    return {"type": "array", "items": schema}, st.lists(values, max_size=3)


@st.composite
def alternatives(draw: st.DrawFn, inner: "st.SearchStrategy[Contract]") -> Contract:
    (one, ones), (other, others) = draw(inner), draw(inner)
    return {"anyOf": [one, other]}, ones | others


@st.composite
def layered(draw: st.DrawFn, inner: "st.SearchStrategy[Contract]") -> Contract:
    """The schema said a second time around another one, which asks nothing more."""
    schema, values = draw(inner)
    return {"allOf": [schema, draw(st.sampled_from([{}, {"not": False}, {"if": False, "then": False}]))]}, values


CONTRACTS: "st.SearchStrategy[Contract]" = st.recursive(
    PLAIN,
    lambda inner: objects(inner) | lists(inner) | dictionaries(inner) | alternatives(inner) | layered(inner),
    max_leaves=8,
)


@st.composite
def sources(draw: st.DrawFn) -> Contract:
    """A contract of messages: an object with several members, and one that holds its own kind."""
    schema, documents = draw(objects(CONTRACTS))
    again = {"type": "object", "properties": {"a": {"type": "integer"}, "d": {"$ref": "#/$defs/again"}}}
    nested = st.just({"a": 1}) | st.just({"a": 2, "d": {"d": {}}})
    schema = {
        **schema,
        "properties": {**schema["properties"], "d": {"$ref": "#/$defs/again"}},
        "$defs": {"again": again},
    }
    schema["required"] = [name for name in schema.get("required", []) if name != "d"]
    parts = st.tuples(
        documents.map(lambda each: {name: each[name] for name in each if name != "d"}), st.none() | nested
    )
    return schema, parts.map(lambda pair: pair[0] if pair[1] is None else {**pair[0], "d": pair[1]})


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────

LITERALS = ("`2`", "`0.5`", "`null`", "`true`", '`[2, "a"]`', "'a'", "''", "'EUR'", '`{"a": 2}`', "`[]`")
COMPARED = ("==", "!=", "<", "<=", ">", ">=")
ONE = [
    "abs",
    "avg",
    "ceil",
    "floor",
    "from_items",
    "items",
    "hash",
    "keys",
    "length",
    "lower",
    "max",
    "merge",
    "min",
    "normalize",
    "not_null",
    "reverse",
    "sort",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "trim",
    "trim_left",
    "trim_right",
    "type",
    "upper",
    "url_query",
    "values",
    "zip",
]
TWO = ["contains", "ends_with", "find_first", "find_last", "merge", "not_null", "split", "starts_with", "zip"]
BY = ["group_by", "max_by", "min_by", "sort_by"]
FORMS: tuple[str, ...] = (
    *(f"{name}({{0}})" for name in ONE),
    *(f"{name}({{0}}, {{1}})" for name in TWO),
    *(f"{name}({{0}}, &{{1}})" for name in BY),
    *(f"({{0}} {operator} {{1}})" for operator in (*COMPARED, *COMPARED, "||", "||", "&&", "&&", "|", "+", "-", "*")),
    *("trim({0}, {1})", "trim_left({0}, 'a')", "trim_right({0}, 'b')", "replace({0}, 'a', {1})"),
    *("map(&{0}, {1})", "join('-', {0})", "replace({0}, 'a', 'b')", "pad_left({0}, `3`)", "pad_right({0}, `3`)"),
    *("[{0}, {1}]", "[{0}, {1}][0]", "{{a: {0}, b: {1}}}", "{{a: {0}}}.a", "!({0})", "({0})[?{1}]", "{1}[?a == {0}]"),
    *("({0}).a", "({0}).d", "({0})[0]", "({0})[-1]", "({0})[1:]", "({0})[*]", "({0})[]", "({0}).*", "({0})[*].b"),
    *("({0})[].b", "({0})[*].*", "({0})[] | [0]", "$root.d.d", "({0} || {1}).a", "({0} && {1}).b"),
)
"""Everything an expression can be made of, with places for its parts."""
TESTED = (
    "({0} == {1})",
    "({0} != {1})",
    "({0} < {1})",
    "({0} >= {1})",
    "({0} + {1})",
    "({0} * {1})",
    "contains({0}, {1})",
)
"""Forms of which it can be told that they never hold, or never can be reckoned with."""


def expression(random: Random, depth: int) -> str:
    """An expression that is mostly about the names a document has."""
    if depth == 0 or random.random() < 0.3:
        leaf = random.random()
        if leaf < 0.15:
            return random.choice(LITERALS)
        path = random.choice(NAMES)
        if leaf > 0.7:
            path += random.choice((".a", ".b", ".d", "[0]", "[*].a", "[*]", "[]", ".*"))
        return path if leaf > 0.2 else "@"
    return random.choice(FORMS).format(expression(random, depth - 1), expression(random, depth - 1))


def claimed(random: Random) -> str:
    """A path, or a form over two operands, of which much can be told."""
    one, other = expression(random, 1), expression(random, random.randrange(2))
    return random.choice((*TESTED, "{0}", "{0}.a", "{0}[*].b")).format(one, other)
