"""PLAIN DATA, PLACE BY PLACE: its leaves, and copies in which one of them is another.

A place is the way to a value: names of fields and numbers of items. Nothing here changes what it is given. It refuses
to know what a document is about.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]

LEAVES_MAX = 2_000
"""Leaves of one document that are looked at; a longer one is looked at as far as here."""


def leaves(document: object) -> Iterator[tuple[Place, Any]]:
    """Every value that holds no other, with its place, in the order written."""
    for place, value in nodes(document):
        if not isinstance(value, dict | list):
            yield place, value


def nodes(document: object) -> Iterator[tuple[Place, Any]]:
    """Every value, the document itself first; at most LEAVES_MAX."""
    waiting: list[tuple[Place, Any]] = [((), document)]
    for _ in range(LEAVES_MAX):
        if not waiting:
            return
        place, value = waiting.pop()
        yield place, value
        if isinstance(value, dict):
            waiting += [((*place, name), value[name]) for name in reversed(value)]
        elif isinstance(value, list):
            waiting += [((*place, index), value[index]) for index in reversed(range(len(value)))]


def at(document: Any, place: Place) -> Any:
    """What stands at a place. Raises KeyError or IndexError where there is none."""
    for part in place:
        document = document[part]
    return document


def put(document: Any, place: Place, value: object) -> Any:
    """A copy with this value at the place; a field may be new, an item may be the next one."""
    if not place:
        return value
    first, rest = place[0], place[1:]
    if isinstance(first, int):
        items = list(document)
        items[first : first + 1] = [put(items[first] if first < len(items) else None, rest, value)]
        return items
    return {**document, first: put(document.get(first, {}), rest, value)}


def without(document: Any, place: Place) -> Any:
    """A copy without what stands at the place."""
    first, rest = place[0], place[1:]
    if rest:
        return put(document, (first,), without(document[first], rest))
    if isinstance(first, int):
        return [item for index, item in enumerate(document) if index != first]
    return {name: value for name, value in document.items() if name != first}


def replaced(document: Any, words: Mapping[object, object], *, within_chars: int = 6) -> Any:
    """A copy in which every leaf that is one of these words is what it stands for, and texts that contain a long one
    contain that. True is not 1."""
    exact = {(type(word), word): other for word, other in words.items()}
    long = [(str(word), str(other)) for word, other in words.items() if len(str(word)) >= within_chars]

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(each) for name, each in value.items()}
        if isinstance(value, list):
            return [of(each) for each in value]
        if (type(value), value) in exact:
            return exact[type(value), value]
        if isinstance(value, str):
            for word, other in long:
                if word in value:
                    return value.replace(word, other)
        return value

    return of(document)


def written(place: Place) -> str:
    """A place as people write it: `body.line_items[0].sku`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def differences(old: Any, new: Any, place: Place = ()) -> Iterator[tuple[Place, Any, bool]]:
    """(place, what stands there in `new`, whether it is gone there), such that `apply`ing them to `old` gives `new`."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from (((*place, name), None, True) for name in old if name not in new)
        for name, value in new.items():
            if name in old:
                yield from differences(old[name], value, (*place, name))
            else:
                yield (*place, name), value, False
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, (*place, index))
    elif type(old) is not type(new) or old != new:
        yield place, new, False
