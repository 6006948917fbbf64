"""WHAT WAS MEASURED and WHAT WAS PROMISED → A VERDICT: held, broken, or INVALID.

Whether the load was what it says comes first: of a run whose generator lagged nothing else is worth judging. A promise
about the 99th percentile is judged over the run, in each phase and in the worst ten seconds, and where fewer than a
thousand samples were taken, by what bounds it: a greatest value within the limit proves it, a median beyond the limit
refutes it, all else is told as too few. Accepting fast and draining never is broken, whatever the latencies say.
This file refuses to measure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

from engine.charter.ladders import rate_text
from engine.run.load import Loaded
from engine.spec import shape
from harness.load.measure.steady import steady_phase
from harness.load.measure.trust import invalid_because
from harness.load.model import SECOND_US, Ends, Measures, PhaseSpan, Second, Slo, Window
from harness.load.numbers import clock, label, milliseconds, nearly_all, per_minute, seconds, whole

ACCEPTED_LEAST: Final = 0.999
"""Of what was sent: more turned away, or left without an answer, is a promise broken, not a latency."""
SLOPE_MAX: Final = 0.05
"""A backlog that grows by so much of what arrives is one that never drains, were the phase to go on."""
QUANTILE: Final = "0.99"

Verdict = Literal["held", "broken", "invalid"]


class Promise(Struct, frozen=True, kw_only=True):
    """What one integration's `sla` promises; None: nothing of the kind. `success` is a share from 0 to 1."""

    integration: str
    accept_p99_ms: float | None = None
    complete_p99_ms: float | None = None
    within_s: float | None = None
    success: float | None = None
    peak_per_s: float | None = None
    peak_for_s: float = 0.0
    peak_told: str = ""
    drain_s: float | None = None


def promises_of(loaded: Loaded, integrations: Iterable[str]) -> tuple[Promise, ...]:
    """What these integrations promise, those that promise nothing left out."""
    found = []
    for name in integrations:
        content: shape.Integration = loaded.workspace.integrations[name].content
        if content.sla is not None:
            found.append(promise_of(name, content.sla))
    return tuple(found)


def promise_of(integration: str, sla: shape.Sla) -> Promise:
    complete, peak = sla.complete, sla.peak
    return Promise(
        integration=integration,
        accept_p99_ms=sla.accept.p99.microseconds / 1_000 if sla.accept else None,
        complete_p99_ms=complete.p99.microseconds / 1_000 if complete and complete.p99 else None,
        within_s=complete.within.seconds if complete and complete.within else None,
        success=complete.success.millionths / 1_000_000 if complete and complete.success else None,
        peak_per_s=peak.rate.times * SECOND_US / peak.rate.microseconds if peak else None,
        peak_for_s=peak.for_.seconds if peak else 0.0,
        peak_told=f"{rate_text(peak.rate)} for {seconds(peak.for_.seconds)}" if peak else "",
        drain_s=peak.drain.seconds if peak and peak.drain else None,
    )


def judge(measures: Measures, promises: Sequence[Promise]) -> tuple[Verdict, tuple[str, ...], tuple[Slo, ...]]:
    """(the verdict, its reasons with the worst first, every promise with what was measured of it)."""
    rows = (*every_run(measures), *(row for promise in promises for row in of_promise(measures, promise)))
    broken = sorted((row for row in rows if not row.held), key=gravity)
    reasons = tuple(reason(row) for row in broken)
    invalid = invalid_because(measures.generator, measures.offered)
    if not measures.offered:
        invalid = ("nothing was due: the profile sends no message", *invalid)
    if invalid:
        return "invalid", (*invalid, *reasons), rows
    return ("broken" if broken else "held"), reasons, rows


# ── of every run ─────────────────────────────────────────────────────────────────────────────────────────────────────


