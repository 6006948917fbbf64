"""RESULT → ROWS: what the report says in words and tables.

Rows are sorted as a person asks: what broke first. Widths of bars are parts of one whole, for the template to scale.
This file refuses to judge: whether something held was said by the verdict, and is only shown here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from harness.load.measure.trust import CLOCK_JUMP_MS_MAX, CPU_MAX, LAG_MS_MAX, STEAL_MAX, UNSENT_MAX, invalid_because
from harness.load.model import Ends, Latency, Measures, PartnerMeasures, Result, Second, Slo, Violation
from harness.load.numbers import (
    ABSENT,
    clock,
    milliseconds,
    number,
    per_minute,
    quantile,
    seconds,
    share,
    whole,
)

WINDOW_S: Final = 10
"""A best rate is that of ten seconds: one second of Poisson arrivals is mostly chance."""
MARGIN_SHOWN: Final = 2.0
"""A bar of a margin ends at twice the limit, so that the limit stands in its middle."""
DOTS_MAX: Final = 200

Tone = Literal["good", "bad", "doubt", "plain"]


class Tile(Struct, frozen=True):
    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


# ── the first look ───────────────────────────────────────────────────────────────────────────────────────────────────


def best_per_minute(told: Sequence[Second], of: Callable[[Second], int]) -> float | None:
    """Of the best ten seconds in a row; of all of them where the run was shorter. Seconds that are missing count 0."""
    if not told:
        return None
    ordered = sorted(told, key=lambda second: second.at_s)
    width = min(WINDOW_S, ordered[-1].at_s - ordered[0].at_s + 1)
    total = best = oldest = 0
    for second in ordered:
        total += of(second)
        while ordered[oldest].at_s <= second.at_s - width:
            total -= of(ordered[oldest])
            oldest += 1
        best = max(best, total)
    return best * 60 / width


def tiles(result: Result) -> list[Tile]:
    measures, told = result.measures, result.measures.seconds
    wrong = result.lost + result.doubled + result.out_of_order
    drained = result.drain_s is not None
    found = [
        Tile(
            "offered at most", per_minute(best_per_minute(told, lambda s: s.due)), f"{whole(measures.offered)} in all"
        ),
        Tile(
            "completed at most",
            per_minute(best_per_minute(told, lambda s: s.completed)),
            f"{whole(result.completed)} in all, of {whole(measures.events)} events",
        ),
        Tile(
            "event to done, p99",
            quantile(measures.complete, "0.99"),
            f"median {quantile(measures.complete, '0.5')}, longest {milliseconds(measures.complete.max_ms)}",
        ),
        Tile("accepted, p99", quantile(measures.accept, "0.99"), f"{whole(result.accepted)} are on disk"),
        Tile(
            "lost · doubled · out of order",
            " · ".join(whole(n) for n in (result.lost, result.doubled, result.out_of_order)),
            f"{whole(measures.books.checked)} effects checked against partners' books",
            "bad" if wrong else "good",
        ),
        Tile(
            "backlog drained in",
            seconds(result.drain_s) if drained else "never",
            f"{whole(measures.backlog_max)} at most, the oldest {seconds(measures.oldest_max_s)}",
            "plain" if drained else "bad",
        ),
    ]
    if result.capacity is not None:
        low, high = number(result.capacity.low), number(result.capacity.high)
        where = "in virtual time" if result.capacity.virtual else "measured"
        found.insert(0, Tile("capacity", per_minute(result.capacity.per_minute), f"between {low} and {high}, {where}"))
    return found


class SloRow(Struct, frozen=True):
    slo: Slo
    width: float | None
    """Of the bar, 0 to 1, where 0.5 is the limit."""


def slo_rows(promises: Iterable[Slo]) -> list[SloRow]:
    """Broken first, then by how little room is left; what too few samples left unjudged stands last."""
    ordered = sorted(promises, key=lambda slo: (slo.held, not slo.judged, -(-1 if slo.margin is None else slo.margin)))
    return [SloRow(slo, part(slo.margin, MARGIN_SHOWN)) for slo in ordered]


def part(value: float | None, whole: float) -> float | None:
    if value is None:
        return None
    return round(min(max(value / whole, 0.0), 1.0), 4) if whole > 0 else 0.0


# ── where the time went ──────────────────────────────────────────────────────────────────────────────────────────────

STAGES: Final = {
    "send": "waiting to be sent",
    "accept": "accepting, until it is on disk",
    "queue": "queued, until a worker takes it",
    "engine": "mapping, deciding, committing",
    "partner": "partners' answers",
    "retry": "waiting to try again",
    "gate": "waiting for a quota or breaker",
    "person": "with a person (counts for no latency)",
}


class StageRow(Struct, frozen=True):
    stage: str
    label: str
    begin: float
    width: float
    """Both of the whole waterfall, 0 to 1."""
    latency: Latency
    share: str


def waterfall(measures: Measures) -> list[StageRow]:
    """By each stage's mean over all events of the run, since means add up and quantiles do not. What took no time is no
    stage of it.

    An event that did not pass a stage counts as nothing for it; what passed one twice counts twice.
    """
    named = {stage.stage: stage.latency for stage in measures.stages if stage.latency.max_ms > 0}
    events = max((latency.count for latency in named.values()), default=0)
    ordered = [(name, named[name]) for name in STAGES if name in named]
    means = [0.0 if name == "person" else latency.mean_ms * latency.count / events for name, latency in ordered]
    whole = sum(means)
    rows, begin = [], 0.0
    for (name, latency), mean in zip(ordered, means, strict=True):
        width = mean / whole if whole else 0.0
        told = ABSENT if name == "person" else share(width)
        rows.append(StageRow(name, STAGES[name], round(begin, 4), round(width, 4), latency, told))
        begin += width
    return rows


def ends_rows(measures: Measures) -> list[tuple[str, Ends]]:
    return sorted(measures.ends.items())


class LatencyRow(Struct, frozen=True):
    name: str
    kind: str
    latency: Latency
    counted: bool = True


KINDS: Final = {
    "accept": "accept, from due",
    "accept_service": "accept, from sent",
    "complete": "complete, from due",
    "complete_service": "complete, from received",
}


def by_phase(measures: Measures) -> list[LatencyRow]:
    """Of the whole run, then of its phases in their order."""
    rows = [LatencyRow("whole run", label, getattr(measures, kind)) for kind, label in KINDS.items()]
    counted = {phase.name: phase.counted for phase in measures.phases}
    rows += [
        LatencyRow(f"phase {name}", label, told[kind], counted.get(name, True))
        for name, told in measures.by_phase.items()
        for kind, label in KINDS.items()
        if kind in told
    ]
    return [row for row in rows if row.latency.count]


def by_integration(measures: Measures) -> list[LatencyRow]:
    """Of each integration, followed by the ten seconds in which it was worst."""
    rows = []
    for name, told in sorted(measures.by_integration.items()):
        rows += [LatencyRow(name, label, told[kind]) for kind, label in KINDS.items() if kind in told]
        rows += [
            LatencyRow(f"{name}, worst from {clock(window.begin_s)}", KINDS[window.of], window.latency)
            for window in measures.windows
            if window.over == "window" and window.integration == name
        ]
    return [row for row in rows if row.latency.count]


# ── partners ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Slice(Struct, frozen=True):
    """A part of a partner's answers: `status` is theirs, `family` names its colour."""

    status: str
    count: int
    begin: float
    width: float
    family: str


