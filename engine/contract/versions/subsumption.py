"""KIND ⊆ KIND: whether every document of one schema is a document of another, proven or not.

A proof goes rule by rule: the narrow kind must imply each rule of the wide one, and what a rule says of fields and
items is proven of those. Where a rule follows only in each case by itself (of the alternatives of `anyOf`, of a
condition, of types) it is proven in each. True is a proof, False says only that none was found: the question is as hard
as questions get, so this file refuses to search for long, to compare patterns or formats by meaning, and to guess.

Why not `covers` of `jsonschema-rs`: it is marked as experimental, has said yes where it should not (its own fixes
tell), takes seconds over a dozen alternatives with nothing to bound it, cannot follow what refers to itself, and says
nothing of where and why. It is the oracle of the tests instead.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations, islice, product
from typing import Any, Final

import jsonschema_rs

from engine.contract.body import canonical_json
from engine.contract.dialect import OPTIONS
from engine.contract.versions.facets import ALONE, ATOMS, NUMBERS, Contains, Fields, Items, Part, Rule, plain_numbers
from engine.contract.versions.kinds import Kind, all_of, having, kind_of, typed

STEPS_MAX: Final = 200_000
"""Questions of one comparison."""
RULES_A_STEP: Final = 10
"""So many rules of one kind cost as much as one question more."""
DEPTH_MAX: Final = 120
"""Questions in one another, each of which takes three or four frames of Python of the thousand that there are."""
CASES_DEPTH_MAX: Final = 2
"""Case distinctions in one another."""
DISTINCTIONS_MAX: Final = 4
"""Case distinctions that are tried for one question."""
CASES_MAX: Final = 64
"""Cases of one of them."""
PATTERNS_MAX: Final = 4
"""Patterns of field names that are told apart, which is two to the power of them."""


class Exhausted(Exception):
    """A comparison came to one of its limits; nothing more of it is known."""


class Prover:
    """Answers the questions of one comparison within one budget; raises Exhausted where it is spent."""

    def __init__(self) -> None:
        self.steps = 0
        self._depth = 0
        self._level = 0
        self._cases = 0
        self._open: dict[object, int] = {}
        self._equal: dict[object, bool] = {}
        self._assumed: list[object] = []
        self._turned_away = 0
        self._proven: set[object] = set()
        self._leaned = 0

    def _step(self, steps: int = 1) -> None:
        self.steps += steps
        if self.steps > STEPS_MAX:
            raise Exhausted

    def _may_go_deeper(self) -> bool:
        self._step()
        self._turned_away += self._depth >= DEPTH_MAX
        return self._depth < DEPTH_MAX

    def _asked(self, key: object, proof: Callable[[], bool]) -> bool:
        """The answer to a question that may come up again while it is being answered, or after."""
        if key in self._proven:
            return True
        if key in self._open:
            # Of something inside, so of a smaller document, what is being proven may be taken as shown.
            leans = self._open[key] < self._level
            self._leaned += leans
            return leans
        if not self._may_go_deeper():
            return False
        leaned = self._leaned
        self._open[key] = self._level
        self._depth += 1
        found = proof()
        self._depth -= 1
        del self._open[key]
        if found and leaned == self._leaned:
            self._proven.add(key)
        return found

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What is asked in here is about what a document holds, not about the document."""
        self._level += 1
        try:
            yield
        finally:
            self._level -= 1

    # ── the same, written otherwise ──────────────────────────────────────────────────────────────────────────────────

    def same(self, one: Kind, other: Kind) -> bool:
        """Whether two kinds state the same rules, whatever their definitions are called."""
        key = (one.key, other.key)
        self._step()
        known = self._equal.get(key)
        if known is not None:
            return known
        if one.anything and other.anything:
            return True
        if not self._may_go_deeper():
            return False
        # What is asked again on the way is the same if all the rest is; should it not be, all that leant on it goes.
        assumed, turned_away = len(self._assumed), self._turned_away
        self._equal[key] = True
        self._assumed.append(key)
        self._depth += 2
        equal = self._states(one, other) and self._states(other, one)
        self._depth -= 2
        if not equal:
            for leaning in self._assumed[assumed:]:
                del self._equal[leaning]
            del self._assumed[assumed:]
            if turned_away == self._turned_away:
                self._equal[key] = False
        return equal

    def _states(self, one: Kind, other: Kind) -> bool:
        """Whether each rule of the one is a rule of the other."""
        if one.is_false != other.is_false:
            return False
        return all(any(self.same_rule(rule, theirs) for theirs in other.stating(rule.keyword)) for rule in one.rules)

    def same_rule(self, one: Rule, other: Rule) -> bool:
        """Whether two rules mean the same; one whose meaning is not known is only the same as itself."""
        if one is other or one.keyword != other.keyword or one.value is None or other.value is None:
            return one is other
        if one.keyword in ("anyOf", "oneOf"):
            return len(one.value) == len(other.value) and not any(self.unmatched(one.value, other.value))
        return self._same_value(one.value, other.value)

    def _same_value(self, one: Any, other: Any) -> bool:
        """Whether the values of two rules of one keyword are; a schema may stand for itself, or None for anything."""
        if isinstance(one, Part) or isinstance(other, Part):
            return self.same(kind_of(one), kind_of(other))
        if isinstance(one, Fields):
            return (
                self._same_named(one.named, other.named)
                and self._same_named(one.patterns, other.patterns)
                and self._same_value(one.others, other.others)
            )
        if isinstance(one, Items):
            return self._same_value(one.rest, other.rest) and self._same_in_order(one.first, other.first)
        if isinstance(one, Contains):
            return (one.least, one.most) == (other.least, other.most) and self._same_value(one.kind, other.kind)
        if isinstance(one, dict):  # an enumeration
            return bool(one.keys() == other.keys())
        return self._same_in_order(one, other) if isinstance(one, tuple) else bool(one == other)

    def _same_named(self, one: dict[str, Any], other: dict[str, Any]) -> bool:
        return one.keys() == other.keys() and all(self._same_value(part, other[name]) for name, part in one.items())

    def _same_in_order(self, one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
        return len(one) == len(other) and all(map(self._same_value, one, other))

    def unmatched(self, one: Sequence[Part], other: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """The schemas of either side that have no like on the other, each matched once."""
        alone, left = [], list(other)
        for part in one:
            found = next((place for place, theirs in enumerate(left) if self._same_value(part, theirs)), None)
            if found is None:
                alone.append(part)
            else:
                del left[found]
        return alone, left

    # ── proofs ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def within(self, narrow: Kind, wide: Kind) -> bool:
        """Whether every document of `narrow` is one of `wide`."""
        if wide.anything or narrow.nothing or self.same(narrow, wide):
            return True
        return self._asked((narrow.key, wide.key), lambda: self._within(narrow, wide))

    def _within(self, narrow: Kind, wide: Kind) -> bool:
        return all(self.implies(narrow, rule) for rule in wide.rules) and (not wide.is_false or self.empty(narrow))

    def implies(self, narrow: Kind, rule: Rule) -> bool:
        """Whether every document of a kind keeps a rule."""
        if narrow.nothing:
            return True
        if not narrow.types & APPLIES.get(rule.keyword, narrow.types):
            return True
        if any(self.same_rule(own, rule) for own in narrow.stating(rule.keyword)):
            return True
        self._step(len(narrow.rules) // RULES_A_STEP)
        if not self._may_go_deeper():
            return False
        self._depth += 1
        try:
            if narrow.values is not None:
                return all(self._keeps(value, rule) for value in narrow.values)
            proof = _PROOFS.get(rule.keyword)
            if proof is not None and proof(self, narrow, rule.value):
                return True
            return self._by_cases(narrow, rule)
        finally:
            self._depth -= 1

    def _keeps(self, value: object, rule: Rule) -> bool:
        """Whether one value keeps a rule: asked of the checker, of the rule alone where it stands alone."""
        self._step()
        if rule.keyword == "enum":  # which may be written as `const`, beside another
            return canonical_json(plain_numbers(value)) in rule.value
        if rule.keyword in ALONE and rule.keyword in rule.part.schema:
            alone = {rule.keyword: rule.part.schema[rule.keyword]}
            return jsonschema_rs.Draft202012Validator(alone, **OPTIONS).is_valid(value)
        return rule.part.admits(value) is True

    def _by_cases(self, narrow: Kind, rule: Rule) -> bool:
        """Whether a rule holds in every case of some distinction that the kind itself makes."""
        if self._cases >= CASES_DEPTH_MAX:
            return False
        self._cases += 1
        try:
            return any(
                all(self.empty(case) or self.implies(case, rule) for case in cases)
                for cases in _distinctions(narrow, rule)
            )
        finally:
            self._cases -= 1

    def empty(self, kind: Kind) -> bool:
        """Whether no document is of a kind."""
        self._step()
        if kind.nothing or _no_room(kind):
            return True
        return self._asked(("empty", kind.key), lambda: self._empty(kind))

    def _empty(self, kind: Kind) -> bool:
        with self.inside():
            if kind.types <= {"object"} and any(self.empty(kind.field(name)) for name in kind.required):
                return True
            if kind.types <= {"array"} and (kind.strongest("minItems", max) or 0) > 0 and self.empty(kind.item(0)):
                return True
        return any(self.within(kind, kind_of(rule.value)) for rule in kind.stating("not")) or self._empty_by_cases(kind)

    def _empty_by_cases(self, kind: Kind) -> bool:
        if self._cases >= CASES_DEPTH_MAX:
            return False
        self._cases += 1
        try:
            return any(all(map(self.empty, cases)) for cases in _alternatives(kind))
        finally:
            self._cases -= 1

    # ── by keyword ───────────────────────────────────────────────────────────────────────────────────────────────────

    def fields(self, narrow: Kind, wanted: Fields) -> bool:
        """Field by field: those that either names, then all others by the patterns their names may match."""
        with self.inside():
            for name in dict.fromkeys((*wanted.named, *narrow.names)):
                if not self.within(narrow.field(name), kind_of(*wanted.at(name))):
                    return False
            patterns = narrow.patterns | wanted.patterns.keys()
            if wanted.others is None and not wanted.patterns:
                return True
            if len(patterns) > PATTERNS_MAX:
                return False
            return all(
                self.within(narrow.unnamed(matching), kind_of(*wanted.unnamed(matching)))
                for matching in subsets(patterns)
            )

    def items(self, narrow: Kind, wanted: Items) -> bool:
        most = narrow.strongest("maxItems", min)
        with self.inside():
            for number in range(max(narrow.first_items, len(wanted.first)) + 1):
                if most is not None and number >= most:
                    return True
                if not self.within(narrow.item(number), kind_of(*wanted.at(number))):
                    return False
        return True

    def contains(self, narrow: Kind, wanted: Contains) -> bool:
        kind, own = kind_of(wanted.kind), [rule.value for rule in narrow.stating("contains")]
        most, least = narrow.strongest("maxItems", min), narrow.strongest("minItems", max) or 0
        with self.inside():
            enough = (
                wanted.least == 0
                or any(each.least >= wanted.least and self.within(kind_of(each.kind), kind) for each in own)
                or (least >= wanted.least and self._every_item(narrow, kind))
            )
            return enough and (
                wanted.most is None
                or (most is not None and most <= wanted.most)
                or any(
                    each.most is not None and each.most <= wanted.most and self.within(kind, kind_of(each.kind))
                    for each in own
                )
            )

    def _every_item(self, narrow: Kind, wanted: Kind) -> bool:
        return all(self.within(narrow.item(number), wanted) for number in range(narrow.first_items + 1))

    def names(self, narrow: Kind, wanted: Part) -> bool:
        """Names are texts: those that are listed, or those that rules for names let through."""
        if narrow.closed is not None and all(wanted.admits(name) for name in narrow.closed):
            return True
        with self.inside():
            own = kind_of(*(rule.value for rule in narrow.stating("propertyNames")))
            return self.within(all_of(typed("string"), own), kind_of(wanted))

    def dependent_fields(self, narrow: Kind, wanted: tuple[str, frozenset[str]]) -> bool:
        name, asked = wanted
        return asked <= self._with_field(narrow, name).required or self._never_there(narrow, name)

    def dependent_schemas(self, narrow: Kind, wanted: tuple[str, Part]) -> bool:
        name, part = wanted
        return self._never_there(narrow, name) or self.within(self._with_field(narrow, name), kind_of(part))

    def _with_field(self, kind: Kind, name: str) -> Kind:
        """Those documents that have a field, with what it brings along."""
        own = (rule.value[1] for rule in kind.stating("dependentSchemas") if rule.value[0] == name)
        return all_of(kind, having(name), kind_of(*own))

    def _never_there(self, kind: Kind, name: str) -> bool:
        with self.inside():
            return self.empty(kind.field(name))

    def some(self, narrow: Kind, wanted: tuple[Part, ...]) -> bool:
        return any(self.within(narrow, kind_of(part)) for part in wanted)

    def exactly_one(self, narrow: Kind, wanted: tuple[Part, ...]) -> bool:
        """One of them, and no two of them at once."""
        return self.some(narrow, wanted) and all(
            self.empty(all_of(narrow, kind_of(*pair))) for pair in combinations(wanted, 2)
        )

    def excluded(self, narrow: Kind, wanted: Part) -> bool:
        kind = kind_of(wanted)
        own = (kind_of(rule.value) for rule in narrow.stating("not"))
        return self.empty(all_of(narrow, kind)) or any(self.within(kind, each) for each in own)

    def condition(self, narrow: Kind, wanted: tuple[Part, Part | None, Part | None]) -> bool:
        if_, then, otherwise = map(kind_of, wanted)
        own = [rule.value for rule in narrow.stating("if") if self.same(kind_of(rule.value[0]), if_)]
        true = all_of(narrow, if_, kind_of(*(each[1] for each in own)))
        false = all_of(narrow, kind_of(*(each[2] for each in own)))
        return (self.empty(true) or self.within(true, then)) and (
            self.within(narrow, if_) or self.within(false, otherwise)
        )


_Proof = Callable[[Prover, Kind, Any], bool]

APPLIES: Final = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), ATOMS["string"]),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), NUMBERS),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items", "contains", "unevaluatedItems"), ATOMS["array"]),
    **dict.fromkeys(
        (
            "dependentRequired",
            "dependentSchemas",
            "maxProperties",
            "minProperties",
            "properties",
            "propertyNames",
            "required",
            "unevaluatedProperties",
        ),
        ATOMS["object"],
    ),
}
"""The types that a rule is about; any other value keeps it."""


