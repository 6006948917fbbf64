"""Beside locust: how many messages one process sends, to the same server in the same run.

Measured: one generator process of `waybill load`, even arrivals of 4.7 KB, open model: the highest multiple of locust's
rate of which all were sent on time (lag below 10 ms at the 99th percentile) and answered. Peer: one locust process with
64 FastHttpUsers that do not wait between requests; it sends as fast as it is answered, and owes nothing to a schedule.

`make bench-peers` installs it once with pip into `.benchmarks/locust`; it runs on the loopback alone.
"""

import csv
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from benchmarks.report import Report, Topic
from benchmarks.rig import ROOT, folder_on_disk, partner
from benchmarks.sending import BODY, generated, holds

VERSION = "2.47.0"
INSTALLED = ROOT / ".benchmarks/locust"
INSTALL_S_MAX = 600
RATIO_MIN = 2.5
LOCUST = f"locust {VERSION}, 64 FastHttpUsers"
SENT = Topic("Beside a peer: one generator process; 4.7 KB, a server that only answers", "sent", "/s", "≥ 2.5, then 5")
FILE = """
from locust import FastHttpUser, task

class Sender(FastHttpUser):
    @task
    def send(self):
        self.client.post("/hooks", data=BODY, headers={"Content-Type": "application/json"})

BODY = %r
"""


@pytest.fixture(scope="module")
def locust() -> Path:
    """The command."""
    command = INSTALLED / "bin/locust"
    if not command.exists():
        venv.create(INSTALLED, with_pip=True)
        words = [str(INSTALLED / "bin/python"), "-m", "pip", "install", "--quiet", f"locust=={VERSION}"]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
        if ran.returncode:
            pytest.fail(f"locust {VERSION} could not be installed with pip:\n{ran.stderr[-2000:]}", pytrace=False)
    return command


def test_sends_more_than_locust(locust: Path, report: Report) -> None:
    with partner() as port, folder_on_disk() as folder:
        theirs = rate_of(locust, port, folder)
        best = 0.0
        for times in (1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0):
            facts = generated(port, theirs * times, folder)
            if not holds(facts):
                print(f"\n  not held at {times} times: lag {facts.lag.quantiles_ms}, {facts.statuses}", file=sys.stderr)
                break
            best = times
        report.add(SENT, theirs * best)
        report.add(SENT, theirs, LOCUST)
    assert best >= RATIO_MIN


def rate_of(locust: Path, port: int, folder: Path) -> float:
    """Requests a second of the last seconds of a run."""
    (folder / "locustfile.py").write_text(FILE % BODY)
    words = [str(locust), "-f", str(folder / "locustfile.py"), "--headless", "-u", "64", "-r", "64", "-t", "8s"]
    words += ["--host", f"http://127.0.0.1:{port}", "--csv", str(folder / "locust"), "--only-summary"]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=90, check=False)
    with (folder / "locust_stats.csv").open() as file:
        total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    assert int(total["Failure Count"]) == 0, ran.stderr[-2000:]
    return float(total["Requests/s"])
