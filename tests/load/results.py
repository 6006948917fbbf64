"""Measures and results of runs that never were, for what reads one: nothing happened, or a sale that held, but for what
a test says of it."""

from typing import Any

from msgspec.structs import replace

from harness.load.model import (
    Books,
    Capacity,
    Generator,
    Latency,
    Limiting,
    Measures,
    PartnerMeasures,
    PhaseSpan,
    Probe,
    Result,
    Run,
    Second,
    Slo,
    StageTime,
    Violation,
    Work,
)

ORDERS = "shopify-orders-to-erp"
NOTHING = Latency(0, 0.0, 0.0, {})
RUN = Run(
    command=f"waybill load {ORDERS} --profile flash-sale --seed 7",
    profile="flash-sale",
    specs=(ORDERS,),
    seed=7,
    workspace_hash="a1b2c3",
    version="0.1.0",
    python="3.12.1",
    machine="2 cores, 8 GiB",
    store="sqlite",
    began_at="2026-11-26T06:00:00Z",
    took_s=51.0,
)


def bare(**changes: Any) -> Measures:
    """Of a run in which nothing happened."""
    made: dict[str, Any] = dict.fromkeys(Measures.__struct_fields__, 0)
    made |= dict.fromkeys(("phases", "seconds", "stages", "partners", "windows"), ())
    made |= {name: {} for name in ("refused", "ended", "by_phase", "by_integration", "ends")}
    made |= dict.fromkeys(("accept", "accept_service", "complete", "complete_service"), NOTHING)
    made |= {
        "books": Books(checked=0, lost=0, doubled=0, out_of_order=0),
        "generator": Generator(processes=1, lag=NOTHING, cpu=0.0, unsent=0, clock_jump_ms=0.0),
        "drain_s": None,
        "work": None,
    }
    return Measures(**{**made, **changes})


def worked(
    *,
    work: Work | None = None,
    offered: int = 1000,
    completed: int = 1000,
    p99_ms: float | None = None,
    generator_held: bool = True,
    refused: int = 0,
    **changes: Any,
) -> Measures:
    """Of a run from which a capacity is reckoned: by default one that kept up."""
    quantiles = {} if p99_ms is None else {"0.99": p99_ms}
    reasons = () if generator_held else ("it sent late",)
    made: dict[str, Any] = {
        "phases": (PhaseSpan("hold", 0.0, 10.0),),
        "offered": offered,
        "sent": offered,
        "accepted": offered - refused,
        "events": offered - refused,
        "refused": {"503": refused} if refused else {},
        "completed": completed,
        "ended": {"done": completed},
        "complete": Latency(completed, 20.0, 20.0, quantiles),
        "books": Books(checked=completed, lost=0, doubled=0, out_of_order=0),
        "generator": replace(bare().generator, cpu=0.1, held=generator_held, reasons=reasons),
        "drain_s": 1.0,
        "calls_per_event": 1.0,
        "engine_cpu_us_per_event": 500.0,
        "work": work,
    }
    return bare(**{**made, **changes})


def latency(count: int = 12_000, times: float = 1.0) -> Latency:
    quantiles = {"0.5": 3.0, "0.75": 4.0, "0.9": 7.5, "0.95": 9.0, "0.99": 18.0, "0.999": 40.0}
    needed = {"0.5": 20, "0.75": 20, "0.9": 200, "0.95": 200, "0.99": 1_000, "0.999": 10_000}
    known = {name: value * times for name, value in quantiles.items() if count >= needed[name]}
    return Latency(count, 3.4 * times, 55.0 * times, known)


