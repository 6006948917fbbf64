"""Measures as a run would give them, for tables: only what a test is about need be said."""

from harness.load.model import Books, Generator, Latency, Measures, PhaseSpan, Second, Work


def latency(count: int = 0, mean_ms: float = 0.0, **quantiles: float) -> Latency:
    return Latency(count, mean_ms, mean_ms, {name[1:].replace("_", "."): value for name, value in quantiles.items()})


def measured(
    *,
    work: Work | None = None,
    offered: int = 1000,
    completed: int = 1000,
    slope: float = 0.0,
    drain_s: float | None = 1.0,
    p99_ms: float | None = None,
    generator_held: bool = True,
    seconds: tuple[Second, ...] = (),
    refused: int = 0,
) -> Measures:
    none = latency()
    complete = latency(completed, 20.0, **({} if p99_ms is None else {"q0_99": p99_ms}))
    reasons = () if generator_held else ("it sent late",)
    return Measures(
        phases=(PhaseSpan("hold", 0.0, 10.0),),
        seconds=seconds,
        offered=offered,
        sent=offered,
        accepted=offered - refused,
        events=offered - refused,
        duplicates=0,
        refused={"503": refused} if refused else {},
        failed=0,
        completed=completed,
        ended={"done": completed},
        accept=none,
        accept_service=none,
        complete=complete,
        complete_service=none,
        by_phase={},
        by_integration={},
        stages=(),
        partners=(),
        books=Books(checked=completed, lost=0, doubled=0, out_of_order=0),
        generator=Generator(
            processes=1, lag=none, cpu=0.1, unsent=0, clock_jump_ms=0.0, held=generator_held, reasons=reasons
        ),
        drain_s=drain_s,
        backlog_slope_per_s=slope,
        backlog_max=0,
        oldest_max_s=0.0,
        calls_per_event=1.0,
        engine_cpu_us_per_event=500.0,
        work=work,
    )
