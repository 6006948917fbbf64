"""What a value can be, as far as a schema tells: the *kind* that a static proof reckons with instead of the value.

A kind admits every value the schema admits, and perhaps more: where saying it exactly would cost too much (a pattern
over names, a condition, a union of a hundred objects) it says less, never more. So "holds no text" is a proof, and
"holds a text" a possibility. Objects are looked into name by name and only when asked, which is what lets a recursive
schema be a kind. Nothing here reads a schema (`of_schema`) or a value (`of_value`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

NULL, FALSE, TRUE, INTEGER, FRACTION, TEXT, LIST, OBJECT = (1 << place for place in range(8))
"""JSON's types as bits. A number without a fraction is an INTEGER however it is written, as JSON Schema has it."""
BOOLEAN: Final = FALSE | TRUE
NUMBER: Final = INTEGER | FRACTION
EVERY_TYPE: Final = (1 << 8) - 1

TEXTS_MAX: Final = 1_000
"""What can be one of more texts than this can be any text."""
PARTS_MAX: Final = 64
"""What is put together of more objects or lists than this can hold anything."""
RULES_MAX: Final = 16

_WORDS: Final = (
    (OBJECT, "an object"),
    (LIST, "a list"),
    (TEXT, "a text"),
    (NUMBER, "a number"),
    (INTEGER, "a whole number"),
    (FRACTION, "a fraction"),
    (BOOLEAN, "true or false"),
    (TRUE, "true"),
    (FALSE, "false"),
    (NULL, "null"),
)

UNKNOWN, SILENT, KNOWN = range(3)
"""How a name stands to an object. KNOWN: it is declared, or any name is (`additionalProperties` holds a schema).
UNKNOWN: others are declared, and it is not. SILENT: nothing is said of names."""


class Later:
    """A kind that is worked out when it is first asked for, and kept."""

    __slots__ = ("_kind", "_make")

    def __init__(self, make: "Callable[[], Kind]") -> None:
        self._make: Callable[[], Kind] | None = make
        self._kind: Kind | None = None

    def __call__(self) -> "Kind":
        if self._kind is None:
            make, self._make = self._make, None
            # Who asks again meanwhile asks for a part of what it is part of, and is told nothing.
            self._kind = make() if make is not None else ANYTHING
        return self._kind


@dataclass(frozen=True, slots=True)
class Found:
    """A member: its kind, whether it is always there, and how its name stands to the object."""

    kind: "Kind"
    always: bool
    known: int


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """The members one schema declares. `others` is the kind of every name that is not among them, `stand` how such a
    name stands. `place` is where in `contract` they are declared; both are empty where no contract does."""

    members: Mapping[str, Later]
    required: frozenset[str]
    others: Later
    stand: int
    place: str = ""
    contract: str = ""
    size: int = 1

    def find(self, name: str) -> Found:
        member = self.members.get(name)
        always = name in self.required
        if member is not None:
            return Found(member(), always, KNOWN)
        return Found(self.others(), always, KNOWN if always else self.stand)

    def names(self) -> frozenset[str]:
        return self.required.union(self.members)

    def parts(self) -> "tuple[Declared, ...]":
        return (self,)


@dataclass(frozen=True, slots=True, eq=False)
class Composed(ABC):
    """Members put together of several; `size` counts all that they are put together of. What was found is kept."""

    inner: "tuple[Members, ...]"
    size: int
    _found: dict[str, Found] = field(default_factory=dict, repr=False)

    def find(self, name: str) -> Found:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._find(name)
        return found

    @abstractmethod
    def _find(self, name: str) -> Found: ...

    def names(self) -> frozenset[str]:
        return frozenset().union(*(each.names() for each in self.inner))

    def parts(self) -> tuple[Declared, ...]:
        return tuple(chain.from_iterable(each.parts() for each in self.inner))


class Either(Composed):
    """The members of an object that is like one of several."""

    __slots__ = ()

    def _find(self, name: str) -> Found:
        found = [each.find(name) for each in self.inner]
        kind = join(each.kind for each in found)
        return Found(kind, all(each.always for each in found), max(each.known for each in found))

    @property
    def stand(self) -> int:
        return max(each.stand for each in self.inner)

    @property
    def required(self) -> frozenset[str]:
        first, *others = (each.required for each in self.inner)
        return first.intersection(*others)