def every_run(measures: Measures) -> Iterator[Slo]:
    books = measures.books
    told = f"of {whole(books.checked)} effects"
    yield counted("no loss", books.lost, told, "lost", measures.accepted)
    yield counted("no second effect", books.doubled, told, "doubled", books.checked)
    yield counted("order", books.out_of_order, told, "out of order", books.checked)
    answered = measures.accepted + measures.duplicates
    turned_away = sum(measures.refused.values()) + measures.failed
    if answered + turned_away:
        taken = answered / (answered + turned_away)
        by = [f"{count} answered {status}" for status, count in sorted(measures.refused.items())]
        by += [f"{measures.failed} not answered"] if measures.failed else []
        yield Slo(
            name="accepted",
            limit=f"≥ {nearly_all(ACCEPTED_LEAST)}",
            measured=" ".join([nearly_all(taken), *([f"({', '.join(by)})"] if by else [])]),
            held=taken >= ACCEPTED_LEAST,
            margin=(1 - taken) / (1 - ACCEPTED_LEAST),
            samples=answered + turned_away,
        )
    yield backlog(measures)


def counted(name: str, count: int, told: str, what: str, samples: int) -> Slo:
    return Slo(name=name, limit="0", measured=f"{whole(count)} {what} {told}", held=not count, samples=samples)


def backlog(measures: Measures) -> Slo:
    """Does what piles up drain, and would it also if the last steady phase went on?"""
    phase = steady_phase(measures.phases)
    slope = measures.backlog_slope_per_s
    arriving = arriving_per_s(measures.seconds, phase) if phase else 0.0
    grows = phase is not None and arriving > 0 and slope > SLOPE_MAX * arriving
    if measures.drain_s is None:
        left = measures.books.unfinished
        measured = f"not drained{f', {left} left' if left else ''}"
    elif grows:
        measured = f"grows by {per_minute(slope * 60)} while {per_minute(arriving * 60)} arrive"
    else:
        measured = f"drained in {seconds(measures.drain_s)}, {measures.backlog_max} at most"
    return Slo(
        name="backlog",
        limit="drains",
        measured=measured,
        held=measures.drain_s is not None and not grows,
        where=f"phase {phase.name}" if phase and grows else "",
        samples=measures.events,
    )


def arriving_per_s(rows: Sequence[Second], phase: PhaseSpan) -> float:
    inside = [row.due for row in rows if phase.begin_s <= row.at_s < phase.end_s]
    return sum(inside) / len(inside) if inside else 0.0


# ── of one integration ───────────────────────────────────────────────────────────────────────────────────────────────


def of_promise(measures: Measures, promise: Promise) -> Iterator[Slo]:
    name = promise.integration
    windows = [window for window in measures.windows if window.integration == name]
    for of, limit_ms in (("accept", promise.accept_p99_ms), ("complete", promise.complete_p99_ms)):
        found = [window for window in windows if window.of == of]
        if limit_ms is not None and found:
            yield percentile(f"{name} {of}.p99", limit_ms, found)
    ends = measures.ends.get(name)
    if ends is not None and ends.events:
        if promise.within_s is not None:
            yield within(name, promise.within_s, ends)
        if promise.success is not None:
            yield success(name, promise.success, ends)
    if promise.drain_s is not None:
        yield drain(name, promise, measures)


def percentile(name: str, limit_ms: float, windows: Sequence[Window]) -> Slo:
    """The 99th percentile where it was worst, or what can be said of it."""
    told = [window for window in windows if QUANTILE in window.latency.quantiles_ms]
    # Of a part with too few samples for it, whatever lies below the 99th percentile is still no more than it.
    below = [(bound_ms, window, said) for window in windows if window not in told for bound_ms, said in bounds(window)]
    worst_bound = max(below, key=lambda one: one[0], default=None)
    if told:
        worst = max(told, key=lambda window: window.latency.quantiles_ms[QUANTILE])
        p99_ms = worst.latency.quantiles_ms[QUANTILE]
        if p99_ms > limit_ms or worst_bound is None or worst_bound[0] <= limit_ms:
            return latency_row(name, limit_ms, p99_ms, milliseconds(p99_ms), worst)
    if worst_bound is not None and worst_bound[0] > limit_ms:
        bound_ms, window, said = worst_bound
        return latency_row(name, limit_ms, bound_ms, f"{said} already {milliseconds(bound_ms)}", window)
    whole = next((window for window in windows if window.over == "run"), windows[0])
    count, most_ms = whole.latency.count, whole.latency.max_ms
    if count and most_ms <= limit_ms:
        return latency_row(name, limit_ms, most_ms, f"{milliseconds(most_ms)} at most", whole)
    return Slo(
        name=name,
        limit=milliseconds(limit_ms),
        measured=f"too few: {count} samples, 1,000 tell a p99; {milliseconds(most_ms)} at most",
        held=True,
        judged=False,
        samples=count,
    )


