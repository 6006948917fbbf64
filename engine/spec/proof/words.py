"""What a proof found, in words: kinds described, and the mend that goes with a mistake."""

from engine.contract.static.kind import (
    BOOLEAN,
    FRACTION,
    INTEGER,
    LIST,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    UNKNOWN,
    Kind,
    Members,
    item_of,
    words_of,
)
from engine.language.errors import Problem
from engine.spec.workspace import closest

_MANY = {
    TEXT: "texts",
    NUMBER: "numbers",
    INTEGER: "whole numbers",
    BOOLEAN: "true or false",
    OBJECT: "objects",
    LIST: "lists",
}
SHOWN_MAX = 6
"""How many names or texts a message lists."""


def describe(kind: Kind) -> str:
    """`a text or null`, `a list of texts`: what a value is, of which nothing more is known."""
    items = _MANY.get(item_of(kind).types)
    if kind.types & ~NULL == LIST and items:
        return f"a list of {items}{' or null' if kind.types & NULL else ''}"
    return words_of(kind.types)


def listed(names: "list[str] | frozenset[str]", *, quoted: bool = True) -> str:
    """`a`, `b`, … and 3 more, in alphabetical order."""
    some = [f"`{name[:40]}`" if quoted else name[:40] for name in sorted(names)]
    more = f" and {len(some) - SHOWN_MAX} more" if len(some) > SHOWN_MAX else ""
    return ", ".join(some[:SHOWN_MAX]) + more


def file_of(contract: str) -> str:
    return f"charter/models/{contract}.yaml"


def owner(members: Members) -> tuple[str, str]:
    """(the object whose names these are, in words; the contract that declares them, empty where none does)."""
    for part in sorted(members.parts(), key=lambda each: each.stand != UNKNOWN):
        if part.contract:
            return (f"`{part.place}` of {part.contract}" if part.place else part.contract), part.contract
        if part.place:
            return f"`{part.place}`", ""
    return "the object", ""


def unknown_member(name: str, offset: int, kind: Kind) -> Problem:
    """A name is read that the object does not declare."""
    where, contract = owner(kind.members)
    hint = closest(name, kind.members.names(), "fields")
    if contract:
        hint += f"{' Else' if hint.endswith('?') else '; or'} declare it in {file_of(contract)}"
    return Problem(offset, "path-not-in-contract", f"{where} has no field `{name[:60]}`", hint)


def no_members(name: str, offset: int, kind: Kind) -> Problem:
    """A name is read of what is no object."""
    hint = "leave the name out; or declare an object there in the contract"
    if kind.types & LIST:
        hint = f"write [*].{name[:60]} for that of all items, [0].{name[:60]} for that of the first"
    message = f"`{name[:60]}` is read from {describe(kind)}, which has no fields: it is always null"
    return Problem(offset, "path-not-in-contract", message, hint)


def not_iterable(offset: int, kind: Kind, wanted: int) -> Problem:
    """Items or members are taken of what has none."""
    what = "an object" if wanted == OBJECT else "a list"
    hint = "leave the brackets out; or declare a list there in the contract"
    if kind.types & LIST:
        hint = "write [*] for the items of a list"
    elif kind.types & OBJECT:
        hint = "write .* for the values of an object, .name for one of them"
    message = f"{what} is needed before this, and it is {describe(kind)}: it is always null"
    return Problem(offset, "path-not-in-contract", message, hint)


_CONVERTING = (
    (TEXT, NUMBER, "to_number(x) makes a number of a text"),
    (NUMBER | BOOLEAN, TEXT, "to_string(x) makes a text of it"),
    (LIST, TEXT, "join(', ', x) makes a text of a list of texts"),
    (FRACTION, INTEGER, "floor(x) and ceil(x) make a whole number"),
    (TEXT, BOOLEAN, "x == 'yes' makes true or false of a text"),
    (TEXT | NUMBER | BOOLEAN | OBJECT, LIST, "[x] makes a list of one item"),
)


def converting(kind: Kind, wanted: int) -> str:
    """How to make one type of another; empty where nothing does."""
    return next((hint for types, result, hint in _CONVERTING if kind.types & types and wanted & result), "")


def never_equal(left: Kind, right: Kind) -> tuple[str, str] | None:
    """Why two values are never equal, and the mend; None where they may be. To ask whether something is null is
    never wrong, be it only for caution."""
    if not left.types or not right.types or NULL in (left.types, right.types):
        return None
    common = left.types & right.types
    if not common:
        mend = converting(left, right.types) or converting(right, left.types) or "compare values of one type"
        return f"{describe(left)} never equals {describe(right)}", mend
    if common != TEXT or left.texts is None or right.texts is None or left.texts & right.texts:
        return None
    few, many = sorted((left.texts, right.texts), key=len)
    mend = closest(min(few), many, "texts") if len(few) == 1 else f"texts: {listed(many)}"
    return f"{listed(few)} is none of the texts that can stand on the other side", mend


def never_contains(subject: Kind, search: Kind) -> tuple[str, str] | None:
    """Why contains() is always false, and the mend."""
    types = subject.types & ~NULL
    if types == LIST and (wrong := never_equal(item_of(subject), search)):
        return f"no item can be it, as {wrong[0]}", converting(search, item_of(subject).types) or wrong[1]
    if types == TEXT and search.types & ~NULL and not search.types & TEXT:
        return f"a text contains texts, and not {describe(search)}", converting(search, TEXT) or "look for a text"
    return None


def never_ordered(left: Kind, right: Kind) -> str:
    """Why `<` and its like give null whatever the values; empty where they do not."""
    if not left.types or not right.types or any(left.types & some and right.types & some for some in (NUMBER, TEXT)):
        return ""
    return f"{describe(left)} has no order with {describe(right)}"
