"""A SCHEMA → THE KIND of what satisfies it: the reading of JSON Schema 2020-12 that static proofs stand on.

Sound and total: whatever the schema, what it admits is of the kind, and the kind is there soon. What cannot be reckoned
with (`not`, `contains`, patterns over names, anchors, references in a circle) is left out, which only widens the kind.
Subschemas below a name or an item are read when somebody asks for them. That a schema is well formed is not asked here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from engine.contract.static.kind import (
    ANY_MEMBERS,
    ANYTHING,
    BOOLEAN,
    EVERY_TYPE,
    INTEGER,
    KNOWN,
    LIST,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    SILENT,
    TEXT,
    UNKNOWN,
    UNTOLD,
    Declared,
    Kind,
    Later,
    Members,
    join,
    known,
    meet,
)
from engine.contract.static.of_value import type_of

IN_PLACE_MAX: Final = 32
"""How many subschemas deep one value is followed through `$ref`, `allOf` and their like."""
SUBSCHEMAS_MAX: Final = 20_000
"""Of a contract with more subschemas the rest admits anything."""

_TYPES: Final = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": TEXT,
    "array": LIST,
    "object": OBJECT,
}
_RULES: Final = (
    "const",
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
    "uniqueItems",
)
_OF_MEMBERS: Final = ("properties", "required", "additionalProperties", "patternProperties")

Schema = Mapping[str, Any]


def kind_of_schema(contract: str, schema: object) -> Kind:
    """The kind of what satisfies the schema of a contract, whose name (`canonical/order@1`) is kept for messages."""
    return _Reader(contract, schema).kind(schema, "", 0)


class _Reader:
    """Reads the subschemas of one contract, each once."""

    __slots__ = ("contract", "kinds", "left", "open", "schema")

    def __init__(self, contract: str, schema: object) -> None:
        self.contract = contract
        self.schema = schema
        self.kinds: dict[int, Kind] = {}
        self.open: set[int] = set()
        self.left = SUBSCHEMAS_MAX

    def kind(self, schema: object, place: str, depth: int) -> Kind:
        """`place` is where the schema stands (`lines[].price`), `depth` how far it was followed for one value."""
        if schema is False:
            return NEVER
        if not isinstance(schema, dict):
            return ANYTHING
        key = id(schema)
        if key in self.kinds:
            return self.kinds[key]
        # An `$id` below the top moves what references mean from there on, and is not followed.
        moved = "$id" in schema and schema is not self.schema
        if moved or key in self.open or depth > IN_PLACE_MAX or self.left <= 0:
            return UNTOLD
        self.left -= 1
        self.open.add(key)
        kind = self.own(schema, place)
        for demand in self.demands(schema, place, depth + 1):
            kind = meet(kind, demand)
        kind = self.unevaluated(schema, place, kind)
        self.open.discard(key)
        self.kinds[key] = kind
        return kind

    def own(self, schema: Schema, place: str) -> Kind:
        """What the schema's own assertions leave."""
        words = schema.get("type")
        types = EVERY_TYPE
        if words is not None:
            types = 0
            for word in words if isinstance(words, list) else (words,):
                types |= _TYPES.get(word, EVERY_TYPE) if isinstance(word, str) else EVERY_TYPE
        texts: frozenset[str] | None = None
        for values in _enumerations(schema):
            some = 0
            for value in values:
                some |= type_of(value)
            types &= some
            listed = frozenset(value for value in values if isinstance(value, str))
            texts = listed if texts is None else texts & listed
        if texts is not None and not texts:
            types &= ~TEXT
        format_ = schema.get("format")
        return Kind(
            types,
            texts=texts,
            format=format_ if isinstance(format_, str) else "",
            members=self.members(schema, place),
            items=self.items(schema, place),
            rules=({rule: schema[rule] for rule in _RULES if rule in schema},)
            if any(rule in schema for rule in _RULES)
            else (),
        )

    def demands(self, schema: Schema, place: str, depth: int) -> Iterator[Kind]:
        """What the keywords that apply other schemas to the same value leave, one after another."""
        if "$ref" in schema:
            yield self.reference(schema["$ref"], depth)
        if "$dynamicRef" in schema:
            yield UNTOLD
        for each in _list(schema.get("allOf")):
            yield self.kind(each, place, depth)
        for word in ("anyOf", "oneOf"):
            if alternatives := _list(schema.get(word)):
                yield join(self.kind(each, place, depth) for each in alternatives)
        if "if" in schema:  # also alone it declares names, for `unevaluatedProperties`
            holds = self.kind(schema["if"], place, depth)
            then = self.kind(schema.get("then", True), place, depth)
            yield join((meet(holds, then), self.kind(schema.get("else", True), place, depth)))
        for each in _dict(schema.get("dependentSchemas")).values():
            yield join((ANYTHING, self.kind(each, place, depth)))

    def reference(self, reference: object, depth: int) -> Kind:
        """What a `$ref` names; only pointers into the contract are followed."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            return UNTOLD
        node, names = self.schema, []
        for part in unquote(reference).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node and (node is self.schema or "$id" not in node):
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and len(name) < 9 and int(name) < len(node):
                node = node[int(name)]
            else:
                return UNTOLD
            names.append(name)
        return self.kind(node, ".".join(names), depth)

    # ── objects and lists ────────────────────────────────────────────────────────────────────────────────────────────

    def members(self, schema: Schema, place: str) -> Members:
        if not any(word in schema for word in _OF_MEMBERS):
            return ANY_MEMBERS
        named = {
            name: self.later(each, f"{place}.{name}" if place else name)
            for name, each in _dict(schema.get("properties")).items()
        }
        others = schema.get("additionalProperties")
        patterns = [self.later(each, place) for each in _dict(schema.get("patternProperties")).values()]
        if patterns or (others is not None and others is not False):
            stand = KNOWN
        else:
            stand = UNKNOWN if named or others is False else SILENT
        rest = self.later(True if others is None else others, f"{place}.*" if place else "*")
        return Declared(
            named,
            frozenset(name for name in _list(schema.get("required")) if isinstance(name, str)),
            Later(lambda: join(each() for each in (rest, *patterns))) if patterns else rest,
            stand,
            place,
            self.contract,
        )

    def unevaluated(self, schema: Schema, place: str, kind: Kind) -> Kind:
        """`unevaluatedProperties` closes what the schema and all that apply with it leave open. What they declare on
        one condition only is let through."""
        if "unevaluatedProperties" not in schema or not kind.types & OBJECT or kind.members.stand == KNOWN:
            return kind
        others = schema["unevaluatedProperties"]
        closed = Declared(
            dict.fromkeys(kind.members.names(), known(ANYTHING)),
            frozenset(),
            self.later(others, f"{place}.*" if place else "*"),
            UNKNOWN if others is False else KNOWN,
            place,
            self.contract,
        )
        return meet(kind, Kind(EVERY_TYPE, members=closed))

    def items(self, schema: Schema, place: str) -> tuple[Later, ...] | None:
        if "items" not in schema and "prefixItems" not in schema:
            return None
        first = [self.later(each, f"{place}[]") for each in _list(schema.get("prefixItems"))]
        rest = schema.get("items", True)
        return tuple(first) if rest is False else (*first, self.later(rest, f"{place}[]"))

    def later(self, schema: object, place: str) -> Later:
        return Later(lambda: self.kind(schema, place, 0))


def _enumerations(schema: Schema) -> Iterator[list[object]]:
    if "const" in schema:
        yield [schema["const"]]
    if isinstance(schema.get("enum"), list):
        yield schema["enum"]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
