"""Pairs of small schemas, most of them a schema and what somebody made of it, and the documents that tell them apart."""

from copy import deepcopy
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "x-a")
HALF = Decimal("0.5")
SCALARS: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 10, HALF, Decimal("1.0"), Decimal("2.5"), Decimal("0.25")),
    *("", "a", "ab", "abc", "b", "x", "x-a", "2024-02-01"),
)


def documents() -> list[Any]:
    """Every scalar; lists of up to three and objects of up to two of them; and what holds these."""
    few = (None, True, 0, 1, HALF, "", "a", "ab")
    flat: list[Any] = [[], {}]
    flat += [[item] for item in SCALARS] + [list(pair) for pair in product(few, few)] + [[1, 1, 1], [0, "a", None]]
    flat += [{name: item} for name, item in product(NAMES, SCALARS)]
    flat += [{"a": one, other: two} for other, one, two in product(("b", "x-a"), few, few)]
    nested: list[Any] = [[item] for item in flat[::3]]
    nested += [{name: item} for name, item in product(NAMES, flat[::5])]
    nested += [
        {"a": one, "b": two, "x-a": three} for one, two, three in zip(flat, reversed(flat), flat[7:], strict=False)
    ]
    return [*SCALARS, *flat, *nested, [[[1]]], {"a": {"a": {"a": 1}}}, {"b": {"b": {"b": "a"}}}]


DOCUMENTS = documents()

TYPES = st.sampled_from(("null", "boolean", "object", "array", "string", "integer", "number"))
LIMITS = st.sampled_from((0, 1, 2, HALF, Decimal("1.5")))
COUNTS = st.integers(0, 3)
NAME = st.sampled_from(NAMES)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.builds(lambda name: {"type": name}, TYPES),
    st.builds(lambda names: {"type": names}, st.lists(TYPES, min_size=2, max_size=3, unique=True)),
    st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, st.sampled_from(SCALARS)),
    *(
        st.builds(lambda value, keyword=keyword: {keyword: value}, LIMITS)
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    ),
    st.builds(lambda value: {"multipleOf": value}, st.sampled_from((1, 2, HALF, Decimal("0.1")))),
    st.builds(lambda least, most: {"type": "integer", "minimum": least, "maximum": most}, COUNTS, COUNTS),
    *(
        st.builds(lambda value, keyword=keyword: {keyword: value}, COUNTS)
        for keyword in ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
    ),
    st.builds(lambda value: {"pattern": value}, st.sampled_from(("^a", "b$", "^a+$"))),
    st.builds(lambda value: {"format": value}, st.sampled_from(("date", "email"))),
    st.builds(lambda names: {"required": names}, st.lists(NAME, min_size=1, max_size=2, unique=True)),
    st.builds(lambda name, names: {"dependentRequired": {name: names}}, NAME, st.lists(NAME, unique=True, max_size=2)),
    st.just({"uniqueItems": True}),
    st.builds(lambda name: {"items": {"$ref": name}}, st.sampled_from(("#", "#/$defs/d"))),
    st.builds(lambda name: {"properties": {"a": {"$ref": name}}}, st.sampled_from(("#", "#/$defs/d"))),
)


def merged(*schemas: Any) -> Any:
    """Schemas in one object; later keywords win."""
    made: dict[str, Any] = {}
    for schema in schemas:
        made |= schema if isinstance(schema, dict) else {"not": {}} if schema is False else {}
    return made


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAME, inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(merged, inner, inner),
        st.builds(lambda fields: {"properties": fields}, named),
        st.builds(lambda fields, others: {"type": "object", "properties": fields, "additionalProperties": others}, named, inner),
        st.builds(lambda name, schema, others: {"patternProperties": {name: schema}, "additionalProperties": others},
                  st.sampled_from(("^x-", "a")), inner, inner),
        st.builds(lambda items, rest: {"prefixItems": items, "items": rest}, some, inner),
        st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, COUNTS),
        st.builds(lambda kind, least, most: {"contains": kind, "minContains": least, "maxContains": most}, inner, COUNTS, COUNTS),
        st.builds(lambda kind: {"contains": kind}, inner),
        *(st.builds(lambda schemas, keyword=keyword: {keyword: schemas}, some) for keyword in ("allOf", "anyOf", "oneOf")),
        st.builds(lambda schema: {"not": schema}, inner),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda one, two: {"if": one, "then": two}, inner, inner),
        st.builds(lambda name, schema: {"dependentSchemas": {name: schema}}, NAME, inner),
        st.builds(lambda name, asked: {"dependencies": {name: asked}}, NAME, inner | st.just(["b"])),
        st.builds(lambda schema: {"propertyNames": schema}, inner),
        st.builds(lambda schema, left: merged(schema, {"unevaluatedProperties": left}), inner, inner),
        st.builds(lambda schema, left, other: merged(schema, {"unevaluatedItems": left, "allOf": [other]}), inner, inner, inner),
        st.builds(lambda kinds: {"oneOf": kinds}, st.lists(st.builds(a_kind, st.sampled_from((1, "a", "b")), inner), min_size=1, max_size=2)),
    )  # fmt: skip


def a_kind(name: Any, schema: Any) -> Any:
    """One of several kinds of object, told apart by a constant."""
    return {"type": "object", "required": ["a"], "properties": {"a": {"const": name}, "b": schema}}


SCHEMAS = st.recursive(LEAVES, larger, max_leaves=7)


def inside(schema: Any) -> list[dict[str, Any]]:
    """Every object at or below a schema, whatever it stands for."""
    found = [schema] if isinstance(schema, dict) else []
    for node in found:  # grows while it is read
        for value in node.values():
            found += [item for item in (value, *(value if isinstance(value, list) else ())) if isinstance(item, dict)]
    return found


def without(node: dict[str, Any], keyword: str, drawn: Any) -> None:
    node.pop(keyword)


def otherwise(node: dict[str, Any], keyword: str, drawn: Any) -> None:
    """The same keyword, a little different."""
    value = node[keyword]
    if isinstance(value, list) and len(value) > 1:
        value.pop()
    elif isinstance(value, list) and keyword in ("anyOf", "oneOf", "allOf"):
        value.append(drawn)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        node[keyword] = value + 1
    elif isinstance(value, dict) and keyword in ("properties", "patternProperties"):
        value["b"] = drawn
    elif isinstance(value, bool):
        node[keyword] = not value


def besides(node: dict[str, Any], keyword: str, drawn: Any) -> None:
    node |= merged(drawn)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """An old schema and a new one; not every pair is one of contracts."""
    old = {**merged(draw(SCHEMAS)), "$defs": {"d": draw(LEAVES)}}
    new = deepcopy(old)
    for _ in range(draw(st.integers(0, 2))):
        node = draw(st.sampled_from(inside(new)))
        if node:
            change = draw(st.sampled_from((without, otherwise, besides)))
            change(node, draw(st.sampled_from(sorted(node))), draw(LEAVES))
    if draw(st.integers(0, 5)) == 0:
        new = {**merged(draw(SCHEMAS)), "$defs": {"d": draw(LEAVES)}}
    return old, new
