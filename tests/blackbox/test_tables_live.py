"""A row that is missing at night: the order waits, the row is added to the file, the order goes on; and schema drift."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from run.test_walk_sightings import TABLE, with_table

from blackbox.rig import Rig, order_body, rig_at, settle
from blackbox.test_operations import event_of, log_of, send, wait_until

pytestmark = pytest.mark.slow


def order(number: str, *skus: str, **more: Any) -> bytes:
    return order_body(number, f"customer-{number}", 1, lines=[{"sku": sku} for sku in skus], **more)


def told(rig: Rig, *words: str) -> list[dict[str, Any]]:
    done = rig.waybill(*words, "--workspace", str(rig.root), "--format", "json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def facts(rig: Rig, name: str) -> list[dict[str, Any]]:
    return [fact for fact in log_of(rig) if fact["fact"] == name]


def test_an_order_with_an_unknown_sku_waits_for_its_row_and_goes_on_once_it_is_in_the_file(tmp_path: Path) -> None:
    with rig_at(tmp_path, files=with_table()) as rig:
        table = rig.root / "charter/tables/sku-registry.csv"
        rig.start_engine()
        for event in ("one", "two"):
            assert send(rig, event, order(event, "A-1", "4711-B")) == 202
        assert send(rig, "three", order("three", "C-3")) == 202
        asyncio.run(settle(rig))
        one = event_of(rig, "one")
        assert one["status"] == "quarantined"
        assert "'4711-B' is not in table sku-registry (column sku)" in one["reason"]
        assert [
            (row["text"], row["table"], row["column"], row["events"]) for row in told(rig, "events", "--missing")
        ] == [
            ("4711-B", "sku-registry", "sku", 2),
            ("C-3", "sku-registry", "sku", 1),
        ]
        listed = rig.waybill("events", "--missing", "--workspace", str(rig.root)).stdout
        assert listed.startswith("4711-B  not in sku-registry (column sku)  2 events, last ")

        table.write_text(TABLE + "4711-B\n")  # a slip of the hand first
        wait_until(lambda: bool(facts(rig, "tables_refused")), "the broken table is refused")
        assert send(rig, "known", order("known", "A-1")) == 202
        asyncio.run(settle(rig))
        assert event_of(rig, "known")["status"] == "done"

        table.write_text(TABLE + "4711-B,200\n")
        done = rig.waybill("redrive", "--missing", "--by", "ada", "--workspace", str(rig.root))
        two = event_of(rig, "two")["event"]
        # What a filter chose goes on at a rate: the second is told when.
        assert [line.partition(" at 20")[0] for line in done.stdout.splitlines()] == [
            f"{one['event']}: will be tried again",
            f"{two}: will be tried again",
            "1 event still waits for rows: `waybill events --missing` lists them",
        ]
        asyncio.run(settle(rig))
        assert {event["id"]: event["status"] for event in rig.events()} == {
            "one": "done", "two": "done", "three": "quarantined", "known": "done",
        }  # fmt: skip
        assert sorted(effect["order"] for effect in rig.effects()) == ["shop-known", "shop-one", "shop-two"]
        (story,) = told(rig, "event", one["event"])
        before, _, after = (line["tables"] for line in story["story"])
        assert [text.partition("@")[0] for text in (*before, *after)] == ["sku-registry"] * 2
        assert before != after
        assert (story["tables"], story["missing"]) == (after, [])
        assert after[0] == facts(rig, "tables_taken")[-1]["tables"]
        text = rig.waybill("event", one["event"], "--workspace", str(rig.root)).stdout
        assert all(version in text for version in (*before, *after))
        assert len(facts(rig, "tables_refused")) == 1


def test_a_newer_table_reaches_events_of_an_older_plan_with_a_reload_and_without(tmp_path: Path) -> None:
    files = with_table()
    with rig_at(tmp_path, files=files) as rig:
        table, spec = rig.root / "charter/tables/sku-registry.csv", rig.root / "specs/shop-orders.yaml"
        rig.start_engine()
        for event, sku in (("one", "4711-B"), ("two", "C-3")):
            assert send(rig, event, order(event, sku)) == 202
        asyncio.run(settle(rig))
        spec.write_text(
            files["specs/shop-orders.yaml"]
            .lstrip()
            .replace("version: 1", "version: 2")
            .replace("once: order.id", "once: join('-', ['v2', order.id])")
        )
        table.write_text(TABLE + "half a row\n")
        rig.engine.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        wait_until(lambda: bool(facts(rig, "reload_refused")), "a reload with a broken table is refused")
        assert "charter/tables/sku-registry.csv:3:1" in facts(rig, "reload_refused")[0]["reason"]
        assert send(rig, "meanwhile", order("meanwhile", "A-1")) == 202
        asyncio.run(settle(rig))
        assert (event_of(rig, "meanwhile")["status"], event_of(rig, "meanwhile")["spec"]) == ("done", "shop-orders@1")

        table.write_text(TABLE + "4711-B,200\n")
        rig.engine.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        wait_until(lambda: bool(facts(rig, "reloaded")), "the sound workspace is taken")
        assert send(rig, "after", order("after", "4711-B")) == 202
        words = ("--workspace", str(rig.root))
        assert rig.waybill("redrive", event_of(rig, "one")["event"], *words).returncode == 0
        asyncio.run(settle(rig))
        with table.open("a") as file:
            file.write("C-3,300\n")
        assert rig.waybill("redrive", "--missing", *words).returncode == 0
        asyncio.run(settle(rig))
        assert {event["id"]: (event["status"], event["spec"]) for event in rig.events()} == {
            "one": ("done", "shop-orders@1"),
            "two": ("done", "shop-orders@1"),
            "meanwhile": ("done", "shop-orders@1"),
            "after": ("done", "shop-orders@2"),
        }
        assert len(facts(rig, "reloaded")) == 1


def test_drift_is_seen_while_the_engine_runs_and_after_it_stopped(tmp_path: Path) -> None:
    with rig_at(tmp_path, files=with_table()) as rig:
        rig.start_engine()
        for number in range(4):
            assert send(rig, f"e{number}", order(f"e{number}", "A-1", duties=number)) == 202
        broken = json.loads(order("broken", "A-1"))
        broken["total_price"] = broken.pop("total")
        assert send(rig, "broken", json.dumps(broken).encode()) == 202
        asyncio.run(settle(rig))
        wait_until(lambda: len(told(rig, "events", "--drift")) == 3, "the counts of a few seconds are written")
        assert send(rig, "late", order("late", "A-1", duties=9)) == 202
        asyncio.run(settle(rig))
        assert rig.stop() == 0
        assert {
            (row["drift"], row["field"]): (row["contract"], row["events"]) for row in told(rig, "events", "--drift")
        } == {
            ("unknown", "duties"): ("shop/order@1", 5),
            ("unknown", "total_price"): ("shop/order@1", 1),
            ("missing", "total"): ("shop/order@1", 1),
        }
        listed = rig.waybill("events", "--drift", "--workspace", str(rig.root)).stdout
        assert listed.startswith("shop/order@1\n")
        assert listed.endswith("\n3 fields\n")
