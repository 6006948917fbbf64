"""A DOCUMENT THAT BREAKS ITS CONTRACT → WHERE AND HOW, within a bound that no document can move.

The checker is quick to say no and slow to say why: it builds every error before it gives the first, and each holds a
copy of the value it is about. 100,000 lines that fit none of two alternatives make 300,000 errors and 600 MB; sixty
lists in one another make 2^60 errors where two alternatives both look inside (measured, and never finished). So the
errors are counted before they are asked for; where they would be too many only the first violation is told, found by
asking yes or no on the way down. This file refuses to decide whether a document holds, and to show what it holds.
"""

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from engine.contract.dialect import OPTIONS, matches
from engine.contract.references import Place, References, Step, top, under
from engine.contract.versions.facets import ALONE
from engine.contract.violations import Violation, path_text, rule_text, sentence, violation

LOOKS_TOLD_IN_FULL_MAX: Final = 20_000
"""A look is one schema at one value, and a list or an object weighs as much as all it holds. An error holds what its
schema looked at: at most 1.7 KB a look (measured), so the errors of one document stay below 40 MB."""

CHARS_A_LOOK: Final = 200
"""So many characters of a text weigh as much as one value more."""

LOOKS_OF_A_META_SCHEMA: Final = 100
"""What a document counts for where the meta-schema looks at it, which is seven schemas that each look below."""

_Path = tuple[Step, ...]
_Beside = tuple[str, Place]
"""A schema that looks at the same value, and the keyword it stands under."""
_Below = tuple[str, Place, object, Step]
"""A schema that looks at something inside, its keyword, and what and where that is."""


class Teller:
    """Tells how documents break one contract; made when the first of them does."""

    __slots__ = ("_names", "_references", "_validator", "_validators", "_whole")

    def __init__(self, schema: Any, validator: jsonschema_rs.Validator, names: frozenset[str]) -> None:
        self._whole = top(schema)
        self._references = References(schema)
        self._validator = validator
        self._validators = jsonschema_rs.validator_map_for(schema, **OPTIONS)
        self._names = names

    def violations(self, document: object) -> Iterator[Violation]:
        """Every violation of a document that breaks the contract; of one too costly to tell in full, the first."""
        if self._is_cheap(document):
            yield from (violation(error, self._names) for error in self._validator.iter_errors(document))
        else:
            yield self._first(self._whole, document)

    # ── what looks at what ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_cheap(self, document: object) -> bool:
        """Whether all looks at the document stay within the bound; counts no further than that."""
        weights = _weights(document)
        if weights is None:
            return False
        looks, stack = 0, [(self._whole, document)]
        while stack:
            place, value = stack.pop()
            looks += weights.get(id(value), 1) * (LOOKS_OF_A_META_SCHEMA if self._asks_elsewhere(place) else 1)
            if looks > LOOKS_TOLD_IN_FULL_MAX:
                return False
            stack += ((beside, value) for _, beside in self._beside(place, value))
            stack += ((below, item) for _, below, item, _ in _below(place, value))
        return True

    def _asks_elsewhere(self, place: Place) -> bool:
        schema = place.schema
        return isinstance(schema, dict) and "$ref" in schema and self._references.is_built_in(place, schema["$ref"])

    def _beside(self, place: Place, value: object) -> Iterator[_Beside]:
        schema = place.schema
        if not isinstance(schema, dict):
            return
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                yield from ((keyword, found) for found in self._led_to(place, keyword, schema[keyword]))
        yield from ((keyword, under(place, keyword)) for keyword in ("not", "if", "then", "else") if keyword in schema)
        for keyword in ("allOf", "anyOf", "oneOf"):
            yield from ((keyword, under(place, keyword, number)) for number in range(len(schema.get(keyword, ()))))
        if isinstance(value, dict):
            for keyword in ("dependentSchemas", "dependencies"):
                for name in schema.get(keyword, ()):
                    if name in value:
                        yield keyword, under(place, keyword, name)

    def _led_to(self, place: Place, keyword: str, reference: str) -> Iterator[Place]:
        found = self._references.find(place, reference)
        if found is not None:
            yield found
        if keyword == "$dynamicRef":
            yield from self._references.dynamic.get(reference.rpartition("#")[2], ())

    # ── the first violation ──────────────────────────────────────────────────────────────────────────────────────────

    def _first(self, place: Place, value: object, path: _Path = ()) -> Violation:
        """Goes down to what is at fault: each turn takes a schema that says no, until only its own rules are left."""
        passed: set[_Path] = set()
        while place.steps not in passed:
            passed.add(place.steps)
            if not isinstance(place.schema, dict):
                return self._told(path, "false")
            own = self._own_fault(place.schema, value, path)
            if own is not None:
                return own
            beside = self._fault_beside(place, value)
            if beside is not None:
                place = beside
                continue
            below = self._fault_below(place, value)
            if below is None:
                return self._fault_of_all(place, value, path)
            _, place, value, step = below
            path, passed = (*path, step), set()
        return self._told(path, "$ref")

    def _own_fault(self, schema: dict[str, Any], value: object, path: _Path) -> Violation | None:
        """What breaks a schema's own plain rules; the only errors that are built on this way."""
        plain = {keyword: rule for keyword, rule in schema.items() if keyword in ALONE}
        if schema.get("additionalProperties") is False:
            plain["additionalProperties"] = False
            plain |= {word: dict.fromkeys(schema.get(word, ()), True) for word in ("properties", "patternProperties")}
        try:
            jsonschema_rs.Draft202012Validator(plain, **OPTIONS).validate(value)
        except jsonschema_rs.ValidationError as error:
            return violation(error, self._names, path)
        return None

    def _fault_beside(self, place: Place, value: object) -> Place | None:
        """A schema at the same value that must hold, and does not."""
        assert isinstance(place.schema, dict)
        idle = {"not", "if", "anyOf", "oneOf", "then", "else", "$dynamicRef"}
        if "if" in place.schema:
            idle.discard("then" if self._holds(under(place, "if"), value) else "else")
        return next(
            (
                beside
                for keyword, beside in self._beside(place, value)
                if keyword not in idle and not self._holds(beside, value)
            ),
            None,
        )

    def _fault_below(self, place: Place, value: object) -> _Below | None:
        """Something inside that a schema of this one refuses."""
        return next(
            (
                below
                for below in _below(place, value)
                if _must_hold(place, below) and not self._holds(below[1], below[2])
            ),
            None,
        )

    def _fault_of_all(self, place: Place, value: object, path: _Path) -> Violation:
        """What breaks a rule that weighs several answers; nothing else of this schema is at fault."""
        schema = place.schema
        assert isinstance(schema, dict)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                alternatives = (under(place, keyword, number) for number in range(len(schema[keyword])))
                fitting = sum(self._holds(alternative, value) for alternative in alternatives)
                if fitting == 0:
                    return self._told(path, keyword, message=f"fits none of the {len(schema[keyword])} alternatives")
                if fitting > 1 and keyword == "oneOf":
                    return self._told(
                        path, keyword, message="fits more than one of the alternatives; exactly one must fit"
                    )
        if "not" in schema and self._holds(under(place, "not"), value):
            return self._told(path, "not")
        if "propertyNames" in schema and isinstance(value, dict):
            names = under(place, "propertyNames")
            refused = next((name for name in value if not self._holds(names, name)), None)
            if refused is not None:
                return self._told(path, "propertyNames", self._first(names, refused).rule)
        if "contains" in schema and isinstance(value, list):
            kind = under(place, "contains")
            found = sum(self._holds(kind, item) for item in value)
            if found > schema.get("maxContains", found):
                return self._told(path, "maxContains")
            if found < schema.get("minContains", 1):
                return self._told(path, "minContains" if "minContains" in schema else "contains")
        left = ("unevaluatedProperties", "unevaluatedItems", "dependencies", "$dynamicRef")
        keyword = next((keyword for keyword in left if keyword in schema), "$ref")
        return self._told(path, keyword, False if keyword.startswith("unevaluated") else None)

    def _holds(self, place: Place, value: object) -> bool:
        if not isinstance(place.schema, dict):
            return place.schema is not False
        validator = self._validators.get(place.pointer)
        return validator is None or validator.is_valid(value)

    def _told(self, path: _Path, keyword: str, value: object = None, message: str = "") -> Violation:
        return Violation(path_text(path, self._names), rule_text(keyword, value), message or sentence(keyword, value))


