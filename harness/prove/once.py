"""A SAMPLE → THE LEAVES THAT THE IDENTITY OF AN EFFECT HANGS ON, which neither its key nor its id says.

What an effect is known by is an expression over what steps made, so it is seen by running: leaf by leaf another value,
and whether another effect comes of it. This file refuses to run anything itself.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from harness.prove.news import DEPTH_OF_IDS, Document, Sample, Teller, is_moment
from harness.prove.places import Place, leaves, put

PROBED_MAX: Final = 60
"""Leaves of one sample that are asked about."""

Onces = Callable[[Document], tuple[str, ...]]
"""A message → the identities of the effects that it has alone."""


def once_leaves(teller: Teller, sample: Sample, onces: Onces) -> Iterator[Place]:
    """Leaves that change the identity of an effect, and neither the key nor the id."""
    before = onces(sample.document)
    parts = teller.parts(sample)
    known = {*parts.thing, *parts.message}
    probed = 0
    for place, value in leaves(sample.document) if before else ():
        if place in known or not identifies(place, value) or probed >= PROBED_MAX:
            continue
        probed += 1
        made = put(sample.document, place, teller.another(value, 1))
        if teller.sound(made) and onces(made) != before:
            yield place


def identifies(place: Place, value: object) -> bool:
    """Whether a leaf could be part of an identity: a short text or number with digits, not a time, not an amount."""
    if isinstance(value, bool | Decimal) or not isinstance(value, str | int) or is_moment(value):
        return False
    text = str(value)
    plain = len(text) <= 64 and any(letter.isdigit() for letter in text) and "." not in text and "/" not in text
    return (
        plain and place[0] != "query" and len(place) <= DEPTH_OF_IDS and not any(isinstance(at_, int) for at_ in place)
    )