def _at_least(keyword: str) -> _Proof:
    return lambda _, narrow, wanted: (narrow.strongest(keyword, max) or 0) >= wanted


def _at_most(keyword: str) -> _Proof:
    def proof(_: Prover, narrow: Kind, wanted: int) -> bool:
        most = narrow.strongest(keyword, min)
        return most is not None and most <= wanted

    return proof


def _above(left_out: bool) -> _Proof:
    return lambda _, narrow, wanted: narrow.lower is not None and narrow.lower >= (wanted, left_out)


def _below(left_out: bool) -> _Proof:
    def proof(_: Prover, narrow: Kind, wanted: Any) -> bool:
        upper = narrow.upper
        return upper is not None and (upper[0], not upper[1]) <= (wanted, not left_out)

    return proof


def _multiple(_: Prover, narrow: Kind, wanted: Any) -> bool:
    own = [rule.value for rule in narrow.stating("multipleOf")]
    return any((each / wanted).denominator == 1 for each in (*own, *([1] if narrow.only_integers else [])))


def _fewest_fields(_: Prover, narrow: Kind, wanted: int) -> bool:
    return max(narrow.strongest("minProperties", max) or 0, len(narrow.required)) >= wanted


def _most_fields(prover: Prover, narrow: Kind, wanted: int) -> bool:
    return _at_most("maxProperties")(prover, narrow, wanted) or (
        narrow.closed is not None and len(narrow.closed) <= wanted
    )


