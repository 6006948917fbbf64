"""Time and chance: the one file that reads a clock or draws a random number.

Everything else is handed a `Clock` or a `Chance` of `engine.ports`, so the harness can run hours of simulated sale in
seconds and repeat a failure from its seed. This file refuses to format, compare or schedule anything.
"""

import random
import time
from collections.abc import Callable

from engine.ports import Clock

JUMP_US = 2_000_000
"""Less is the drift and the small steps that every clock is kept right by; they are followed at once."""
LOOKED_EVERY_US = 10_000
"""So often it is looked whether the clock was set; between, one reading serves for two."""
READ_US_MAX = 100_000
"""Two readings further apart say nothing of one another: the process was stopped between them."""


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def now(self) -> int:
        """Wall time in microseconds since 1970-01-01T00:00:00Z; may step when the machine's clock is set."""
        return time.time_ns() // 1_000

    monotonic = staticmethod(time.monotonic)
    """Seconds since an arbitrary moment; never goes back. The function itself, for it is asked forty times an event."""


class SteadyClock:
    """A wall clock that never jumps by itself. `set` is told once by how many microseconds it was set (negative: back),
    and until `follow` the time goes on as if it had not been.

    Between the two its owner moves along whatever was to happen at a time: a lease must not end under a call because a
    clock was set forward, nor a retry wait an hour longer because it was set back.
    """

    __slots__ = ("_clock", "_look_at", "_offset", "_set", "_told", "monotonic")

    def __init__(self, clock: Clock, set_: Callable[[int], None]) -> None:
        self._clock = clock
        self.monotonic = clock.monotonic
        self._set = set_
        self._told = False
        self._look_at = 0
        self._offset = self._read()

    def now(self) -> int:
        """As `Clock.now`, without its jumps."""
        at = int(self.monotonic() * 1_000_000)
        steady = self._offset + at
        if at < self._look_at:
            return steady
        self._look_at = at + LOOKED_EVERY_US
        wall = self._clock.now()
        if abs(wall - steady) < JUMP_US:
            self._offset += wall - steady
            return wall
        if not self._told:
            jump = self._read() - self._offset
            if abs(jump) >= JUMP_US:
                self._told = True
                self._set(jump)
        return steady

    def follow(self, jump: int) -> None:
        """From now on the time is that which the clock was set to."""
        self._offset += jump
        self._told = False

    def _read(self) -> int:
        """Wall time less monotonic time, of one moment."""
        while True:
            before = int(self._clock.monotonic() * 1_000_000)
            wall = self._clock.now()
            if int(self._clock.monotonic() * 1_000_000) - before < READ_US_MAX:
                return wall - before


class SystemChance:
    """Chance, or with a seed the same chance again. For jitter only: nothing secret is drawn here."""

    __slots__ = ("_source",)

    def __init__(self, seed: int | None = None) -> None:
        self._source = random.Random(seed)  # noqa: S311 — spreads waits, guards nothing

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._source.random()
