"""Accepting, against a server that does nothing.

Measured: 64 connections post new, signed 4.7 KB orders to `waybill run`, which verifies, names id and key, appends with
an fsync and answers 202. It has one worker, and its partner takes a second over each answer, so that accepting is what
is measured and delivering stays out of it. Baseline, in turn with it, from the same generator and with the same
requests: an aiohttp Application whose handler only reads the body. The server's CPU (all its threads) stands beside
both. The generator is closed-loop: its percentiles are those at 64 requests under way, not at an arrival rate.
"""

import time
from functools import partial
from statistics import median

from benchmarks.blast import blast
from benchmarks.report import Report, Topic
from benchmarks.rig import HOOK, bare_server, cpu_s, engine, make_payloads, partner

ROUNDS = 7
ROUND_S = 1.0
ORDERS = 30_000
"""More in each round than any engine here accepts in one; were they used up, duplicates would be answered 200."""
RATIO_MIN = 0.40

SECTION = "Accept: 64 connections, signed orders of 4.7 KB, fsync; one worker, a partner that takes a second"
BARE = "aiohttp Application that reads the body"
PER_SECOND = Topic(SECTION, "accepted", "/s", "≥ 0.40, then 0.50 (prototype 0.35)")
CPU = Topic(SECTION, "server CPU, each request", "µs")
P50 = Topic(SECTION, "round trip, p50", "ms")
P99 = Topic(SECTION, "round trip, p99", "ms", "≤ 15 ms (prototype 25 ms)")


def test_accepts_at_least_two_fifths_of_what_a_bare_handler_takes(report: Report) -> None:
    with partner(1.0) as partner_port, bare_server() as baseline, engine(partner_port, workers=1) as measured:
        servers = [(None, measured.process.pid, measured.port), (BARE, baseline[0].pid, baseline[1])]
        for number in range(ROUNDS):
            payloads = make_payloads(ORDERS, number * ORDERS)
            for side, pid, where in servers[:: 1 if number % 2 else -1]:
                found = blast(where, HOOK, payloads, 64, ROUND_S, partial(cpu_s, pid))
                assert found["statuses"].keys() == {202}, found
                assert not found["failed"], found
                report.add(PER_SECOND, found["per_second"], side)
                report.add(CPU, found["metered"] / found["count"] * 1e6, side)
                report.add(P50, found["p50_ms"], side)
                report.add(P99, found["p99_ms"], side)
                time.sleep(0.1)
    assert median(report.ratios(PER_SECOND, BARE)) >= RATIO_MIN
