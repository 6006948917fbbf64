"""TWO VERSIONS OF A CONTRACT → WHAT CHANGED, and for whom: the words are those of schema registries.

*Backward* compatible: who reads by NEW can read what was written by OLD, for every document of OLD is one of NEW.
*Forward*: who still reads by OLD can read what is written by NEW. *Full*: both. A change counts as compatible only
where that is proven (`subsumption`); what cannot be shown counts as breaking and says so. This file refuses to weigh
how likely a document is, and shows nothing but what the schemas themselves write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Final

from engine.contract.body import canonical_json, encode_json
from engine.contract.schema import compile_contract
from engine.contract.versions.facets import Document, Part, Rule, bare, plain_numbers
from engine.contract.versions.kinds import Kind, kind_of, type_names
from engine.contract.versions.subsumption import PATTERNS_MAX, Exhausted, Prover, subsets
from engine.contract.violations import path_text

CHANGES_MAX: Final = 500
"""More changes than that are another contract, not another version of one."""
LEVELS_MAX: Final = 60
"""How deep two schemas are compared: levels of a document, and alternatives within alternatives."""
BEYOND: Final = "the schemas differ in more, or more deeply, than is compared"
VALUES_SHOWN_MAX: Final = 5
SHOWN_CHARS_MAX: Final = 60


class Each(Enum):
    """A step of a path that stands for many."""

    ITEM = "[*]"
    FIELD = "*"


@dataclass(frozen=True, slots=True)
class Others:
    """A step of a path that stands for every field but those that a schema names."""

    named: frozenset[str]


Path = tuple[str | int | Each | Others, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that two schemas say differently: where in a document, what in words, and whether documents of OLD
    (`backward`) and of NEW (`forward`) are still taken by the other; `rule` is the keyword, where it is about one."""

    steps: Path
    change: str
    backward: bool
    forward: bool
    rule: str = ""

    @property
    def path(self) -> str:
        """`lines[*].unit_price`; empty for the whole document."""
        return written(self.steps)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes between two schemas, in the order of OLD.

    Of a schema that refers to itself each change is told once: `again` says below which place the same holds as at
    another one above it.
    """

    changes: tuple[Change, ...]
    again: tuple[tuple[Path, Path], ...] = ()

    @property
    def backward(self) -> bool:
        return all(change.backward for change in self.changes)

    @property
    def forward(self) -> bool:
        return all(change.forward for change in self.changes)

    @property
    def verdict(self) -> str:
        """`full`, `backward`, `forward` or `breaking`."""
        if self.backward:
            return "full" if self.forward else "backward"
        return "forward" if self.forward else "breaking"


def written(steps: Path) -> str:
    """A path as people write it: `lines[*].unit_price`, `attributes.*`, `headers."x-id"`."""
    text = ""
    for step in steps:
        if isinstance(step, int) or step is Each.ITEM:
            text += f"[{step}]" if isinstance(step, int) else "[*]"
        else:
            name = path_text((step,)) if isinstance(step, str) else "*"
            text += f".{name}" if text else name
    return text


def compare(old: object, new: object) -> Comparison:
    """What changed from one JSON Schema to another, both plain data. Raises ContractError for what is no contract."""
    for name, schema in (("OLD", old), ("NEW", new)):
        compile_contract(name, schema)
    if canonical_json(plain_numbers(bare(old))) == canonical_json(plain_numbers(bare(new))):
        return Comparison(())
    walk = _Walk(Prover())
    try:
        walk.kinds(kind_of(Document(old).whole), kind_of(Document(new).whole), ())
    except Exhausted:
        walk.changes.append(Change((), BEYOND, backward=False, forward=False))
    return Comparison(tuple(dict.fromkeys(walk.changes)), tuple(dict.fromkeys(walk.again)))


class _Walk:
    """Goes through two kinds side by side and gathers their changes."""

    def __init__(self, prover: Prover) -> None:
        self.prover = prover
        self.changes: list[Change] = []
        self.again: list[tuple[Path, Path]] = []
        self._open: dict[object, Path] = {}

    def add(self, path: Path, change: str, *, backward: bool, forward: bool, rule: str = "") -> None:
        """A change that is one: what means the same, written otherwise, is none."""
        if not (backward and forward):
            self.changes.append(Change(path, change, backward, forward, rule))
        if len(self.changes) >= CHANGES_MAX:
            raise Exhausted

    def whole(self, path: Path, change: str, old: Kind, new: Kind) -> None:
        """A change of everything that is said of a place."""
        self.add(path, change, backward=self.prover.within(old, new), forward=self.prover.within(new, old))

    def ruled(self, path: Path, change: str, sides: "_Sides", old: Sequence[Rule], new: Sequence[Rule]) -> None:
        """A change of some rules: each side must imply the rules of the other."""
        backward = all(self.prover.implies(sides.old, rule) for rule in new)
        forward = all(self.prover.implies(sides.new, rule) for rule in old)
        keyword = (*old, *new)[0].keyword
        told = keyword in REASONS and (bool(old and new) or keyword != "pattern")
        change = f"{change} ({REASONS[keyword]})" if told else change
        self.add(path, change, backward=backward, forward=forward, rule=keyword)

    def kinds(self, old: Kind, new: Kind, path: Path) -> None:
        """Everything that two schemas say of one place, and of all below it."""
        if self.prover.same(old, new):
            return
        key = (old.key, new.key)
        if key in self._open and len(self._open[key]) < len(path):
            self.again.append((path, self._open[key]))
            return
        if key in self._open or len(self._open) >= LEVELS_MAX:
            raise Exhausted
        self._open[key] = path
        if old.nothing or new.nothing:
            self.whole(
                path, "nothing may stand here any more" if new.nothing else "something may stand here now", old, new
            )
        else:
            sides = _Sides(old, new, path)
            self.types(sides)
            self.values(sides)
            self.limits(sides)
            self.fields(sides)
            self.items(sides)
            self.compound(sides)
        del self._open[key]

    # ── rules that stand alone ───────────────────────────────────────────────────────────────────────────────────────

    def types(self, sides: "_Sides") -> None:
        old, new = sides.stating("type")
        was, is_ = sides.old.stated_types, sides.new.stated_types
        if was != is_:
            self.ruled(sides.path, f"`type` was {type_names(was)}, is {type_names(is_)}", sides, old, new)

    def values(self, sides: "_Sides") -> None:
        old, new = sides.stating("enum")
        was, is_ = (_values(rules) for rules in (old, new))
        if was is None or is_ is None:
            listed = is_ if was is None else was
            change = f"only {_shown(listed)} may stand here" if was is None else f"no longer only {_shown(listed)}"
            if old or new:
                self.ruled(sides.path, change, sides, old, new)
            return
        more, less = (
            {key: value for key, value in one.items() if key not in other} for one, other in ((is_, was), (was, is_))
        )
        told = [f"{_shown(more)} may stand here too"] if more else []
        told += [f"{_shown(less)} may not stand here any more"] if less else []
        if told:
            self.ruled(sides.path, ", ".join(told), sides, old, new)

    def limits(self, sides: "_Sides") -> None:
        """Rules with one value, keyword by keyword."""
        for keyword in LIMITS:
            old, new = sides.stating(keyword)
            was, is_ = ({rule.value: _raw(rule) for rule in rules} for rules in (old, new))
            if was.keys() == is_.keys():
                continue
            if not was or not is_:
                change = f"`{keyword}: {_listed(is_ or was)}` is {'gone' if was else 'new'}"
            else:
                change = f"`{keyword}` was {_listed(was)}, is {_listed(is_)}"
            self.ruled(sides.path, change, sides, old, new)

    # ── what a place holds ───────────────────────────────────────────────────────────────────────────────────────────

    def fields(self, sides: "_Sides") -> None:
        must = [{rule.value: rule for rule in rules} for rules in sides.stating("required")]
        named = dict.fromkeys((*sides.old.names, *sides.new.names))
        for name in dict.fromkeys((*named, *must[0], *must[1])):
            old, new, path = sides.old.field(name), sides.new.field(name), (*sides.path, name)
            if (name in must[0]) != (name in must[1]):
                change = "is required now" if name in must[1] else "is no longer required"
                self.ruled(path, change, sides, *([rules[name]] if name in rules else [] for rules in must))
            if name not in named:
                continue
            if old.nothing and not new.nothing:
                self.whole(path, "the field is new", old, new)
            elif new.nothing and not old.nothing:
                self.whole(path, "the field is gone, and may not be there any more", old, new)
            elif old.anything and name not in sides.old.names:
                self.whole(path, "the field is described now; anything could stand here before", old, new)
            elif new.anything and name not in sides.new.names:
                self.whole(path, "the field is no longer described; anything may stand here", old, new)
            else:
                self.kinds(old, new, path)
        self.other_fields(sides)

    def other_fields(self, sides: "_Sides") -> None:
        """Those that neither side names."""
        patterns = sides.old.patterns | sides.new.patterns
        path = (*sides.path, Others(frozenset((*sides.old.names, *sides.new.names))))
        if sides.old.patterns == sides.new.patterns and len(sides.old.fields) == len(sides.new.fields) == 1:
            for pattern in sorted(patterns):
                matching = frozenset((pattern,))
                self.kinds(sides.old.unnamed(matching), sides.new.unnamed(matching), path)
        elif patterns:
            pairs = [
                (sides.old.unnamed(some), sides.new.unnamed(some))
                for some in islice(subsets(patterns), 2**PATTERNS_MAX)
            ]
            told_apart = len(patterns) <= PATTERNS_MAX
            self.add(
                path,
                "the patterns that name fields changed",
                backward=told_apart and all(self.prover.within(old, new) for old, new in pairs),
                forward=told_apart and all(self.prover.within(new, old) for old, new in pairs),
            )
            return
        old, new = sides.old.unnamed(frozenset()), sides.new.unnamed(frozenset())
        if old.nothing or new.nothing:
            self.whole(path, f"fields that are not named are {'refused' if new.nothing else 'taken'} now", old, new)
        else:
            self.kinds(old, new, path)

    def items(self, sides: "_Sides") -> None:
        first = max(sides.old.first_items, sides.new.first_items)
        limits = [kind.strongest("maxItems", min) for kind in (sides.old, sides.new)]
        for number in range(first + 1):
            if any(limit is not None and number >= limit for limit in limits):
                return  # one side never has so many, and where the other has, its limit is a change by itself
            step = number if number < first else Each.ITEM
            self.kinds(sides.old.item(number), sides.new.item(number), (*sides.path, step))

    # ── rules made of schemas ────────────────────────────────────────────────────────────────────────────────────────

    def compound(self, sides: "_Sides") -> None:
        for keyword in COMPOUND:
            old, new = self.without_same(*sides.stating(keyword))
            if not old and not new:
                continue
            if len(old) == len(new) == 1 and self.told_inside(sides, old[0], new[0]):
                continue
            self.ruled(sides.path, self.compound_words(keyword, old, new), sides, old, new)

    def without_same(self, old: Sequence[Rule], new: Sequence[Rule]) -> tuple[list[Rule], list[Rule]]:
        """The rules that the other side does not state."""
        return (
            [rule for rule in old if not any(self.prover.same_rule(rule, other) for other in new)],
            [rule for rule in new if not any(self.prover.same_rule(rule, other) for other in old)],
        )

    def told_inside(self, sides: "_Sides", old: Rule, new: Rule) -> bool:
        """Tells the changes of the schemas that a rule is made of, where these are all there is to it."""
        pairs = self.pairs(old, new)
        inside = _Walk(self.prover)
        inside._open = self._open
        for one, other in pairs:
            inside.kinds(kind_of(one), kind_of(other), sides.path)
        told = Comparison(tuple(inside.changes))
        backward, forward = self.prover.implies(sides.old, new), self.prover.implies(sides.new, old)
        if not inside.changes or (told.backward, told.forward) != (backward, forward):
            return False
        self.changes += inside.changes
        self.again += inside.again
        return True

    def pairs(self, old: Rule, new: Rule) -> list[tuple[Part | None, Part | None]]:
        """The schemas of two rules that were one before, as far as that can be told."""
        if old.keyword in ("anyOf", "oneOf"):
            was, is_ = self.prover.unmatched(old.value, new.value)
            return list(zip(was, is_, strict=True)) if len(was) == len(is_) else []
        if old.keyword == "if" and self.prover.same(kind_of(old.value[0]), kind_of(new.value[0])):
            return [(old.value[1], new.value[1]), (old.value[2], new.value[2])]
        return []

    def compound_words(self, keyword: str, old: Sequence[Rule], new: Sequence[Rule]) -> str:
        if not old or not new:
            return f"`{keyword}` is {'gone' if old else 'new'}"
        if keyword in ("anyOf", "oneOf") and len(old) == len(new) == 1:
            gone, more = map(len, self.prover.unmatched(old[0].value, new[0].value))
            told = [f"{_count(more)} new"] if more else []
            told += [f"{_count(gone)} gone"] if gone else []
            if told:
                return f"{' and '.join(told)} among the alternatives of `{keyword}`"
        return f"`{keyword}` changed"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two kinds that are compared at a place."""

    old: Kind
    new: Kind
    path: Path

    def stating(self, keyword: str) -> tuple[list[Rule], list[Rule]]:
        return list(self.old.stating(keyword)), list(self.new.stating(keyword))


