"""WHERE A RUN IS STEADY, and by how much something grows there.

A capacity's trials name the part that counts; a profile's last long phase says whether its backlog would go on to grow;
else the busiest seconds are looked at. The same three answers wherever they are asked for. Pure: phases, seconds and
points in, numbers out.
"""

from collections.abc import Sequence
from typing import Final

from harness.load.model import PhaseSpan, Second

STEADY_S: Final = 30.0
"""A shorter phase says nothing of a slope: a burst may well be stored."""
STEADY: Final = "steady"
"""The phase that is looked at, where a profile has one of this name."""
WINDOW_S: Final = 10
"""The busiest seconds of a run, where no phase is named."""
SETTLED: Final = 1 / 3
"""This part of a phase is left out at its beginning: the backlog only begins there, and quotas have their bursts."""


def steady_phase(phases: Sequence[PhaseSpan]) -> PhaseSpan | None:
    """The last phase that counts, that sends, and that lasts long enough for a slope to mean something."""
    fitting = [one for one in phases if one.counted and not one.outage and one.end_s - one.begin_s >= STEADY_S]
    return fitting[-1] if fitting else None


def steady(phases: Sequence[PhaseSpan], seconds: Sequence[Second]) -> tuple[float, float]:
    """The seconds to look at: of the phase called STEADY, what follows its first third; where there
    is none, the ten with the most completed."""
    for phase in phases:
        if phase.name == STEADY:
            begin = phase.begin_s + (phase.end_s - phase.begin_s) * SETTLED
            return float(round(begin)), float(round(phase.end_s))
    counts = {second.at_s: second.completed for second in seconds}
    if not counts:
        return 0.0, 0.0
    first, last = min(counts), max(counts) + 1
    most = max(
        range(first, max(first + 1, last - WINDOW_S + 1)),
        key=lambda at: sum(counts.get(at + more, 0) for more in range(WINDOW_S)),
    )
    return float(most), float(min(most + WINDOW_S, last))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much the straight line through all points (second, what stood then) grows in a second: a single one may
    fall between two commits."""
    if len(points) < 2:
        return 0.0
    mean_at = sum(at for at, _ in points) / len(points)
    mean = sum(what for _, what in points) / len(points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return sum((at - mean_at) * (what - mean) for at, what in points) / spread if spread else 0.0