class Both(Composed):
    """The members of an object that keeps what each of several asks."""

    __slots__ = ()

    def _find(self, name: str) -> Found:
        found = [each.find(name) for each in self.inner]
        kind = ANYTHING
        for each in found:
            kind = meet(kind, each.kind)
        return Found(kind, any(each.always for each in found), _stand_of_all({each.known for each in found}))

    @property
    def stand(self) -> int:
        return _stand_of_all({each.stand for each in self.inner})

    @property
    def required(self) -> frozenset[str]:
        return frozenset().union(*(each.required for each in self.inner))


class Merged(Composed):
    """The members of objects laid over one another: of a name that several have, the last wins."""

    __slots__ = ()

    def _find(self, name: str) -> Found:
        kinds: list[Kind] = []
        known, always = UNKNOWN, False
        for layer in reversed(self.inner):
            found = layer.find(name)
            kinds.append(found.kind)
            known = max(known, found.known)
            if found.always:
                always = True
                break
        return Found(join(kinds), always, known)

    @property
    def stand(self) -> int:
        return max(each.stand for each in self.inner)

    @property
    def required(self) -> frozenset[str]:
        return frozenset().union(*(each.required for each in self.inner))


def _stand_of_all(stands: set[int]) -> int:
    return KNOWN if KNOWN in stands else UNKNOWN if UNKNOWN in stands else SILENT


