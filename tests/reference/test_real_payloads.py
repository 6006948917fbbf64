"""Recorded payloads of Shopify and Stripe through the real engine on the reference workspace: exact values, right ends.

Nothing here is a copy: the payloads are read where they lie. A recording of an API is not always a recording of its
webhook, so what is added to one is written out below: the envelope of a Stripe event, the word `paid` of an order.
"""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from real import ROOT, real_data

from engine.contract.body import decode_body, encode_json
from engine.language import Resources, TextTable
from engine.run.load import Loaded, load
from engine.spec.compile import compile_workspace
from engine.wire.answers import Inbound
from engine.wire.files import find_zone
from harness.world import Ended, World, run

pytestmark = pytest.mark.real

SHOPIFY, STRIPE = "shopify-orders-to-erp", "stripe-payments-to-ledger"
ORDER = 450789469
IPODS = (("IPOD2008GREEN", "200001"), ("IPOD2008RED", "200002"), ("IPOD2008BLACK", "200003"))
"""What the recorded shop sells, and numbers that our ERP could have for it."""


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """The reference workspace, whose SKU registry also knows the recorded shop's articles."""
    found = load(ROOT, "local")
    registry = found.workspace.tables["sku-registry"]
    assert isinstance(registry, TextTable)
    assert registry.columns == ("sku", "erp_sku", "name", "pack_size")
    rows = [*registry.rows, *((sku, number, "iPod", "1") for sku, number in IPODS)]
    tables = {**found.workspace.tables, "sku-registry": TextTable.of(registry.columns, rows, "with the recorded shop")}
    workspace = replace(found.workspace, tables=tables)
    resources = Resources(tables=tables, zones=find_zone)
    plans = compile_workspace(workspace, found.environment, resources)
    return replace(found, workspace=workspace, resources=resources, plans=plans)


def read(name: str) -> Any:
    """A recorded file below `traffic/`, its numbers exact."""
    return decode_body((real_data() / "traffic" / name).read_bytes())


def send(loaded: Loaded, integration: str, body: object, headers: dict[str, str] | None = None) -> Ended:
    """One delivery in a world of its own; how it ended."""
    world = World(loaded)
    inbound = Inbound("POST", "/", headers or {}, {}, encode_json(body))
    return world.ended(run(world.receive(loaded.plans[integration], inbound)))


# ── Shopify ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def order_webhook(loaded: Loaded, order: dict[str, Any], **changed: object) -> Ended:
    """The order as a webhook sends it: itself, without the envelope that the REST API puts around it."""
    return send(loaded, SHOPIFY, {**order, **changed}, {"x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"})


def orders() -> dict[str, dict[str, Any]]:
    """Financial status → order, of both recordings."""
    found = [read("shopify-rest/order.json")["order"], *read("shopify-rest/orders.json")["orders"]]
    return {order["financial_status"]: order for order in found}


def test_orders_that_are_not_paid_are_ignored_as_they_were_recorded(loaded: Loaded) -> None:
    ends = {status: order_webhook(loaded, order) for status, order in orders().items()}
    assert {status: end.status.value for status, end in ends.items()} == {
        "authorized": "ignored",
        "partially_refunded": "ignored",
    }
    assert {(end.key, end.calls) for end in ends.values()} == {(str(ORDER), ())}


def test_a_recorded_order_becomes_one_sales_order_with_exact_values_once_it_is_paid(loaded: Loaded) -> None:
    ended = order_webhook(loaded, orders()["authorized"], financial_status="paid")
    assert (ended.status.value, ended.reason) == ("done", "")
    (call,) = ended.calls
    assert (call.operation, call.method) == ("erp.create_order", "POST")
    assert ended.steps["erp"] == "so-1"
    body: Any = call.body
    expected = {
        "id": f"shopify-{ORDER}",
        "external_id": f"shopify-{ORDER}",
        "channel_order_id": str(ORDER),
        "number": "#1001",
        "placed_at": "2008-01-10T16:00:00Z",
        "currency": "USD",
        "total": 40994,
        "subtotal": 39800,
        "tax_total": 1194,
        "discount_total": 0,
        "payment_status": "paid",
        "payment_method": "authorize_net",
        "fulfillment_status": "unfulfilled",
        "discounts": [{"code": "TENOFF", "amount": 1000}],
        "taxes": [{"title": "State Tax", "rate": Decimal("0.06"), "amount": 1194}],
        "shipping": [{"method": "Free Shipping", "code": "Free Shipping", "amount": 0}],
    }
    assert {name: body[name] for name in expected} == expected
    assert body["customer"]["id"] == "207119551"
    assert (body["shipping_address"]["city"], body["shipping_address"]["country"]) == ("Louisville", "US")
    assert [(line["channel_sku"], line["sku"]) for line in body["lines"]] == list(IPODS)
    assert [line["id"] for line in body["lines"]] == ["466157049", "518995019", "703073504"]
    assert {(line["quantity"], line["unit_price"], line["weight_g"]) for line in body["lines"]} == {(1, 19900, 200)}
    assert all(isinstance(line["unit_price"], int) for line in body["lines"])