_PROOFS: Final[dict[str, _Proof]] = {
    "anyOf": Prover.some,
    "contains": Prover.contains,
    "dependentRequired": Prover.dependent_fields,
    "dependentSchemas": Prover.dependent_schemas,
    "exclusiveMaximum": _below(left_out=True),
    "exclusiveMinimum": _above(left_out=True),
    "if": Prover.condition,
    "items": Prover.items,
    "maxItems": _at_most("maxItems"),
    "maxLength": _at_most("maxLength"),
    "maxProperties": _most_fields,
    "maximum": _below(left_out=False),
    "minItems": _at_least("minItems"),
    "minLength": _at_least("minLength"),
    "minProperties": _fewest_fields,
    "minimum": _above(left_out=False),
    "multipleOf": _multiple,
    "not": Prover.excluded,
    "oneOf": Prover.exactly_one,
    "properties": Prover.fields,
    "propertyNames": Prover.names,
    "required": lambda _, narrow, wanted: wanted in narrow.required,
    "type": lambda _, narrow, wanted: narrow.types <= wanted,
    "uniqueItems": lambda _, narrow, __: _at_most("maxItems")(_, narrow, 1),
}


def _distinctions(kind: Kind, rule: Rule) -> Iterator[list[Kind]]:
    """Ways to tell all documents of a kind apart; of each way, every document is in one of the cases."""
    yield from _alternatives(kind)
    if rule.keyword in ("anyOf", "oneOf", "if", "not") and not kind.types <= NUMBERS and len(kind.types) > 1:
        names = sorted(kind.types - NUMBERS)
        names += ["number" if "fraction" in kind.types else "integer"] if kind.types & NUMBERS else []
        yield [all_of(kind, typed(name)) for name in names]


