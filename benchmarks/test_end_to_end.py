"""Accepted, mapped and delivered: what an event costs from its webhook to its recorded effect.

Measured: 64 connections post new orders of 4.7 KB to `waybill run` with 64 workers for a while; the clock runs until the
last accepted one is done. Each is verified, stored, decoded, held against its contract, mapped (67 fields), held against
the target's, announced in the effect ledger, posted to a partner that answers at once, and recorded. Every event
counted was done. The round trips are those of the accepts while all this goes on.

Baselines, in turn with it: of the whole, on the same partner, `benchmarks/pair.py`, the same rows inserted in groups
with an fsync and a plain aiohttp client posting the same body, 64 at once, with no intake and nothing in between; of the
round trips, the aiohttp handler that only reads the body, with nothing else to do.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw

from benchmarks.blast import blast
from benchmarks.orders import request_body
from benchmarks.report import Report, Topic
from benchmarks.rig import HOOK, ROOT, Engine, bare_server, cpu_s, engine, folder_on_disk, make_payloads, partner
from engine.store.files import open_reader

ROUNDS = 3
ROUND_S = 1.5
ORDERS = 20_000
PAIR_EVENTS = 8_000
DRAIN_S_MAX = 45.0

SECTION = (
    "End to end: accepted, mapped, delivered over HTTP, recorded; 64 connections, 64 workers, a partner that answers"
)
PAIR = "the same rows in groups + an aiohttp POST"
BARE = "aiohttp Application that reads the body"
PER_SECOND = Topic(SECTION, "completed", "/s", "≥ 0.33, then 0.50 (prototype 0.46)")
CPU = Topic(SECTION, "CPU, each event", "µs", "≤ 3, then 2 (prototype 2.2)")
P50 = Topic(SECTION, "accept meanwhile, p50", "ms")
P99 = Topic(SECTION, "accept meanwhile, p99", "ms")


def test_completes_events_end_to_end(report: Report, tmp_path: Path) -> None:
    with (
        partner() as partner_port,
        bare_server() as (_, bare_port),
        engine(partner_port) as measured,
    ):
        for number in range(ROUNDS):
            payloads = make_payloads(ORDERS, number * ORDERS)
            ours = complete(payloads, measured)
            pair = run_pair(partner_port, payloads[0], tmp_path)
            bare = blast(bare_port, HOOK, payloads, 64, ROUND_S / 2)
            for side, found in ((None, ours), (PAIR, pair)):
                report.add(PER_SECOND, found["events"] / found["seconds"], side)
                report.add(CPU, found["cpu_s"] / found["events"] * 1e6, side)
            for side, found in ((None, ours), (BARE, bare)):
                report.add(P50, found["p50_ms"], side)
                report.add(P99, found["p99_ms"], side)


def complete(payloads: list[tuple[bytes, dict[str, str]]], measured: Engine) -> dict[str, Any]:
    """One round: posts for ROUND_S, then waits until all that was accepted is done."""
    pid = measured.process.pid
    reader = open_reader(measured.store)
    done_before = done(reader)
    started, cpu_before_s = time.perf_counter(), cpu_s(pid)
    found = blast(measured.port, HOOK, payloads, 64, ROUND_S)
    assert found["statuses"].keys() == {202}, found
    ended = wait_until_still(reader)
    result = {"seconds": ended - started, "cpu_s": cpu_s(pid) - cpu_before_s, "events": done(reader) - done_before}
    reader.close()
    return {**result, **found}


def wait_until_still(reader: apsw.Connection) -> float:
    """The time at which no event moved any more, and none came after."""
    until = time.perf_counter() + DRAIN_S_MAX
    while True:
        looked_at = time.perf_counter()
        assert looked_at < until, f"events still move after {DRAIN_S_MAX} s"
        if not moves(reader):
            time.sleep(0.02)  # what was on the wire when the generator left is accepted by now
            if not moves(reader):
                return looked_at
        time.sleep(0.01)


def moves(reader: apsw.Connection) -> bool:
    """Does the engine still have something to do? Looked up in the store, a seek: asking the engine would cost it time."""
    return bool(
        reader.execute("SELECT EXISTS (SELECT 1 FROM delivery WHERE status IN ('accepted', 'running', 'waiting'))").get
    )


def done(reader: apsw.Connection) -> int:
    """How many events are done; none has ended in another way."""
    counted = dict(reader.execute("SELECT status, count(*) FROM delivery GROUP BY status"))
    assert counted.keys() <= {"done"}, counted
    return int(counted.get("done", 0))


def run_pair(partner_port: int, payload: tuple[bytes, dict[str, str]], tmp_path: Path) -> dict[str, Any]:
    """One round of the baseline, in a process of its own."""
    body, headers = payload
    files = {"body": request_body(body, headers), "headers": json.dumps(headers).encode(), "payload": body}
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    with folder_on_disk() as folder:
        paths = [str(tmp_path / name) for name in files]
        command = [sys.executable, "-m", "benchmarks.pair", str(partner_port), *paths, str(folder), str(PAIR_EVENTS)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["events"] == PAIR_EVENTS
    return found