def test_a_recorded_order_without_lines_waits_for_the_desk_once_it_is_paid(loaded: Loaded) -> None:
    order = orders()["partially_refunded"]
    assert "line_items" not in order
    ended = order_webhook(loaded, order, financial_status="paid")
    assert (ended.status.value, ended.calls) == ("held", ())
    assert ended.reason == "order #1001 came without lines"
    mapped: Any = ended.steps["order"]
    assert (mapped["total"], mapped["subtotal"], mapped["shipping_total"]) == (59894, 59700, 0)
    assert mapped["payment_method"] == "bogus"


def test_the_recorded_shop_s_articles_are_quarantined_where_the_registry_does_not_know_them(loaded: Loaded) -> None:
    ended = order_webhook(load(ROOT, "local"), orders()["authorized"], financial_status="paid")
    assert (ended.status.value, ended.calls) == ("quarantined", ())
    assert all(sku in ended.reason for sku, _ in IPODS)
    assert "sku-registry" in ended.reason


# ── Stripe ───────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATED = 1732266931
CHARGE, INTENT = "ch_1PgafuB7WZ01zgkWXYmPNZs8", "pi_1PgafyB7WZ01zgkWSjxsAJo3"
REFUND, DISPUTE = "re_1Pgc72B7WZ01zgkWqPvrRrPE", "dp_1Pgc71B7WZ01zgkWMevJiAUx"

PUBLISHED: list[tuple[str, str, str, str, str, int]] = [
    # object, type of the event, whose it is, the state it is posted as, its direction, minor units
    ("charge", "charge.succeeded", CHARGE, "authorized", "memo", 100),  # the published charge is not captured
    ("charge", "charge.pending", CHARGE, "processing", "memo", 100),
    ("charge", "charge.failed", CHARGE, "failed", "memo", 100),
    ("charge", "charge.expired", CHARGE, "expired", "memo", 100),
    ("charge", "charge.updated", CHARGE, "", "", 0),
    ("payment_intent", "payment_intent.created", INTENT, "", "", 0),
    ("payment_intent", "payment_intent.processing", INTENT, "processing", "memo", 1099),
    ("payment_intent", "payment_intent.payment_failed", INTENT, "failed", "memo", 1099),
    ("payment_intent", "payment_intent.canceled", INTENT, "canceled", "memo", 1099),
    ("refund", "refund.created", REFUND, "refunded", "debit", 100),
    ("refund", "refund.updated", REFUND, "refunded", "debit", 100),
    ("refund", "charge.refund.updated", REFUND, "refunded", "debit", 100),
    ("dispute", "charge.dispute.created", DISPUTE, "disputed", "memo", 1000),
    ("dispute", "charge.dispute.updated", DISPUTE, "", "", 0),
    ("dispute", "charge.dispute.funds_withdrawn", DISPUTE, "dispute_withdrawn", "debit", 1000),
    ("dispute", "charge.dispute.funds_reinstated", DISPUTE, "dispute_reinstated", "credit", 1000),
]
"""Objects of `stripe-fixtures/fixtures3.json`, wrapped; without a state the event says nothing of money."""

PLAYED: list[tuple[str, str, str, str, str, int]] = [
    ("charge_ch_fakefakefakefakefake0001", "charge.succeeded", "pi_fakefakefakefakefake0001", "paid", "credit", 2000),
    (
        "dispute_pi_fakefakefakefake01",
        "payment_intent.succeeded",
        "pi_1JAyTwJSZQVUcJYgBbsz0NuH",
        "paid",
        "credit",
        1000,
    ),
    (
        "payment_intent_pi_destination_charge",
        "payment_intent.succeeded",
        "pi_1FG742B7kbjcJ8QqGKF6qIM0",
        "paid",
        "credit",
        190200,
    ),
    (
        "payment_intent_pi_fakefakefakefakefake0001",
        "payment_intent.succeeded",
        "pi_fakefakefakefakefake0001",
        "paid",
        "credit",
        2000,
    ),
    (
        "dispute_dp_fakefakefakefake01",
        "charge.dispute.created",
        "dp_1JAyTwJSZQVUcJYgPqasUEn1",
        "disputed",
        "memo",
        1000,
    ),
    (
        "dispute_dp_fakefakefakefake02",
        "charge.dispute.funds_withdrawn",
        "dp_1JAyTwJSZQVUcJYgPqasUEn1",
        "dispute_withdrawn",
        "debit",
        1000,
    ),
    (
        "dispute_dp_funds_reinstated_full",
        "charge.dispute.funds_reinstated",
        "dp_1JAyTwJSZQVUcJYgPqasUEn1",
        "dispute_reinstated",
        "credit",
        1000,
    ),
]
"""Objects of `stripe-events-djstripe`, wrapped in the event that tells of them."""