def _below(place: Place, value: object) -> Iterator[_Below]:
    """The schemas that may look at what a value holds; where a name decides, too many rather than too few."""
    schema = place.schema
    if not isinstance(schema, dict):
        return
    if isinstance(value, dict):
        for name, item in value.items():
            if name in schema.get("properties", ()):
                yield "properties", under(place, "properties", name), item, name
            for pattern in schema.get("patternProperties", ()):
                yield "patternProperties", under(place, "patternProperties", pattern), item, name
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if keyword in schema:
                    yield keyword, under(place, keyword), item, name
            if "propertyNames" in schema:
                yield "propertyNames", under(place, "propertyNames"), name, name
    elif isinstance(value, list):
        first = schema.get("prefixItems", ())
        for number, item in enumerate(value):
            if number < len(first):
                yield "prefixItems", under(place, "prefixItems", number), item, number
            for keyword in ("items", "contains", "unevaluatedItems"):
                if keyword in schema:
                    yield keyword, under(place, keyword), item, number


def _must_hold(place: Place, below: _Below) -> bool:
    """Whether a schema that may look at something inside really does, and alone decides."""
    keyword, found, _, step = below
    schema = place.schema
    assert isinstance(schema, dict)
    if keyword == "items":
        return isinstance(step, int) and step >= len(schema.get("prefixItems", ()))
    if keyword == "patternProperties":
        return matches(str(found.steps[-1]), str(step))
    if keyword == "additionalProperties":
        named = step in schema.get("properties", ())
        return not named and not any(matches(pattern, str(step)) for pattern in schema.get("patternProperties", ()))
    return keyword in ("properties", "prefixItems")


def _weights(document: object) -> dict[int, int] | None:
    """What each list, object and text of a document weighs, by identity; None where all of it weighs too much."""
    nodes, chars = [document], 0
    for node in nodes:  # grows while it is read: breadth first, without recursion
        if isinstance(node, dict):
            nodes.extend(node.values())
            chars += sum(map(len, node))
        elif isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, str):
            chars += len(node)
        if len(nodes) + chars // CHARS_A_LOOK > LOOKS_TOLD_IN_FULL_MAX:
            return None
    weights: dict[int, int] = {}
    for node in reversed(nodes):
        if isinstance(node, dict):
            names = sum(map(len, node)) // CHARS_A_LOOK
            weights[id(node)] = 1 + names + sum(weights.get(id(item), 1) for item in node.values())
        elif isinstance(node, list):
            weights[id(node)] = 1 + sum(weights.get(id(item), 1) for item in node)
        elif isinstance(node, str):
            weights[id(node)] = 1 + len(node) // CHARS_A_LOOK
    return weights
