"""What people do to a running engine: release, reject, redrive, reload, stop; and what a second engine may not."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blackbox.rig import FILES, Rig, order_body, post, rig_at, settle, tell_partner

pytestmark = pytest.mark.slow

HOLDING = FILES["specs/shop-orders.yaml"].replace(
    "  - id: erp\n",
    '  - id: review\n    when: "order.total_minor > `100000`"\n    hold: {queue: large-orders, reason: "order {{ order.id }}"}\n  - id: erp\n',
)


def send(rig: Rig, event: str, body: bytes) -> int | None:
    async def once() -> int | None:
        async with aiohttp.ClientSession() as session:
            return await post(session, rig, event, body)

    return asyncio.run(once())


def event_of(rig: Rig, id_: str) -> dict[str, Any]:
    return next(event for event in rig.events() if event["id"] == id_)


def wait_until(holds: Callable[[], bool], what: str, deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.1)


def log_of(rig: Rig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in rig.log.read_text().splitlines()]


def large(order: str) -> bytes:
    return order_body(order, f"customer-{order}", 1, total="5000.00")


def test_a_held_order_is_released_or_rejected_with_or_without_an_engine(tmp_path: Path) -> None:
    with rig_at(tmp_path, files={**FILES, "specs/shop-orders.yaml": HOLDING}) as rig:
        rig.start_engine()
        for order in ("one", "two", "three"):
            assert send(rig, order, large(order)) == 202
        asyncio.run(settle(rig))
        held = {event["id"]: event for event in rig.events("--queue", "large-orders")}
        assert {event["status"] for event in held.values()} == {"held"}
        assert held["one"]["reason"] == "order shop-one"
        assert rig.effects() == []

        words = ("--by", "ada", "--reason", "known customer", "--workspace", str(rig.root))
        done = rig.waybill("release", held["one"]["event"], *words)
        assert (done.returncode, done.stdout) == (0, f"{held['one']['event']}: released\n")
        wait_until(lambda: event_of(rig, "one")["status"] == "done", "the released order is done")
        done = rig.waybill("release", "--reject", held["two"]["event"], *words)
        assert done.returncode == 0
        assert event_of(rig, "two")["status"] == "discarded"
        again = rig.waybill("release", held["two"]["event"], *words)
        assert again.returncode == 1
        assert "discarded" in again.stdout

        rig.kill_engine()
        done = rig.waybill("release", held["three"]["event"], *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert event_of(rig, "three")["status"] == "accepted"
        rig.start_engine()
        asyncio.run(settle(rig))
        assert sorted(effect["order"] for effect in rig.effects()) == ["shop-one", "shop-three"]
        story = rig.waybill("event", held["one"]["event"], "--workspace", str(rig.root)).stdout
        assert "ada: known customer" in story
        assert "effect erp.create_order once shop-one: done, 1 send" in story


def test_a_dead_letter_is_redriven_and_its_effect_happens_once(tmp_path: Path) -> None:
    files = {
        **FILES,
        "charter/systems/erp.yaml": FILES["charter/systems/erp.yaml"].replace("attempts_max: 60", "attempts_max: 2"),
    }
    with rig_at(tmp_path, files=files) as rig:
        rig.partner.kill()  # type: ignore[union-attr]
        rig.start_engine()
        assert send(rig, "a", order_body("a", "a", 1)) == 202
        asyncio.run(settle(rig))
        dead = event_of(rig, "a")
        assert (dead["status"], dead["attempts"]) == ("dead", 2)
        assert "2 attempts spent" in dead["reason"]
        rig.kill_engine()
        rig.start_partner()
        rig.start_engine()
        done = rig.waybill("redrive", "--status", "dead", "--by", "ada", "--workspace", str(rig.root))
        assert done.stdout == f"{dead['event']}: will be tried again\n"
        asyncio.run(settle(rig))
        assert event_of(rig, "a")["status"] == "done"
        assert [effect["order"] for effect in rig.effects()] == ["shop-a"]


def test_a_reload_takes_a_good_workspace_refuses_a_broken_one_and_leaves_accepted_events_on_theirs(
    tmp_path: Path,
) -> None:
    with rig_at(tmp_path, files={**FILES, "specs/shop-orders.yaml": HOLDING}) as rig:
        rig.start_engine()
        assert send(rig, "before", large("before")) == 202
        asyncio.run(settle(rig))
        spec = rig.root / "specs/shop-orders.yaml"

        spec.write_text(HOLDING.lstrip().replace("map: order", "map: ordr").replace("version: 1", "version: 2"))
        rig.engine.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        wait_until(
            lambda: any(fact["fact"] == "reload_refused" for fact in log_of(rig)), "the broken workspace is refused"
        )
        refused = next(fact for fact in log_of(rig) if fact["fact"] == "reload_refused")
        assert "specs/shop-orders.yaml:" in refused["reason"]
        assert "did you mean `order`?" in refused["reason"]
        assert send(rig, "meanwhile", order_body("meanwhile", "m", 1)) == 202

        # Another identity for the effect shows which version an event ran under.
        newer = (
            HOLDING.lstrip()
            .replace("version: 1", "version: 2")
            .replace("once: order.id", "once: join('-', ['v2', order.id])")
        )
        spec.write_text(newer)
        rig.engine.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        wait_until(lambda: any(fact["fact"] == "reloaded" for fact in log_of(rig)), "the good workspace is taken")
        assert send(rig, "after", order_body("after", "n", 1)) == 202
        asyncio.run(settle(rig))
        held = event_of(rig, "before")
        assert held["spec"] == "shop-orders@1"

        rig.kill_engine()
        rig.start_engine()
        rig.waybill("release", held["event"], "--by", "ada", "--reason", "fine", "--workspace", str(rig.root))
        asyncio.run(settle(rig))
        assert {event["id"]: (event["status"], event["spec"]) for event in rig.events()} == {
            "before": ("done", "shop-orders@1"),
            "meanwhile": ("done", "shop-orders@1"),
            "after": ("done", "shop-orders@2"),
        }
        assert sorted(effect["order"] for effect in rig.effects()) == ["shop-before", "shop-meanwhile", "v2-shop-after"]


def test_an_event_calls_a_partner_that_only_its_own_older_version_calls(tmp_path: Path) -> None:
    with rig_at(tmp_path, files={**FILES, "specs/shop-orders.yaml": HOLDING}) as rig:
        rig.start_engine()
        for id_ in ("a", "b"):
            assert send(rig, id_, large(id_)) == 202
        asyncio.run(settle(rig))
        before_erp, _, _ = HOLDING.lstrip().replace("version: 1", "version: 2").partition("  - id: erp\n")
        (rig.root / "specs/shop-orders.yaml").write_text(before_erp)
        rig.engine.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        wait_until(lambda: any(fact["fact"] == "reloaded" for fact in log_of(rig)), "the newer version is taken")
        release = ("release", "--by", "ada", "--reason", "fine", "--workspace", str(rig.root))
        rig.waybill(*release, event_of(rig, "a")["event"])
        asyncio.run(settle(rig))
        assert event_of(rig, "a")["status"] == "done"

        rig.kill_engine()
        rig.start_engine()
        rig.waybill(*release, event_of(rig, "b")["event"])
        asyncio.run(settle(rig))
        assert event_of(rig, "b")["status"] == "done"
        assert [effect["order"] for effect in rig.effects()] == ["shop-a", "shop-b"]


def test_changed_content_under_an_unchanged_version_is_a_located_fault(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.start_engine()
        rig.kill_engine()
        (rig.root / "mappings/order.yaml").write_text(
            FILES["mappings/order.yaml"].lstrip().replace("'shop'", "'shop2'")
        )
        done = rig.waybill("run", str(rig.root), "--port", "0", "--admin-port", "0")
        assert done.returncode == 2
        assert "specs/shop-orders.yaml:2:10: version-unchanged" in done.stderr
        assert "version: 2" in done.stderr
        assert "Traceback" not in done.stderr


def test_sigterm_ends_what_is_under_way_and_exits_with_0(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.start_engine()
        asyncio.run(tell_partner(rig, delay_s=1.6))
        assert send(rig, "a", order_body("a", "a", 1)) == 202
        wait_until(lambda: event_of(rig, "a")["status"] == "running", "the order is on its way")
        rig.engine.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
        assert rig.engine.wait() == 0  # type: ignore[union-attr]
        assert event_of(rig, "a")["status"] == "done"
        assert len(rig.effects()) == 1


def test_a_second_engine_on_the_same_store_is_refused(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.start_engine()
        done = rig.waybill("run", str(rig.root), "--port", "0", "--admin-port", "0")
        assert done.returncode == 2
        assert f"process {rig.engine.pid}" in done.stderr  # type: ignore[union-attr]
        assert rig.is_alive()
        assert send(rig, "a", order_body("a", "a", 1)) == 202


def test_the_admin_port_tells_health_readiness_and_metrics(tmp_path: Path) -> None:
    async def get(rig: Rig, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{rig.admin_port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    with rig_at(tmp_path) as rig:
        rig.start_engine()
        assert send(rig, "a", order_body("a", "a", 1)) == 202
        asyncio.run(settle(rig))
        assert asyncio.run(get(rig, "/health"))[0] == 200
        assert asyncio.run(get(rig, "/ready"))[0] == 200
        status, page = asyncio.run(get(rig, "/metrics"))
        assert status == 200
        assert 'waybill_received_total{integration="shop-orders",verdict="accepted"} 1.0' in page
        assert 'waybill_calls_total{kind="call",operation="erp.create_order",verdict="done"} 1.0' in page
        assert asyncio.run(get(rig, "/hooks/orders"))[0] == 404


def test_what_is_missing_for_a_start_is_told_all_at_once(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.more_environment = {"WAYBILL_SECRETS": str(tmp_path), "ERP_URL": "", "WAYBILL_SECRET_SHOP_SECRET": "x"}
        (tmp_path / "ERP_TOKEN").write_text("")
        done = rig.waybill("run", str(rig.root), "--port", "0", "--admin-port", "0")
        assert done.returncode == 2
        assert "ERP_URL is not set" in done.stderr
        assert "ERP_TOKEN is empty" in done.stderr
        assert "secret SHOP_SECRET: the secret is shorter" in done.stderr


def test_a_command_for_another_store_does_not_move_the_running_engines_events(tmp_path: Path) -> None:
    with rig_at(tmp_path, files={**FILES, "specs/shop-orders.yaml": HOLDING}) as rig:
        rig.start_engine()
        assert send(rig, "first", large("first")) == 202
        asyncio.run(settle(rig))
        rig.kill_engine()
        rig.store = f"sqlite://{tmp_path}/other.db"
        rig.start_engine()
        assert send(rig, "other", large("other")) == 202
        asyncio.run(settle(rig))
        words = ("--by", "ada", "--reason", "fine", "--workspace", str(rig.root))
        done = rig.waybill("release", "evt-1", *words)
        assert (done.returncode, done.stdout) == (0, "evt-1: released\n")
        assert [event["status"] for event in rig.events()] == ["held"]
        rig.store = None
        assert [event["status"] for event in rig.events()] == ["accepted"]


def test_a_damaged_store_is_not_opened_and_said_in_a_sentence(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        rig.start_engine()
        rig.kill_engine()
        for file in (rig.root / ".waybill").glob("events.db*"):
            file.write_bytes(b"no store at all, " * 1000)
        done = rig.waybill("run", str(rig.root), "--port", "0", "--admin-port", "0")
        assert done.returncode == 4
        assert "restore a backup" in done.stderr
        assert "Traceback" not in done.stderr
