"""A DOCUMENT and its CONTRACT → THE SAME DOCUMENT WITH ONE THING ABOUT IT CHANGED, as the contract allows.

The recorded message shows one way of saying it. What the contract allows besides is what breaks mappings: an optional
field that is not there, null, an empty list, an item twice, another word of an enumeration, a local time in the hour
that happens twice. One change each, so that a failure names its cause. Free text stays as it was recorded: what a
text field may hold by its contract and never does would drown what matters. This file refuses to make what the
contract does not allow.
"""

import re
from collections.abc import Callable, Container, Iterator
from typing import Any

from msgspec import Struct

from harness.prove.news import ID_LEAF, Document, Teller, moment, other
from harness.prove.places import Place, at, nodes, put, without, written

MUTANTS_MAX = 400
"""Of one document, before those that the contract forbids are left out."""

LOCAL_TIMES = ("2026-10-25T02:30:00", "2026-03-29T02:30:00", "2026-11-01T01:30:00")
"""The hours that happen twice or never, in Berlin and in New York."""
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(:\d\d)?(\.\d+)?")


Way = Callable[[Document, Any, Place, Any], "Iterator[Mutant]"]
"""(document, schema, place, what stands there) → changes of one kind."""


class Mutant(Struct, frozen=True):
    """One change, in the words of a label, and the document with it."""

    made: str
    document: Document


def mutants(teller: Teller, document: Document, schema: Any, words: Container[str]) -> Iterator[Mutant]:
    """Every change that the contract allows and after which the engine would still take the message on; first of fields
    that are called by one of the words. One change of each way in turn, so that the first ones are of every way."""
    places: list[tuple[bool, Place, Any]] = []
    for place, value in nodes(document["body"]):
        called = next((part for part in reversed(place) if isinstance(part, str)), "")
        if place:
            places.append((called not in words, ("body", *place), value))
    places.sort(key=lambda each: each[0])
    ways = [each_of(way, document, schema, places) for way in WAYS]
    count = 0
    while ways and count < MUTANTS_MAX:
        for way in [*ways]:
            mutant = next(way, None)
            count += 1
            if mutant is None:
                ways.remove(way)
            elif teller.sound(mutant.document):
                yield mutant


def each_of(way: Way, document: Document, schema: Any, places: list[tuple[bool, Place, Any]]) -> Iterator[Mutant]:
    for _, place, value in places:
        yield from way(document, schema, place, value)


def left_out(document: Document, _schema: Any, where: Place, _value: Any) -> Iterator[Mutant]:
    if isinstance(where[-1], str):
        yield Mutant(f"without {written(where)}", without(document, where))


def null(document: Document, _schema: Any, where: Place, value: Any) -> Iterator[Mutant]:
    if value is not None and isinstance(where[-1], str):
        yield Mutant(f"with {written(where)} null", put(document, where, None))


def lists(document: Document, _schema: Any, where: Place, value: Any) -> Iterator[Mutant]:
    if isinstance(value, list) and value:
        name = written(where)
        yield Mutant(f"with {name}[0] twice", put(document, where, [*value, another_item(value)]))
        yield Mutant(f"with {name} empty", put(document, where, []))


def other_words(document: Document, schema: Any, where: Place, value: Any) -> Iterator[Mutant]:
    for word in words_allowed(schema, schema, where[1:]):
        if type(word) is type(value) and word != value:
            yield Mutant(f"with {written(where)} {word!r}", put(document, where, word))


def nightly_hours(document: Document, _schema: Any, where: Place, value: Any) -> Iterator[Mutant]:
    found = _NAIVE.fullmatch(value) if isinstance(value, str) and moment(value) else None
    if found is None:
        return
    for time in LOCAL_TIMES:
        shaped = f"{time[:10]}{found[1]}{time[11:] if found[2] else time[11:16]}{found[3] or ''}"
        yield Mutant(f"with {written(where)} {shaped}", put(document, where, shaped))


WAYS: tuple[Way, ...] = (left_out, lists, null, other_words, nightly_hours)


def another_item(items: list[Any]) -> Any:
    """The first item once more: as another one of the same, where items have ids."""
    first = items[0]
    for place, value in nodes(first):
        called = place[-1] if place else ""
        numbers = isinstance(called, str) and (ID_LEAF.search(called) or called in ("line", "position"))
        if len(place) == 1 and numbers and isinstance(value, str | int) and not isinstance(value, bool):
            return put(first, place, other(value, len(items)))
    return first


def words_allowed(root: Any, schema: Any, place: Place) -> tuple[Any, ...]:
    """The enumeration that a schema has at a place, as far as it is written plainly."""
    for part in place:
        schema = resolved(root, schema)
        if not isinstance(schema, dict):
            return ()
        schema = schema.get("properties", {}).get(part) if isinstance(part, str) else schema.get("items")
    schema = resolved(root, schema)
    return tuple(schema.get("enum", ())) if isinstance(schema, dict) else ()


def resolved(root: Any, schema: Any) -> Any:
    """What a reference within the document points at."""
    for _ in range(8):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        try:
            schema = at(root, tuple(reference[2:].split("/")))
        except (KeyError, TypeError):
            return None
    return None
