"""A run's measures and what was promised → held, broken or invalid, and each promise with what was measured of it."""

import pytest
from load.results import bare
from msgspec.structs import replace

from engine.spec import shape
from harness.load.histogram import Histogram
from harness.load.judge.verdict import Promise, judge, promise_of
from harness.load.model import (
    Books,
    Ends,
    Generator,
    Latency,
    Measures,
    PhaseSpan,
    Second,
    Slo,
    Window,
)


def latency(ms: float, count: int = 2_000, tail_ms: float | None = None) -> Latency:
    """`count` samples of which one in fifty takes `tail_ms`."""
    found = Histogram()
    tail = count // 50 if tail_ms else 0
    found.record_us(round(ms * 1_000), count - tail)
    if tail:
        found.record_us(round((tail_ms or 0) * 1_000), tail)
    return found.latency()


SOUND = bare(
    phases=(PhaseSpan("warm", 0, 10, counted=False), PhaseSpan("burst", 10, 20), PhaseSpan("tail", 20, 60)),
    seconds=tuple(Second(at_s=at, due=100) for at in range(60)),
    offered=6_000,
    sent=6_000,
    accepted=6_000,
    events=6_000,
    completed=6_000,
    ended={"done": 6_000},
    books=Books(checked=6_000, lost=0, doubled=0, out_of_order=0),
    generator=Generator(processes=1, lag=latency(0.5), cpu=0.4, unsent=0, clock_jump_ms=0.1),
    drain_s=1.5,
    backlog_max=40,
    oldest_max_s=1.0,
    ends={"orders": Ends(events=5_000, good=4_999, failed=1, person=0, unfinished=0, late=0, longest_s=2.5)},
)


def row(name: str, measures: Measures, promise: Promise) -> Slo:
    _, _, rows = judge(measures, [promise])
    return next(each for each in rows if each.name == f"orders {name}")