def measures(**changes: Any) -> Measures:
    """Of a sale that held."""
    phases = (
        PhaseSpan("warm up", 0.0, 5.0, counted=False),
        PhaseSpan("burst", 5.0, 25.0),
        PhaseSpan("tail", 25.0, 40.0),
    )
    seconds = tuple(
        Second(
            at_s=at,
            due=300,
            sent=300,
            accepted=300,
            completed=290,
            backlog=40 + at % 7,
            oldest_s=0.4,
            calls=600,
            retries=2,
            engine_cpu=0.6,
            engine_rss_mib=90.0,
            generator_cpu=0.2,
            accept_p99_ms=18.0 + at % 5,
            complete_p99_ms=400.0 + at % 9,
            statuses={"erp 201": 290, "erp 429": 2},
        )
        for at in range(40)
    )
    several = {
        "accept": latency(),
        "accept_service": latency(times=0.9),
        "complete": latency(times=25),
        "complete_service": latency(times=24),
    }
    made: dict[str, Any] = {
        "phases": phases,
        "seconds": seconds,
        "offered": 12_000,
        "sent": 12_000,
        "accepted": 12_000,
        "events": 11_900,
        "duplicates": 100,
        "completed": 11_900,
        "ended": {"done": 11_890, "held": 10},
        "accept": several["accept"],
        "accept_service": several["accept_service"],
        "complete": several["complete"],
        "complete_service": several["complete_service"],
        "by_phase": {"burst": several, "tail": several},
        "by_integration": {ORDERS: several},
        "stages": (StageTime(stage="queue", latency=latency()), StageTime(stage="partner", latency=latency(times=2))),
        "partners": (
            PartnerMeasures(
                system="erp",
                requests=12_100,
                statuses={"201": 11_900, "429": 200},
                booked=11_900,
                repeated=3,
                throttled=200,
                quota="100/s, burst 200, concurrency 32",
            ),
        ),
        "books": Books(checked=23_000, lost=0, doubled=0, out_of_order=0),
        "generator": Generator(processes=1, lag=latency(times=0.1), cpu=0.31, unsent=0, clock_jump_ms=0.2),
        "drain_s": 3.4,
        "backlog_slope_per_s": 0.1,
        "backlog_max": 2_100,
        "oldest_max_s": 21.0,
        "calls_per_event": 1.02,
        "engine_cpu_us_per_event": 2_100.0,
    }
    return bare(**{**made, **changes})


def result(**changes: Any) -> Result:
    """A run that held."""
    made: dict[str, Any] = {
        "verdict": "held",
        "why": (),
        "slo": (
            Slo(
                name=f"{ORDERS} accept.p99", limit="250ms", measured="18 ms", held=True, margin=0.072, where="burst",
                samples=9_000,
            ),
            Slo(name="no loss", limit="0", measured="0 of 23,000", held=True, samples=23_000),
        ),
        "accepted": 12_000,
        "completed": 11_900,
        "lost": 0,
        "doubled": 0,
        "out_of_order": 0,
        "drain_s": 3.4,
        "limiting": Limiting("quota", "erp", 6_000.0, "100/s ÷ 1 call per event"),
        "run": RUN,
        "measures": measures(),
    }  # fmt: skip
    return Result(**{**made, **changes})


def broken() -> Result:
    """One that lost an event and was slow."""
    base = result()
    violation = Violation(
        kind="lost",
        what="order </script><b>| 17 was acknowledged, and is in no book",
        event="evt-17",
        timeline=((1.2, "received"), (1.3, "done")),
    )
    slow = Slo(
        name=f"{ORDERS} complete.p99", limit="30s", measured="41.2 s", held=False, margin=1.37,
        where="window 12-22 s", samples=5_400,
    )  # fmt: skip
    loss = Slo(name="no loss", limit="0", measured="1 of 23,000", held=False, samples=23_000)
    return replace(
        base,
        verdict="broken",
        why=(
            "1 acknowledged event was lost",
            f"{ORDERS} complete.p99 was 41.2 s in the worst window; 30s is promised",
        ),
        slo=(slow, base.slo[0], loss),
        lost=1,
        windows=("at this profile events wait 41 min; dedupe_for 30m is too short",),
        measures=measures(books=Books(checked=23_000, lost=1, doubled=0, out_of_order=0, violations=(violation,))),
    )


def invalid() -> Result:
    """One whose generator was starved."""
    generator = Generator(
        processes=1, lag=latency(times=4), cpu=0.97, unsent=40, clock_jump_ms=0.2, held=False,
        reasons=("the generator sent 72 ms late at p99; 10 ms are allowed",),
    )  # fmt: skip
    return replace(
        result(),
        verdict="invalid",
        why=("the generator sent 72 ms late at p99; 10 ms are allowed",),
        measures=measures(generator=generator),
    )


def with_capacity() -> Result:
    return replace(
        result(),
        capacity=Capacity(
            per_minute=5_940.0,
            low=5_650.0,
            high=6_240.0,
            limiting=Limiting("quota", "erp", 6_000.0, "100/s ÷ 1 call per event"),
            next_limit=Limiting("cpu", "", 28_500.0, "2.1 ms of CPU per event"),
            probes=(
                Probe(
                    per_minute=5_650.0, held=True, completed_per_minute=5_650.0, backlog_slope_per_s=0.0,
                    complete_p99_ms=400.0,
                ),
                Probe(
                    per_minute=6_240.0, held=False, completed_per_minute=5_980.0, backlog_slope_per_s=4.3,
                    complete_p99_ms=9_000.0, why="the backlog grew by 4.3/s",
                ),
            ),
        ),
    )  # fmt: skip
