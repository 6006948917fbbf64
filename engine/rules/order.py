"""Which of two revisions is the older one.

A revision is a row of texts and numbers, compared from the left; a number stands before a text, and a row that ends
sooner is the older one. Numbers are exact, texts compare by their characters: whoever wants times compared gives them
in one spelling (`time: utc`). This file refuses to guess that "10" is a number.
"""

from decimal import Decimal

from engine.language.exact import is_number
from engine.model import Revision


def older(left: Revision, right: Revision) -> bool:
    """Is `left` strictly older than `right`?"""
    for one, other in zip(left, right, strict=False):
        if one == other:
            continue
        if isinstance(one, str):
            return isinstance(other, str) and one < other
        return isinstance(other, str) or one < other
    return len(left) < len(right)


def revision_of(value: object) -> Revision | None:
    """A revision from a value: a text or a number, or a list of these; None where it is nothing of the kind."""
    parts = value if isinstance(value, list) else [value]
    if not parts or not all(isinstance(part, str) or is_number(part) for part in parts):
        return None
    return tuple(parts)


def revision_value(revision: Revision | None) -> str | int | Decimal | list[str | int | Decimal] | None:
    """A revision as expressions see it: the value, or the list of several."""
    if revision is None:
        return None
    return revision[0] if len(revision) == 1 else list(revision)
