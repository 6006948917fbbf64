"""A SCHEMA → WHERE ITS REFERENCES LEAD: `$id`, `$anchor` and JSON Pointers of one document, resolved without a network.

A schema may hold other schemas that have addresses of their own (`$id`), and a reference to one of them stays in the
document although it reads like a URL. This file knows the addresses that a document gives, and refuses to know any
other: where a reference leaves the document, it says so and leads nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
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
    """A schema of a document: the steps that lead to it from the top, and the address its references start from."""

    schema: object
    steps: tuple[Step, ...]
    base: str

    @property
    def pointer(self) -> str:
        """The JSON Pointer to it, as a URI fragment: `#/properties/a~1b`."""
        written = (str(step).replace("~", "~0").replace("/", "~1") for step in self.steps)
        return "#" + "".join(f"/{step}" for step in written)


def subschemas(place: Place) -> Iterator[Place]:
    """Every object at or below a place that stands where a schema stands, parents first.

    A `$ref` inside `const` or `default` is data and not found.
    """
    schema = place.schema
    if not isinstance(schema, dict):
        return
    identifier = schema.get("$id")
    if isinstance(identifier, str):
        place = Place(schema, place.steps, join(place.base, without_fragment(identifier)))
    yield place
    for keyword, value in schema.items():
        if keyword in ONE_BELOW:
            yield from subschemas(Place(value, (*place.steps, keyword), place.base))
        elif keyword in LIST_BELOW and isinstance(value, list):
            for number, item in enumerate(value):
                yield from subschemas(Place(item, (*place.steps, keyword, number), place.base))
        elif keyword in NAMED_BELOW and isinstance(value, dict):
            for name, item in value.items():
                yield from subschemas(Place(item, (*place.steps, keyword, name), place.base))


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

    __slots__ = ("_anchors", "_resources", "places")

    def __init__(self, schema: object) -> None:
        self.places = tuple(subschemas(Place(schema, (), "")))
        self._resources: dict[str, Place] = {"": Place(schema, (), "")}
        self._anchors: dict[tuple[str, str], Place] = {}
        for place in self.places:
            assert isinstance(place.schema, dict)
            if isinstance(place.schema.get("$id"), str):
                self._resources.setdefault(place.base, place)
            for keyword in ("$anchor", "$dynamicAnchor"):
                name = place.schema.get(keyword)
                if isinstance(name, str):
                    self._anchors.setdefault((place.base, name), place)

    def leaves(self, place: Place, reference: str) -> bool:
        """Whether a reference that stands at a place leads out of the document."""
        address = without_fragment(join(place.base, reference))
        return address not in self._resources and address not in BUILT_IN

    def is_built_in(self, place: Place, reference: str) -> bool:
        """Whether it leads into one of the documents that the checker carries."""
        address = without_fragment(join(place.base, reference))
        return address not in self._resources and address in BUILT_IN

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
    """The schema at a JSON Pointer below a place. An `$id` on the way moves what references there start from."""
    node, steps, base = place.schema, place.steps, place.base
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        step: Step
        if isinstance(node, dict) and name in node:
            node, step = node[name], name
        elif isinstance(node, list) and _is_index(name, len(node)):
            node, step = node[int(name)], int(name)
        else:
            return None
        steps = (*steps, step)
        if isinstance(node, dict) and isinstance(node.get("$id"), str):
            base = join(base, without_fragment(node["$id"]))
    return Place(node, steps, base)


def _is_index(name: str, length: int) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10 and int(name) < length
