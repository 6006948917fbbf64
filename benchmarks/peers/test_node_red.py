"""Beside Node-RED: the same orders mapped and posted to the same partner, by its function flow and by Waybill.

Measured: as in `test_end_to_end.py`, orders that `waybill run` verifies, stores durably, holds against their contract,
maps, holds against the target's, announces in the ledger, posts and records; the clock runs until the last one is done.
The mapping is the peer's: the forty fields of `forty.py`. Peer, in turn with it, under the same 64 connections and with
the same partner: a flow of Node-RED (http in → function → http request → http response) that maps them by hand and
answers once the partner has. It verifies, checks, stores and remembers nothing: what it was working on when it dies is
gone.

`make bench-peers` installs it once, from the lock beside this file, into `.benchmarks/peers`, without scripts; it runs
on the loopback alone, without telemetry, and ends with the run.
"""

import json
import shutil
import subprocess
from pathlib import Path
from statistics import median

import pytest

from benchmarks.blast import blast
from benchmarks.forty import by_hand
from benchmarks.report import Report, Topic
from benchmarks.rig import ROOT, cpu_s, engine, folder_on_disk, forty_files, make_payloads, partner, server_of
from benchmarks.test_end_to_end import ORDERS, ROUND_S, ROUNDS, complete

HERE = Path(__file__).parent
INSTALLED = ROOT / ".benchmarks/peers"
FILES = ("package.json", "package-lock.json", "node_red.js", "mapping.js")
INSTALL_S_MAX = 600
WARM_UP_S = 5.0
"""Before the first round, for the peer's compiler to have seen it all; a round of ours comes before, too."""

RATIO_MIN = 1.5
"""What is asked (1.6 to 1.9 measured)."""

VERSION = json.loads((HERE / "package.json").read_text())["dependencies"]["node-red"]
SECTION = "Beside a peer: orders mapped and posted; 64 connections, a partner that answers at once"
NODE_RED = f"Node-RED {VERSION}, function flow; not durable, not checked"
PER_SECOND = Topic(SECTION, "completed", "/s", "≥ 1.5, then 3")
CPU = Topic(SECTION, "CPU, each event", "µs")

EVALUATE = """
const fs = require('fs');
const map = new Function('msg', fs.readFileSync(process.argv[1], 'utf8'));
process.stdout.write(JSON.stringify(map({payload: JSON.parse(fs.readFileSync(0, 'utf8'))}).payload));
"""


@pytest.fixture(scope="module")
def installed() -> Path:
    """The folder Node-RED runs in."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.fail(
            f"make bench-peers needs Node.js 18.5 or newer: there is no {' and no '.join(missing)} on the PATH",
            pytrace=False,
        )
    lock = INSTALLED / "package-lock.json"
    fresh = not lock.exists() or lock.read_bytes() != (HERE / "package-lock.json").read_bytes()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if name != lock.name:
            shutil.copy(HERE / name, INSTALLED)
    if fresh:
        lock.unlink(missing_ok=True)
        shutil.copy(HERE / lock.name, INSTALLED / "npm-shrinkwrap.json")
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        ran = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
        if ran.returncode:
            pytest.fail(f"Node-RED {VERSION} could not be installed with npm:\n{ran.stderr[-2000:]}", pytrace=False)
        shutil.copy(HERE / lock.name, lock)  # last: half an installation is begun anew
    return INSTALLED


def test_the_peer_maps_as_the_yardstick_does(installed: Path) -> None:
    body, _ = make_payloads(1)[0]
    command = ["node", "-e", EVALUATE, str(installed / "mapping.js")]
    ran = subprocess.run(command, input=body, capture_output=True, timeout=30, check=True)
    assert json.loads(ran.stdout) == by_hand(json.loads(body))


def test_completes_more_than_node_red(installed: Path, report: Report) -> None:
    with (
        folder_on_disk() as folder,
        partner() as partner_port,
        engine(partner_port, files=forty_files()) as measured,
        server_of(["node", str(installed / "node_red.js"), str(partner_port), str(folder)]) as (peer, port),
    ):
        blast(port, "/orders", make_payloads(1_000), 64, WARM_UP_S)
        complete(make_payloads(ORDERS, ROUNDS * ORDERS), [measured])
        for number in range(ROUNDS):
            payloads = make_payloads(ORDERS, number * ORDERS)
            cpu_before_s = cpu_s(peer.pid)
            theirs = blast(port, "/orders", payloads, 64, ROUND_S)
            assert theirs["statuses"].keys() == {201}, theirs
            assert not theirs["failed"], theirs
            theirs_cpu_s = cpu_s(peer.pid) - cpu_before_s
            ours = complete(payloads, [measured])
            report.add(PER_SECOND, ours["events"] / ours["seconds"])
            report.add(PER_SECOND, theirs["per_second"], NODE_RED)
            report.add(CPU, ours["cpu_s"] / ours["events"] * 1e6)
            report.add(CPU, theirs_cpu_s / theirs["count"] * 1e6, NODE_RED)
    assert median(report.ratios(PER_SECOND, NODE_RED)) >= RATIO_MIN