class PartnerRow(Struct, frozen=True):
    partner: PartnerMeasures
    mix: tuple[Slice, ...]
    again: str
    """Requests for each effect that stands: 1.00 is none too many."""


def partner_rows(partners: Iterable[PartnerMeasures]) -> list[PartnerRow]:
    return [PartnerRow(partner, mix(partner), amplified(partner)) for partner in partners]


def amplified(partner: PartnerMeasures) -> str:
    return number(partner.requests / partner.booked) if partner.booked else ABSENT


def mix(partner: PartnerMeasures) -> tuple[Slice, ...]:
    whole = sum(partner.statuses.values())
    found, begin = [], 0.0
    for status, n in sorted(partner.statuses.items()):
        width = n / whole if whole else 0.0
        found.append(Slice(status, n, round(begin, 4), round(width, 4), family(status)))
        begin += width
    return tuple(found)


def family(status: str) -> str:
    """`429` stands apart: a partner that says "later" is another matter than one that says "wrong"."""
    if status == "429":
        return "later"
    return {"2": "success", "3": "success", "4": "wrong", "5": "failed"}.get(status[:1], "failed")


# ── promises and trust ───────────────────────────────────────────────────────────────────────────────────────────────


class Story(Struct, frozen=True):
    violation: Violation
    lines: tuple[tuple[float, str, float], ...]
    """Second, what, and where on the line of the story's time, 0 to 1."""


