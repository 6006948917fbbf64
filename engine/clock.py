"""Time and chance: the one file that reads a clock or draws a random number.

Everything else is handed a `Clock` or a `Chance` of `engine.ports`, so the harness can run hours of simulated sale in
seconds and repeat a failure from its seed. This file refuses to format, compare or schedule anything.
"""

import random
import time


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def now(self) -> int:
        """Wall time in microseconds since 1970-01-01T00:00:00Z; may step when the machine's clock is set."""
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return time.monotonic()


class SystemChance:
    """Chance, or with a seed the same chance again. For jitter only: nothing secret is drawn here."""

    __slots__ = ("_source",)

    def __init__(self, seed: int | None = None) -> None:
        self._source = random.Random(seed)  # noqa: S311 — spreads waits, guards nothing

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._source.random()
