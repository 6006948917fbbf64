"""Recorded answers of real partners through the operations of the reference workspace, and a request of ours against a
partner's own schema. What is recorded is read where it lies; nothing of it is copied here.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from real import ROOT, real_data
from ruamel.yaml import YAML

from engine.contract.body import decode_body, encode_json
from engine.run.load import Loaded, load
from engine.spec.plan import OperationPlan
from engine.wire.answers import Inbound
from harness.world import World, run

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(ROOT, "local")


def read(name: str) -> Any:
    """A recorded file below `traffic/`, its numbers exact."""
    return decode_body((real_data() / "traffic" / name).read_bytes())


def operation(loaded: Loaded, name: str) -> OperationPlan:
    """An operation as an integration calls it, or as one of these is looked up or undone with."""
    for plan in loaded.plans.values():
        for call in plan.calls():
            for one in (call.operation, *call.others):
                helpers = [helper.operation for helper in (one.lookup, one.undo) if helper]
                for found in (one, *helpers):
                    if found.full_name == name:
                        return found
    raise AssertionError(name)


def answered(loaded: Loaded, name: str, body: Any, status: int = 200) -> Any:
    """What the operation makes of an answer."""
    result = operation(loaded, name).result
    assert result is not None
    return result({"input": None, "once": None, "status": status, "headers": {}, "body": body})


# ── payments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_mollie_answers_is_understood(loaded: Loaded) -> None:
    payment, capture, refund = (
        read(f"mollie-responses/{name}_single.json") for name in ("payment", "capture", "refund")
    )
    assert answered(loaded, "mollie.authorize", {**payment, "status": "authorized"}, 201) == {
        "provider": "mollie",
        "id": "tr_7UhSN1zuXS",
        "status": "authorized",
    }
    assert answered(loaded, "mollie.authorize", payment, 201)["status"] == "declined"  # recorded as `open`
    assert answered(loaded, "mollie.capture", capture, 201) == {"provider": "mollie", "payment": "tr_7UhSN1zuXS"}
    assert answered(loaded, "mollie.refund", refund, 201) == {"provider": "mollie", "id": "re_4qqhO89gsT"}


def test_what_we_ask_of_paypal_holds_paypal_s_own_schema(loaded: Loaded) -> None:
    document = read("paypal-orders-openapi/checkout_orders_v2.json")
    schema = {**document, "$ref": "#/components/schemas/order_request"}
    charge = {"order": "NW-P-1", "amount": 12900, "currency": "EUR", "tokens": {"paypal": "vault-NWexample1"}}
    sent = 0
    for currency, value in (("EUR", "129.00"), ("JPY", "12900"), ("KWD", "12.900")):
        request = operation(loaded, "paypal.authorize").request({**charge, "currency": currency}, "att-1")
        body: Any = request.body
        assert body["purchase_units"][0]["amount"] == {"currency_code": currency, "value": value}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(body)] == []
        sent += 1
    wrong = {**body, "purchase_units": [{**body["purchase_units"][0], "amount": {"value": "1"}}]}
    assert [*Draft202012Validator(schema).iter_errors(wrong)] != []
    assert sent == 3


DISPUTED = "pi_1JAyTwJSZQVUcJYgBbsz0NuH"
HAPPENED = (
    ("dispute_pi_fakefakefakefake01", "payment_intent.succeeded", "paid"),
    ("dispute_dp_fakefakefakefake01", "charge.dispute.created", "disputed"),
    ("dispute_dp_fakefakefakefake02", "charge.dispute.funds_withdrawn", ""),
    ("dispute_dp_funds_reinstated_full", "charge.dispute.funds_reinstated", "paid"),
)
"""What was recorded of one payment, in its order, and the state its order goes to (empty: where it is already)."""


def test_a_recorded_dispute_moves_its_order_to_disputed_and_back(loaded: Loaded) -> None:
    """From the provider's webhook over two topics to the ERP, as it was recorded."""
    world = World(loaded)
    plan = loaded.plans["stripe-payments-to-ledger"]
    for place, (name, type_, _) in enumerate(HAPPENED):
        thing = read(f"stripe-events-djstripe/{name}.json")
        event = {
            "id": f"evt_{place}",
            "object": "event",
            "type": type_,
            "created": 1732266931 + place,
            "livemode": False,
            "data": {"object": thing},
        }
        run(world.receive(plan, Inbound("POST", "/", {}, {}, encode_json(event))))
    book = world.http.partners["erp"].book()["change_payment_state"]
    states = [state for _, _, state in HAPPENED if state]
    assert [row["result"] for row in book] == [
        {"order": f"shopify-{DISPUTED}", "state": state, "before": before}
        for before, state in zip(["open", *states], states, strict=False)
    ]
    assert len(book) == 3
    assert len(world.http.partners["ledger"].book()["post_payment"]) == 4


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def exchanges(pattern: str) -> Iterator[tuple[str, str, Any]]:
    """(method, path, decoded answer) of every exchange in cassettes of EasyPost that was answered 2xx."""
    for file in sorted((real_data() / "traffic").glob(pattern)):
        for exchange in YAML(typ="safe").load(file.read_bytes())["interactions"]:
            body = exchange["response"]["body"]["string"]
            if 200 <= exchange["response"]["status"]["code"] < 300 and body:
                path = exchange["request"]["uri"].split("easypost.com", 1)[1].split("?")[0]
                yield exchange["request"]["method"].upper(), path, decode_body(body.encode())


def test_labels_bought_of_a_real_carrier_are_understood(loaded: Loaded) -> None:
    bought = found = refunded = 0
    for method, path, body in exchanges("easypost-vcrpy/test_shipment_*.yaml"):
        if method == "POST" and body.get("object") == "Shipment" and body.get("postage_label"):
            label = answered(loaded, "parcelpost.buy_label", body, 201)
            assert label == {"carrier": "parcelpost", "id": body["id"], "tracking": body["tracking_code"]}
            assert label["id"].startswith("shp_")
            assert label["tracking"].isalnum()
            bought += 1
        if method == "GET" and path == "/v2/shipments":
            lookup = operation(loaded, "parcelpost.buy_label").lookup
            assert lookup is not None
            assert lookup.result is not None
            scope = {"input": None, "once": "x", "status": 200, "headers": {}, "body": body}
            assert lookup.found(scope) is True
            assert lookup.result(scope) == {
                "carrier": "parcelpost",
                "id": body["shipments"][0]["id"],
                "tracking": body["shipments"][0]["tracking_code"],
            }
            found += 1
        if path.endswith("/refund"):
            assert body["refund_status"] == "submitted"  # what our simulated carrier answers to `cancel_label`
            refunded += 1
    assert (bought, found, refunded) == (11, 3, 1)


# ── stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recorded_inventory_level_is_what_setting_one_is_answered(loaded: Loaded) -> None:
    body = read("shopify-rest/inventory_level.json")
    assert answered(loaded, "shopify.set_available", body) == 6
    offer = {"listing": "808950810", "quantity": 6, "article": "100231", "change": 4}
    request = operation(loaded, "shopify.set_available").request(offer, "100231:4")
    asked: Any = request.body
    assert set(asked) < set(body["inventory_level"])
    assert (asked["inventory_item_id"], asked["available"]) == (808950810, 6)
