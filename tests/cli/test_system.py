"""`waybill system`: gates as people see them, and a person's hand on a breaker."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.clock import SystemClock
from engine.rules.opening import time_text
from engine.rules.quota import Bucket, Heard, Quota, encode, learn, take
from engine.store import GateRow
from engine.store.files import open_writer, store_address
from engine.store.settle import run_group
from engine.store.verbs import SqlStore

Captured = pytest.CaptureFixture[str]
S = 1_000_000
QUOTA = "quota: {rate: 1/h, burst: 50}\n"


@pytest.fixture
def stored(shop: Path) -> tuple[Path, int]:
    """A store in which a breaker opened a minute ago and a partner asked for silence; and the time."""
    erp = shop / "charter" / "systems" / "erp.yaml"
    erp.write_text(re.sub(r"^quota: .*\n", QUOTA, erp.read_text(), flags=re.MULTILINE))
    now = SystemClock().now()
    bucket = take(Bucket(), Quota("erp", rate=1, per_us=3600 * S, burst=50), now, 3)
    bucket = learn(bucket, Heard(pause_us=600 * S), now)
    connection = open_writer(store_address(shop, None))
    rows = [
        GateRow("erp.create_order", "open", now + 600 * S, reason="20 of 20 calls failed", at=now - 60 * S),
        GateRow("ledger.post", "open", now - S, reason="9 of 9 calls failed", at=now - 31 * S),
    ]
    run_group(connection, [(SqlStore().keep_gates, row) for row in rows])
    connection.execute("INSERT INTO gate (gate, quota) VALUES ('erp', ?)", (encode(bucket),))
    connection.close()
    return shop, now


def told(capsys: Captured, shop: Path, *words: str) -> dict[str, dict[str, Any]]:
    """What the command says of each gate, as JSON."""
    assert main(["system", *words, "--workspace", str(shop), "--format", "json"]) == 0
    gates = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {f"{gate['system']}.{gate['operation']}" if gate["operation"] else gate["system"]: gate for gate in gates}


def test_a_gate_is_one_json_object_a_line(stored: tuple[Path, int], capsys: Captured) -> None:
    shop, now = stored
    gates = told(capsys, shop)
    assert gates["erp.create_order"] == {
        "system": "erp", "operation": "create_order", "state": "open", "forced": None,
        "since": time_text(now - 60 * S), "until": time_text(now + 600 * S), "reason": "20 of 20 calls failed",
        "tokens": None, "burst": None, "paused_until": None, "parked": 0,
    }  # fmt: skip
    erp = gates["erp"]
    assert (erp["state"], erp["tokens"], erp["burst"], erp["since"]) == ("closed", 0, 50, None)
    assert abs(int(erp["paused_until"][17:19]) - int(time_text(now + 600 * S)[17:19])) in (0, 1, 59)
    assert gates["ledger.post"]["state"] == "half_open", "its time is over: the next call is a probe"
    assert {"shopify", "stripe", "ledger"} <= gates.keys(), "systems of which there is nothing to tell are told of"


def test_for_people_it_is_one_line_a_gate(stored: tuple[Path, int], capsys: Captured) -> None:
    shop, now = stored
    assert main(["system", "erp", "--workspace", str(shop)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"erp +closed  0 of 50 calls free  the partner asked for silence until \S+Z", first)
    until = time_text(now + 600 * S)[:19]
    assert re.fullmatch(rf"  create_order +open until {until}Z  20 of 20 calls failed", second)


def test_one_system_or_one_operation(stored: tuple[Path, int], capsys: Captured) -> None:
    shop, _ = stored
    assert set(told(capsys, shop, "ledger")) == {"ledger", "ledger.post"}
    assert set(told(capsys, shop, "erp", "--operation", "create_order")) == {"erp.create_order"}


def test_a_breaker_by_hand_stays_so_until_it_is_left_to_itself(stored: tuple[Path, int], capsys: Captured) -> None:
    shop, now = stored
    where = ("--workspace", str(shop))
    assert main(["system", "erp", "--operation", "create_order", "--close", *where]) == 0
    assert main(["system", "erp", "--open", *where]) == 0
    said = capsys.readouterr().out
    assert said == ("erp.create_order: closed by hand: all is sent\nerp: opened by hand: nothing is sent\n")
    gates = told(capsys, shop)
    assert (gates["erp"]["forced"], gates["erp"]["tokens"]) == ("open", 0), "the quota is not touched"
    create = gates["erp.create_order"]
    assert (create["forced"], create["state"], create["until"]) == ("closed", "open", time_text(now + 600 * S))
    assert main(["system", "erp", *where]) == 0
    assert "closed by hand (its breaker: open until " in capsys.readouterr().out
    assert main(["system", "erp", "--auto", *where]) == 0
    assert capsys.readouterr().out == "erp: left to its breaker\n"
    assert told(capsys, shop)["erp"]["forced"] is None


WRONG: Mapping[tuple[str, ...], str] = {
    ("erpp",): "there is no system `erpp`; did you mean `erp`?",
    ("nothing",): "there is no system `nothing`; known: ",
    ("erp", "--operation", "create"): "`erp` has no operation `create`; known: ",
    ("--operation", "create_order"): "--operation is one of a system: name the system too",
    ("--open",): "say which system to open, close or leave to its breaker",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_it_cannot_take_is_a_sentence(words: tuple[str, ...], stored: tuple[Path, int], capsys: Captured) -> None:
    assert main(["system", *words, "--workspace", str(stored[0])]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"waybill: {WRONG[words]}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [(), ("erp", "--open")])
def test_a_store_that_is_not_there_is_not_made(words: tuple[str, ...], shop: Path, capsys: Captured) -> None:
    assert main(["system", *words, "--workspace", str(shop)]) == 2
    assert "there is no store at" in capsys.readouterr().err
    assert not (shop / ".waybill").exists()


def test_a_fault_elsewhere_keeps_nobody_from_a_breaker(stored: tuple[Path, int], capsys: Captured) -> None:
    shop, _ = stored
    (shop / "specs" / "shopify-orders-to-erp.yaml").write_text("integration: [")
    assert main(["system", "erp", "--open", "--workspace", str(shop)]) == 0
    assert capsys.readouterr().out == "erp: opened by hand: nothing is sent\n"
