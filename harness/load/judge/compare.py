"""TWO RESULTS → what became worse, by how much, and how sure that is. `waybill compare A B`; A came before.

A quantile of n samples is an order statistic: its rank among all that could have been drawn is Beta(q·n, (1-q)·n)
distributed (David & Nagaraja, Order Statistics, §2.5), so its spread is drawn from the histogram without resampling a
single event: the bootstrap of Maritz and Jarrett (1978). Events of one run are no independent samples: those of one
second wait in the same queue. So n is what an autocorrelated series of that length is worth, n·(1-r)/(1+r) with r the
correlation of neighbouring seconds (Bayley & Hammersley 1946). An interval from independent samples would call chance
a regression at any load worth the name. The effect beside it is how often an event after is slower than one before
(Mann & Whitney's U over the product of counts; Vargha & Delaney's A).

A regression needs both: sure (the interval lies above no change) and worth it (more than the tolerance, and more than
a millisecond). This file refuses to compare what is not alike: another profile, machine or store, or a run that is
itself invalid.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final, Literal

from msgspec import Struct

from harness.load.histogram import Histogram
from harness.load.model import Latency, Measures, Result
from harness.load.numbers import label, milliseconds, per_minute, seconds, whole

DRAWS: Final = 2_000
SURE: Final = 0.95
TOLERANCE: Final = 0.1
NOTICEABLE_MS: Final = 1.0
"""What a clock, a scheduler and a loopback do by themselves."""
OFFERED_APART_MAX: Final = 0.05
"""Another seed draws a few arrivals more or fewer; another load is more than that."""
COMPARED: Final = ("0.5", "0.95", "0.99")

Buckets = Sequence[tuple[float, int]]
"""A histogram: (milliseconds, how many), ascending."""


class Row(Struct, frozen=True, kw_only=True):
    """One thing compared. `change` is a share (0.2: a fifth more), `low` and `high` bound it at 95 %; None where the
    numbers are counted, not sampled. `slower` is how often an event after is slower than one before (0.5: as often
    as not)."""

    name: str
    before: str
    after: str
    verdict: Literal["same", "worse", "better", "unclear"]
    change: float | None = None
    low: float | None = None
    high: float | None = None
    slower: float | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """What `waybill compare` tells. `unlike` says why nothing was compared."""

    unlike: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def regressed(self) -> bool:
        return any(row.verdict == "worse" for row in self.rows)


Decode = Callable[[str], Buckets]
"""The text of a histogram → its buckets."""


def buckets_of(text: str) -> Buckets:
    """Those of a result. Raises ValueError where the text is no histogram."""
    return [(us / 1000, count) for us, count in Histogram.decode(text).values()]


def compare(before: Result, after: Result, *, tolerance: float = TOLERANCE, decode: Decode = buckets_of) -> Comparison:
    """Everything worth telling, the promises first."""
    unlike = tuple(differences(before, after))
    if unlike:
        return Comparison(unlike=unlike, notes=(), rows=())
    rows = (
        *kept(before, after),
        *promises(before, after),
        *timings(before, after, decode, tolerance),
        *totals(before, after, tolerance),
    )
    return Comparison(unlike=(), notes=tuple(notes(before, after)), rows=rows)


# ── what may be compared ─────────────────────────────────────────────────────────────────────────────────────────────


def differences(before: Result, after: Result) -> Iterator[str]:
    """Why the two cannot be compared."""
    for word, result in (("A", before), ("B", after)):
        if result.verdict == "invalid":
            yield f"{word} is invalid: {result.why[0] if result.why else 'its measurement cannot be trusted'}"
    one, other = before.run, after.run
    for word, mine, theirs in (
        ("the profile", one.profile, other.profile),
        ("the specs", ", ".join(one.specs), ", ".join(other.specs)),
        ("the machine", one.machine, other.machine),
        ("the store", one.store, other.store),
        ("time", time_word(virtual=one.virtual), time_word(virtual=other.virtual)),
        ("the phases", phases(before.measures), phases(after.measures)),
    ):
        if mine != theirs:
            yield f"{word} differs: {mine} against {theirs}"
    offered = before.measures.offered, after.measures.offered
    if abs(offered[0] - offered[1]) > OFFERED_APART_MAX * max(offered):
        yield f"another load: {whole(offered[0])} messages were due, {whole(offered[1])} after"


def time_word(*, virtual: bool) -> str:
    return "virtual" if virtual else "real"


def phases(measures: Measures) -> str:
    return ", ".join(f"{phase.name} {seconds(phase.end_s - phase.begin_s)}" for phase in measures.phases)


def notes(before: Result, after: Result) -> Iterator[str]:
    """What differs and may be the reason."""
    for word, mine, theirs in (
        ("workspace", before.run.workspace_hash[:12], after.run.workspace_hash[:12]),
        ("Waybill", before.run.version, after.run.version),
        ("Python", before.run.python, after.run.python),
        ("seed", str(before.run.seed), str(after.run.seed)),
    ):
        if mine != theirs:
            yield f"{word} {mine} before, {theirs} after"


# ── what was counted ─────────────────────────────────────────────────────────────────────────────────────────────────


def kept(before: Result, after: Result) -> Iterator[Row]:
    """Loss, second effects and order: one more is worse, whatever chance says."""
    for name in ("lost", "doubled", "out_of_order"):
        yield counted(name.replace("_", " "), getattr(before, name), getattr(after, name))


def counted(name: str, mine: int, theirs: int) -> Row:
    verdict: Literal["same", "worse", "better"] = "same" if mine == theirs else "worse" if theirs > mine else "better"
    return Row(name=name, before=whole(mine), after=whole(theirs), verdict=verdict)


def promises(before: Result, after: Result) -> Iterator[Row]:
    """Promises that were kept in one of the two, and not in the other."""
    mine = {slo.name: slo for slo in before.slo}
    for slo in after.slo:
        known = mine.get(slo.name)
        if known is None or known.held == slo.held:
            continue
        yield Row(
            name=slo.name, before=known.measured, after=slo.measured, verdict="better" if slo.held else "worse"
        )  # fmt: skip


def totals(before: Result, after: Result, tolerance: float) -> Iterator[Row]:
    """Throughput, drain and capacity. One number of each run: what moved within the tolerance is the same, what moved
    more is told, and is worse only where no luck makes it so."""
    drains = before.drain_s, after.drain_s
    if None in drains and drains != (None, None):
        verdict: Literal["worse", "better"] = "worse" if drains[1] is None else "better"
        yield Row(name="drain", before=drained(drains[0]), after=drained(drains[1]), verdict=verdict)
    elif drains[0] is not None and drains[1] is not None:
        change = drains[1] / drains[0] - 1 if drains[0] else None
        apart = abs(drains[1] - drains[0]) > max(1.0, tolerance * drains[0])
        yield Row(
            name="drain", before=drained(drains[0]), after=drained(drains[1]), change=change,
            verdict="unclear" if apart else "same",
        )  # fmt: skip
    yield of_share("accepted", before, after, tolerance)
    yield of_share("completed", before, after, tolerance)
    if before.capacity is not None and after.capacity is not None:
        mine, theirs = before.capacity, after.capacity
        verdict_of = "worse" if theirs.high < mine.low else "better" if theirs.low > mine.high else "same"
        yield Row(
            name="capacity", before=per_minute(mine.per_minute), after=per_minute(theirs.per_minute),
            change=theirs.per_minute / mine.per_minute - 1 if mine.per_minute else None,
            verdict=verdict_of,  # type: ignore[arg-type]
        )  # fmt: skip


def of_share(name: str, before: Result, after: Result, tolerance: float) -> Row:
    """Of what was due, so that a seed with a few more arrivals is no gain."""
    shares = [getattr(result, name) / max(1, result.measures.offered) for result in (before, after)]
    change = shares[1] / shares[0] - 1 if shares[0] else 0.0
    verdict: Literal["same", "worse", "better"] = (
        "same" if abs(change) <= tolerance else "worse" if change < 0 else "better"
    )
    return Row(
        name=name, before=whole(getattr(before, name)), after=whole(getattr(after, name)), change=change,
        verdict=verdict,
    )  # fmt: skip


def drained(value: float | None) -> str:
    return "never" if value is None else seconds(value)


# ── what was timed ───────────────────────────────────────────────────────────────────────────────────────────────────


def timings(before: Result, after: Result, decode: Decode, tolerance: float) -> Iterator[Row]:
    """Corrected latencies: of all, and of each integration its p99."""
    mine, theirs = before.measures, after.measures
    for kind in ("accept", "complete"):
        worth = neighbours(mine, kind), neighbours(theirs, kind)
        pair: tuple[Latency, Latency] = (getattr(mine, kind), getattr(theirs, kind))
        yield from timed(kind, pair, worth, COMPARED, decode, tolerance)
        for name in sorted(mine.by_integration.keys() & theirs.by_integration.keys()):
            apart = mine.by_integration[name].get(kind), theirs.by_integration[name].get(kind)
            if apart[0] is not None and apart[1] is not None and len(mine.by_integration) > 1:
                yield from timed(f"{name} {kind}", (apart[0], apart[1]), worth, ("0.99",), decode, tolerance)


def timed(
    name: str,
    latencies: tuple[Latency, Latency],
    worth: tuple[float, float],
    quantiles: Sequence[str],
    decode: Decode,
    tolerance: float,
) -> Iterator[Row]:
    """A row for each quantile that both runs have."""
    known = [each for each in quantiles if all(each in latency.quantiles_ms for latency in latencies)]
    if not known or not all(latency.histogram for latency in latencies):
        return
    mine, theirs = (Drawn(decode(latency.histogram), share) for latency, share in zip(latencies, worth, strict=True))
    slower = probability_slower(mine.buckets, theirs.buckets)
    for each in known:
        before_ms, after_ms = (latency.quantiles_ms[each] for latency in latencies)
        chance = random.Random(f"{name} {each}")  # noqa: S311 — the same two files give the same answer
        ratios = sorted(
            theirs.draw(float(each), chance) / max(mine.draw(float(each), chance), 1e-3) - 1 for _ in range(DRAWS)
        )
        low, high = ratios[round(DRAWS * (1 - SURE) / 2)], ratios[round(DRAWS * (1 + SURE) / 2) - 1]
        change = after_ms / max(before_ms, 1e-3) - 1
        yield Row(
            name=f"{name} {label(each)}",
            before=milliseconds(before_ms),
            after=milliseconds(after_ms),
            change=change,
            low=low,
            high=high,
            slower=slower,
            verdict=judged(change, low, high, after_ms - before_ms, tolerance),
        )


def judged(
    change: float, low: float, high: float, apart_ms: float, tolerance: float
) -> Literal["same", "worse", "better", "unclear"]:
    if abs(apart_ms) <= NOTICEABLE_MS:
        return "same"
    if low > 0 and change > tolerance:
        return "worse"
    if high < 0 and change < -tolerance:
        return "better"
    return "same" if abs(change) <= tolerance else "unclear"


class Drawn:
    """A distribution of which quantiles are drawn as another run of the same might have given them. `worth` is the
    share of its samples that an independent one is worth."""

    def __init__(self, buckets: Buckets, worth: float) -> None:
        self.buckets = buckets
        self.sums = list(accumulate(count for _, count in buckets))
        self.total = self.sums[-1] if self.sums else 0
        self.effective = max(2.0, self.total * worth)

    def draw(self, quantile: float, chance: random.Random) -> float:
        rank = chance.betavariate(quantile * self.effective + 0.5, (1 - quantile) * self.effective + 0.5)
        place = bisect_left(self.sums, rank * self.total)
        return self.buckets[min(place, len(self.buckets) - 1)][0]


def probability_slower(before: Buckets, after: Buckets) -> float:
    """How often one of `after` exceeds one of `before`; ties count half."""
    total_before, total_after = (sum(count for _, count in buckets) for buckets in (before, after))
    below = place = won = 0
    tied = 0
    for value, count in after:
        while place < len(before) and before[place][0] < value:
            below += before[place][1]
            place += 1
        won += count * below
        if place < len(before) and before[place][0] == value:
            tied += count * before[place][1]
    return (won + tied / 2) / max(1, total_before * total_after)


def neighbours(measures: Measures, kind: str) -> float:
    """What a sample is worth beside its neighbours: (1-r)/(1+r), r being how alike one second is to the next. Where
    too few seconds have a median of their own, the backlog tells it, which is what makes them alike."""
    counted_spans = [(phase.begin_s, phase.end_s) for phase in measures.phases if phase.counted]
    inside = [each for each in measures.seconds if any(begin <= each.at_s < end for begin, end in counted_spans)]
    series: list[float] = [
        value for each in inside if (value := getattr(each, f"{kind}_p50_ms")) is not None
    ]  # fmt: skip
    if len(series) < len(inside) / 2 or len(series) < 10:
        series = [float(each.backlog) for each in inside]
    return alike(series)


def alike(series: Sequence[float]) -> float:
    """(1-r)/(1+r) of a series, at least a hundredth; 1 where it does not vary, or is too short to tell."""
    if len(series) < 4:
        return 1.0
    mean = sum(series) / len(series)
    spread = sum((value - mean) ** 2 for value in series)
    if spread == 0:
        return 1.0
    r = sum((one - mean) * (two - mean) for one, two in pairwise(series)) / spread
    r = min(max(r, 0.0), 0.98)
    return (1 - r) / (1 + r)