def stories(violations: Iterable[Violation]) -> list[Story]:
    return [Story(violation, placed(violation.timeline)) for violation in violations]


def placed(timeline: Sequence[tuple[float, str]]) -> tuple[tuple[float, str, float], ...]:
    if not timeline:
        return ()
    times = [at for at, _ in timeline]
    first, span = min(times), max(times) - min(times)
    return tuple((at, what, round((at - first) / span, 4) if span else 0.0) for at, what in timeline[:DOTS_MAX])


def doubts(result: Result) -> tuple[str, ...]:
    """Why the load was not what it says, as the verdict has it."""
    return invalid_because(result.measures.generator, result.measures.offered)


def trust_rows(result: Result) -> list[tuple[str, str]]:
    """What was measured of the load itself, beside what the verdict lets pass."""
    generator, run = result.measures.generator, result.run
    warm = [phase.name for phase in result.measures.phases if not phase.counted]
    late, longest = quantile(generator.lag, "0.99"), milliseconds(generator.lag.max_ms)
    return [
        ("Sent late by, p99", f"{late} (up to {LAG_MS_MAX:g} ms); the latest {longest}"),
        ("Busiest generator's CPU", f"{share(generator.cpu)} of a core (up to {CPU_MAX * 100:g} %)"),
        ("Never sent", f"{whole(generator.unsent)} of {whole(result.measures.offered)} (up to {UNSENT_MAX * 100:g} %)"),
        ("Wall clock moved by", f"{milliseconds(generator.clock_jump_ms)} (up to {CLOCK_JUMP_MS_MAX:g} ms)"),
        ("Machine that others had", f"{share(generator.steal)} (up to {STEAL_MAX * 100:g} %)"),
        ("Generator processes", whole(generator.processes)),
        ("Warm-up, judged by nobody", ", ".join(warm) or "none"),
        (
            "Events judged",
            f"{whole(result.measures.complete.count)} completed, {whole(result.measures.accept.count)} sent",
        ),
        ("CPU that the engine took", f"{number(result.measures.engine_cpu_us_per_event)} µs an event"),
        ("Calls an event", number(result.measures.calls_per_event)),
        ("Time", "virtual: blind to CPU, disk and network" if run.virtual else "real sockets, store and processes"),
    ]


def run_rows(result: Result) -> list[tuple[str, str]]:
    run = result.run
    return [
        ("Began", f"{run.began_at}, took {seconds(run.took_s)}"),
        ("Profile", f"{run.profile}, seed {run.seed}"),
        ("Specs", ", ".join(run.specs)),
        ("Workspace", run.workspace_hash),
        ("Waybill", f"{run.version} on Python {run.python}"),
        ("Machine", run.machine),
        ("Store", run.store),
    ]