Members = Declared | Either | Both | Merged
ANY_MEMBERS: Final = Declared({}, frozenset(), Later(lambda: ANYTHING), SILENT)
UNTOLD_MEMBERS: Final = Declared({}, frozenset(), Later(lambda: ANYTHING), KNOWN)
"""Of these more may be declared than was read: no name is unknown to them."""
NO_MEMBERS: Final = Declared({}, frozenset(), Later(lambda: NEVER), UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What a value can be. `texts` are the only texts it can be, None for any, and `format` is that of each.

    `members` says what it holds as an OBJECT, `items` of what kinds its items are as a LIST: none, it is empty; None,
    any. `rules` are assertions of the schema (patterns, bounds) that every value keeps: nothing is reckoned from them,
    single values are held against them.
    """

    types: int
    texts: frozenset[str] | None = None
    format: str = ""
    members: Members = field(default=ANY_MEMBERS)
    items: tuple[Later, ...] | None = None
    rules: tuple[Mapping[str, Any], ...] = ()


ANYTHING: Final[Kind] = Kind(EVERY_TYPE)
UNTOLD: Final[Kind] = Kind(EVERY_TYPE, members=UNTOLD_MEMBERS)
"""Anything, of which more may be said than was read."""
NEVER: Final[Kind] = Kind(0)


def words_of(types: int) -> str:
    """The types in words: "a text or null"."""
    if types == EVERY_TYPE:
        return "anything"
    said = []
    for some, words in _WORDS:
        if types & some == some:
            said.append(words)
            types &= ~some
    return " or ".join(said) or "nothing"


def list_of(*items: Kind) -> Kind:
    """A list whose items are of these kinds."""
    return Kind(LIST, items=tuple(known(item) for item in items))


def known(kind: Kind) -> Later:
    """A kind that need not be worked out."""
    return Later(lambda: kind)


def text_of(texts: Iterable[str]) -> Kind:
    """One of these texts; any, where they are too many."""
    kept = frozenset(texts)
    return Kind(TEXT if kept else 0, texts=kept if len(kept) <= TEXTS_MAX else None)


def item_of(kind: Kind) -> Kind:
    """What an item of the list can be; NEVER where it is no list, or an empty one."""
    if not kind.types & LIST:
        return NEVER
    return ANYTHING if kind.items is None else join(item() for item in kind.items)


def member_of(kind: Kind, name: str) -> Kind:
    """What reading a name gives: null where the value is no object, or one without it."""
    found = kind.members.find(name) if kind.types & OBJECT else None
    given = found.kind if found else NEVER
    surely = found is not None and found.always and kind.types == OBJECT
    return given if surely else join((given, Kind(NULL)))


def values_of(kind: Kind) -> Kind:
    """What any member of the object can be."""
    if not kind.types & OBJECT:
        return NEVER
    names = kind.members.names()
    if len(names) > PARTS_MAX:
        return ANYTHING
    some_other = kind.members.find(_no_name_of(names))
    return join([some_other.kind, *(kind.members.find(name).kind for name in names)])


def _no_name_of(names: frozenset[str]) -> str:
    return max(names, key=len, default="") + "_"


def without(kind: Kind, types: int) -> Kind:
    """The kind, of other types than these."""
    return replace(kind, types=kind.types & ~types) if kind.types & types else kind


def truthy(kind: Kind) -> Kind:
    """What of it JMESPath calls true: numbers, and all that is not empty, null or false."""
    types = kind.types & ~(NULL | FALSE)
    texts = kind.texts
    if texts is not None and "" in texts:
        texts = texts - {""}
    if texts is not None and not texts:
        types &= ~TEXT
    if kind.items == ():
        types &= ~LIST
    return kind if types == kind.types and texts is kind.texts else replace(kind, types=types, texts=texts)


def falsy(kind: Kind) -> Kind:
    """What of it JMESPath calls false: null, false, and empty texts, lists and objects."""
    types = kind.types & ~(NUMBER | TRUE)
    if kind.texts is not None and "" not in kind.texts:
        types &= ~TEXT
    if types & OBJECT and kind.members.required:
        types &= ~OBJECT
    return Kind(types, texts=frozenset([""]), members=NO_MEMBERS, items=())


def join(kinds: Iterable[Kind]) -> Kind:
    """What is of one kind or another."""
    some = tuple({id(kind): kind for kind in kinds if kind.types}.values())
    if len(some) < 2:
        return some[0] if some else NEVER
    types = 0
    for kind in some:
        types |= kind.types
    texts = [kind for kind in some if kind.types & TEXT]
    formats = {kind.format for kind in texts}
    return Kind(
        types,
        texts=_any_of_texts([kind.texts for kind in texts]),
        format=formats.pop() if len(formats) == 1 else "",
        members=_either([kind.members for kind in some if kind.types & OBJECT]),
        items=_any_of_items([kind.items for kind in some if kind.types & LIST]),
        rules=some[0].rules if all(kind.rules is some[0].rules for kind in some) else (),
    )


def _any_of_texts(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    union: frozenset[str] = frozenset()
    for each in {id(each): each for each in sets}.values():
        if each is None:
            return None
        union = union | each if union else each
        if len(union) > TEXTS_MAX:
            return None
    return union if sets else None


def _any_of_items(lists: list[tuple[Later, ...] | None]) -> tuple[Later, ...] | None:
    union: dict[int, Later] = {}
    for each in lists:
        if each is None:
            return None
        union.update((id(item), item) for item in each)
    return tuple(union.values()) if lists and len(union) <= PARTS_MAX else None


def _either(members: list[Members]) -> Members:
    return _together(members, Either, lambda each: each.inner if isinstance(each, Either) else (each,))


def _together(
    members: list[Members], whole: type[Either] | type[Both], parts: Callable[[Members], tuple[Members, ...]]
) -> Members:
    flat = tuple({id(part): part for each in members for part in parts(each)}.values())
    size = sum(part.size for part in flat)
    if len(flat) == 1:
        return flat[0]
    if not flat:
        return ANY_MEMBERS
    return whole(flat, size) if size <= PARTS_MAX else UNTOLD_MEMBERS


def meet(one: Kind, other: Kind) -> Kind:
    """What is of both kinds."""
    if one is other or other is ANYTHING:
        return one
    if one is ANYTHING:
        return other
    types = one.types & other.types
    texts = one.texts if other.texts is None else other.texts if one.texts is None else one.texts & other.texts
    if texts is not None and not texts:
        types &= ~TEXT
    if not types:
        return NEVER
    return Kind(
        types,
        texts=texts,
        format=one.format or other.format,
        members=_both([one.members, other.members]) if types & OBJECT else ANY_MEMBERS,
        items=_both_items(one, other) if types & LIST else None,
        rules=(*one.rules, *other.rules)[:RULES_MAX],
    )


def _both(members: list[Members]) -> Members:
    # What says nothing of any name asks nothing either.
    demands = [each for each in members if each is not ANY_MEMBERS] or [ANY_MEMBERS]
    return _together(demands, Both, lambda each: each.inner if isinstance(each, Both) else (each,))


def _both_items(one: Kind, other: Kind) -> tuple[Later, ...] | None:
    if one.items is None or other.items is None:
        return one.items if other.items is None else other.items
    if not one.items or not other.items:
        return ()
    return (Later(lambda: meet(item_of(one), item_of(other))),)


def merged(layers: list[Members]) -> Members:
    """Objects laid over one another, later ones over earlier ones."""
    size = sum(layer.size for layer in layers)
    return Merged(tuple(layers), size) if size <= PARTS_MAX else UNTOLD_MEMBERS
