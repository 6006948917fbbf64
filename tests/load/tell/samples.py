"""What the page is drawn of: results as a small queue leaves them, in which what is offered comes by the second and what
is served has a limit."""

from functools import cache
from random import Random

from load import results
from msgspec.structs import replace

from harness.load.histogram import Histogram
from harness.load.model import (
    Books,
    Capacity,
    Ends,
    Generator,
    Latency,
    Limiting,
    Measures,
    PartnerMeasures,
    PhaseSpan,
    Probe,
    Result,
    Second,
    Slo,
    StageTime,
    Violation,
    Window,
)

FLASH_SALE = (
    (PhaseSpan("warm-up", 0, 10, counted=False), 20.0),
    (PhaseSpan("before", 10, 25), 40.0),
    (PhaseSpan("burst", 25, 50), 190.0),
    (PhaseSpan("tail", 50, 80), 35.0),
)
STORM = (
    (PhaseSpan("steady", 0, 20), 60.0),
    (PhaseSpan("webhooks down", 20, 40, outage=True), 0.0),
    (PhaseSpan("catch-up", 40, 60), 170.0),
)


def latency(samples_ms: list[float]) -> Latency:
    found = Histogram()
    for sample in samples_ms:
        found.record_us(round(sample * 1_000))
    return found.latency()


