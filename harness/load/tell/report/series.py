"""RESULT → CHARTS: what each chart of the report draws, as columns of numbers for the page's script.

Bounded: however long the run, a chart over time has at most `POINTS_MAX` points. Counts of joined seconds become the
mean second's, latencies and backlogs the worst one's, so a short bad time is never averaged away. A percentile curve
ends where its samples do. This file refuses to draw, and to choose a colour: a line names its role, the style sheet
paints it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import log10
from typing import Final, Literal

from msgspec import Struct

from harness.load.histogram import Histogram
from harness.load.model import Capacity, Latency, Measures, PhaseSpan, Result, Second, Window
from harness.load.numbers import number

POINTS_MAX: Final = 900
STATUSES_MAX: Final = 5
HISTOGRAM_BYTES_MAX: Final = 256 << 10
BEYOND: Final = 10
"""Samples that must lie beyond a quantile before it is drawn: what asks 1,000 of a p99 asks as much of any other."""

NINES: Final = (0.0, *(1 - 10 ** (-step / 20) for step in range(1, 101)))
"""Quantiles evenly apart on an axis of nines: 0, …, 90 %, …, 99 %, … 99.999 %."""

Values = list[float | None]
Unit = Literal["per_minute", "count", "s", "ms", "share", "mib"]


class Line(Struct, frozen=True, kw_only=True):
    """One line of a chart. `role` names its colour; `right` puts it on the right axis."""

    label: str
    role: str
    values: Values
    style: Literal["line", "dashed", "dotted", "area", "filled", "hollow", "cross"] = "line"
    right: bool = False


class Chart(Struct, frozen=True, kw_only=True):
    """`across` is what the x axis counts: seconds of the run, nines of a percentile, or events offered a minute."""

    id: str
    title: str
    says: str
    """What the chart shows, in a sentence: for who reads it and for who cannot see it."""
    across: Literal["time", "nines", "rate"]
    x: list[float]
    lines: tuple[Line, ...]
    unit: Unit
    right: Unit | None = None
    log: bool = False
    zone: tuple[float, float] | None = None
    mark: float | None = None


class Drawn(Struct, frozen=True, kw_only=True):
    """All that the page's script is given."""

    charts: tuple[Chart, ...]
    phases: tuple[PhaseSpan, ...]


def drawn(result: Result, baseline: Result | None) -> Drawn:
    measures = result.measures
    charts = [
        flow(measures),
        oldest(measures),
        latency(measures),
        nines(measures, baseline.measures if baseline else None),
    ]
    charts += [calls(measures), strain(measures)]
    charts += [curve(result.capacity)] if result.capacity is not None else []
    return Drawn(charts=tuple(chart for chart in charts if chart is not None), phases=measures.phases)


