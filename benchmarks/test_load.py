"""The load generator: what it sends on time, and what it takes to remember an hour of it.

Measured: one generator process, even arrivals of 4.7 KB at more and more a second to a server that only answers, three
seconds each; the highest rate of which all were sent and answered with a send lag below 10 ms at the 99th percentile.
Baseline, on the same server in the same run: wrk with one thread and 64 connections, which sends as fast as it is answered and
owes nothing to a schedule. `make bench-peers` puts locust beside it.

Of memory: what the process grows by while ten million messages are counted as in an hour's soak, four samples each (lag,
from due, from sent, and by second). Baseline: the same samples as bare 8-byte numbers.
"""

import gc
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.report import Report, Topic
from benchmarks.rig import folder_on_disk, partner
from benchmarks.sending import BODY, generated, holds
from harness.load.model import Arrival, Sent
from harness.load.send.facts import Counts

MESSAGES = 10_000_000
SOAK_S = 3_600
MEMORY_MIB_MAX = 10.0
SECTION = "Load: one generator process; 4.7 KB, a server that only answers"
SENT = Topic(SECTION, "sent on time", "/s")
MEMORY = Topic("Load: an hour's soak, 40 million samples", "memory grown", "MiB", "≤ 10 MiB")
WRK_SCRIPT = """
wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
"""


def test_sends_on_time_beside_wrk(report: Report) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("there is no wrk on the PATH to put beside the generator (Debian has it: apt-get install wrk)")
    with partner() as port, folder_on_disk() as folder:
        theirs = wrk(port, folder)
        best = 0.0
        for rate in (5_000, 10_000, 20_000, 30_000, 40_000, 60_000, 80_000):
            if not holds(generated(port, rate, folder)):
                break
            best = rate
        report.add(SENT, best)
        report.add(SENT, theirs, "wrk, one thread")
    assert best


def wrk(port: int, folder: Path) -> float:
    """Requests a second."""
    (folder / "post.lua").write_text(WRK_SCRIPT % BODY.decode())
    words = ["wrk", "-t1", "-c64", "-d3s", "-s", str(folder / "post.lua"), f"http://127.0.0.1:{port}/hooks"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"Requests/sec:\s+([0-9.]+)", ran.stdout)
    assert found, ran.stdout
    return float(found[1])


def test_an_hour_is_counted_in_fixed_memory(report: Report) -> None:
    count(Counts(), 1_000)  # the code is loaded, and is not what grows
    gc.collect()
    before = resident_mib()
    counts = Counts()
    count(counts, MESSAGES)
    grown = resident_mib() - before
    assert counts.facts().corrected["0"].count == MESSAGES
    print(f"\n  {4 * MESSAGES:,} samples grew the process by {grown:.1f} MiB")
    report.add(MEMORY, grown)
    report.add(MEMORY, 4 * MESSAGES * 8 / 2**20, "bare numbers")
    assert grown < MEMORY_MIB_MAX


def count(counts: Counts, messages: int) -> None:
    """Counts messages that are spread over the hour, answered within 0.1 ms to a minute."""
    wide = SOAK_S * 1_000_000 // messages
    for number in range(messages):
        due_us = number * wide
        took_us = 100 << number % 20
        arrival = Arrival(due_us, number, 0)
        counts.taken(arrival, due_us + number % 1000)
        counts.answered(Sent(number, 0, due_us, due_us + number % 1000, due_us + took_us + number % 777, 202, number))


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
