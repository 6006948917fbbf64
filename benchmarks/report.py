"""What the benchmarks found, as one table: the ratio first, both absolute figures beside it, then what is to be reached.

A figure without its baseline from the same run is no figure, so a line without one is refused. Nothing here measures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True)
class Topic:
    """One line of the table. `unit` is what both figures are in; `reach` says which ratio is wanted, with `≥` or `≤`.

    `paired`: sample n of both sides was taken side by side, so the ratio is the median of their ratios, which noise of
    the machine shifts less than either side.
    """

    section: str
    what: str
    unit: str
    reach: str = ""
    paired: bool = False


@dataclass(frozen=True)
class Ratio:
    """Waybill's figure as a multiple of the baseline's, and the quarter points between which half of all samples lie."""

    middle: float
    low: float
    high: float


@dataclass
class Report:
    """Samples by topic, Waybill's and each baseline's."""

    ours: dict[Topic, Sequence[float]] = field(default_factory=dict)
    baselines: dict[Topic, dict[str, Sequence[float]]] = field(default_factory=dict)

    def put(self, topic: Topic, samples: Sequence[float]) -> None:
        """Waybill's own."""
        self.ours[topic] = samples

    def put_baseline(self, topic: Topic, name: str, samples: Sequence[float]) -> None:
        self.baselines.setdefault(topic, {})[name] = samples

    def ratio(self, topic: Topic, baseline: str) -> Ratio:
        ours, theirs = self.ours[topic], self.baselines[topic][baseline]
        if topic.paired:
            low, middle, high = quarters([one / other for one, other in zip(ours, theirs, strict=True)])
            return Ratio(middle, low, high)
        low, _, high = quarters(ours)
        their_low, _, their_high = quarters(theirs)
        return Ratio(median(ours) / median(theirs), low / their_high, high / their_low)

    def lines(self) -> list[str]:
        """The table. Raises ValueError for a topic of which one side is missing."""
        if self.ours.keys() != self.baselines.keys():
            names = ", ".join(topic.what for topic in self.ours.keys() ^ self.baselines.keys())
            raise ValueError(f"measured without the other side in the same run: {names}")
        made: list[str] = []
        for section in dict.fromkeys(topic.section for topic in self.ours):
            made += ["", section]
            topics = [topic for topic in self.ours if topic.section == section]
            for name in dict.fromkeys(name for topic in topics for name in self.baselines[topic]):
                made += ["", row(f"against {name}", "ratio", "middle half", "waybill", "baseline", "to reach")]
                made += [self.line(topic, name) for topic in topics if name in self.baselines[topic]]
        return made

    def line(self, topic: Topic, baseline: str) -> str:
        ratio, theirs = self.ratio(topic, baseline), self.baselines[topic][baseline]
        return row(
            topic.what,
            shown(ratio.middle),
            f"{shown(ratio.low)} to {shown(ratio.high)}",
            f"{shown(median(self.ours[topic]))} {topic.unit}",
            f"{shown(median(theirs))} {topic.unit}",
            topic.reach,
        ).rstrip()


def row(what: str, ratio: str, span: str, ours: str, theirs: str, reach: str) -> str:
    return f"  {what:<54}{ratio:>7}  {span:>16}  {ours:>12}  {theirs:>12}   {reach}"


def quarters(samples: Sequence[float]) -> tuple[float, float, float]:
    """The quarter points of samples; a single one is all three."""
    if len(samples) == 1:
        return samples[0], samples[0], samples[0]
    low, middle, high = quantiles(samples, method="inclusive")
    return low, middle, high


def shown(number: float) -> str:
    """Three digits that count; thousands whole."""
    if math.isnan(number):
        return "-"
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 0.1 else f"{number:.3f}"
