"""A RUN → ITS MEASURES: what the generator saw, the engine's store, what was watched, and the partners' books, joined.

`sends.py` reads what was sent, `passed.py` the store, `watch.py` has what was seen each second. This file refuses to
judge, and to ask anybody anything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from msgspec.structs import replace

from engine.run.load import Loaded
from engine.store.database import Database
from harness.counting import told as quota_told
from harness.load.histogram import Histogram
from harness.load.measure import watch
from harness.load.measure.passed import Pass
from harness.load.measure.ran import Partners, Ran
from harness.load.measure.sends import Counts, Sends, Series
from harness.load.measure.steady import SETTLED, slope, steady_phase
from harness.load.measure.trust import invalid_because
from harness.load.model import (
    SECOND_US,
    Generator,
    Latency,
    Measures,
    PartnerMeasures,
    PhaseSpan,
    Second,
    StageTime,
    Window,
)


def measure(loaded: Loaded, ran: Ran, database: Database) -> Measures:
    """All that was measured in a run; `database` reads its store."""
    sends = Sends(ran.messages, ran.phases)
    sends.read(ran.sent)
    passed = Pass(loaded, ran, sends)
    passed.read(database)
    generator = Generator(
        processes=ran.processes,
        lag=sends.lag.latency(),
        cpu=round(watch.busiest(ran.rows), 3),
        unsent=sends.unsent,
        clock_jump_ms=round(watch.clock_jump_ms(ran.rows), 3),
        steal=round(watch.steal_share(ran.rows), 4),
    )
    reasons = invalid_because(generator, sends.offered)
    seen = [row.page for row in ran.rows if row.page]
    cpu_s = spent_s([row.engine for row in ran.rows]) + spent_s([row.writer for row in ran.rows])
    return Measures(
        phases=ran.phases,
        seconds=tuple(seconds_of(ran, sends, passed)),
        offered=sends.offered,
        sent=sends.sent,
        accepted=sends.accepted,
        events=passed.direct,
        duplicates=sends.duplicates,
        refused={str(status): count for status, count in sorted(sends.refused.items())},
        failed=sends.failed,
        completed=passed.completed,
        ended=dict(sorted(passed.ended.items())),
        accept=sends.all.corrected.latency(),
        accept_service=sends.all.service.latency(),
        complete=passed.all.corrected.latency(),
        complete_service=passed.all.service.latency(),
        by_phase=by_phase(ran.phases, sends.all, passed.all),
        by_integration=by_integration(sends, passed),
        stages=tuple(StageTime(stage=stage, latency=found.latency()) for stage, found in passed.stages()),
        partners=tuple(partners_of(loaded, ran.partners, passed.called)),
        books=passed.books(database),
        generator=replace(generator, held=not reasons, reasons=reasons),
        drain_s=passed.drain_s,
        backlog_slope_per_s=round(growth_per_s(ran), 4),
        backlog_max=max((page.backlog for page in seen), default=0),
        oldest_max_s=max((page.oldest_s for page in seen), default=0.0),
        calls_per_event=round(passed.calls / passed.direct, 4) if passed.direct else 0.0,
        engine_cpu_us_per_event=round(cpu_s * SECOND_US / passed.direct, 1) if passed.direct else 0.0,
        windows=tuple(windows(sends, passed)),
        ends={name: ends.told() for name, ends in sorted(passed.ends.items())},
    )


# ── put together ─────────────────────────────────────────────────────────────────────────────────────────────────────


def by_phase(phases: Sequence[PhaseSpan], accept: Series, complete: Series) -> dict[str, dict[str, Latency]]:
    return {
        phase.name: {
            "accept": accept.by_phase[place][0].latency(),
            "accept_service": accept.by_phase[place][1].latency(),
            "complete": complete.by_phase[place][0].latency(),
            "complete_service": complete.by_phase[place][1].latency(),
        }
        for place, phase in enumerate(phases)
    }


def by_integration(sends: Sends, passed: Pass) -> dict[str, dict[str, Latency]]:
    found: dict[str, dict[str, Latency]] = {}
    for name in sorted({*sends.names, *passed.of}):
        latencies = {}
        if name in passed.places:
            accept = sends.of[passed.places[name]]
            latencies = {"accept": accept.corrected.latency(), "accept_service": accept.service.latency()}
        if name in passed.of:
            complete = passed.of[name]
            latencies |= {"complete": complete.corrected.latency(), "complete_service": complete.service.latency()}
        found[name] = latencies
    return found


def windows(sends: Sends, passed: Pass) -> Iterator[Window]:
    for name, series in zip(sends.names, sends.of, strict=True):
        yield from series.windows(name, "accept")
    for name, series in sorted(passed.of.items()):
        yield from series.windows(name, "complete")


def partners_of(loaded: Loaded, partners: Partners, called: Mapping[str, Histogram]) -> Iterator[PartnerMeasures]:
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    for counted in partners.seconds.values():
        for what, count in counted.items():
            system, _, status = what.partition(" ")
            statuses[system][status] += count
    for name in sorted({*partners.counts, *called}):
        counts = partners.counts.get(name, {})
        seen = called.get(name)
        if not counts.get("requests") and seen is None:
            continue
        yield PartnerMeasures(
            system=name,
            requests=counts.get("requests", 0),
            statuses=dict(sorted(statuses[name].items())),
            booked=counts.get("booked", 0),
            repeated=counts.get("repeated", 0),
            throttled=counts.get("throttled", 0) + counts.get("throttle", 0),
            quota=quota_told(loaded.shape(name).quota),
            latency=seen.latency() if seen is not None else None,
        )


def seconds_of(ran: Ran, sends: Sends, passed: Pass) -> Iterator[Second]:
    """Every second of the run, also those in which nothing came."""
    watched = watched_seconds(ran.rows, ran.began_us)
    answered: dict[int, Counter[str]] = defaultdict(Counter)
    for unix_s, counted in ran.partners.seconds.items():
        answered[max(0, (unix_s * SECOND_US - ran.began_us) // SECOND_US)].update(counted)
    known = [*sends.seconds, *watched, round(max((phase.end_s for phase in ran.phases), default=0)) - 1]
    for at_s in range(max(known) + 1):
        counts = sends.seconds.get(at_s) or Counts()
        accept, complete = sends.all.over_time.at(at_s), passed.finishing.at(at_s)
        yield replace(
            watched.get(at_s) or Second(at_s=at_s),
            at_s=at_s,
            due=counts.due,
            sent=counts.sent,
            accepted=counts.accepted,
            refused=counts.refused,
            failed=counts.failed,
            completed=counts.completed,
            accept_p50_ms=quantile_ms(accept, 0.5),
            accept_p99_ms=quantile_ms(accept, 0.99),
            accept_max_ms=accept.max_us / 1_000 if accept else None,
            complete_p50_ms=quantile_ms(complete, 0.5),
            complete_p99_ms=quantile_ms(complete, 0.99),
            complete_max_ms=complete.max_us / 1_000 if complete else None,
            statuses=dict(answered.get(at_s, ())),
        )


def quantile_ms(found: Histogram | None, quantile: float) -> float | None:
    us = found.quantile_us(quantile) if found else None
    return None if us is None else us / 1_000


def watched_seconds(rows: Sequence[watch.Row], began_us: int) -> dict[int, Second]:
    """Second of the run → what was seen at its end. A look that comes late tells of all the seconds since the last."""
    found: dict[int, Second] = {}
    for before, row in pairwise(rows):
        span_s = row.at_s - before.at_s
        first, last = (int((one.at_us - began_us) // SECOND_US) for one in (before, row))
        if span_s <= 0 or last < 0:
            continue
        page, earlier = row.page or watch.Page(), before.page or watch.Page()
        both = row.page is not None and before.page is not None
        parts = max(1, last - first)
        generators = zip(before.generators, row.generators, strict=False)
        second = Second(
            at_s=last,
            backlog=page.backlog,
            running=page.running,
            oldest_s=round(page.oldest_s, 3),
            calls=(page.calls - earlier.calls) // parts if both else 0,
            retries=(page.retries - earlier.retries) // parts if both else 0,
            engine_cpu=round(watch.engine_share(before, row), 4),
            engine_rss_mib=round(watch.engine_rss_mib(row), 1),
            generator_cpu=round(max((watch.share(*pair, span_s) for pair in generators), default=0.0), 4),
            machine_cpu=round(watch.machine_share(before.machine, row.machine), 4),
            commit_busy=round(max(0.0, page.commit_s - earlier.commit_s) / span_s, 4) if both else 0.0,
        )
        for at_s in range(max(0, min(first + 1, last)), last + 1):
            found[at_s] = replace(second, at_s=at_s)
    return found


def spent_s(seen: Sequence[watch.Cpu | None]) -> float:
    known = [cpu.used_s for cpu in seen if cpu is not None]
    return known[-1] - known[0] if known else 0.0


def growth_per_s(ran: Ran) -> float:
    """By how much the backlog grows in a second, over the last steady phase without what only begins in it."""
    sending = [one for one in ran.phases if one.counted and not one.outage]
    phase = steady_phase(ran.phases) or (sending[-1] if sending else None)
    if phase is None:
        return 0.0
    begin_s = phase.begin_s + (phase.end_s - phase.begin_s) * SETTLED
    at = [((row.at_us - ran.began_us) / SECOND_US, row.page.backlog) for row in ran.rows if row.page]
    inside = [(at_s, backlog) for at_s, backlog in at if begin_s <= at_s <= phase.end_s]
    return slope(inside) if len(inside) > 2 else 0.0