def event_of(type_: str, thing: dict[str, Any]) -> dict[str, Any]:
    """The object in the envelope of a webhook."""
    return {
        "id": f"evt_{thing['id']}",
        "object": "event",
        "api_version": "2023-10-16",
        "created": CREATED,
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
    }


def assert_posted(ended: Ended, thing: dict[str, Any], id_: str, state: str, direction: str, amount: int) -> None:
    payment = thing.get("payment_intent") or thing.get("charge") or thing["id"]
    assert ended.key == payment
    if not state:
        assert (ended.status.value, ended.calls) == ("ignored", ())
        return
    assert (ended.status.value, ended.reason) == ("done", "")
    (call,) = ended.calls
    assert call.operation == "ledger.post_payment"
    assert isinstance(call.body, dict)
    expected = {
        "id": id_,
        "reference": f"{id_}:{state}",
        "payment": payment,
        "kind": thing["object"],
        "state": state,
        "direction": direction,
        "amount": amount,
        "currency": "USD",
        "live": False,
        "occurred_at": "2024-11-22T09:15:31Z",
    }
    assert {name: call.body[name] for name in expected} == expected
    assert type(call.body["amount"]) is int


@pytest.mark.parametrize(("kind", "type_", "id_", "state", "direction", "amount"), PUBLISHED)
def test_published_stripe_objects_are_posted(
    loaded: Loaded, kind: str, type_: str, id_: str, state: str, direction: str, amount: int
) -> None:
    thing = read("stripe-fixtures/fixtures3.json")["resources"][kind]
    assert thing["id"] == id_
    assert_posted(send(loaded, STRIPE, event_of(type_, thing)), thing, id_, state, direction, amount)


@pytest.mark.parametrize(("name", "type_", "id_", "state", "direction", "amount"), PLAYED)
def test_stripe_objects_of_a_known_consumer_are_posted(
    loaded: Loaded, name: str, type_: str, id_: str, state: str, direction: str, amount: int
) -> None:
    thing = read(f"stripe-events-djstripe/{name}.json")
    assert_posted(send(loaded, STRIPE, event_of(type_, thing)), thing, id_, state, direction, amount)


def test_a_charge_and_its_intent_as_recorded_are_one_posting(loaded: Loaded) -> None:
    """Both recordings are of one payment, so both announce the same thing: 20 dollars, paid."""
    charge = event_of("charge.succeeded", read("stripe-events-djstripe/charge_ch_fakefakefakefakefake0001.json"))
    intent = event_of(
        "payment_intent.succeeded", read("stripe-events-djstripe/payment_intent_pi_fakefakefakefakefake0001.json")
    )
    world = World(loaded)

    async def both() -> list[int]:
        plan = loaded.plans[STRIPE]
        return [await world.receive(plan, Inbound("POST", "/", {}, {}, encode_json(body))) for body in (charge, intent)]

    first, second = (world.ended(event) for event in run(both()))
    assert (first.status.value, second.status.value) == ("done", "done")
    assert (len(first.calls), len(second.calls)) == (1, 0)
    assert world.http.partners["ledger"].doubles() == {}


def test_every_recorded_stripe_event_is_taken_and_those_without_money_are_ignored(loaded: Loaded) -> None:
    files = sorted((real_data() / "traffic/stripe-events-djstripe").glob("event_*.json"))
    assert len(files) == 11
    types: Counter[str] = Counter()
    for file in files:
        event = read(f"stripe-events-djstripe/{file.name}")
        end = send_raw(loaded, file)
        assert (end.status.value, end.calls, end.reason) == ("ignored", (), "`receive.when` is false"), file.name
        assert end.id == event["id"]
        assert end.key == event["data"]["object"]["id"]
        types[event["type"]] += 1
    assert types == {
        "account.application.deauthorized": 2,
        "account.updated": 3,
        "account.external_account.created": 2,
        "account.external_account.deleted": 2,
        "account.external_account.updated": 2,
    }


def send_raw(loaded: Loaded, file: Path) -> Ended:
    """The very bytes of the file as the body."""
    world = World(loaded)
    return world.ended(run(world.receive(loaded.plans[STRIPE], Inbound("POST", "/", {}, {}, file.read_bytes()))))


def test_the_tables_above_ran_what_they_say() -> None:
    """Sixteen published, seven played; each published kind as the issue names them, each event of a type of its own."""
    real_data()
    assert (len(PUBLISHED), len(PLAYED)) == (16, 7)
    assert {row[0] for row in PUBLISHED} == {"charge", "payment_intent", "refund", "dispute"}
    recorded = {row[0] for row in PLAYED}
    folder = real_data() / "traffic/stripe-events-djstripe"
    money = {
        file.stem
        for file in folder.glob("*.json")
        if json.loads(file.read_text()).get("object") in ("charge", "payment_intent", "refund", "dispute")
    }
    # This charge was exported from a database that keeps main units as text ("10.00"); no webhook looks like that.
    assert money - recorded == {"dispute_ch_fakefakefakefake01"}