def window(over: str, found: Latency, name: str = "", of: str = "accept", begin_s: float = 10) -> Window:
    return Window(
        integration="orders", of=of, over=over, name=name, begin_s=begin_s, end_s=begin_s + 10, latency=found  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_sound_run_is_held_and_has_no_reasons() -> None:
    verdict, why, rows = judge(SOUND, [])
    assert (verdict, why) == ("held", ())
    assert [each.name for each in rows] == ["no loss", "no second effect", "order", "accepted", "backlog"]
    assert all(each.held for each in rows)


GENERATOR = SOUND.generator
INVALID = [
    pytest.param({"generator": replace(GENERATOR, lag=latency(0.5, tail_ms=11))}, "p99 of its sends", id="lag"),
    pytest.param({"generator": replace(GENERATOR, lag=latency(12, 50))}, "p50 of its sends", id="lag, few sends"),
    pytest.param({"generator": replace(GENERATOR, lag=latency(12, 5))}, "the latest of its", id="lag, five sends"),
    pytest.param({"generator": replace(GENERATOR, cpu=0.91)}, "no CPU left: 91 %", id="its CPU"),
    pytest.param({"generator": replace(GENERATOR, unsent=7)}, "7 of 6,000 messages unsent", id="unsent"),
    pytest.param({"generator": replace(GENERATOR, clock_jump_ms=51.0)}, "the clock was set by 51 ms", id="clock"),
    pytest.param({"generator": replace(GENERATOR, steal=0.2)}, "others had 20 %", id="stolen"),
    pytest.param({"generator": replace(GENERATOR, reasons=("it was killed",))}, "it was killed", id="told"),
    pytest.param({"offered": 0}, "nothing was due", id="no load"),
]


@pytest.mark.parametrize(("changed", "said"), INVALID)
def test_a_load_that_was_not_what_it_says_is_invalid(changed: dict[str, object], said: str) -> None:
    broken = replace(SOUND, books=replace(SOUND.books, lost=1), **changed)
    verdict, why, _ = judge(broken, [])
    assert verdict == "invalid"
    assert said in why[0]
    assert why[-1].startswith("no loss")


VALID = [
    pytest.param(replace(GENERATOR, lag=latency(9.9)), id="late, but no more than allowed"),
    pytest.param(replace(GENERATOR, unsent=6), id="one in a thousand unsent"),
    pytest.param(replace(GENERATOR, cpu=0.9, clock_jump_ms=50.0, steal=0.1), id="at every bound"),
    pytest.param(replace(GENERATOR, lag=latency(0.1, 2_000, None)), id="in time"),
]


@pytest.mark.parametrize("generator", VALID)
def test_a_load_within_its_bounds_is_judged(generator: Generator) -> None:
    assert judge(replace(SOUND, generator=generator), [])[0] == "held"


BROKEN = [
    pytest.param({"books": replace(SOUND.books, lost=2)}, "no loss: 2 lost of 6,000 effects", id="lost"),
    pytest.param({"books": replace(SOUND.books, doubled=1)}, "no second effect: 1 doubled", id="doubled"),
    pytest.param({"books": replace(SOUND.books, out_of_order=3)}, "order: 3 out of order", id="out of order"),
    pytest.param({"drain_s": None}, "backlog: not drained", id="never drained"),
    pytest.param(
        {"drain_s": 20.0, "backlog_slope_per_s": 6.0},
        "backlog: grows by 360/min while 6,000/min arrive in phase tail",
        id="a steady phase in which it only grows",
    ),
    pytest.param({"refused": {"503": 7}}, "accepted: 99.88 % (7 answered 503), the limit is", id="turned away"),
    pytest.param({"failed": 7}, "7 not answered", id="not answered"),
]


@pytest.mark.parametrize(("changed", "said"), BROKEN)
def test_what_is_asked_of_every_run_is_broken(changed: dict[str, object], said: str) -> None:
    verdict, why, _ = judge(replace(SOUND, **changed), [])
    assert verdict == "broken"
    assert len(why) == 1
    assert said in why[0]


def test_the_worst_reason_comes_first() -> None:
    measures = replace(
        SOUND,
        books=replace(SOUND.books, lost=1, out_of_order=1),
        windows=(window("run", latency(300)), window("run", latency(9_000), of="complete")),
    )
    promise = Promise(integration="orders", accept_p99_ms=250, complete_p99_ms=5_000)
    verdict, why, _ = judge(measures, [promise])
    assert verdict == "broken"
    assert [each.partition(":")[0] for each in why] == [
        "no loss", "order", "orders complete.p99", "orders accept.p99",
    ]  # fmt: skip


def test_a_slope_over_too_short_a_phase_says_nothing() -> None:
    phases = (PhaseSpan("burst", 0, 20),)
    assert judge(replace(SOUND, phases=phases, backlog_slope_per_s=50), [])[0] == "held"


PERCENTILES = [
    pytest.param([window("run", latency(40, tail_ms=200))], True, "200 ms", "", 0.8, id="held over the run"),
    pytest.param(
        [window("run", latency(40)), window("phase", latency(40, tail_ms=300), "burst")],
        False, "300 ms", "phase burst", 1.2, id="broken in a phase",
    ),
    pytest.param(
        [window("run", latency(40)), window("window", latency(40, tail_ms=300), "burst", begin_s=65)],
        False, "300 ms", "1:05 to 1:15, phase burst", 1.2, id="broken in a window",
    ),
    pytest.param([window("run", latency(40, 300))], True, "40 ms at most", "", 0.16, id="few, and all within"),
    pytest.param([window("run", latency(400, 300))], False, "p50 already 400 ms", "", 1.6, id="few, and most beyond"),
    pytest.param(
        [window("run", latency(40)), window("window", latency(400, 300), begin_s=0)],
        False, "p50 already 400 ms", "0:00 to 0:10", 1.6, id="a window of few, most of them beyond",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("windows", "held", "measured", "where", "margin"), PERCENTILES)
def test_a_percentile_is_judged_where_it_is_worst(
    windows: list[Window], held: bool, measured: str, where: str, margin: float
) -> None:
    promise = Promise(integration="orders", accept_p99_ms=250)
    found = row("accept.p99", replace(SOUND, windows=tuple(windows)), promise)
    assert (found.held, found.measured, found.where, found.judged) == (held, measured, where, True)
    assert found.margin == pytest.approx(margin, rel=0.02)
    assert found.limit == "250 ms"


def test_too_few_samples_to_say_are_told_and_break_nothing() -> None:
    measures = replace(SOUND, windows=(window("run", latency(40, 300, tail_ms=900)),))
    found = row("accept.p99", measures, Promise(integration="orders", accept_p99_ms=250))
    assert (found.held, found.judged, found.margin) == (True, False, None)
    assert "too few: 300 samples" in found.measured


ENDS = SOUND.ends["orders"]
PROMISED = [
    pytest.param("complete.within", Promise(integration="orders", within_s=60.0), {}, True, "2.5 s at most", id="within"),
    pytest.param(
        "complete.within", Promise(integration="orders", within_s=2.0), {"late": 3}, False, "3 later", id="late"
    ),
    pytest.param(
        "complete.success", Promise(integration="orders", success=0.999), {}, True, "99.98 %, 1 failed", id="success"
    ),
    pytest.param(
        "complete.success",
        Promise(integration="orders", success=0.999),
        {"good": 4_900, "unfinished": 99},
        False,
        "98 %, 1 failed, 99 not finished",
        id="what is not finished is no success",
    ),
    pytest.param(
        "complete.success",
        Promise(integration="orders", success=1.0),
        {"good": 4_990, "failed": 0, "person": 10},
        True,
        "100 %",
        id="what is with a person is not counted",
    ),
    pytest.param(
        "peak.drain",
        Promise(integration="orders", peak_per_s=100, peak_for_s=30, drain_s=1.0),
        {},
        False,
        "1.5 s",
        id="drained too late",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "promise", "changed", "held", "measured"), PROMISED)
def test_what_is_promised_of_ends_and_of_the_peak(
    name: str, promise: Promise, changed: dict[str, int], held: bool, measured: str
) -> None:
    measures = replace(SOUND, ends={"orders": replace(ENDS, **changed)})
    found = row(name, measures, promise)
    assert (found.held, found.measured) == (held, measured)


@pytest.mark.parametrize(
    ("rate", "length", "below"),
    [(100, 60, False), (101, 60, False), (120, 60, True), (100, 61, True), (100, 10, False)],
)
def test_a_profile_that_stays_below_the_peak_says_so(rate: float, length: float, below: bool) -> None:
    promise = Promise(integration="orders", peak_per_s=rate, peak_for_s=length, peak_told="P", drain_s=10)
    found = row("peak.drain", SOUND, promise)
    assert found.measured == ("1.5 s, of less than the peak of P" if below else "1.5 s")


def test_the_sla_of_a_spec_is_what_is_promised() -> None:
    minute = shape.Duration(60_000_000)
    sla = shape.Sla(
        accept=shape.Accept(p99=shape.Duration(250_000)),
        complete=shape.Complete(p99=minute, within=minute, success=shape.Percent("99.9%")),
        peak=shape.Peak(rate=shape.Rate(2_000, 60_000_000), for_=minute, drain=minute),
    )
    assert promise_of("orders", sla) == Promise(
        integration="orders",
        accept_p99_ms=250.0,
        complete_p99_ms=60_000.0,
        within_s=60.0,
        success=0.999,
        peak_per_s=pytest.approx(33.333, rel=0.001),
        peak_for_s=60.0,
        peak_told="2000/min for 60 s",
        drain_s=60.0,
    )
    assert promise_of("orders", shape.Sla()) == Promise(integration="orders")
