"""Was every promise kept exactly once? Judged from the partners' own books; nothing the engine says counts.

A promise is what the shop was told 2xx for. What was sent but never acknowledged may stand in a
book or not, but not twice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from harness.demo.script import Promise

SHOWN_MAX = 20


class Verdict(Struct, frozen=True):
    """What came of the promises, in words, one entry each. `booked` counts the rows of each book."""

    acknowledged: int
    booked: Mapping[str, int]
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    unasked: tuple[str, ...]
    out_of_order: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not any((self.missing, self.doubled, self.unasked, self.out_of_order, self.refused))

    def faults(self) -> list[str]:
        """Every broken promise as a line, the first 20 of each sort."""
        lines: list[str] = []
        for word, broken in (
            ("missing", self.missing), ("doubled", self.doubled), ("never sent", self.unasked),
            ("out of order", self.out_of_order), ("refused", self.refused),
        ):  # fmt: skip
            lines += [f"{word}: {one}" for one in broken[:SHOWN_MAX]]
            if len(broken) > SHOWN_MAX:
                lines.append(f"{word}: {len(broken) - SHOWN_MAX} more")
        return lines


def judge(
    promises: Mapping[Promise, bool],
    books: Mapping[str, Sequence[str]],
    others: Mapping[str, Sequence[str]],
    refusals: Sequence[str],
) -> Verdict:
    """`promises`: what was sent, in the order of each key, and whether it was acknowledged. `books`: system → the
    identities of its book, in the order of the effects; `others`: books of what follows from a promise, such as the
    labels of an order, in which nothing may be doubled. `refusals`: signed webhooks that were answered neither 2xx nor
    "later", in words."""
    asked = {(promise.system, promise.effect): promise for promise in promises}
    counts = {(system, effect): count for system, book in books.items() for effect, count in Counter(book).items()}
    return Verdict(
        acknowledged=sum(promises.values()),
        booked={name: len(book) for name, book in (*books.items(), *others.items())},
        missing=tuple(
            f"{promise.what} is not in the book of {promise.system}"
            for promise, acknowledged in promises.items()
            if acknowledged and not counts.get((promise.system, promise.effect))
        ),
        doubled=tuple(
            f"{asked[at].what if at in asked else at[1]} stands {count} times in the book of {at[0]}"
            for at, count in counts.items()
            if count > 1
        )
        + tuple(
            f"{effect} stands {count} times in the book of {name}"
            for name, book in others.items()
            for effect, count in Counter(book).items()
            if count > 1
        ),
        unasked=tuple(
            f"{effect} in the book of {system}" for system, effect in counts if (system, effect) not in asked
        ),
        out_of_order=tuple(_disorder(promises, books)),
        refused=tuple(refusals),
    )


def _disorder(promises: Mapping[Promise, bool], books: Mapping[str, Sequence[str]]) -> list[str]:
    """Effects that a book has before one of the same key that was sent earlier."""
    places: dict[tuple[str, str], int] = {}
    for system, book in books.items():
        for place, effect in enumerate(book):
            places.setdefault((system, effect), place)
    latest: dict[tuple[str, str], int] = {}
    found = []
    for promise in promises:
        if (promise.system, promise.effect) not in places:
            continue
        place, key = places[promise.system, promise.effect], (promise.system, promise.key)
        if place < latest.get(key, -1):
            found.append(f"{promise.what} was booked before what came before it")
        latest[key] = max(place, latest.get(key, -1))
    return found
