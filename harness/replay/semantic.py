"""TWO VALUES → WHERE THEY DIFFER, by what they mean: `10.0` is `10.00`, and 09:00Z is 10:00+01:00.

Paths are those of fields, without the places of items: `lines[].sku`. A branch that is missing is told once, at its
top. Pure; knows nothing of events.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

Kind = Literal["dropped", "added", "changed"]
TEXT_CHARS_MAX = 64
"""A longer text is neither a number nor a time."""

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]")


class Difference(Struct, frozen=True):
    """One field that is not as it was. `before` and `after` are values, None where there is none."""

    path: str
    kind: Kind
    before: object = None
    after: object = None


def differences(before: object, after: object, path: str = "") -> Iterator[Difference]:
    """Every difference, in the order of `before`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            below = f"{path}.{name}" if path else str(name)
            if name in after:
                yield from differences(value, after[name], below)
            else:
                yield Difference(below, "dropped", before=value)
        for name, value in after.items():
            if name not in before:
                yield Difference(f"{path}.{name}" if path else str(name), "added", after=value)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            yield from differences(one, other, f"{path}[]")
        for lost in before[len(after) :]:
            yield Difference(f"{path}[]", "dropped", before=lost)
        for new in after[len(before) :]:
            yield Difference(f"{path}[]", "added", after=new)
    elif meaning(before) != meaning(after):
        yield Difference(path, "changed", before, after)


def meaning(value: object) -> object:
    """What two spellings of one thing have in common; a value of another kind is never the same."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal):
        return ("number", Decimal(value))
    if isinstance(value, str) and len(value) <= TEXT_CHARS_MAX:
        return _meaning_of_text(value)
    return value


def _meaning_of_text(text: str) -> object:
    if _DECIMAL.fullmatch(text):  # `007` is a number to nobody who sends it as a text
        return ("decimal", Decimal(text))
    if _STAMP.match(text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return text
        return ("time", at.timestamp()) if at.tzinfo else text
    return text


Leaves = frozenset[tuple[str, object]]


def similarity(here: Leaves, there: Leaves) -> float:
    """How much of two values is alike, from 0 to 1: the nearest of several is the one that was meant."""
    return 1.0 if not here and not there else len(here & there) / len(here | there)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every single value below, with its path."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, meaning(value)