# ── over time ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Axis:
    """The points of time that the charts of one run share."""

    def __init__(self, seconds: Sequence[Second]) -> None:
        ordered = sorted(seconds, key=lambda second: second.at_s)
        span = ordered[-1].at_s - ordered[0].at_s + 1 if ordered else 0
        self.step = max(1, -(-span // POINTS_MAX))
        """How many seconds one point stands for."""
        groups: dict[int, list[Second]] = {}
        for second in ordered:
            at = second.at_s - (second.at_s - ordered[0].at_s) % self.step
            groups.setdefault(at, []).append(second)
        self.x = [float(at) for at in groups]
        self._groups = tuple(groups.values())

    def mean(self, of: Callable[[Second], float], times: float = 1) -> Values:
        """Of the seconds that a point stands for; the last point may stand for fewer."""
        return [rounded(sum(of(second) for second in group) * times / len(group)) for group in self._groups]

    def worst(self, of: Callable[[Second], float | None]) -> Values:
        found = ([value for second in group if (value := of(second)) is not None] for group in self._groups)
        return [rounded(max(values)) if values else None for values in found]

    def each(self) -> str:
        return "" if self.step == 1 else f" Each point is {self.step} seconds."


def flow(measures: Measures) -> Chart | None:
    axis = Axis(measures.seconds)
    if not axis.x:
        return None
    return Chart(
        id="flow",
        title="Offered, accepted, completed",
        says="Messages offered and accepted and events completed, as a rate a minute; the filled area is the backlog "
        "that lies between, on the right axis." + axis.each(),
        across="time",
        x=axis.x,
        unit="per_minute",
        right="count",
        lines=(
            Line(label="backlog", role="backlog", style="area", right=True, values=axis.worst(lambda s: s.backlog)),
            Line(label="accepted", role="accepted", values=axis.mean(lambda s: s.accepted, 60)),
            Line(label="offered", role="offered", style="dashed", values=axis.mean(lambda s: s.due, 60)),
            Line(label="completed", role="completed", values=axis.mean(lambda s: s.completed, 60)),
            *some("refused or failed", "bad", axis.mean(lambda s: s.refused + s.failed, 60)),
        ),
    )


def oldest(measures: Measures) -> Chart | None:
    axis = Axis(measures.seconds)
    values = axis.worst(lambda second: second.oldest_s)
    if not any(values):
        return None
    line = Line(label="oldest event waiting", role="backlog", style="area", values=values)
    return Chart(
        id="oldest",
        title="Age of the oldest event",
        says="How long the oldest event that was not done had waited at the end of each second." + axis.each(),
        across="time",
        x=axis.x,
        unit="s",
        lines=(line,),
    )


def latency(measures: Measures) -> Chart | None:
    axis = Axis(measures.seconds)
    lines = (
        *some("complete, longest", "completed", axis.worst(lambda s: s.complete_max_ms), "dotted"),
        *some("complete, p99", "completed", axis.worst(lambda s: s.complete_p99_ms)),
        *some("complete, median", "completed", axis.worst(lambda s: s.complete_p50_ms), "dashed"),
        *some("accept, longest", "accepted", axis.worst(lambda s: s.accept_max_ms), "dotted"),
        *some("accept, p99", "accepted", axis.worst(lambda s: s.accept_p99_ms)),
        *some("accept, median", "accepted", axis.worst(lambda s: s.accept_p50_ms), "dashed"),
    )
    if not lines:
        return None
    worst = worst_window(measures)
    band = f" The band is the worst ten seconds of {worst.integration}." if worst else ""
    return Chart(
        id="latency",
        title="Latency over time",
        says="Counted from when each message was due, by the second; a p99 stands only where the second held enough "
        f"samples.{band}{axis.each()}",
        zone=(worst.begin_s, worst.end_s) if worst else None,
        across="time",
        x=axis.x,
        unit="ms",
        log=True,
        lines=lines,
    )


def worst_window(measures: Measures) -> Window | None:
    """The ten seconds that some integration took longest to complete in: by p99, or what its samples tell at all."""
    found = [window for window in measures.windows if window.over == "window" and window.of == "complete"]
    return max(found, key=lambda window: window.latency.quantiles_ms.get("0.99", window.latency.max_ms), default=None)


def calls(measures: Measures) -> Chart | None:
    axis = Axis(measures.seconds)
    totals: Counter[str] = Counter()
    for second in measures.seconds:
        totals.update({status: n for status, n in second.statuses.items() if not status.split(" ")[-1].startswith("2")})
    lines = (
        *some("calls", "accepted", axis.mean(lambda s: s.calls)),
        *some("retries", "retries", axis.mean(lambda s: s.retries), "dashed"),
        *(
            Line(label=status, role=f"status-{at}", values=axis.mean(counter(status)))
            for at, (status, _) in enumerate(totals.most_common(STATUSES_MAX))
        ),
    )
    if not lines:
        return None
    return Chart(
        id="calls",
        title="Calls to partners",
        says="Calls and retries a second, and what partners answered that was no success." + axis.each(),
        across="time",
        x=axis.x,
        unit="count",
        lines=lines,
    )


def counter(status: str) -> Callable[[Second], float]:
    return lambda second: second.statuses.get(status, 0)


def strain(measures: Measures) -> Chart | None:
    axis = Axis(measures.seconds)
    memory = axis.worst(lambda second: second.engine_rss_mib)
    lines = (
        *some("engine CPU", "accepted", axis.worst(lambda s: s.engine_cpu)),
        *some("machine, all cores", "completed", axis.worst(lambda s: s.machine_cpu), "dotted"),
        *some("store busy", "backlog", axis.worst(lambda s: s.commit_busy)),
        *some("busiest generator CPU", "offered", axis.worst(lambda s: s.generator_cpu), "dashed"),
        *(Line(label=line.label, role=line.role, values=line.values, right=True) for line in memory_line(memory)),
    )
    if not lines:
        return None
    return Chart(
        id="strain",
        title="CPU, store and memory",
        says="Share of one core that the engine and the busiest generator process took, of all cores that anybody did, "
        "and of the time in which commits waited for the store; the engine's memory on the right axis." + axis.each(),
        across="time",
        x=axis.x,
        unit="share",
        right="mib",
        lines=lines,
    )


def memory_line(values: Values) -> tuple[Line, ...]:
    return some("engine memory", "memory", values)


Style = Literal["line", "dashed", "dotted"]


def some(label: str, role: str, values: Values, style: Style = "line") -> tuple[Line, ...]:
    """A line, unless there is nothing to see on it."""
    return (Line(label=label, role=role, style=style, values=values),) if any(values) else ()


# ── by percentile ────────────────────────────────────────────────────────────────────────────────────────────────────


def nines(measures: Measures, baseline: Measures | None) -> Chart | None:
    """Corrected beside service time: one number alone has baffled the users of every corrected load tool."""
    told: list[tuple[str, str, Style, Latency]] = [
        ("complete, from due", "completed", "line", measures.complete),
        ("complete, from received", "completed", "dashed", measures.complete_service),
        ("accept, from due", "accepted", "line", measures.accept),
        ("accept, from sent", "accepted", "dashed", measures.accept_service),
    ]
    if baseline is not None:
        told += [
            ("complete, baseline", "baseline", "line", baseline.complete),
            ("accept, baseline", "baseline", "dotted", baseline.accept),
        ]
    curves = [(label, role, style, percentiles(latency)) for label, role, style, latency in told]
    across = sorted({q for *_, points in curves for q in points})
    if not across:
        return None
    return Chart(
        id="nines",
        title="Latency by percentile",
        says="Whole lines count from when a message was due, dashed ones from when it was sent or received: the gap "
        "between the two is time that a closed test would not see. A curve ends where its samples do.",
        across="nines",
        x=[rounded(-log10(1 - q)) for q in across],
        unit="ms",
        log=True,
        lines=tuple(
            Line(label=label, role=role, style=style, values=[points.get(q) for q in across])
            for label, role, style, points in curves
            if points
        ),
    )


def percentiles(latency: Latency) -> dict[float, float]:
    """Quantile → milliseconds, as far as the samples carry: from the histogram, else from the quantiles alone."""
    histogram = decoded(latency.histogram)
    if histogram is None:
        return {float(q): rounded(value) for q, value in latency.quantiles_ms.items() if value > 0}
    carried = [q for q in NINES if latency.count * (1 - q) >= BEYOND]
    return {q: rounded(us / 1_000) for q, us in passed(histogram, carried) if us > 0}


def passed(histogram: Histogram, quantiles: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Each of these quantiles, ascending, and its value in microseconds: one pass over the buckets for all."""
    values, total = histogram.values(), histogram.count
    seen = us = 0
    for quantile in quantiles:
        while seen < max(1, quantile * total):
            us, count = next(values)
            seen += count
        yield quantile, min(us, histogram.max_us)


def decoded(text: str) -> Histogram | None:
    """None where there is no histogram, or none that can be read: the quantiles tell the rest."""
    if not text or len(text) > HISTOGRAM_BYTES_MAX:
        return None
    try:
        histogram = Histogram.decode(text)
    except ValueError:
        return None
    return histogram if histogram.count else None


# ── by rate ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def curve(capacity: Capacity) -> Chart | None:
    """One point for each rate that was tried; two tries of one rate stand above each other."""
    probes = sorted(capacity.probes, key=lambda probe: probe.per_minute)
    if not probes:
        return None

    def where(held: bool, virtual: bool) -> Values:
        mine = (probe.held is held and probe.virtual is virtual for probe in probes)
        return [rounded(p.completed_per_minute) if mine_ else None for p, mine_ in zip(probes, mine, strict=True)]

    points: tuple[tuple[str, str, Literal["filled", "hollow", "cross"], bool, bool], ...] = (
        ("held", "good", "filled", True, False),
        ("not held", "bad", "cross", False, False),
        ("held, in virtual time", "good", "hollow", True, True),
        ("not held, in virtual time", "bad", "hollow", False, True),
    )
    tails = [None if p.complete_p99_ms is None else rounded(p.complete_p99_ms) for p in probes]
    marks = ((label, role, style, where(held, virtual)) for label, role, style, held, virtual in points)
    seen = tuple(Line(label=label, role=role, style=style, values=v) for label, role, style, v in marks if any(v))
    tail = tuple(
        Line(label=line.label, role=line.role, style=line.style, right=True, values=line.values)
        for line in some("p99 of complete", "retries", tails, "dotted")
    )
    return Chart(
        id="curve",
        title="What was offered, and what came of it",
        says=f"Completed a minute at each rate that was tried, below the line on which all of it would complete; the "
        f"band is the bracket from {number(capacity.low)} to {number(capacity.high)} a minute.",
        across="rate",
        x=[rounded(probe.per_minute) for probe in probes],
        unit="per_minute",
        right="ms" if tail else None,
        zone=(capacity.low, capacity.high),
        mark=capacity.per_minute,
        lines=(
            Line(label="all of it", role="ideal", style="dotted", values=[rounded(p.per_minute) for p in probes]),
            *seen,
            *tail,
        ),
    )


def rounded(value: float) -> float:
    """Four digits: more is bytes that nobody sees."""
    return float(f"{value:.4g}")
