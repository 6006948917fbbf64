"""WHETHER A LOAD WAS WHAT IT SAYS: its generator in time, with CPU to spare, nothing left unsent, no clock set.

What was measured of the load itself against what makes a measurement worthless; it goes with the measures, so that
whoever judges, shows or searches has the same answer. This file refuses to judge the engine.
"""

from typing import Final

from harness.load.model import Generator, Latency
from harness.load.numbers import label, milliseconds, share, whole

LAG_MS_MAX: Final = 10.0
CPU_MAX: Final = 0.9
"""Of one core, for a process of the generator."""
UNSENT_MAX: Final = 0.001
CLOCK_JUMP_MS_MAX: Final = 50.0
STEAL_MAX: Final = 0.1


def invalid_because(generator: Generator, offered: int) -> tuple[str, ...]:
    """Why the load was not what it says; nothing where it was."""
    found = list(generator.reasons)
    lag_ms, name = highest(generator.lag)
    if lag_ms is not None and lag_ms > LAG_MS_MAX:
        found.append(
            f"the generator lagged: {name} of its sends {milliseconds(lag_ms)} late, {LAG_MS_MAX:g} ms are allowed"
        )
    if generator.cpu > CPU_MAX:
        found.append(f"the generator had no CPU left: {share(generator.cpu)} of its core; add --generators")
    if offered and generator.unsent > UNSENT_MAX * offered:
        found.append(f"the generator left {whole(generator.unsent)} of {whole(offered)} messages unsent")
    if generator.clock_jump_ms > CLOCK_JUMP_MS_MAX:
        found.append(f"the clock was set by {milliseconds(generator.clock_jump_ms)} while it ran")
    if generator.steal > STEAL_MAX:
        found.append(f"others had {share(generator.steal)} of this machine while it ran")
    return tuple(dict.fromkeys(found))


def highest(latency: Latency) -> tuple[float | None, str]:
    """The 99th percentile, or the highest that the samples tell, and how it is called; the greatest of very few."""
    for quantile in ("0.99", "0.95", "0.9", "0.5"):
        if quantile in latency.quantiles_ms:
            return latency.quantiles_ms[quantile], label(quantile)
    return (latency.max_ms, "the latest") if latency.count else (None, "")
