"""A SCHEMA → THE RULES IT STATES: what two schemas are compared by, with the ways to write one thing made one.

`const` is an enumeration of one, `dependencies` is what became of it, notes and rules that rule nothing out are gone,
and `unevaluatedProperties` is `additionalProperties` over all that is looked at, where no document is needed to tell
what that is. This file refuses to put the rules of several schemas together (`kinds` does), and to compare.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import jsonschema_rs

from engine.contract.body import canonical_json
from engine.contract.dialect import OPTIONS, matches
from engine.contract.references import (
    LIST_BELOW,
    NAMED_BELOW,
    ONE_BELOW,
    Place,
    References,
    Step,
    join,
    subschemas,
    top,
    under,
)

ATOMS: Final = {
    "null": frozenset(("null",)),
    "boolean": frozenset(("boolean",)),
    "object": frozenset(("object",)),
    "array": frozenset(("array",)),
    "string": frozenset(("string",)),
    "integer": frozenset(("integer",)),
    "number": frozenset(("integer", "fraction")),
}
"""The types as sets that can be cut: an integer is a number, and a `fraction` one that is no integer."""
ALL_TYPES: Final = frozenset().union(*ATOMS.values())
NUMBERS: Final = ATOMS["number"]

NOTES: Final = frozenset(
    (
        "$anchor",
        "$comment",
        "$defs",
        "$dynamicAnchor",
        "$id",
        "$schema",
        "$vocabulary",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    )
)
"""Keywords of 2020-12 that no document can break."""
_ADDRESSES = frozenset(("$anchor", "$defs", "$dynamicAnchor", "$id", "definitions"))
"""Those of them that references may lead to."""

ALONE: Final = frozenset(
    (
        "const",
        "dependentRequired",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "uniqueItems",
    )
)
"""Keywords that judge a value without asking another schema, and mean the same without the rest of theirs."""

_DECIDED_BY_A_DOCUMENT = frozenset(
    ("$dynamicRef", "anyOf", "dependencies", "dependentSchemas", "else", "if", "oneOf", "then")
)
"""Keywords after which only a document tells which of its fields and items a schema has looked at."""


class Document:
    """A schema as it was handed over: its references, and a checker for each schema in it."""

    def __init__(self, schema: Any) -> None:
        self.references = References(schema)
        self.whole = Part(self, top(schema))
        self._schema = schema
        self._stated: dict[tuple[Step, ...], tuple[Rule, ...]] = {}

    @cached_property
    def checkers(self) -> jsonschema_rs.ValidatorMap | None:
        """A checker by JSON Pointer; None where a `$dynamicRef` makes a schema mean another thing by itself."""
        if any("$dynamicRef" in place.schema for place in self.references.places if isinstance(place.schema, dict)):
            return None
        return jsonschema_rs.validator_map_for(self._schema, **OPTIONS)

    def stated(self, part: "Part") -> "tuple[Rule, ...]":
        """What one schema states by itself; the same objects whenever it is asked."""
        steps = part.place.steps
        if steps not in self._stated:
            self._stated[steps] = tuple(_rules(part))
        return self._stated[steps]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One schema of a document."""

    document: Document
    place: Place

    @property
    def key(self) -> tuple[int, tuple[Step, ...]]:
        """What tells it from any other for as long as its document lives."""
        return id(self.document), self.place.steps

    @property
    def schema(self) -> Any:
        return self.place.schema

    @property
    def says_nothing(self) -> bool:
        """Whether it is plainly anything."""
        return self.schema is True or (isinstance(self.schema, dict) and self.schema.keys() <= NOTES)

    def under(self, *steps: Step) -> "Part":
        return Part(self.document, under(self.place, *steps))

    def each(self, keyword: str) -> "tuple[Part, ...]":
        """The schemas listed under a keyword."""
        return tuple(self.under(keyword, number) for number in range(len(self.schema.get(keyword, ()))))

    def named(self, keyword: str) -> "dict[str, Part]":
        """The schemas named under a keyword."""
        return {name: self.under(keyword, name) for name in self.schema.get(keyword, ())}

    def maybe(self, keyword: str) -> "Part | None":
        """The schema under a keyword; None, which is anything, where it plainly is or there is none."""
        found = self.under(keyword) if keyword in self.schema else None
        return None if found is None or found.says_nothing else found

    def led_to(self) -> "Part | None":
        """What its `$ref` leads to in this document."""
        reference = self.schema.get("$ref")
        found = self.document.references.find(self.place, reference) if isinstance(reference, str) else None
        return None if found is None else Part(self.document, found)

    def admits(self, value: object) -> bool | None:
        """Whether the checker takes a value for it; None where it cannot say."""
        if not isinstance(self.schema, dict):
            return self.schema is not False
        checkers = self.document.checkers
        checker = None if checkers is None else checkers.get(self.place.pointer)
        try:
            return None if checker is None else checker.is_valid(value)
        except ValueError:
            return None


