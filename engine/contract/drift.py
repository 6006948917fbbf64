"""A SCHEMA → WHAT IT DOES NOT KNOW: the fields of a document of which its contract says nothing.

A contract that tolerates what partners add also hides it: the new name of a field, the second currency, the flag that
changes what an order means. Telling their paths, and those of required fields that stopped coming, lets people see a
partner's schema drift before the day it breaks. This file refuses to judge values, to look below a name that nobody
knows, and to show a name that could be a customer's: whatever is no plain identifier, and every name of a map, is `*`.

It is tolerant, because a false alarm is the end of all alarms: a name that any branch of `allOf`, `anyOf`, `oneOf`,
`if` or a `$ref` writes is known; maps (`additionalProperties` with a schema) know all names; where the schema lists no
fields at all there is nothing to compare with.

Why no second, strict validator (`additionalProperties: false` everywhere): it would have to be taught the tolerance
above, and partners' additions come with every document. Measured on an order of 4.7 KB: 8 µs there and 6 here where
nothing is unknown, 88 there and 10 here for the 21 fields that Shopify sends beyond our contract.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import jsonschema_rs

from engine.contract.body import encode_json
from engine.contract.dialect import LINEAR
from engine.contract.violations import Violation

NODES_MAX: Final = 10_000
"""Places of a schema; what lies beyond is not looked at."""
DEPTH_MAX: Final = 64
OBJECTS_MAX: Final = 10_000
"""Objects of one document and items of its lists, together, that are looked at."""
NAMES_MAX: Final = 1_000
"""Names of one object, beyond those that the schema writes, that are looked at."""
PATHS_MAX: Final = 100
"""Paths told of one document."""
SHAPES_MAX: Final = 64
"""Shapes of objects, which are their names in order, that are remembered of one place."""
SHAPE_NAMES_MAX: Final = 256
NAME_CHARS_MAX: Final = 64

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE_IN_LIST = re.compile(r"\[[0-9]+\]")

_BRANCHES = ("if", "then", "else", "not")
_BRANCH_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("additionalProperties", "unevaluatedProperties")
_ITEMS = ("items", "contains", "unevaluatedItems")

Schema = dict[str, Any]
UnknownFields = Callable[[object], tuple[str, ...]]
"""A document → the paths of its fields that the contract does not know, as `line_items[*].duties`."""


class _Place:
    """Where documents may have an object or a list, and what all that the schema says of it, taken together, knows.

    `known` is None where no fields are listed. `rest` stands for the fields that only a pattern or a map knows.
    """

    __slots__ = ("children", "items", "known", "matches", "open", "rest", "shapes")

    def __init__(self) -> None:
        self.known: frozenset[str] | None = None
        self.open = False
        self.matches: Callable[[object], bool] | None = None
        self.children: tuple[_Child, ...] = ()
        self.rest: _Place | None = None
        self.items: _Place | None = None
        self.shapes: dict[tuple[str, ...], _Shape] = {}

    def below(self) -> Iterator["_Place"]:
        yield from (child for _, _, child in self.children)
        yield from (place for place in (self.rest, self.items) if place is not None)

    def learn(self, names: tuple[str, ...]) -> "_Shape":
        """What an object with these names asks for. Kept: a partner's objects have few shapes, and looking a shape up
        costs less than looking at each name, above all where unknown names come with every document."""
        known = self.known
        strange = [name for name in names if name not in known] if known is not None else []
        told: dict[str, None] = {}
        given = set(names)
        children = [child for child in self.children if child[0] in given]
        for name in strange[:NAMES_MAX]:
            if not self.open and (self.matches is None or not self.matches(name)):
                told[_written(name if _PLAIN.fullmatch(name) else "*")] = None
            elif self.rest is not None:
                children.append((name, ".*", self.rest))
        shape = tuple(told), tuple(children)
        if len(names) <= SHAPE_NAMES_MAX and max(map(len, strange), default=0) <= NAME_CHARS_MAX:
            if len(self.shapes) >= SHAPES_MAX:
                self.shapes.clear()
            self.shapes[names] = shape
        return shape


_Child = tuple[str, str, _Place]
"""(name, the step that it adds to a path, its place)."""
_Shape = tuple[tuple[str, ...], tuple[_Child, ...]]
"""(the steps of unknown fields, the children that must be looked at)."""


class _Look:
    """One walk over a document: what was found, and how much may still be looked at."""

    __slots__ = ("found", "left")

    def __init__(self) -> None:
        self.found: dict[str, None] = {}
        self.left = OBJECTS_MAX


def compile_drift(schema: object) -> UnknownFields:
    """The unknown fields of documents, by a schema given as plain data that `check_schema` finds no fault with.

    Each path is told once, at most PATHS_MAX.
    """
    root = _Builder(schema).build()
    if root is None:
        return lambda _document: ()

    def unknown(document: object) -> tuple[str, ...]:
        look = _Look()
        _look_at(root, document, "", DEPTH_MAX, look)
        return tuple([path[1:] for path in look.found] if document.__class__ is dict else look.found)

    return unknown


def missing_fields(violations: Iterable[Violation]) -> tuple[str, ...]:
    """The required fields that did not come, as the violations of a document say: `line_items[*].price`, each once."""
    found: dict[str, None] = {}
    for violation in violations:
        keyword, _, name = violation.rule.partition(": ")
        if keyword == "required":
            path = _PLACE_IN_LIST.sub("[*]", violation.path)
            found[f"{path}{_written(name)}" if path else _written(name)[1:]] = None
    return tuple(found)


def _look_at(place: _Place, value: Any, path: str, depth: int, look: _Look) -> None:
    if look.left <= 0 or depth < 0:
        return
    if value.__class__ is dict:
        look.left -= 1
        names = tuple(value)
        unknown, children = place.shapes.get(names) or place.learn(names)
        for step in unknown:
            if len(look.found) < PATHS_MAX:
                look.found[path + step] = None
        for name, step, child in children:
            inner = value[name]
            if inner.__class__ is dict or inner.__class__ is list:
                _look_at(child, inner, path + step, depth - 1, look)
    elif value.__class__ is list and place.items is not None:
        items = value[: look.left]
        look.left -= len(items)
        below = path + "[*]"
        for item in items:
            _look_at(place.items, item, below, depth - 1, look)


def _written(name: str) -> str:
    """A name as a step of a path; in quotes where JMESPath would want them."""
    return f".{name}" if name == "*" or _BARE.fullmatch(name) else f".{encode_json(name).decode()}"


class _Builder:
    """Schema → places. What the schema says of one place is a set of subschemas; a set that comes again is the same
    place, so that a schema that refers to itself ends."""

    def __init__(self, schema: object) -> None:
        self.schema = schema
        # An `$id` inside moves what "#/…" starts from: such references are not followed, and what they know is open.
        self.moved = any(node is not schema and isinstance(node.get("$id"), str) for node in _objects(schema))
        self.anchors = {
            node[word]: node for node in _objects(schema) for word in _ANCHORS if isinstance(node.get(word), str)
        }
        self.places: dict[frozenset[int], _Place] = {}
        self.waiting: list[tuple[_Place, list[Schema]]] = []

    def build(self) -> _Place | None:
        root = self.place([self.schema])
        while self.waiting:
            self.fill(*self.waiting.pop())
        return self.pruned(root)

    def place(self, schemas: list[object]) -> _Place | None:
        """The place that these schemas describe together; None where they say nothing."""
        together = self.together(schemas)
        if not together:
            return None
        key = frozenset(map(id, together))
        place = self.places.get(key)
        if place is None:
            if len(self.places) >= NODES_MAX:
                return None
            place = self.places[key] = _Place()
            self.waiting.append((place, together))
        return place

    def together(self, schemas: list[object]) -> list[Schema]:
        """All schemas that may speak of the same place: these, their branches, and what they refer to."""
        found: dict[int, Schema] = {}
        waiting = list(schemas)
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, dict) or id(schema) in found:
                continue
            found[id(schema)] = schema
            waiting.extend(schema[word] for word in _BRANCHES if word in schema)
            for word in _BRANCH_LISTS:
                waiting.extend(schema.get(word, ()))
            waiting.extend(schema.get("dependentSchemas", {}).values())
            waiting.extend(self.referred(schema[word]) for word in ("$ref", "$dynamicRef") if word in schema)
        return list(found.values())

    def referred(self, reference: str) -> object:
        """What a reference within the schema leads to; a map that knows all names where that cannot be told."""
        fragment = unquote(reference.removeprefix("#"))
        if self.moved or not reference.startswith("#"):
            return _ANYTHING
        if not fragment:
            return self.schema
        if not fragment.startswith("/"):
            return self.anchors.get(fragment, _ANYTHING)
        node: Any = self.schema
        for part in fragment.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                return _ANYTHING
        return node

    def fill(self, place: _Place, together: list[Schema]) -> None:
        named: dict[str, list[object]] = {}
        patterns: dict[str, list[object]] = {}
        maps: list[object] = []
        names: set[str] = set()
        items: list[object] = []
        for schema in together:
            for name, below in schema.get("properties", {}).items():
                named.setdefault(name, []).append(below)
            for pattern, below in schema.get("patternProperties", {}).items():
                patterns.setdefault(pattern, []).append(below)
            names.update(schema.get("required", ()), schema.get("dependentSchemas", ()))
            for name, needed in schema.get("dependentRequired", {}).items():
                names.update((name, *needed))
            maps.extend(schema[word] for word in _MAPS if isinstance(schema.get(word), dict))
            items.extend(schema.get("prefixItems", ()))
            items.extend(schema[word] for word in _ITEMS if word in schema)
        matching = {pattern: _matcher([pattern]) for pattern in patterns}
        children = []
        for name, below in named.items():
            matched = [each for pattern in patterns if matching[pattern](name) for each in patterns[pattern]]
            children.append((name, _written(name), self.place([*below, *matched])))
        place.children = tuple((name, text, child) for name, text, child in children if child is not None)
        place.known = frozenset((*named, *names)) if named or patterns or maps else None
        place.open = bool(maps)
        place.matches = _matcher(list(patterns)) if patterns else None
        place.rest = self.place([*maps, *(each for below in patterns.values() for each in below)])
        place.items = self.place(items)

    def pruned(self, root: _Place | None) -> _Place | None:
        """Without the places at and below which nothing can be unknown: most of a contract is plain values."""
        places = [*self.places.values()]
        above: dict[int, list[_Place]] = {}
        for place in places:
            for below in place.below():
                above.setdefault(id(below), []).append(place)
        waiting = [place for place in places if place.known is not None and not place.open]
        telling: set[int] = set()
        while waiting:
            place = waiting.pop()
            if id(place) not in telling:
                telling.add(id(place))
                waiting.extend(above.get(id(place), ()))
        for place in places:
            place.children = tuple(child for child in place.children if id(child[2]) in telling)
            place.rest = place.rest if id(place.rest) in telling else None
            place.items = place.items if id(place.items) in telling else None
            if place.open and place.rest is None:
                place.known = None
        return root if id(root) in telling else None


_ANYTHING: Schema = {"additionalProperties": {}}
_ANCHORS = ("$anchor", "$dynamicAnchor")


def _objects(node: object) -> Iterator[Schema]:
    """Every object in a schema, wherever it stands; one that is data costs a reference its following, no more."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


def _matcher(patterns: list[str]) -> Callable[[object], bool]:
    """Whether a name matches one of the patterns, in time linear in the name: Python's own engine may take seconds."""
    schema = {"anyOf": [{"pattern": pattern} for pattern in patterns]}
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=LINEAR, offline=True).is_valid
