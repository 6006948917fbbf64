"""A SCHEMA → WHERE ITS REFERENCES LEAD: `$id`, `$anchor` and JSON Pointers of one document, resolved without a network.

A schema may hold other schemas that have addresses of their own (`$id`), and a reference to one of them stays in the
document although it reads like a URL. This file knows the addresses that a document gives, and refuses to know any
other: where a reference leaves the document, it says so and leads nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urljoin

Step = str | int

BUILT_IN: Final = frozenset(
    f"https://json-schema.org/draft/2020-12/{name}"
    for name in (
        "schema",
        "meta/applicator",
        "meta/content",
        "meta/core",
        "meta/format-annotation",
        "meta/meta-data",
        "meta/unevaluated",
        "meta/validation",
    )
)
"""Documents that the checker carries with it: the meta-schema of the dialect and its parts."""

ONE_BELOW: Final = frozenset(
    (
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
LIST_BELOW: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
NAMED_BELOW: Final = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"))


@dataclass(frozen=True, slots=True)
class Place:
    """A schema of a document: the steps that lead to it from the top, and the address its references start from.

    Made by `top` and `under`, which mind its own `$id`.
    """

    schema: object
    steps: tuple[Step, ...]
    base: str

    @property
    def pointer(self) -> str:
        """The JSON Pointer to it, as a URI fragment: `#/properties/a~1b`."""
        written = (str(step).replace("~", "~0").replace("/", "~1") for step in self.steps)
        return "#" + "".join(f"/{step}" for step in written)


def top(schema: object) -> Place:
    """The schema that is the whole document."""
    return _place(schema, (), "")


def under(place: Place, *steps: Step) -> Place:
    """The schema some steps below another; they must lead somewhere."""
    node: Any = place.schema
    for step in steps:
        node = node[step]
    return _place(node, (*place.steps, *steps), place.base)


def _place(schema: object, steps: tuple[Step, ...], base: str) -> Place:
    identifier = schema.get("$id") if isinstance(schema, dict) else None
    return Place(schema, steps, join(base, without_fragment(identifier)) if isinstance(identifier, str) else base)


def subschemas(place: Place) -> Iterator[Place]:
    """Every object at or below a place that stands where a schema stands, parents first.

    A `$ref` inside `const` or `default` is data and not found.
    """
    schema = place.schema
    if not isinstance(schema, dict):
        return
    yield place
    for keyword, value in schema.items():
        if keyword in ONE_BELOW:
            yield from subschemas(under(place, keyword))
        elif keyword in LIST_BELOW and isinstance(value, list):
            for number in range(len(value)):
                yield from subschemas(under(place, keyword, number))
        elif keyword in NAMED_BELOW and isinstance(value, dict):
            for name in value:
                yield from subschemas(under(place, keyword, name))


def join(base: str, reference: str) -> str:
    """A reference by RFC 3986; `urljoin` alone loses the base where its scheme has no paths, as `urn:`."""
    if not reference or reference.startswith("#"):
        return without_fragment(base) + reference
    try:
        return urljoin(base, reference)
    except ValueError:  # no URL at all, such as `http://[`
        return reference


def without_fragment(address: str) -> str:
    return address.partition("#")[0]


class References:
    """The addresses of one document, whose nesting is bounded (`shape_problem` has passed it)."""

    __slots__ = ("_anchors", "_resources", "dynamic", "places")

    def __init__(self, schema: object) -> None:
        whole = top(schema)
        self.places = tuple(subschemas(whole))
        self._resources = {"": whole}
        self._anchors: dict[tuple[str, str], Place] = {}
        self.dynamic: dict[str, list[Place]] = {}
        """By name, every schema that a `$dynamicRef` may lead to; which one is known only when a document is read."""
        for place in self.places:
            assert isinstance(place.schema, dict)
            if isinstance(place.schema.get("$id"), str):
                self._resources.setdefault(place.base, place)
            for keyword in ("$anchor", "$dynamicAnchor"):
                name = place.schema.get(keyword)
                if isinstance(name, str):
                    self._anchors.setdefault((place.base, name), place)
                    if keyword == "$dynamicAnchor":
                        self.dynamic.setdefault(name, []).append(place)

    def leaves(self, place: Place, reference: str) -> bool:
        """Whether a reference that stands at a place leads out of the document."""
        address = without_fragment(join(place.base, reference))
        return address not in self._resources and address not in BUILT_IN

    def is_built_in(self, place: Place, reference: str) -> bool:
        """Whether it leads into one of the documents that the checker carries."""
        address = without_fragment(join(place.base, reference))
        return address not in self._resources and address in BUILT_IN

    def endless(self) -> Iterator[Place]:
        """Schemas whose `$ref` leads back to themselves without going into the document: they never come to an end."""
        done: set[tuple[Step, ...]] = set()
        for start in self.places:
            way: list[tuple[Place, Iterator[Place]]] = [(start, self._beside(start))]
            on_the_way = {start.steps}
            while way and way[0][0].steps not in done:
                place, beside = way[-1]
                following = next(beside, None)
                if following is None:
                    way.pop()
                    on_the_way.discard(place.steps)
                    done.add(place.steps)
                elif following.steps in on_the_way:
                    yield next(each for each, _ in reversed(way) if "$ref" in each.schema)  # type: ignore[operator]
                elif following.steps not in done:
                    on_the_way.add(following.steps)
                    way.append((following, self._beside(following)))

    def _beside(self, place: Place) -> Iterator[Place]:
        """The schemas that look at the same value because this one does, as far as the document itself tells."""
        schema = place.schema
        if not isinstance(schema, dict):
            return
        found = self.find(place, schema["$ref"]) if isinstance(schema.get("$ref"), str) else None
        if found is not None:
            yield found
        yield from (under(place, keyword) for keyword in ("not", "if", "then", "else") if keyword in schema)
        for keyword in ("allOf", "anyOf", "oneOf"):
            listed = schema.get(keyword)
            yield from (
                under(place, keyword, number) for number in range(len(listed) if isinstance(listed, list) else 0)
            )
        for keyword in ("dependentSchemas", "dependencies"):
            named = schema.get(keyword)
            yield from (under(place, keyword, name) for name in (named if isinstance(named, dict) else ()))

    def find(self, place: Place, reference: str) -> Place | None:
        """The schema of this document that a reference leads to; None where there is none."""
        address, _, fragment = join(place.base, reference).partition("#")
        resource = self._resources.get(address)
        if resource is None or not fragment:
            return resource
        fragment = unquote(fragment)
        if not fragment.startswith("/"):
            return self._anchors.get((resource.base, fragment))
        return _follow(resource, fragment)


def _follow(place: Place, pointer: str) -> Place | None:
    """The schema at a JSON Pointer below a place."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        node = place.schema
        if isinstance(node, dict) and name in node:
            place = under(place, name)
        elif isinstance(node, list) and _is_index(name, len(node)):
            place = under(place, int(name))
        else:
            return None
    return place


def _is_index(name: str, length: int) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10 and int(name) < length