def spread(roots: tuple[Part, ...]) -> tuple[tuple[Part, ...], bool]:
    """Every schema that must hold where these must, references and `allOf` followed; and whether `false` is among them.

    A schema met a second time adds nothing, so one that refers to itself in place is what is left of it: so does the
    checker read it.
    """
    waiting, found, is_false = list(roots), dict[object, Part](), False
    for part in waiting:  # grows while it is read
        if not isinstance(part.schema, dict):
            is_false = is_false or part.schema is False
        elif part.key not in found:
            found[part.key] = part
            led = part.led_to()
            waiting += part.each("allOf") if led is None else (led, *part.each("allOf"))
    return tuple(found.values()), is_false


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One thing that a schema states. `value` depends on the keyword; of a rule that can only be compared with itself
    it is all that its meaning depends on, as bytes, or None where even that does not tell."""

    keyword: str
    value: Any
    part: Part


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """`properties`, `patternProperties` and `additionalProperties` of one schema; None is anything."""

    named: dict[str, Part | None]
    patterns: dict[str, Part | None]
    others: Part | None

    def at(self, name: str) -> tuple[Part, ...]:
        """What a field of this name must be."""
        found = [self.named[name]] if name in self.named else []
        found += [part for pattern, part in self.patterns.items() if matches(pattern, name)]
        return _given(*(found or [self.others]))

    def unnamed(self, matching: frozenset[str]) -> tuple[Part, ...]:
        """What a field must be that is not named, and whose name matches just these of all patterns."""
        found = [part for pattern, part in self.patterns.items() if pattern in matching]
        return _given(*(found or [self.others]))


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """`prefixItems` and `items` of one schema; None is anything."""

    first: tuple[Part | None, ...]
    rest: Part | None

    def at(self, number: int) -> tuple[Part, ...]:
        return _given(self.first[number] if number < len(self.first) else self.rest)


@dataclass(frozen=True, slots=True, eq=False)
class Contains:
    """`contains` with its counts; without `most`: as many as there are."""

    kind: Part
    least: int
    most: int | None


def _given(*parts: Part | None) -> tuple[Part, ...]:
    return tuple(part for part in parts if part is not None)


def exact(number: Any) -> Fraction:
    """A number of a schema; a binary float means the decimal it is written as."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def plain_numbers(value: Any) -> Any:
    """Plain data with binary floats as the decimals they are written as."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {name: plain_numbers(item) for name, item in value.items()}
    return [plain_numbers(item) for item in value] if isinstance(value, list) else value


# ── rules of one schema ──────────────────────────────────────────────────────────────────────────────────────────────

_Made = Iterator[tuple[str, Any]]


def _rules(part: Part) -> Iterator[Rule]:
    """What a schema states, but for `$ref` and `allOf`, which lead to schemas of their own."""
    for read in (_plain, _of_fields, _of_items, _of_schemas, _of_references):
        for keyword, value in read(part):
            yield Rule(keyword, value, part)


def _plain(part: Part) -> _Made:
    for keyword, value in part.schema.items():
        match keyword:
            case "type":
                types = frozenset().union(*(ATOMS[name] for name in ([value] if isinstance(value, str) else value)))
                if types != ALL_TYPES:
                    yield keyword, types
            case "enum" | "const":  # by the one way to write a value, so that 1 and 1.0 are one
                listed = value if keyword == "enum" else [value]
                yield "enum", {canonical_json(plain_numbers(item)): item for item in listed}
            case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf":
                yield keyword, exact(value)
            case "minLength" | "minItems" | "minProperties":
                if value > 0:
                    yield keyword, int(value)
            case "maxLength" | "maxItems" | "maxProperties":
                yield keyword, int(value)
            case "pattern" | "format":
                yield keyword, value
            case "uniqueItems":
                if value:
                    yield keyword, True


def _of_fields(part: Part) -> _Made:
    schema = part.schema
    yield from (("required", name) for name in dict.fromkeys(schema.get("required", ())))
    for keyword in ("dependentRequired", "dependencies", "dependentSchemas"):
        for name, asked in schema.get(keyword, {}).items():
            if isinstance(asked, list):
                if set(asked) - {name}:
                    yield "dependentRequired", (name, frozenset(asked) - {name})
            elif not part.under(keyword, name).says_nothing:
                yield "dependentSchemas", (name, part.under(keyword, name))
    named, patterns, others = (
        part.named("properties"),
        part.named("patternProperties"),
        part.maybe("additionalProperties"),
    )
    if named or patterns or others is not None:
        yield "properties", Fields({**named}, {**patterns}, others)


def _of_items(part: Part) -> _Made:
    schema = part.schema
    first, rest = part.each("prefixItems"), part.maybe("items")
    if rest is not None or not all(each.says_nothing for each in first):
        yield "items", Items(first, rest)
    least, most = int(schema.get("minContains", 1)), schema.get("maxContains")
    if "contains" in schema and (least > 0 or most is not None):
        yield "contains", Contains(part.under("contains"), least, None if most is None else int(most))


def _of_schemas(part: Part) -> _Made:
    schema = part.schema
    yield from ((keyword, part.under(keyword)) for keyword in ("not", "propertyNames") if keyword in schema)
    yield from ((keyword, part.each(keyword)) for keyword in ("anyOf", "oneOf") if keyword in schema)
    then, otherwise = part.maybe("then"), part.maybe("else")
    if "if" in schema and not then is otherwise is None:
        yield "if", (part.under("if"), then, otherwise)


def _of_references(part: Part) -> _Made:
    """What is not followed: into the meta-schema, by a document, or to whatever else was looked at."""
    schema = part.schema
    if "$dynamicRef" in schema:
        yield "$dynamicRef", None
    if "$ref" in schema and part.document.references.is_built_in(part.place, schema["$ref"]):
        yield "$ref", join(part.place.base, schema["$ref"]).encode()
    for keyword in ("unevaluatedProperties", "unevaluatedItems"):
        left = part.maybe(keyword)
        if left is None:
            continue
        looked_at = _looked_at(part, keyword)
        if looked_at is None:
            yield keyword, _meaning(part)
        elif not looked_at.everything and keyword == "unevaluatedProperties":
            yield "properties", Fields(dict.fromkeys(looked_at.named), dict.fromkeys(looked_at.patterns), left)
        elif not looked_at.everything:
            yield "items", Items((None,) * looked_at.first, left)


@dataclass(slots=True)
class _LookedAt:
    """The fields and items that the keywords beside an `unevaluated…` look at."""

    named: dict[str, None]
    patterns: dict[str, None]
    first: int = 0
    everything: bool = False


def _looked_at(part: Part, keyword: str) -> _LookedAt | None:
    """None where that depends on the document."""
    found = _LookedAt({}, {})
    every = ("additionalProperties" if keyword == "unevaluatedProperties" else "items", keyword)
    for beside in spread((part,))[0]:
        schema = beside.schema
        if not _DECIDED_BY_A_DOCUMENT.isdisjoint(schema) or (keyword == "unevaluatedItems" and "contains" in schema):
            return None
        if "$ref" in schema and beside.led_to() is None:
            return None
        own = beside.key == part.key
        found.everything |= any(word in schema and not (own and word == keyword) for word in every)
        found.named |= dict.fromkeys(schema.get("properties", ()))
        found.patterns |= dict.fromkeys(schema.get("patternProperties", ()))
        found.first = max(found.first, len(schema.get("prefixItems", ())))
    return found


def _meaning(part: Part) -> bytes:
    """Everything that a schema's meaning depends on, without notes: itself, and all that it refers to."""
    references = part.document.references
    found: dict[str, Any] = {"": bare(part.schema)}
    waiting = [part.place]
    for place in waiting:  # grows while it is read
        for node in subschemas(place):
            assert isinstance(node.schema, dict)
            for reference in (node.schema.get("$ref"), node.schema.get("$dynamicRef")):
                led = references.find(node, reference) if isinstance(reference, str) else None
                if led is not None and f"{node.base} {reference}" not in found:
                    found[f"{node.base} {reference}"] = bare(led.schema)
                    waiting.append(led)
    return canonical_json(plain_numbers(found))


def bare(schema: Any) -> Any:
    """A schema without its notes."""
    if not isinstance(schema, dict):
        return schema
    left: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ONE_BELOW and keyword not in NOTES:
            left[keyword] = bare(value)
        elif keyword in LIST_BELOW:
            left[keyword] = [bare(item) for item in value]
        elif keyword in NAMED_BELOW:
            left[keyword] = {name: bare(item) for name, item in value.items()}
        elif keyword not in NOTES or keyword in _ADDRESSES:
            left[keyword] = value
    return left
