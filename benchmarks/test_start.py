"""How soon a command answers, against a Python that does nothing.

Measured: `waybill --help`, and `waybill check` on the reference workspace, each as a process from its start to its end.
Baseline, in turn with them: `python -c pass` with the same interpreter. Bytecode is written and used, as after any first
run; that first run is not counted.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.report import Report, Topic
from benchmarks.rig import ROOT

ROUNDS = 15
STARTS_MAX = 8.0
SECTION = "Start-up: from nothing to the end of the process"
BARE = "python -c pass"
HELP = Topic(SECTION, "waybill --help", "ms", "≤ 8")
CHECK = Topic(SECTION, "waybill check, the reference workspace", "ms")
SCRIPT = Path(sys.executable).with_name("waybill")
WAYBILL = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "engine"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def test_starts_soon(report: Report) -> None:
    commands = [
        (BARE, HELP, [sys.executable, "-c", "pass"]),
        (None, HELP, [*WAYBILL, "--help"]),
        (None, CHECK, [*WAYBILL, "check", str(ROOT)]),
    ]
    for _, _, command in commands:
        took_ms(command)
    for _ in range(ROUNDS):
        for side, topic, command in commands:
            sample = took_ms(command)
            report.add(topic, sample, side)
            if side is not None:
                report.add(CHECK, sample, side)
    assert median(report.ratios(HELP, BARE)) < STARTS_MAX


def took_ms(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT, cwd=ROOT, timeout=60)
    return (time.perf_counter() - started) * 1000
