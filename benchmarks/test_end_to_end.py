"""Accepted, mapped and delivered: what an event costs from its webhook to its recorded effect.

Measured: 64 connections post new orders of 4.7 KB to `waybill run` with 64 workers for a while; the clock runs until the
last accepted one is done. Each is verified, stored, decoded, held against its contract, mapped (67 fields), held against
the target's, announced in the effect ledger, posted to a partner that answers at once, and recorded. Every event
counted was done. The round trips are those of the accepts while all this goes on. Rows and commits are counted inside
the engine (`counting/`); a commit is one fsync of the store's log, those of checkpoints come on top.

Baselines, in turn with it: of the whole, on the same partner, `benchmarks/pair.py`, the same rows inserted in groups
with an fsync and a client posting the same body, 64 at once, with no intake and nothing in between. What is asked is
asked against aiohttp's client, the one everybody uses; against a bare socket it is told beside. Of the round trips, the
aiohttp handler that only reads the body, with nothing else to do.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import apsw
import pytest

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
COUNTS = "WAYBILL_BENCH_COUNTS"
COSTS_MAX = 5.0
"""What holds; asked is 3."""


class Setup(NamedTuple):
    """Who runs: so many engines on one store, given as on the command line (None: a file of its own)."""

    name: str
    engines: int
    store: str | None


SETUPS = (Setup("one engine on SQLite", 1, None),)
PAIR = "the same rows in groups + an aiohttp POST"
RAW = "the same rows in groups + a POST on a bare socket"
BARE = "aiohttp Application that reads the body"


class Topics:
    """The lines of one setup."""

    def __init__(self, setup: Setup) -> None:
        section = f"End to end, {setup.name}: accepted, mapped, delivered, recorded; 64 connections, 64 workers"
        self.per_second = Topic(section, "completed", "/s", "≥ 0.33, then 0.50 (prototype 0.46)")
        self.cpu = Topic(section, "CPU, each event", "µs", "≤ 3, then 2 (prototype 2.2)")
        self.per_second_raw = Topic(section, "completed", "/s")
        self.cpu_raw = Topic(section, "CPU, each event", "µs")
        self.rows = Topic(section, "rows written, each event", "")
        self.commits = Topic(section, "commits, each event", "")
        self.p50 = Topic(section, "accept meanwhile, p50", "ms")
        self.p99 = Topic(section, "accept meanwhile, p99", "ms")


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_completes_events_end_to_end(
    setup: Setup, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = Topics(setup)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "benchmarks/counting"))
    monkeypatch.setenv(COUNTS, str(tmp_path))
    events = 0
    with ExitStack() as stack:
        partner_port = stack.enter_context(partner())
        _, bare_port = stack.enter_context(bare_server())
        measured = [stack.enter_context(engine(partner_port, store=setup.store)) for _ in range(setup.engines)]
        for number in range(ROUNDS):
            payloads = make_payloads(ORDERS, number * ORDERS)
            ours = complete(payloads, measured)
            events += ours["events"]
            pair = run_pair("aiohttp", partner_port, payloads[0], tmp_path)
            raw = run_pair("raw", partner_port, payloads[0], tmp_path)
            for per_second, cpu, name, theirs in (
                (topics.per_second, topics.cpu, PAIR, pair),
                (topics.per_second_raw, topics.cpu_raw, RAW, raw),
            ):
                for side, found in ((None, ours), (name, theirs)):
                    report.add(per_second, found["events"] / found["seconds"], side)
                    report.add(cpu, found["cpu_s"] / found["events"] * 1e6, side)
            bare = blast(bare_port, HOOK, payloads, 64, ROUND_S / 2)
            for side, trips in ((None, ours), (BARE, bare)):
                report.add(topics.p50, trips["p50_ms"], side)
                report.add(topics.p99, trips["p99_ms"], side)
    counts = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert len(counts) == setup.engines
    report.add(topics.rows, sum(count["rows"] for count in counts) / events)
    report.add(topics.commits, sum(count["commits"] for count in counts) / events)
    report.add(topics.rows, pair["rows"] / PAIR_EVENTS, PAIR)
    report.add(topics.commits, pair["commits"] / PAIR_EVENTS, PAIR)
    assert median(report.ratios(topics.cpu, PAIR)) <= COSTS_MAX


def complete(payloads: list[tuple[bytes, dict[str, str]]], measured: list[Engine]) -> dict[str, Any]:
    """One round: posts for ROUND_S, then waits until all that was accepted is done."""
    reader = open_reader(measured[0].store)
    done_before = done(reader)
    started, cpu_before_s = time.perf_counter(), total_cpu_s(measured)
    found = blast([one.port for one in measured], HOOK, payloads, 64, ROUND_S)
    assert found["statuses"].keys() == {202}, found
    ended = wait_until_still(reader)
    result = {
        "seconds": ended - started,
        "cpu_s": total_cpu_s(measured) - cpu_before_s,
        "events": done(reader) - done_before,
    }
    reader.close()
    return {**result, **found}


def total_cpu_s(measured: list[Engine]) -> float:
    return sum(cpu_s(one.process.pid) for one in measured)


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


def run_pair(client: str, partner_port: int, payload: tuple[bytes, dict[str, str]], tmp_path: Path) -> dict[str, Any]:
    """One round of a baseline, in a process of its own."""
    body, headers = payload
    files = {"body": request_body(body, headers), "headers": json.dumps(headers).encode(), "payload": body}
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    with folder_on_disk() as folder:
        paths = [str(tmp_path / name) for name in files]
        words = [client, str(partner_port), *paths, str(folder), str(PAIR_EVENTS)]
        command = [sys.executable, "-m", "benchmarks.pair", *words]
        uncounted = {name: value for name, value in os.environ.items() if name != COUNTS}
        ran = subprocess.run(command, cwd=ROOT, env=uncounted, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["events"] == PAIR_EVENTS
    return found
