"""How fast a simulated day goes by: the reference workspace under faults, crashes and duplicates, against the same day as
it happens.

Measured: orders of the shop (4.7 KB each) come one a second and a half; each is an ERP order, an event of a topic, and what
other integrations make of that. Every eighth call meets a fault, every twentieth webhook comes twice, and the power is cut
four times. One sample is one run of another seed, from nothing to its end. Baseline: real time, in which a second takes a
second. Before anything is timed, one seed must give the same run twice.
"""

import time
from statistics import median

from benchmarks.orders import INTEGRATION, reference
from benchmarks.report import Report, Topic
from benchmarks.rig import make_payloads
from engine.wire.answers import Inbound
from harness.simulation.scenario import CALL_FAULTS, Crash, Fault, Run, Scenario, Sending, simulate

ORDERS = 400
EVERY_S = 1.5
ROUNDS = 5
EVENTS_S_MIN = 100.0
SECTION = f"Simulation: {ORDERS} orders and what follows from them, with faults and crashes"
REAL = "real time"
EVENTS = Topic(SECTION, "events", "1/s", "events ≥ 100/s")
SPEED = Topic(SECTION, "seconds of the day", "s/s")


def scenario(seed: int) -> Scenario:
    made = make_payloads(ORDERS)
    sendings = tuple(
        Sending(
            int(number * EVERY_S * 1_000_000),
            INTEGRATION,
            Inbound("POST", "", {name.lower(): value for name, value in headers.items()}, {}, body),
            f"order {number}",
        )
        for number, (body, headers) in enumerate(made)
    )
    calls = [
        Fault(CALL_FAULTS[(nth // 8) % len(CALL_FAULTS)], system, operation, nth, 1.0)
        for system, operation in (("erp", "create_order"), ("parcelpost", "buy_label"), ("overland", "buy_label"))
        for nth in range(0, ORDERS, 8)
    ]
    twice = [Fault("duplicate", "shopify", INTEGRATION, nth, 5.0) for nth in range(0, ORDERS, 20)]
    cuts = tuple(Crash(point, 100) for point in ("before send", "after begin", "before record", "after accept"))
    return Scenario(seed=seed, sendings=sendings, faults=(*calls, *twice), crashes=cuts)


def test_simulates_a_day(report: Report) -> None:
    first, again = (simulate(reference(), scenario(0)) for _ in range(2))
    assert first.trace == again.trace
    assert (first.deadlock, first.failure, first.lives, first.still) == ("", "", 5, True)
    assert sum(first.fired.values()) > ORDERS // 8
    rates = []
    for seed in range(1, ROUNDS + 1):
        started = time.perf_counter()
        run = simulate(reference(), scenario(seed))
        took_s = time.perf_counter() - started
        rates.append(add(report, run, took_s))
    assert median(rates) > EVENTS_S_MIN


def add(report: Report, run: Run, took_s: float) -> float:
    """Puts one run into the table; its events a second."""
    day_s = run.ended_at_us / 1_000_000
    report.add(EVENTS, len(run.events) / took_s)
    report.add(EVENTS, len(run.events) / day_s, REAL)
    report.add(SPEED, day_s / took_s)
    report.add(SPEED, 1.0, REAL)
    return len(run.events) / took_s
