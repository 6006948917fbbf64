"""RULES → KINDS: all documents that keep some schemas at once, with what follows from all their rules together.

References and `allOf` are what they lead to, so it does not matter how a schema is cut into definitions. The facts of a
kind may be weaker than its rules and are never stronger. This file refuses to compare two kinds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from engine.contract.versions.facets import (
    ALL_TYPES,
    ATOMS,
    NUMBERS,
    Document,
    Fields,
    Items,
    Part,
    Rule,
    exact,
    spread,
)

Bound = tuple[Fraction, bool]
"""A limit of a number, and whether the limit itself is left out."""


@dataclass(eq=False)
class Kind:
    """All documents that keep every schema of `roots`. Rules in `without` are not counted, which makes it wider."""

    roots: tuple[Part, ...]
    without: frozenset[int] = frozenset()

    @cached_property
    def key(self) -> object:
        """What tells it from any other for as long as its documents live, however it is referred to."""
        parts, is_false = self._spread
        return frozenset(part.key for part in parts if part.document.stated(part)), is_false, self.without

    @cached_property
    def _spread(self) -> tuple[tuple[Part, ...], bool]:
        return spread(self.roots)

    @property
    def is_false(self) -> bool:
        """Whether `false` is among what must hold."""
        return self._spread[1]

    @cached_property
    def nothing(self) -> bool:
        """Whether it plainly admits no value: by `false`, or because no type or none of the listed values is left."""
        return self.is_false or not self.types or self.values == ()

    @property
    def anything(self) -> bool:
        return not self.rules and not self.is_false

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        stated = (rule for part in self._spread[0] for rule in part.document.stated(part))
        return tuple(rule for rule in stated if id(rule) not in self.without)

    def stating(self, keyword: str) -> Iterator[Rule]:
        return (rule for rule in self.rules if rule.keyword == keyword)

    def less(self, rule: Rule) -> "Kind":
        """The same without one rule."""
        return Kind(self.roots, self.without | {id(rule)})

    def admits(self, value: object) -> bool | None:
        """Whether the checker takes a value; None where it cannot say."""
        answers = [part.admits(value) for part in self.roots]
        return False if False in answers else None if None in answers else True

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def stated_types(self) -> frozenset[str]:
        """The types that `type` leaves."""
        return ALL_TYPES.intersection(*(rule.value for rule in self.stating("type")))

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that all rules leave."""
        types = self.stated_types
        for rule in self.rules:
            if rule.keyword == "enum":
                types &= frozenset(map(atom_of, rule.value.values()))
            elif rule.keyword == "multipleOf" and rule.value.denominator == 1:
                types -= {"fraction"}
        return types

    @cached_property
    def values(self) -> tuple[object, ...] | None:
        """Every value that is left, where they are listed; None where they are not."""
        listed = next(self.stating("enum"), None)
        if listed is None and not self.types <= {"null", "boolean"}:
            return None
        left: Any = (None, False, True) if listed is None else listed.value.values()
        return tuple(value for value in left if atom_of(value) in self.types and self.admits(value) is not False)

    @property
    def only_integers(self) -> bool:
        return "fraction" not in self.types

    @cached_property
    def lower(self) -> Bound | None:
        """The strongest lower limit of a number; of integers the smallest there is."""
        limits = [(rule.value, False) for rule in self.stating("minimum")]
        limits += [(rule.value, True) for rule in self.stating("exclusiveMinimum")]
        if self.only_integers:
            limits = [(Fraction(_next_up(value, left_out)), False) for value, left_out in limits]
        return max(limits, default=None)

    @cached_property
    def upper(self) -> Bound | None:
        """The strongest upper limit of a number; of integers the largest there is."""
        limits = [(rule.value, False) for rule in self.stating("maximum")]
        limits += [(rule.value, True) for rule in self.stating("exclusiveMaximum")]
        if self.only_integers:
            limits = [(Fraction(-_next_up(-value, left_out)), False) for value, left_out in limits]
        return min(limits, key=lambda limit: (limit[0], not limit[1]), default=None)

    def strongest(self, keyword: str, pick: Callable[[list[int]], int]) -> int | None:
        """The largest `minItems`, the smallest `maxLength`; None without one."""
        counts = [rule.value for rule in self.stating(keyword)]
        return pick(counts) if counts else None

    # ── what is inside ───────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that must be there, with those that they ask for."""
        found = frozenset(rule.value for rule in self.stating("required"))
        asked = [rule.value for rule in self.stating("dependentRequired")]
        while more := frozenset().union(*(names for name, names in asked if name in found)) - found:
            found |= more
        return found

    @cached_property
    def fields(self) -> tuple[Fields, ...]:
        return tuple(rule.value for rule in self.stating("properties"))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields that are named, in the order written."""
        return tuple(dict.fromkeys(name for fields in self.fields for name in fields.named))

    @cached_property
    def patterns(self) -> frozenset[str]:
        return frozenset(pattern for fields in self.fields for pattern in fields.patterns)

    @cached_property
    def closed(self) -> frozenset[str] | None:
        """All names that a field may have; None where they are not listed."""
        listed = [
            frozenset(fields.named)
            for fields in self.fields
            if fields.others is not None and fields.others.schema is False and not fields.patterns
        ]
        return frozenset.intersection(*listed) if listed else None

    def field(self, name: str) -> "Kind":
        """What a field of this name must be."""
        return kind_of(*(part for fields in self.fields for part in fields.at(name)))

    def unnamed(self, matching: frozenset[str]) -> "Kind":
        """What a field must be that is not named, and whose name matches just these of all patterns."""
        return kind_of(*(part for fields in self.fields for part in fields.unnamed(matching)))

    @cached_property
    def items(self) -> tuple[Items, ...]:
        return tuple(rule.value for rule in self.stating("items"))

    @cached_property
    def first_items(self) -> int:
        """How many items have a schema of their own."""
        return max((len(items.first) for items in self.items), default=0)

    def item(self, number: int) -> "Kind":
        return kind_of(*(part for items in self.items for part in items.at(number)))


def kind_of(*parts: Part | None) -> Kind:
    """The documents of all of these schemas; None is anything."""
    return Kind(tuple({part.key: part for part in parts if part is not None}.values()))


def all_of(*kinds: Kind) -> Kind:
    """The documents of all of them at once."""
    roots = {part.key: part for kind in kinds for part in kind.roots}
    return Kind(tuple(roots.values()), frozenset().union(*(kind.without for kind in kinds)))


@lru_cache(maxsize=64)
def typed(name: str) -> Kind:
    """All values of one type."""
    return kind_of(Document({"type": name}).whole)


@lru_cache(maxsize=1024)
def having(name: str) -> Kind:
    """All objects with one field."""
    return kind_of(Document({"type": "object", "required": [name]}).whole)


def atom_of(value: object) -> str:
    """The type of a JSON value, integers and fractions told apart as JSON Schema does: 1.0 is an integer."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float | Decimal):
        return "integer" if exact(value).denominator == 1 else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _next_up(value: Fraction, left_out: bool) -> int:
    """The smallest integer from here, or above where the value itself is left out."""
    up = -(-value.numerator // value.denominator)
    return up + 1 if left_out and up == value else up


def type_names(types: frozenset[str]) -> str:
    """Types as people write them: `null or string`, `anything`."""
    names = [name for name in ATOMS if name not in ("integer", "number") and name in types]
    if types & NUMBERS:
        names.append("number" if types >= NUMBERS else "integer" if "integer" in types else "a fraction")
    return "anything" if types == ALL_TYPES else " or ".join(sorted(names)) or "nothing"