def _alternatives(kind: Kind) -> Iterator[list[Kind]]:
    tellers = (rule for rule in kind.rules if rule.keyword in ("anyOf", "oneOf", "if"))
    for own in islice(tellers, DISTINCTIONS_MAX):
        if own.keyword in ("anyOf", "oneOf"):
            if len(own.value) > CASES_MAX:
                continue
            yield [all_of(kind.less(own), kind_of(part)) for part in own.value]
        else:
            if_, then, otherwise = own.value
            yield [all_of(kind.less(own), kind_of(if_, then)), all_of(kind.less(own), kind_of(otherwise))]


def _no_room(kind: Kind) -> bool:
    """Whether limits leave nothing of the only type there is."""
    for types, least, most in (
        (frozenset(("string",)), "minLength", "maxLength"),
        (frozenset(("array",)), "minItems", "maxItems"),
        (frozenset(("object",)), "minProperties", "maxProperties"),
    ):
        if kind.types <= types:
            upper = kind.strongest(most, min)
            return upper is not None and (kind.strongest(least, max) or 0) > upper
    if kind.types <= NUMBERS and kind.lower is not None and kind.upper is not None:
        (lower, from_), (upper_, to) = kind.lower, kind.upper
        return lower > upper_ or (lower == upper_ and (from_ or to))
    return False


def subsets(names: frozenset[str]) -> Iterator[frozenset[str]]:
    ordered = sorted(names)
    for chosen in product((False, True), repeat=len(ordered)):
        yield frozenset(name for name, taken in zip(ordered, chosen, strict=True) if taken)
