"""A CONTRACT → ITS FIELDS IN LINES, for people who ask what a message holds.

References are followed, so it reads the same however the schema is cut into definitions; alternatives and conditions
are named and not unfolded. This file refuses to be a second way to write a schema: what it leaves out, the file has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.contract.versions.compatibility import LEVELS_MAX, Each, Others, Path, written
from engine.contract.versions.facets import Document, Rule
from engine.contract.versions.kinds import Kind, kind_of, type_names
from engine.contract.violations import rule_text

LINES_MAX: Final = 2_000
"""What nobody reads to the end."""

_TOLD = frozenset(
    (
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
    )
)
_NAMED: Final = {
    "anyOf": "one of several alternatives",
    "contains": "certain items",
    "if": "a condition",
    "not": "an exclusion",
    "oneOf": "exactly one of several alternatives",
    "uniqueItems": "no item twice",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One field: where it is, of which type, whether it must be there, and what else is asked of it."""

    path: str
    type: str
    required: bool
    rules: str


def outline(schema: object) -> Iterator[Line]:
    """The fields of a schema that compiles, in the order written, what is inside one behind it."""
    lines = _inside(kind_of(Document(schema).whole), (), frozenset())
    yield from (line for line, _ in zip(lines, range(LINES_MAX), strict=False))


def _inside(kind: Kind, path: Path, above: frozenset[object]) -> Iterator[Line]:
    if kind.key in above or len(path) > LEVELS_MAX:
        return  # the same again, as in a tree
    above |= {kind.key}
    inside: list[tuple[Path, Kind, bool]] = [
        ((*path, name), kind.field(name), name in kind.required) for name in kind.names
    ]
    others = kind.unnamed(frozenset())
    if not others.anything and not others.nothing:
        inside.append(((*path, Others(frozenset(kind.names))), others, False))
    inside += [((*path, number), kind.item(number), False) for number in range(kind.first_items)]
    if not kind.item(kind.first_items).anything and not kind.item(kind.first_items).nothing:
        inside.append(((*path, Each.ITEM), kind.item(kind.first_items), False))
    for below, found, required in inside:
        yield Line(written(below), type_names(found.types), required, ", ".join(_rules(found)))
        yield from _inside(found, below, above)


def _rules(kind: Kind) -> Iterator[str]:
    if kind.nothing:
        yield "must not be there"
    for rule in kind.rules:
        if rule.keyword in _TOLD:
            yield _text(rule)
        elif rule.keyword in _NAMED:
            yield _NAMED[rule.keyword]


def _text(rule: Rule) -> str:
    keyword = rule.keyword if rule.keyword in rule.part.schema else "const"
    return rule_text(keyword, rule.part.schema[keyword])
