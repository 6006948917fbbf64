"""A SCHEMA → THE WAYS TO SATISFY IT: references followed, `allOf` joined, `anyOf`, `oneOf` and `if` told apart.

A generator cannot draw from "this and (that or that)"; it can draw from one list of plain rules that all hold. This
file makes those lists, for one level of a document: what lies below a field or an item is asked anew. It refuses to
draw anything, to judge documents (the contract does), and to pass over a keyword whose meaning it does not know how to
serve.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from engine.contract.dialect import place
from engine.errors import UserError

Rules = dict[str, Any]
"""One object of a schema without the keywords that combine, refer or branch."""

Way = tuple[Rules, ...]
"""Plain rules that must all hold."""

WAYS_MAX: Final = 256
"""Ways at one place: as many as eight independent `if`s have."""

FOLLOWING_MAX: Final = 100
"""Schemas that lead on from one another at one place, each by a reference or an `allOf`."""

_COMBINING = frozenset(("$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"))
_UNSERVED = frozenset(
    ("$dynamicRef", "$recursiveRef", "$vocabulary", "dependencies", "unevaluatedItems", "unevaluatedProperties")
)
"""Keywords of JSON Schema that change what is valid and that nothing here can draw for. A keyword that nobody defined
is a note, to JSON Schema and to the checker alike."""

_ONE_BELOW = ("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
_LIST_BELOW = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED_BELOW = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing in a schema that no documents can be drawn for; `path` leads to it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'the schema'}: {self.message}"


class CannotDraw(UserError):
    """A contract that documents cannot be drawn for: every gap, each with its place."""

    def __init__(self, name: str, gaps: tuple[Gap, ...]) -> None:
        super().__init__("\n".join(f"no documents can be drawn for {name}: {gap}" for gap in gaps))
        self.gaps = gaps


def gaps(schema: Any) -> Iterator[Gap]:
    """Every keyword that cannot be served, wherever a schema stands."""
    for path, node in _subschemas(schema, ()):
        for keyword in node:
            if keyword in _UNSERVED:
                yield Gap(place((*path, keyword)), f"`{keyword}` is not served; say it with `properties` and `items`")
        if not str(node.get("$ref", "#")).startswith("#"):
            yield Gap(place((*path, "$ref")), "a `$ref` by address is not served; refer to `#/$defs/…`")
        if path and "$id" in node:
            yield Gap(place((*path, "$id")), "an `$id` inside moves where references start; keep one at the top")


def _subschemas(schema: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Rules]]:
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword in _ONE_BELOW:
        yield from _subschemas(schema.get(keyword), (*path, keyword))
    for keyword in _LIST_BELOW:
        for number, item in enumerate(schema.get(keyword, ())):
            yield from _subschemas(item, (*path, keyword, number))
    for keyword in _NAMED_BELOW:
        for name, item in schema.get(keyword, {}).items():
            yield from _subschemas(item, (*path, keyword, name))


class Alternatives:
    """The ways of one document's schema, each found once. Rules that were made here live as long as this does: who
    asks may know them by identity."""

    def __init__(self, name: str, root: Any) -> None:
        self.name = name
        self.root = root
        self._anchors = {
            node[word]: node
            for _, node in _subschemas(root, ())
            for word in ("$anchor", "$dynamicAnchor")  # to a `$ref` both are names
            if word in node
        }
        self._found: dict[int, tuple[Way, ...]] = {}
        self._kept: list[Rules] = []
        self._cuts = 0

    def of(self, schemas: tuple[Any, ...]) -> tuple[Way, ...]:
        """The ways in which all of the schemas hold at once; none where `false` is among them."""
        ways: tuple[Way, ...] = ((),)
        for schema in schemas:
            ways = self._joined(ways, self._of_one(schema, ()))
        return ways

    def target(self, reference: str) -> Any:
        """What a reference of this document names."""
        fragment = unquote(reference.removeprefix("#"))
        if fragment and not fragment.startswith("/"):
            return self._anchors[fragment]
        node = self.root
        for part in fragment.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        return node

    def _of_one(self, schema: Any, following: tuple[int, ...]) -> tuple[Way, ...]:
        """`following` are the references on the way here: one that leads back to itself at one place adds nothing."""
        if isinstance(schema, bool):
            return ((),) if schema else ()
        if id(schema) in self._found:
            return self._found[id(schema)]
        if id(schema) in following:
            self._cuts += 1
            return ()
        if len(following) >= FOLLOWING_MAX:
            message = f"more than {FOLLOWING_MAX} references lead on from one another"
            raise CannotDraw(self.name, (Gap("", message),))
        cuts = self._cuts
        following = (*following, id(schema))
        if schema.get("not", False) in (True, {}):
            return ()
        plain = {keyword: value for keyword, value in schema.items() if keyword not in _COMBINING}
        ways: tuple[Way, ...] = (self._made(plain),) if plain else ((),)
        if "$ref" in schema:
            ways = self._joined(ways, self._of_one(self.target(schema["$ref"]), following))
        for part in schema.get("allOf", ()):
            ways = self._joined(ways, self._of_one(part, following))
        for keyword in ("anyOf", "oneOf"):  # that only one of `oneOf` holds is left to the contract
            if keyword in schema:
                either = (way for part in schema[keyword] for way in self._of_one(part, following))
                ways = self._joined(ways, tuple(either))
        if "if" in schema:
            ways = self._joined(ways, self._branches(schema, following))
        for field, part in schema.get("dependentSchemas", {}).items():
            present = self._joined((self._made({"required": [field]}),), self._of_one(part, following))
            ways = self._joined(ways, (self._made({"properties": {field: False}}), *present))
        if cuts == self._cuts:  # what was cut short is so only on this way
            self._found[id(schema)] = ways
        return ways

    def _branches(self, schema: Rules, following: tuple[int, ...]) -> tuple[Way, ...]:
        holds = self._joined(self._of_one(schema["if"], following), self._of_one(schema.get("then", True), following))
        other = self._joined(self._negated(schema["if"]), self._of_one(schema.get("else", True), following))
        return (*holds, *other)

    def _negated(self, schema: Any) -> tuple[Way, ...]:
        """The ways not to satisfy a schema. Conditions on fields are turned round field by field: to draw whole
        documents and throw away those that hold would throw away most."""
        if not isinstance(schema, dict) or not schema.keys() <= {"properties", "required"}:
            return (self._made({"not": schema}),)
        other = [
            {"type": "object", "required": [field], "properties": {field: {"not": part}}}
            for field, part in schema.get("properties", {}).items()
        ]
        without = [{"type": "object", "properties": {field: False}} for field in schema.get("required", ())]
        return tuple(self._made(rules) for rules in (*other, *without))

    def _made(self, rules: Rules) -> Way:
        self._kept.append(rules)
        return (rules,)

    def _joined(self, ways: tuple[Way, ...], more: tuple[Way, ...]) -> tuple[Way, ...]:
        if len(ways) * len(more) > WAYS_MAX:
            message = f"more than {WAYS_MAX} combinations of alternatives meet in one place; chain `if` with `else`"
            raise CannotDraw(self.name, (Gap("", message),))
        return tuple(way + other for way in ways for other in more)