def bounds(window: Window) -> Iterator[tuple[float, str]]:
    return ((ms, label(name)) for name, ms in window.latency.quantiles_ms.items() if float(name) < 0.99)


def latency_row(name: str, limit_ms: float, measured_ms: float, measured: str, window: Window) -> Slo:
    return Slo(
        name=name,
        limit=milliseconds(limit_ms),
        measured=measured,
        held=measured_ms <= limit_ms,
        margin=round(measured_ms / limit_ms, 4),
        where=place(window),
        samples=window.latency.count,
    )


def within(name: str, limit_s: float, ends: Ends) -> Slo:
    return Slo(
        name=f"{name} complete.within",
        limit=seconds(limit_s),
        measured=f"{ends.late} later" if ends.late else f"{seconds(ends.longest_s)} at most",
        held=not ends.late,
        margin=round(ends.longest_s / limit_s, 4),
        samples=ends.events,
    )


def success(name: str, least: float, ends: Ends) -> Slo:
    """Of the events that are not with a person, who does not answer while a load runs."""
    judged = ends.events - ends.person
    reached = ends.good / judged if judged else 1.0
    missed = f", {ends.failed} failed" if ends.failed else ""
    missed += f", {ends.unfinished} not finished" if ends.unfinished else ""
    return Slo(
        name=f"{name} complete.success",
        limit=f"≥ {nearly_all(least)}",
        measured=f"{nearly_all(reached)}{missed}",
        held=reached >= least,
        margin=round((1 - reached) / (1 - least), 4) if least < 1 else None,
        samples=judged,
    )


def drain(name: str, promise: Promise, measures: Measures) -> Slo:
    """How long what had piled up took; a profile that stays below the peak that is promised says so."""
    assert promise.drain_s is not None
    drained_s = measures.drain_s
    measured = "not drained" if drained_s is None else seconds(drained_s)
    below = "" if reaches(promise, measures.seconds) else f", of less than the peak of {promise.peak_told}"
    return Slo(
        name=f"{name} peak.drain",
        limit=seconds(promise.drain_s),
        measured=measured + below,
        held=drained_s is not None and drained_s <= promise.drain_s,
        margin=None if drained_s is None else round(drained_s / promise.drain_s, 4),
        samples=measures.events,
    )


def reaches(promise: Promise, rows: Sequence[Second]) -> bool:
    """Did as much arrive, for as long, as the peak says?"""
    length = max(1, round(promise.peak_for_s))
    due = [row.due for row in rows]
    if promise.peak_per_s is None or len(due) < length:
        return promise.peak_per_s is None
    arriving = sum(due[:length])
    most = arriving
    for place_, left in enumerate(due[:-length] if length < len(due) else []):
        arriving += due[place_ + length] - left
        most = max(most, arriving)
    return most >= 0.98 * promise.peak_per_s * length


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────────

GRAVEST: Final = ("no loss", "no second effect", "order", "backlog", "accepted")


def gravity(row: Slo) -> tuple[int, float]:
    first = GRAVEST.index(row.name) if row.name in GRAVEST else len(GRAVEST)
    return first, -(row.margin or 0.0)


def reason(row: Slo) -> str:
    where = f" in {row.where}" if row.where else ""
    return f"{row.name}: {row.measured}{where}" + (
        "" if row.limit in ("0", "drains") else f", the limit is {row.limit}"
    )


def place(window: Window) -> str:
    if window.over == "run":
        return ""
    phase = f"phase {window.name}" if window.name else ""
    if window.over == "phase":
        return phase
    return f"{clock(window.begin_s)} to {clock(window.end_s)}{f', {phase}' if phase else ''}"
