"""`events`, `event`, `release`, `redrive` over a store that no engine has open, and where there is none."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
from engine.model import Arrival, Status
from engine.run.load import load
from engine.store import ClaimRequest, Record
from engine.store.files import open_writer, store_address
from engine.store.settle import run_group
from engine.store.verbs import SqlStore

Captured = pytest.CaptureFixture[str]
SHOPIFY, STRIPE = "shopify-orders-to-erp", "stripe-payments-to-ledger"

# ── what is stored, where nothing is stored ──────────────────────────────────────────────────────────────────────────

WHO = ("--by", "ada", "--reason", "checked")
STORED = {
    "events": ("events",),
    "events as json": ("events", "--format", "json"),
    "event": ("event", "evt-1"),
    "release": ("release", "evt-1", *WHO),
    "reject": ("release", "evt-1", "--reject", *WHO),
    "redrive": ("redrive", "evt-1"),
    "redrive all dead": ("redrive", "--status", "dead"),
    "redrive under the newest version": ("redrive", "evt-1", "--latest"),
}


@pytest.mark.parametrize("name", STORED)
def test_a_store_that_is_not_there_is_a_sentence_and_is_not_made(name: str, shop: Path, capsys: Captured) -> None:
    assert main([*STORED[name], "--workspace", str(shop)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"waybill: there is no store at {shop}/\.waybill/events\.db; .*say which with --store\n", err)
    assert not (shop / ".waybill").exists()


WRONG: Mapping[tuple[str, ...], str] = {
    ("event", "seventeen"): "`seventeen` is not an event; write it as `waybill events` prints it, such as evt-17",
    ("event", "evt-"): "`evt-` is not an event",
    ("event", "evt-٣"): "`evt-٣` is not an event",
    ("release", "order-1", *WHO): "`order-1` is not an event",
    ("redrive",): "name events, or choose them all with --status",
    ("redrive", "evt-1", "--status", "dead"): "name events, or choose them all with --status",
    ("events", "--store", "mysql://host/db"): "`mysql` is not a store URL; write sqlite:///path/events.db",
    ("events", "--store", "events.db"): "`events.db` is not a store URL",
    (
        "events",
        "--store",
        "postgresql://me:hush@127.0.0.1:1/db",
    ): 'cannot open postgresql://me@127.0.0.1:1/db: connection failed: connection to server at "127.0.0.1", port 1 failed',
    (
        "events",
        "--store",
        "postgresql://me:hush@host/",
    ): "the store URL names no database; write postgresql://user@host",
    ("events", "--store", "sqlite:////tmp/a.db?size=1"): "unknown store option `size`; known: max_size=64MiB",
    ("events", "--store", "sqlite:////tmp/a.db?max_size=big"): "`big` is not a size; write for example 64MiB",
    ("events", "--status", "ded"): "there is no status `ded`; known: accepted, running,",
    ("run", "nowhere"): "there is no folder nowhere",
    ("check", "nowhere"): "there is no folder nowhere",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_a_command_cannot_take_is_a_sentence_and_ends_with_2(
    words: tuple[str, ...], shop: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"waybill: {WRONG[words]}")
    assert err.count("\n") == 1


# ── what is stored ───────────────────────────────────────────────────────────────────────────────────────────────────

AT = 1_732_266_931_000_000
HOSTILE = "\x1b[2J\x9b\u202e"


@pytest.fixture
def stored(shop: Path) -> tuple[str, ...]:
    """A store with one event that is accepted and one that is quarantined; the words that name it."""
    plan = load(shop, "local").plans[SHOPIFY]
    store = SqlStore()
    connection = open_writer(store_address(shop, None))
    arrivals = [
        Arrival(SHOPIFY, plan.hash, "hook-1", "6104455127301", {}, {}, b"{}", AT, 60),
        Arrival(
            SHOPIFY, plan.hash, HOSTILE, None, {}, {}, b"{}", AT + 1, 60, reason="receive.key gave no text or number"
        ),
    ]
    kept = (plan.hash, plan.integration, plan.version, plan.content, AT)
    run_group(connection, [(store.keep_plans, kept), *((store.accept, arrival) for arrival in arrivals)])
    connection.close()
    return "--workspace", str(shop)


def test_events_are_listed_for_people_with_a_count(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored]) == 0
    assert capsys.readouterr().out == (
        "evt-1       accepted    2024-11-22T09:15:31Z  shopify-orders-to-erp@2  id hook-1  key 6104455127301\n"
        "evt-2       quarantined 2024-11-22T09:15:31Z  shopify-orders-to-erp@2  id \\u001b[2J\\u009b\\u202e  key -"
        "  receive.key gave no text or number\n"
        "2 events\n"
    )


def test_events_are_one_json_object_a_line_with_the_pinned_fields(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored, "--format", "json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    pinned = {"event", "integration", "id", "key", "status", "attempts", "received_at", "spec", "queue", "reason"}
    assert pinned <= set(first)
    assert {name: first[name] for name in pinned} == {
        "event": "evt-1", "integration": SHOPIFY, "id": "hook-1", "key": "6104455127301", "status": "accepted",
        "attempts": 0, "received_at": "2024-11-22T09:15:31.000000Z", "spec": f"{SHOPIFY}@2", "queue": None, "reason": None,
    }  # fmt: skip
    assert (second["id"], second["key"], second["status"]) == (HOSTILE, None, "quarantined")


@pytest.mark.parametrize(
    ("words", "events"),
    [
        (("--status", "accepted"), ["evt-1"]),
        (("--status", "accepted", "--status", "quarantined"), ["evt-1", "evt-2"]),
        (("--status", "dead"), []),
        (("--id", "hook-1"), ["evt-1"]),
        (("--key", "6104455127301"), ["evt-1"]),
        (("--key", "6104455127301", "--status", "quarantined"), []),
        (("--integration", SHOPIFY), ["evt-1", "evt-2"]),
        (("--integration", STRIPE), []),
        (("--queue", "fraud-review"), []),
        (("--limit", "1"), ["evt-1"]),
    ],
)
def test_events_are_chosen_by_what_is_asked(
    words: tuple[str, ...], events: list[str], stored: tuple[str, ...], capsys: Captured
) -> None:
    assert main(["events", *stored, *words, "--format", "json"]) == 0
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == events
    assert main(["events", *stored, *words]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith(("1 event", "2 events") if events else "no events")


@pytest.fixture
def parked(shop: Path) -> tuple[str, ...]:
    """A store with an urgent event that waits at a gate, and one that is being undone; the words that name it."""
    plan = load(shop, "local").plans[SHOPIFY]
    store = SqlStore()
    connection = open_writer(store_address(shop, None))
    arrivals = [
        Arrival(SHOPIFY, plan.hash, f"hook-{lane}", f"k{lane}", {}, {}, b"{}", AT, 60, lane=lane) for lane in (0, 1)
    ]
    run_group(connection, [(store.accept, arrival) for arrival in arrivals])
    (claimed,) = run_group(connection, [(store.claim, ClaimRequest(AT, 2, AT + 1))])
    ends: list[dict[str, Any]] = [{"gate": "erp.create_order", "reason": "the gate"}, {"phase": "compensate"}]
    run_group(
        connection,
        [
            (store.record, Record(one.event, one.token, AT, Status.WAITING, due_at=AT + 1, step="erp", **end))
            for one, end in zip(claimed.deliveries, ends, strict=True)
        ],
    )
    connection.close()
    return "--workspace", str(shop)


def test_lists_say_what_is_out_of_the_ordinary_and_choose_by_gate(parked: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *parked]) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("key k0  urgent  at gate erp.create_order  the gate")
    assert second.endswith("key k1  compensating")
    assert main(["events", *parked, "--gate", "erp.create_order", "--format", "json"]) == 0
    (only,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (only["event"], only["lane"], only["gate"], only["phase"]) == ("evt-1", "urgent", "erp.create_order", None)
    assert main(["events", *parked, "--gate", "erp"]) == 0
    assert capsys.readouterr().out == "no events\n"


def test_an_unknown_status_is_answered_with_the_known_ones(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["events", *stored, "--status", "ded"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "waybill: there is no status `ded`; known: accepted, running, waiting, held, quarantined, done,"
    )


COMMANDS = [("events",), ("events", "--format", "json"), ("redrive", "--status", "dead", "--dry-run")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_integration_that_nobody_knows_is_answered_with_the_one_that_may_be_meant(
    command: tuple[str, ...], stored: tuple[str, ...], capsys: Captured
) -> None:
    assert main([*command, *stored, "--integration", "shopfy-orders-to-erp"]) == 2
    said = f"waybill: there is no integration `shopfy-orders-to-erp`; did you mean `{SHOPIFY}`?\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_integration_that_only_the_store_or_only_the_workspace_knows_is_one(
    command: tuple[str, ...], stored: tuple[str, ...], shop: Path, capsys: Captured, tmp_path: Path
) -> None:
    (shop / "specs" / f"{SHOPIFY}.yaml").unlink()
    store = "--store", f"sqlite://{shop}/.waybill/events.db"
    for name, workspace in ((SHOPIFY, shop), (SHOPIFY, tmp_path / "elsewhere"), (STRIPE, shop)):
        words = "--integration", name, "--lane", "bulk", "--workspace", str(workspace), *store
        assert main([*command, *words]) == 0, name
    assert main([*command, "--integration", "orders", "--workspace", str(tmp_path / "elsewhere"), *store]) == 2
    assert f"there is no integration `orders`; integrations: {SHOPIFY}" in capsys.readouterr().err


def test_the_story_of_an_event_is_told_to_people_and_to_programs(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["event", "evt-2", *stored]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"evt-2  {SHOPIFY}@2  quarantined"
    assert lines[1] == "  id \\u001b[2J\\u009b\\u202e   key -"
    assert lines[2] == "  2024-11-22T09:15:31.000001Z  arrived"
    assert lines[3] == "  2024-11-22T09:15:31.000001Z  quarantined: receive.key gave no text or number"
    assert main(["event", "2", *stored, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["status"], told["story"], told["effects"]) == ("evt-2", "quarantined", [], [])


def test_an_event_that_is_not_there_is_a_sentence(stored: tuple[str, ...], capsys: Captured) -> None:
    for number in (0, 3, 10**17):
        assert main(["event", f"evt-{number}", *stored]) == 2
        assert capsys.readouterr() == ("", f"waybill: there is no event evt-{number}\n")


def test_what_cannot_be_moved_is_said_of_each_and_ends_with_1(stored: tuple[str, ...], capsys: Captured) -> None:
    assert main(["release", "evt-2", "evt-1", "evt-3", *WHO, *stored]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "evt-2: released"
    assert [line.split(":")[0] for line in lines] == ["evt-2", "evt-1", "evt-3"]
    assert "accepted" in lines[1]
    assert "there is no event" in lines[2]
    assert main(["redrive", "--status", "dead", *stored]) == 0
    assert capsys.readouterr().out == "no events\n"
    assert main(["event", "evt-2", *stored]) == 0
    assert "ada: checked" in capsys.readouterr().out


def test_a_file_that_is_no_store_is_a_sentence_and_ends_with_4(shop: Path, capsys: Captured) -> None:
    (shop / "notes.db").write_text("a shopping list, long enough to be taken for a page of something\n" * 20)
    assert main(["release", "evt-1", *WHO, "--workspace", str(shop), "--store", f"sqlite://{shop}/notes.db"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"waybill: {shop}/notes.db is not a sound store")
    assert err.count("\n") == 1