def measures(phases=FLASH_SALE, served=95.0, seed=7, drain_s=60) -> Measures:
    """A queue that serves `served` events a second, one call each, and a partner that throttles what comes faster."""
    chance = Random(seed)
    seconds, backlog, waiting = [], 0, 0.0
    accept, accept_service, complete, complete_service, queued, partner, lag = ([] for _ in range(7))
    by_phase: dict[str, dict[str, list[float]]] = {}
    end = int(phases[-1][0].end_s)
    for at in range(end + drain_s):
        phase, rate = next(((p, r) for p, r in phases if p.begin_s <= at < p.end_s), (phases[-1][0], 0.0))
        due = max(0, round(chance.gauss(rate, rate**0.5))) if rate else 0
        done = min(backlog + due, round(served + chance.gauss(0, 3)))
        backlog += due - done
        waiting = backlog / served
        throttled = round(max(0, chance.gauss(14, 4))) if backlog > 50 else 0
        accepted_ms = [chance.lognormvariate(1.1, 0.5) for _ in range(due)]
        lags = [chance.lognormvariate(-1.2, 0.6) for _ in range(due)]
        waits = [waiting * 1_000 * chance.uniform(0.85, 1.1) for _ in range(done)]
        calls = [chance.lognormvariate(3, 0.35) for _ in range(done)]
        ended = [a + b + 4 for a, b in zip(waits, calls, strict=True)]
        if phase.counted:
            lag += lags
            accept_service += accepted_ms
            accept += [a + b for a, b in zip(accepted_ms, lags, strict=True)]
            complete += [one + 3 for one in ended]
            complete_service += ended
            queued += waits
            partner += calls
            if at < end:
                mine = by_phase.setdefault(phase.name, {"accept": [], "complete": []})
                mine["accept"] += accepted_ms
                mine["complete"] += ended
        if at >= end and not backlog and not done:
            break
        seconds.append(
            Second(
                at_s=at,
                due=due,
                sent=due,
                accepted=due,
                completed=done,
                backlog=backlog,
                oldest_s=round(waiting, 2),
                calls=done + throttled,
                retries=throttled,
                engine_cpu=0.12 + (due + done) * 0.0022,
                engine_rss_mib=92 + backlog * 0.006,
                generator_cpu=0.03 + due * 0.0008,
                machine_cpu=0.1 + (due + done) * 0.0017,
                commit_busy=0.04 + (due + done) * 0.0009,
                accept_p50_ms=sorted(accepted_ms)[due // 2] if due >= 20 else None,
                accept_max_ms=max(accepted_ms, default=None),
                complete_p50_ms=sorted(ended)[done // 2] if done >= 20 else None,
                complete_max_ms=max(ended, default=None),
                statuses={"erp 201": done, "wms 200": done // 2} | ({"erp 429": throttled} if throttled else {}),
            )
        )
    offered, calls_in_all = sum(s.due for s in seconds), sum(s.calls for s in seconds)
    completed, throttled = sum(s.completed for s in seconds), sum(s.retries for s in seconds)
    gate = [one * 0.4 for one in queued]
    return results.bare(
        phases=tuple(phase for phase, _ in phases),
        seconds=tuple(seconds),
        offered=offered,
        sent=offered,
        accepted=offered,
        events=offered,
        duplicates=41,
        completed=completed,
        ended={"done": completed - 120, "ignored": 120},
        accept=latency(accept),
        accept_service=latency(accept_service),
        complete=latency(complete),
        complete_service=latency(complete_service),
        by_phase={name: {kind: latency(told) for kind, told in kinds.items()} for name, kinds in by_phase.items()},
        by_integration={results.ORDERS: {"accept": latency(accept), "complete": latency(complete)}},
        stages=(
            StageTime(stage="send", latency=latency(lag)),
            StageTime(stage="accept", latency=latency(accept_service)),
            StageTime(stage="queue", latency=latency([one * 0.6 for one in queued])),
            StageTime(stage="gate", latency=latency(gate)),
            StageTime(stage="engine", latency=latency([4.0] * completed)),
            StageTime(stage="partner", latency=latency(partner)),
            StageTime(stage="retry", latency=latency([250.0] * throttled)),
        ),
        partners=(
            PartnerMeasures(
                system="erp",
                requests=calls_in_all,
                statuses={"201": completed, "429": throttled, "500": 12},
                booked=completed,
                repeated=12,
                throttled=throttled,
                quota="95/s, burst 50, concurrency 8",
                latency=latency(partner),
            ),
            PartnerMeasures(
                system="wms",
                requests=completed // 2,
                statuses={"200": completed // 2},
                booked=completed // 2,
                repeated=0,
                throttled=0,
            ),
        ),
        windows=(
            Window(
                integration=results.ORDERS,
                of="complete",
                over="window",
                name=phases[-2][0].name,
                begin_s=40,
                end_s=50,
                latency=latency(sorted(complete)[-900:]),
            ),
        ),
        ends={
            results.ORDERS: Ends(
                events=completed,
                good=completed,
                failed=0,
                person=3,
                unfinished=0,
                late=0,
                longest_s=max(complete) / 1_000,
            )
        },
        books=Books(checked=completed + completed // 2, lost=0, doubled=0, out_of_order=0, unprotected=0),
        generator=Generator(processes=1, lag=latency(lag), cpu=0.21, unsent=0, clock_jump_ms=0.3),
        drain_s=float(len(seconds) - end) if not backlog else None,
        backlog_slope_per_s=-61.0,
        backlog_max=max(s.backlog for s in seconds),
        oldest_max_s=max(s.oldest_s for s in seconds),
        calls_per_event=calls_in_all / completed,
        engine_cpu_us_per_event=2_140.0,
    )


RUN = replace(results.RUN, specs=(results.ORDERS, "orders-to-parcels"))
QUOTA = Limiting("quota", "erp", 5_700, "95/s at one call an event")


def result(verdict="held", of: Measures | None = None, **changed) -> Result:
    told = of or measures()
    p99 = told.complete.quantiles_ms.get("0.99", 0.0) / 1_000
    slo = (
        Slo(
            name="shopify-orders-to-erp complete.p99",
            limit="30 s",
            measured=f"{p99:.3g} s",
            held=p99 <= 30,
            margin=p99 / 30,
            where="0:41 to 0:51 (burst)",
            samples=told.complete.count,
        ),
        Slo(
            name="shopify-orders-to-erp accept.p99",
            limit="250 ms",
            measured="11.2 ms",
            held=True,
            margin=0.045,
            where="burst",
            samples=told.accept.count,
        ),
        Slo(
            name="orders-to-parcels complete.success",
            limit="99.9 %",
            measured="too few",
            held=True,
            judged=False,
            where="tail",
            samples=212,
        ),
        *(
            Slo(name=name, limit="0", measured=str(count), held=not count, samples=told.books.checked)
            for name, count in (
                ("no loss", told.books.lost),
                ("no second effect", told.books.doubled),
                ("order", told.books.out_of_order),
            )
        ),
        Slo(
            name="backlog",
            limit="drained in 120 s",
            measured="never" if told.drain_s is None else f"{told.drain_s:g} s",
            held=told.drain_s is not None,
            where="after tail",
        ),
    )
    made = results.result(
        verdict=verdict,
        slo=slo,
        accepted=told.accepted,
        completed=told.completed,
        lost=told.books.lost,
        doubled=told.books.doubled,
        out_of_order=told.books.out_of_order,
        drain_s=told.drain_s,
        limiting=QUOTA,
        run=RUN,
        measures=told,
    )
    return replace(made, **changed)


@cache
def held() -> Result:
    return result()


@cache
def broken() -> Result:
    """Slower partners: the backlog outlives the drain, and an order was overtaken."""
    told = measures(served=60.0, drain_s=20)
    story = (
        (31.204, "accepted: revision 2 of order 1042"),
        (31.211, "accepted: revision 3 of order 1042"),
        (44.9, "erp.update_order sent for revision 3"),
        (45.02, "erp booked revision 3 (200)"),
        (46.417, "erp.update_order sent for revision 2"),
        (46.531, "erp booked revision 2 (200): older than what stands"),
    )
    violations = (
        Violation(
            kind="out_of_order", what="erp: revision 2 was booked after revision 3", event="evt-4711", timeline=story
        ),
        Violation(kind="lost", what="acknowledged with 202, and in no state", event="evt-977"),
    )
    books = Books(
        checked=9_000, lost=1, doubled=0, out_of_order=1, unprotected=2, unfinished=812, violations=violations
    )
    return result(
        "broken",
        replace(told, books=books, drain_s=None, backlog_slope_per_s=38.0, refused={"429": 31, "503": 4}),
        why=(
            "1 of 7,205 acknowledged events is in no state",
            "the backlog did not drain: 812 events when the drain's two minutes were over",
            "shopify-orders-to-erp complete.p99 was 41 s in its worst ten seconds, and 30 s were promised",
        ),
        windows=("At this profile events wait 41 min; dedupe_for 30m of stripe-payments-to-ledger is too short.",),
    )


@cache
def invalid() -> Result:
    told = measures(phases=STORM)
    late = latency([Random(1).expovariate(1 / 40) for _ in range(1)] + [40.0 + n % 90 for n in range(6_000)])
    reasons = ("messages left 127 ms late (p99), and 10 ms are the most", "the generator took 97 % of a core")
    generator = Generator(processes=1, lag=late, cpu=0.97, unsent=212, clock_jump_ms=1.2, held=False, reasons=reasons)
    return result(
        "invalid",
        replace(told, generator=generator),
        why=reasons,
        limiting=Limiting("generator", ""),
        run=replace(RUN, profile="redelivery-storm"),
    )


@cache
def capacity() -> Result:
    tried = [(2_000, True), (4_000, True), (5_400, True), (5_985, False), (9_000, False)]
    probes = tuple(
        Probe(
            per_minute=rate,
            held=held,
            completed_per_minute=min(rate, 5_690),
            backlog_slope_per_s=0.0 if held else (rate - 5_690) / 60,
            complete_p99_ms=120 + max(0, rate - 5_000) * 4.0,
            why="" if held else "the backlog grew",
        )
        for rate, held in tried
    )
    found = Capacity(
        per_minute=5_700,
        low=5_400,
        high=5_985,
        limiting=QUOTA,
        next_limit=Limiting("cpu", "engine", 24_000, "2.1 ms of one core an event"),
        probes=probes,
    )
    return result(capacity=found)


@cache
def virtual() -> Result:
    """A whole day: more seconds than a chart has points, a quota too slow to probe."""
    told = measures()
    hour = tuple(
        Second(
            at_s=at,
            due=2,
            sent=2,
            accepted=2,
            completed=2,
            backlog=at % 300,
            oldest_s=at % 300 / 2,
            calls=2,
            complete_max_ms=500.0 * (at % 300 + 1),
        )
        for at in range(14_400)
    )
    probes = (
        Probe(
            per_minute=114,
            held=True,
            completed_per_minute=114,
            backlog_slope_per_s=0,
            complete_p99_ms=900,
            virtual=True,
        ),
        Probe(
            per_minute=126,
            held=False,
            completed_per_minute=120,
            backlog_slope_per_s=0.1,
            complete_p99_ms=60_000,
            virtual=True,
            why="the backlog grew",
        ),
    )
    limiting = Limiting("quota", "erp", 120, "2/s at one call an event")
    return result(
        of=replace(told, seconds=hour, phases=(PhaseSpan("sale day", 0, 14_400),)),
        capacity=Capacity(per_minute=120, low=114, high=126, limiting=limiting, probes=probes, virtual=True),
        run=replace(RUN, virtual=True, command=RUN.command + " --virtual"),
        limiting=limiting,
    )


@cache
def empty() -> Result:
    """A run in which nothing happened: interrupted before its first second, or of integrations that call nobody."""
    generator = replace(results.bare().generator, processes=0, held=False, reasons=("nothing was sent",))
    told = results.bare(generator=generator)
    return result("invalid", told, why=("nothing was sent",), slo=(), limiting=None)


SAMPLES = {"held": held, "broken": broken, "invalid": invalid, "capacity": capacity, "virtual": virtual, "empty": empty}
