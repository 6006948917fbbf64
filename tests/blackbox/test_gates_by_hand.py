"""`waybill system` beside a running engine: a breaker forced by hand, told, counted, and found again after a restart."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from blackbox.rig import Rig, rig_at

pytestmark = pytest.mark.slow


def gate(rig: Rig, name: str) -> dict[str, Any]:
    told = rig.waybill("system", name, "--workspace", str(rig.root), "--format", "json")
    assert told.returncode == 0, told.stderr
    first: dict[str, Any] = json.loads(told.stdout.splitlines()[0])
    return first


def metrics(rig: Rig) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{rig.admin_port}/metrics") as page:
        text: str = page.read().decode()
    return text.splitlines()


def test_a_breaker_opened_by_hand_is_shut_at_once_and_stays_so_over_a_restart(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.start_engine()
        assert gate(rig, "erp")["forced"] is None
        said = rig.waybill("system", "erp", "--open", "--workspace", str(rig.root))
        assert (said.returncode, said.stdout) == (0, "erp: opened by hand: nothing is sent\n")
        assert gate(rig, "erp")["forced"] == "open"
        assert 'waybill_gate_open{gate="erp"} 1.0' in metrics(rig)
        log = [json.loads(line) for line in (rig.root.parent / "engine.log").read_text().splitlines()]
        assert [line["forced"] for line in log if line["fact"] == "gate_forced"] == ["open"]
        rig.kill_engine()
        rig.start_engine()
        assert 'waybill_gate_open{gate="erp"} 1.0' in metrics(rig)
        assert rig.waybill("system", "erp", "--auto", "--workspace", str(rig.root)).returncode == 0
        assert 'waybill_gate_open{gate="erp"} 0.0' in metrics(rig)
        assert rig.stop() == 0
