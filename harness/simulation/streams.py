"""Chance of a simulated run: one stream for each concern, all from one seed, and the trace of all that was decided.

With one stream for everything, a draw more in one place would move every draw after it, and a story could not be made
smaller without becoming another one. This file refuses to draw from anything but the seed.
"""

from collections.abc import MutableSequence
from hashlib import sha256
from typing import TypeVar

from harness.faults import seeded

Drawn = TypeVar("Drawn")


class Trace:
    """SHA-256 over every decision that was drawn or made, in order: equal for two runs that were the same."""

    def __init__(self) -> None:
        self._digest = sha256()

    def note(self, *words: object) -> None:
        """`words` are texts, numbers and tuples of these: what prints the same in every process."""
        self._digest.update(repr(words).encode())

    def hex(self) -> str:
        return self._digest.hexdigest()


class Stream:
    """Chance for one concern; also `engine.ports.Chance`."""

    def __init__(self, seed: int, concern: str, trace: Trace) -> None:
        self._source = seeded(seed, concern)
        self._concern = concern
        self._trace = trace

    def uniform(self) -> float:
        """A float in [0, 1)."""
        drawn = self._source.uniform()
        self._trace.note(self._concern, drawn)
        return drawn

    def between(self, least: float, most: float) -> float:
        return least + self.uniform() * (most - least)

    def pick(self, values: "tuple[Drawn, ...]") -> Drawn:
        return values[int(self.uniform() * len(values))]

    def shuffle(self, values: "MutableSequence[Drawn]") -> None:
        """Puts them into a drawn order."""
        for last in range(len(values) - 1, 0, -1):
            other = int(self.uniform() * (last + 1))
            values[last], values[other] = values[other], values[last]


class Streams:
    """The streams of one seed, by concern."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.trace = Trace()

    def of(self, concern: str) -> Stream:
        """A stream at its beginning."""
        return Stream(self.seed, concern, self.trace)
