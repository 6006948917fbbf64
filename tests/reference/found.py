"""Every order and payment in the recorded data, found by what it is and not by where it lies, so that none is skipped.

What looks like one and is deliberately none is named here with its reason; a test holds that nothing is in neither.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real import real_data
from ruamel.yaml import YAML

from engine.contract.body import BodyError, decode_body

Json = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """An object and where it was found: the file, and the way to it inside."""

    file: str
    path: str
    value: Json


def objects(value: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every object of a document, itself first, with the way to it."""
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from objects(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from objects(inner, f"{path}[{number}]")


def everything(*folders: str) -> Iterator[Found]:
    """Every object of every file below the folders of `traffic/`; raises for a file that is neither known nor read."""
    for folder in folders:
        for file in sorted((real_data() / "traffic" / folder).rglob("*")):
            name = file.relative_to(real_data() / "traffic").as_posix()
            if file.is_file() and file.name != "SOURCE.txt":
                for document in documents_in(file, name):
                    yield from (Found(name, path, value) for path, value in objects(document))


def documents_in(file: Path, name: str) -> Iterator[Any]:
    """What a file holds: one JSON document, or the bodies of a cassette."""
    raw = file.read_bytes()
    if file.suffix == ".json":
        try:
            yield decode_body(raw)
        except BodyError:
            assert name in NO_JSON, name
        return
    assert file.suffix == ".yaml", name
    for exchange in YAML(typ="safe").load(raw)["interactions"]:
        for body in (exchange["request"]["body"], exchange["response"]["body"]["string"]):
            if body and body.lstrip()[:1] in ("{", "["):
                yield decode_body(body.encode())


NO_JSON = {
    "mollie-responses/empty.json",
    "mollie-responses/invalid_json.json",
    "mollie-responses/revoke_token.json",
}
"""Deliberately empty, or deliberately broken."""


# ── Shopify ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def shopify_orders() -> list[Found]:
    return [found for found in everything("shopify-rest") if "financial_status" in found.value]


SHOPIFY_NO_ORDERS = {
    "invoice_url": "a draft: a quote somebody typed in; what comes of it is an order of its own (`order_id`)",
    "abandoned_checkout_url": "a checkout that was left: nobody bought anything",
    "tracking_numbers": "a fulfilment: a parcel of an order, with the order's lines in it",
    "note": "a cart: nobody has bought anything yet",
}
"""A field by which a thing with lines is known → why it is no order."""


# ── Stripe ───────────────────────────────────────────────────────────────────────────────────────────────────────────

STRIPE_PAYMENTS = ("charge", "payment_intent", "refund", "dispute")

STRIPE_NO_PAYMENTS = {
    "what may be owed, not what is paid; the payment is an object of its own": (
        *("checkout.session", "invoice", "invoice_payment", "invoiceitem", "item", "line_item", "order", "quote"),
        *("plan", "coupon", "credit_note", "credit_note_line_item", "climate.order"),
    ),
    "how our balance moved because of a payment, or because of nothing of the kind": (
        *("balance_transaction", "customer_balance_transaction", "application_fee", "fee_refund", "topup"),
        *("billing.credit_grant", "reserve.hold", "reserve.release"),
    ),
    "money between Stripe and banks, ours or a connected account's": (
        *("payout", "transfer", "transfer_reversal", "treasury.credit_reversal", "treasury.debit_reversal"),
        *("treasury.inbound_transfer", "treasury.outbound_payment", "treasury.outbound_transfer"),
        *("treasury.received_credit", "treasury.received_debit", "treasury.transaction"),
        "financial_connections.transaction",
    ),
    "what is spent with cards that we issue": ("issuing.authorization", "issuing.dispute", "issuing.transaction"),
    "a way to pay that may be used later; the payment made with it is a charge": (
        *("source", "source_mandate_notification", "source_transaction"),
    ),
    "tax, worked out or reported": ("tax.calculation", "tax.calculation_line_item", "tax.transaction_line_item"),
    "of API versions after ours: reports of payments, those of other processors among them": (
        *("payment_record", "payment_attempt_record"),
    ),
}
"""Kinds of object that have an amount and are no payment."""

STRIPE_EXPORTED = "stripe-events-djstripe/dispute_ch_fakefakefakefake01.json"
"""A charge exported from a database that keeps main units as text ("10.00"), empty texts for null. No API of Stripe's
says it so, and ten of the main unit must not be taken for ten cents: its contract refuses it."""


def stripe_payments() -> list[Found]:
    found = everything("stripe-events-djstripe", "stripe-fixtures")
    return [each for each in found if each.value.get("object") in STRIPE_PAYMENTS and each.file != STRIPE_EXPORTED]


# ── Mollie ───────────────────────────────────────────────────────────────────────────────────────────────────────────

MOLLIE_PAYMENTS = ("payment", "capture", "refund", "chargeback")

MOLLIE_NO_PAYMENTS = {
    "order": "what is bought; its payments and refunds are embedded, and found there",
    "orderline": "what is bought",
    "payment-link": "an invitation to pay; who accepts it makes a payment",
    "subscription": "an agreement to pay; every instalment is a payment",
    "route": "how a payment is shared out",
    "settlement": "what Mollie pays out to us, for many payments",
}
"""Resources that have an amount and are no payment. Captures, refunds and chargebacks are: each is something that
happened to one payment and moves money of its own."""


def mollie_payments() -> list[Found]:
    return [each for each in everything("mollie-responses") if each.value.get("resource") in MOLLIE_PAYMENTS]


# ── Amazon ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def amazon_orders_v0() -> list[Found]:
    return [each for each in everything("amazon-spapi") if _is_amazon_order_v0(each.value)]


def _is_amazon_order_v0(value: Json) -> bool:
    return all(isinstance(value.get(name), str) for name in ("AmazonOrderId", "OrderStatus"))


def amazon_orders() -> list[Found]:
    wanted = ("orderId", "createdTime", "orderItems")
    found = (each for each in everything("amazon-spapi") if set(wanted) <= each.value.keys())
    return [each for each in found if isinstance(each.value["orderId"], str)]


AMAZON_NO_ORDERS = {
    ("AmazonOrderId", "BuyerEmail"): "who bought an order",
    ("AmazonOrderId", "ShippingAddress"): "where an order goes",
    ("AmazonOrderId", "OrderItems"): "what is in an order",
    ("AmazonOrderId", "RegulatedInformation"): "what an order needs a permit for",
    ("AmazonOrderId", "ItemList"): "a parcel of an order",
    ("AmazonOrderId", "AmazonShipmentId"): "a parcel of an order",
    ("AmazonOrderId", "OrderChangeType"): "a note that an order has changed, without its money",
    ("orderId", "associationType"): "the name of another order",
}
"""Fields by which a thing that names an order is known → what it is instead of one."""


# ── Saleor ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SALEOR_FOLDERS = ("saleor-http-cassettes", "saleor-webhook-schemas/app", "saleor-catalogue")
SALEOR_ANSWERS = (
    "TransactionCancelationRequested",
    "TransactionChargeRequested",
    "TransactionInitializeSession",
    "TransactionProcessSession",
    "TransactionRefundRequested",
)
SALEOR_NO_PAYMENTS = {
    "ListStoredPaymentMethods": "ways to pay that a customer has left with us",
    "StoredPaymentMethodDeleteRequested": "one of them is taken away",
    "PaymentGatewayInitializeSession": "what a browser needs to begin; no amount",
    "PaymentGatewayInitializeTokenizationSession": "a way to pay is stored; no amount",
    "CheckoutCalculateTaxes": "tax",
    "OrderCalculateTaxes": "tax",
    "CheckoutFilterShippingMethods": "shipping",
    "OrderFilterShippingMethods": "shipping",
    "ShippingListMethodsForCheckout": "shipping",
    "ShippingListMethodsForOrder": "shipping",
}


def saleor_payments() -> list[Found]:
    """Transactions, their events, and payments of the older API, in recorded traffic and in the shop's own data."""

    def is_payment(value: Json) -> bool:
        word = str(value.get("__typename") or value.get("model") or "")
        return "pspReference" in value or word.lower().startswith(("transaction", "payment"))

    return [each for each in everything(*SALEOR_FOLDERS) if is_payment(each.value)]


def saleor_schemas() -> dict[str, Json]:
    """Saleor's own schemas of what an app answers its webhooks, by title."""
    folder = real_data() / "traffic/saleor-webhook-schemas/json_schemas"
    return {file.stem: json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))}
