"""What the demo's shop sends: true to the contracts, and promised as the reference integrations will book it."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.contract.body import decode_body
from engine.contract.schema import compile_contract
from engine.language import Resources
from engine.model import Delivery
from engine.rules.needs import Ask, Call, End, Need
from engine.rules.opening import open_event
from engine.rules.steps import Course, advance
from engine.run.load import Loaded, load
from engine.spec.plan import Plan
from harness.demo.payloads import ARTICLES, TENT
from harness.demo.script import BURST_ORDERS, BURSTS_AT, LARGE_AT, ORDERS_PER_S, Announcement, Chain, Script
from harness.demo.story import Story

ROOT = Path(__file__).resolve().parents[2]
INTEGRATIONS = {"shopify": "shopify-orders-to-erp", "stripe": "stripe-payments-to-ledger"}
BEGAN_AT = 1_732_266_930_000_000
SENDING_S = 10


@cache
def loaded() -> Loaded:
    return load(ROOT, "local")


@cache
def recordings() -> dict[str, Any]:
    return {
        path.relative_to(ROOT / "recordings").with_suffix("").as_posix(): msgspec.json.decode(path.read_bytes())["body"]
        for path in (ROOT / "recordings").rglob("*.json")
    }


@cache
def chains(seed: int = 1) -> tuple[Chain, ...]:
    return tuple(Script(recordings(), seed, SENDING_S, BEGAN_AT).chains())


def announcements() -> list[Announcement]:
    return [announcement for chain in chains() for announcement in chain.announcements]


def need(announcement: Announcement) -> Need:
    """What the reference integration does with it first."""
    plan: Plan = loaded().plans[INTEGRATIONS[announcement.provider]]
    headers = {name.lower(): value for name, value in announcement.headers}
    delivery = Delivery(
        event=1, integration=plan.integration, plan=plan.hash, id="e", key="k", headers=headers, query={},
        body=announcement.body, received_at=BEGAN_AT, token=1, lease_until=0, attempts=0, number=1,
    )  # fmt: skip
    scope = open_event(plan, delivery)
    return scope if isinstance(scope, End) else advance(Course(plan, scope), BEGAN_AT)


def test_the_same_seed_is_the_same_story() -> None:
    again = tuple(Script(recordings(), 1, SENDING_S, BEGAN_AT).chains())
    assert again == chains()
    assert chains(2) != chains()


def test_every_webhook_is_what_the_contracts_say() -> None:
    orders = compile_contract("order", loaded().workspace.models["shopify/order@2024-10"].content)
    events = compile_contract("event", loaded().workspace.models["stripe/event@2023-10-16"].content)
    contracts = {"shopify": orders, "stripe": events}
    for announcement in announcements():
        assert contracts[announcement.provider].check(decode_body(announcement.body)) == ()


def test_every_webhook_leads_to_the_effect_that_is_promised_for_it() -> None:
    held = 0
    for announcement in announcements():
        found = need(announcement)
        if announcement.held:
            assert isinstance(found, Ask)
            held += 1
            continue
        assert isinstance(found, Call), (announcement.promise, found)
        assert (found.step.operation.system, found.once) == (announcement.promise.system, announcement.promise.effect)
    assert held == len(LARGE_AT)


def test_amounts_add_up() -> None:
    for announcement in announcements():
        if announcement.provider != "shopify":
            continue
        order: Any = decode_body(announcement.body)
        cents = {
            name: int(order[name].replace(".", ""))
            for name in order
            if name.endswith("_price") or name == "total_discounts"
        }
        lines = sum(int(line["price"].replace(".", "")) * line["quantity"] for line in order["line_items"])
        assert cents["total_line_items_price"] == lines
        assert cents["subtotal_price"] == lines - cents["total_discounts"]
        assert cents["total_price"] == cents["current_total_price"] == cents["subtotal_price"] + 490
        assert order["total_price_set"]["shop_money"] == {
            "amount": order["total_price"],
            "currency_code": order["currency"],
        }
        assert order["total_weight"] == sum(line["grams"] * line["quantity"] for line in order["line_items"])


def test_every_tenth_order_is_told_under_two_event_ids() -> None:
    told: dict[str, set[str]] = {}
    for announcement in announcements():
        if announcement.provider == "shopify" and not announcement.held:
            told.setdefault(announcement.promise.effect, set()).add(announcement.id)
    numbers = Counter(len(ids) for ids in told.values())
    assert set(numbers) == {1, 2}
    assert numbers[2] == pytest.approx(len(told) / 10, rel=0.3)


def test_some_events_are_delivered_again_under_the_same_id_and_with_the_same_body() -> None:
    bodies: dict[str, list[bytes]] = {}
    for announcement in announcements():
        bodies.setdefault(announcement.id, []).append(announcement.body)
    again = [sent for sent in bodies.values() if len(sent) > 1]
    assert len(again) > 20
    assert all(len(set(sent)) == 1 for sent in again)


def test_ids_of_different_events_differ() -> None:
    promised: dict[str, set[bytes]] = {}
    for announcement in announcements():
        promised.setdefault(announcement.id, set()).add(announcement.body)
    assert all(len(bodies) == 1 for bodies in promised.values())


def test_a_burst_comes_within_its_second() -> None:
    orders = Counter(int(chain.at_s) for chain in chains() if not chain.in_order)
    large = {int(part * SENDING_S) for part in LARGE_AT}
    bursts = {int(part * SENDING_S) for part in BURSTS_AT}
    assert orders == {
        second: ORDERS_PER_S + BURST_ORDERS * (second in bursts) + (second in large) for second in range(SENDING_S)
    }


def test_chains_come_in_the_order_of_time() -> None:
    times = [chain.at_s for chain in chains()]
    assert times == sorted(times)


def test_all_ways_of_a_payment_are_told() -> None:
    states = {announcement.promise.effect.rpartition(":")[2] for announcement in announcements()}
    assert {"paid", "authorized", "pending_capture", "refunded", "partially_refunded", "disputed"} <= states


def test_the_registry_knows_every_article() -> None:
    resources: Resources = loaded().resources
    table = resources.tables["sku-registry"]
    for article in (*ARTICLES, TENT):
        assert table.find("sku", "erp_sku", article.sku)


def test_the_demo_writes_a_workspace_that_loads_and_the_secrets_it_names(tmp_path: Path) -> None:
    story = Story(tmp_path, 10, 1)
    signing = story.write_workspace()
    assert story.recordings() == recordings()
    assert load(tmp_path / "workspace", "local").plans.keys() == loaded().plans.keys()
    written = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    named = {
        word.rstrip("}],")
        for path in (tmp_path / "workspace/charter/systems").iterdir()
        for line in path.read_text().splitlines()
        if not line.strip().startswith("#")
        for word in line.split("{secret: ")[1:]
        for word in (word.split("}")[0],)
    }
    assert set(written) == named
    assert {path.stat().st_mode & 0o077 for path in written.values()} == {0}
    assert signing["shopify"].secrets[0].decode() == written["SHOPIFY_WEBHOOK_SECRET"].read_text().strip()
    assert len({path.read_text() for path in written.values()}) == len(written)