LIMITS: Final = (
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
COMPOUND: Final = (
    "contains",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "$ref",
)
REASONS: Final = {
    "pattern": "patterns are compared as they are written",
    "anyOf": "what cannot be shown of alternatives counts as broken",
    "oneOf": "that exactly one alternative fits must be shown",
    "not": "what cannot be shown of exclusions counts as broken",
    "if": "what cannot be shown of conditions counts as broken",
    "contains": "what cannot be shown of counted items counts as broken",
    "propertyNames": "what cannot be shown of names counts as broken",
    "dependentSchemas": "what cannot be shown of conditions counts as broken",
    "unevaluatedProperties": "it depends on all that stands beside it",
    "unevaluatedItems": "it depends on all that stands beside it",
    "$dynamicRef": "where it leads is known only when a document is read",
}
"""Why a change may count as breaking although it need not be."""


def _values(rules: Sequence[Rule]) -> dict[bytes, Any] | None:
    """What all enumerations list, by the one way to write it; None without one."""
    if not rules:
        return None
    first, *others = (rule.value for rule in rules)
    return {key: value for key, value in first.items() if all(key in other for other in others)}


def _shown(values: dict[bytes, Any] | None) -> str:
    listed = [f"`{_cut(value)}`" for value in islice((values or {}).values(), VALUES_SHOWN_MAX)]
    more = len(values or ()) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "") or "nothing"


def _listed(values: dict[Any, Any]) -> str:
    return " and ".join(_cut(value) for value in values.values())


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else encode_json(plain_numbers(value)).decode()
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 1]}…"


def _raw(rule: Rule) -> Any:
    """A rule's value as its schema writes it."""
    return rule.part.schema[rule.keyword]


def _count(number: int) -> str:
    return "one" if number == 1 else str(number)
