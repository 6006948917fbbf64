"""What the benchmarks found, as one table: the ratio first, both absolute figures beside it, then what is to be reached.

A figure without its baseline from the same run is no figure, so a line without one is refused. Nothing here measures.
"""

import math
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass(frozen=True)
class Topic:
    """One line of the table. `unit` is what both figures are in; `reach` says which ratio is wanted, with `≥` or `≤`."""

    section: str
    what: str
    unit: str
    reach: str = ""


@dataclass
class Report:
    """Samples by topic, Waybill's and each baseline's. Sample n of both sides was taken side by side, so the ratio is
    the median of their ratios: the noise of a machine shifts it less than it shifts either side.
    """

    ours: dict[Topic, list[float]] = field(default_factory=dict)
    baselines: dict[Topic, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, topic: Topic, sample: float, baseline: str | None = None) -> None:
        """Keeps a sample of Waybill's, or of the baseline of this name."""
        if baseline is None:
            self.ours.setdefault(topic, []).append(sample)
        else:
            self.baselines.setdefault(topic, {}).setdefault(baseline, []).append(sample)

    def ratios(self, topic: Topic, baseline: str) -> list[float]:
        """Waybill's samples as multiples of the baseline's."""
        pairs = zip(self.ours[topic], self.baselines[topic][baseline], strict=True)
        return [one / other for one, other in pairs]

    def lines(self) -> list[str]:
        """The table. A figure whose other side was not measured as often is not shown; that it is missing is."""
        made: list[str] = []
        for section in dict.fromkeys(topic.section for topic in self.baselines):
            made += ["", section]
            pairs = [
                (topic, name) for topic in self.baselines if topic.section == section for name in self.baselines[topic]
            ]
            for name in dict.fromkeys(name for _, name in pairs):
                made += ["", row(f"against {name}", "ratio", "middle half", "waybill", "baseline", "to reach")]
                made += [self.line(topic, name) for topic, other in pairs if other == name]
        return made

    def line(self, topic: Topic, baseline: str) -> str:
        theirs = self.baselines[topic][baseline]
        if len(self.ours.get(topic, ())) != len(theirs):
            return f"  {topic.what:<54}no ratio: one side was not measured, or less often"
        ratios = self.ratios(topic, baseline)
        low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        return row(
            topic.what,
            shown(median(ratios)),
            f"{shown(low)} to {shown(high)}",
            f"{shown(median(self.ours[topic]))} {topic.unit}",
            f"{shown(median(theirs))} {topic.unit}",
            topic.reach,
        ).rstrip()


def row(what: str, ratio: str, span: str, ours: str, theirs: str, reach: str) -> str:
    return f"  {what:<54}{ratio:>7}  {span:>16}  {ours:>12}  {theirs:>12}   {reach}"


def shown(number: float) -> str:
    """Three digits that count; thousands whole."""
    if math.isnan(number):
        return "-"
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 0.1 else f"{number:.3f}"
