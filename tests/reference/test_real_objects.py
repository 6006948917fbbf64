"""Every recorded order and payment becomes one of ours: found by what it is, counted, mapped, held against our contract.

Some are compared in full with values worked out by hand. What the registry of the reference workspace cannot know, the
recorded sellers' articles, is added to it here; nothing else is.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from real import ROOT
from reference import found
from reference.found import Found
from reference.mapped import Mapped, mapped

from engine.contract.body import decode_body
from engine.language import MappingError, TextTable
from engine.run.load import Loaded, load
from harness.strategies import documents

pytestmark = pytest.mark.real

GROUPS: dict[str, tuple[Callable[[], list[Found]], int]] = {
    "shopify-order": (found.shopify_orders, 2),
    "stripe-object": (found.stripe_payments, 13),
    "mollie-payment": (found.mollie_payments, 25),
    "amazon-order-v0": (found.amazon_orders_v0, 8),
    "amazon-order": (found.amazon_orders, 8),
}
"""Mapping → who finds what it is for, and how many there are."""


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(ROOT, "local")


def articles(objects: Iterable[Found]) -> dict[str, str]:
    """The recorded sellers' SKUs, each with a number that our ERP could have for it."""
    words = ("sku", "SellerSKU", "sellerSku")
    skus = {
        value[word] for each in objects for _, value in found.objects(each.value) for word in words if word in value
    }
    return {sku: str(200001 + number) for number, sku in enumerate(sorted(skus))}


def mapping_with(loaded: Loaded, name: str, skus: dict[str, str]) -> Mapped:
    """The mapping as it is, over a registry that also knows these articles."""
    registry = loaded.workspace.tables["sku-registry"]
    assert isinstance(registry, TextTable)
    assert registry.columns == ("sku", "erp_sku", "name", "pack_size")
    rows = [*registry.rows, *((sku, number, "recorded", "1") for sku, number in skus.items())]
    more = TextTable.of(registry.columns, rows, "with the recorded sellers' articles")
    return mapped(loaded, name, {**loaded.workspace.tables, "sku-registry": more})


@pytest.mark.parametrize("name", GROUPS)
def test_every_object_is_mapped_and_counted(loaded: Loaded, name: str) -> None:
    find, count = GROUPS[name]
    objects = find()
    assert len(objects) == count
    mapping = mapping_with(loaded, name, articles(objects))
    for each in objects:
        assert mapping.source.check(each.value) == (), (each.file, each.path)
        assert mapping.target.check(mapping.run(each.value)) == (), (each.file, each.path)


def test_of_each_kind_there_are_as_many_as_counted() -> None:
    assert Counter(each.value["object"] for each in found.stripe_payments()) == {
        "charge": 4,
        "payment_intent": 4,
        "refund": 1,
        "dispute": 4,
    }
    assert Counter(each.value["resource"] for each in found.mollie_payments()) == {
        "payment": 9,
        "capture": 2,
        "refund": 5,
        "chargeback": 9,
    }
    states = Counter(each.value["OrderStatus"] for each in found.amazon_orders_v0())
    assert states == {"Pending": 4, "Unshipped": 3, "Shipped": 1}


def test_an_article_that_the_registry_does_not_know_is_told_and_not_guessed(loaded: Loaded) -> None:
    orders = [each.value for each in found.amazon_orders()]
    mapping = mapped(loaded, "amazon-order")
    for order in orders:
        with pytest.raises(MappingError) as told:
            mapping.run(order)
        assert {problem.on_missing for problem in told.value.problems} == {"quarantine"}
        assert len(told.value.problems) == len(order["orderItems"])


# ── what is none ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_has_an_amount_at_stripe_is_a_payment_or_named_as_none() -> None:
    everything = list(found.everything("stripe-events-djstripe", "stripe-fixtures"))
    kinds = {
        each.value["object"]
        for each in everything
        if isinstance(each.value.get("object"), str) and any(name.startswith("amount") for name in each.value)
    }
    named = [kind for kinds in found.STRIPE_NO_PAYMENTS.values() for kind in kinds]
    assert sorted(kinds - set(found.STRIPE_PAYMENTS)) == sorted(named)


def test_the_charge_that_writes_main_units_as_text_is_refused_and_not_taken_for_cents(loaded: Loaded) -> None:
    (charge,) = [
        each.value for each in found.everything("stripe-events-djstripe") if each.file == found.STRIPE_EXPORTED
    ][:1]
    assert (charge["object"], charge["amount"]) == ("charge", "10.00")
    violations = mapped(loaded, "stripe-object").source.check(charge)
    assert "amount" in {violation.path for violation in violations}


def test_whatever_has_an_amount_at_mollie_is_a_payment_or_named_as_none() -> None:
    resources = {
        each.value["resource"]
        for each in found.everything("mollie-responses")
        if "resource" in each.value and {"amount", "totalAmount"} & each.value.keys()
    }
    assert resources - set(found.MOLLIE_PAYMENTS) == found.MOLLIE_NO_PAYMENTS.keys()


def test_whatever_has_lines_at_shopify_is_an_order_or_named_as_none() -> None:
    others = Counter[str]()
    for each in found.everything("shopify-rest"):
        if "line_items" in each.value and "financial_status" not in each.value:
            (why,) = [name for name in found.SHOPIFY_NO_ORDERS if name in each.value][:1]
            others[why] += 1
    assert others == {"invoice_url": 3, "abandoned_checkout_url": 1, "tracking_numbers": 2, "note": 2}


def test_whatever_names_an_order_of_amazon_is_one_or_named_as_none() -> None:
    orders = {id(each.value) for each in (*found.amazon_orders_v0(), *found.amazon_orders())}
    assert orders
    for each in found.everything("amazon-spapi"):
        names = [name for name in ("AmazonOrderId", "orderId") if isinstance(each.value.get(name), str)]
        if not names or {"OrderStatus", "orderItems"} & each.value.keys():
            continue
        known = [why for fields, why in found.AMAZON_NO_ORDERS.items() if set(fields) <= each.value.keys()]
        assert known, (each.file, each.path, list(each.value))


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def one(objects: list[Found], path: str) -> dict[str, Any]:
    """The object at the end of this path."""
    (value,) = [each.value for each in objects if f"{each.file}{each.path}".endswith(path)]
    return value


def test_a_shopify_order_field_by_field(loaded: Loaded) -> None:
    orders = found.shopify_orders()
    result: Any = mapping_with(loaded, "shopify-order", articles(orders)).run(one(orders, "order.json.order"))
    address = {
        "name": "Bob Norman",
        "line1": "Chestnut Street 92",
        "line2": "",
        "postal_code": "40202",
        "city": "Louisville",
        "region": "KY",
        "country": "US",
    }
    tax = result.pop("taxes")
    assert [(line["title"], str(line["rate"]), line["amount"]) for line in tax] == [("State Tax", "0.06", 1194)]
    assert result.pop("lines") == [
        {
            "id": number,
            "sku": ours,
            "channel_sku": f"IPOD2008{colour.upper()}",
            "title": "IPod Nano - 8gb",
            "variant": colour,
            "quantity": 1,
            "unit_price": 19900,
            "discount": 0,
            "weight_g": 200,
            "requires_shipping": True,
            "gift_card": False,
        }
        for number, colour, ours in (
            ("466157049", "green", "200002"),
            ("518995019", "red", "200003"),
            ("703073504", "black", "200001"),
        )
    ]
    assert result == {
        "id": "shopify-450789469",
        "number": "#1001",
        "channel": "shopify",
        "channel_order_id": "450789469",
        "source": "web",
        "test": False,
        "placed_at": "2008-01-10T16:00:00Z",
        "updated_at": "2008-01-10T16:00:00Z",
        "currency": "USD",
        "total": 40994,
        "subtotal": 39800,
        "discount_total": 0,
        "tax_total": 1194,
        "taxes_included": False,
        "payment_status": "authorized",
        "payment_method": "authorize_net",
        "fulfillment_status": "unfulfilled",
        "attribution": {},
        "customer": {
            "id": "207119551",
            "name": "Bob Norman",
            "email": "bob.norman@hostmail.com",
            "phone": "555-625-1199",
            "accepts_marketing": False,
        },
        "shipping_address": {**address, "phone": "555-625-1199"},
        "billing_address": address,
        "total_weight_g": 0,
        "discounts": [{"code": "TENOFF", "amount": 1000}],
        "shipping": [{"method": "Free Shipping", "code": "Free Shipping", "amount": 0}],
        "note": "Shopify order #1001, authorized",
        "tags": [],
    }


def test_an_amazon_order_in_yen_field_by_field(loaded: Loaded) -> None:
    orders = found.amazon_orders()
    (order,) = [each.value for each in orders if each.value["orderId"] == "250-1234567-8901234"]
    result: Any = mapping_with(loaded, "amazon-order", articles(orders)).run(order)
    assert all(title.startswith(("Echo Dot", "Fire TV")) for title in [line.pop("title") for line in result["lines"]])
    assert result == {
        "id": "amazon-250-1234567-8901234",
        "number": "250-1234567-8901234",
        "channel": "amazon",
        "channel_order_id": "250-1234567-8901234",
        "source": "Amazon.co.jp",
        "placed_at": "2024-12-25T02:30:00Z",
        "updated_at": "2024-12-25T06:45:00Z",
        "currency": "JPY",
        "total": 19940,  # 5,980 + 2 x 6,980 yen, which have no minor unit
        "subtotal": 19940,
        "discount_total": 0,
        "shipping_total": 0,
        "tax_total": 0,
        "taxes_included": True,
        "payment_status": "paid",
        "fulfillment_status": "fulfilled",
        "customer": {"name": "John Smith", "email": "buyer-email@marketplace.amazon.co.jp"},
        "shipping_address": {
            "name": "John Smith",
            "line1": "123 Business Park",
            "line2": "Suite 456",
            "postal_code": "150-0002",
            "city": "Tokyo",
            "country": "JP",
        },
        "billing_address": {},
        "lines": [
            {
                "id": "25012345678901",
                "sku": "200004",
                "channel_sku": "ECHO-DOT-4-JP-CHARCOAL",
                "quantity": 1,
                "unit_price": 5980,
                "amount": 5980,
            },
            {
                "id": "25012345678902",
                "sku": "200012",
                "channel_sku": "FIRE-TV-4K-MAX-JP",
                "quantity": 2,
                "unit_price": 6980,
                "amount": 13960,
            },
        ],
        "discounts": [],
        "taxes": [],
        "shipping": [],
        "note": "Amazon order 250-1234567-8901234, SHIPPED",
    }


AMAZON_MONEY: dict[str, tuple[Any, ...]] = {
    # order: currency, total, subtotal, shipping, tax, taxes included
    "123-4567890-1234567": ("USD", 15499, 14997, 0, 2, False),  # 149.97 + 0.02 tax + 5.00 tip
    "202-1234567-8901234": ("GBP", 10397, 8997, 1000, 400, False),  # 3 x 29.99 + 10.00 + 4.00 tax beside them
    "202-7654321-1098765": ("GBP", 3499, 3499, 0, 0, True),
    "171-2345678-9012345": ("BRL", 159990, 159990, 0, 0, True),
    "171-9876543-2109876": ("BRL", 29990, 29990, 0, 0, True),
    "028-1234567-8901234": ("TRY", 12500, 12500, 0, 0, True),  # 2 x 62.50
    "114-9876543-1234567": ("USD", 4999, 3999, 0, 1000, False),  # 39.99 + 10.00 tax
    "250-1234567-8901234": ("JPY", 19940, 19940, 0, 0, True),
}


def test_the_money_of_every_amazon_order(loaded: Loaded) -> None:
    orders = found.amazon_orders()
    mapping = mapping_with(loaded, "amazon-order", articles(orders))
    fields = ("currency", "total", "subtotal", "shipping_total", "tax_total", "taxes_included")
    results: list[Any] = [mapping.run(each.value) for each in orders]
    assert {result["channel_order_id"]: tuple(map(result.get, fields)) for result in results} == AMAZON_MONEY


def test_an_amazon_order_of_the_older_api_with_all_its_parts(loaded: Loaded) -> None:
    """The sandbox gives order, buyer, address and items of 902-1845936-5435065 in four answers: joined, as a caller
    that asked for all of them has it."""
    everything = [each.value for each in found.everything("amazon-spapi")]
    parts = [value for value in everything if value.get("AmazonOrderId") == "902-1845936-5435065"]
    order = next(value for value in parts if "OrderStatus" in value)
    buyer = next(value for value in parts if "BuyerEmail" in value)
    address = next(value for value in parts if "ShippingAddress" in value)
    items = next(value for value in parts if value.get("OrderItems", [{}])[0].get("ItemPrice"))
    whole = {
        **order,
        "BuyerInfo": {name: value for name, value in buyer.items() if name != "AmazonOrderId"},
        "ShippingAddress": address["ShippingAddress"],
        "OrderItems": items["OrderItems"],
    }
    mapping = mapping_with(loaded, "amazon-order-v0", {"NABetaASINB00551Q3CS": "200777"})
    assert mapping.source.check(whole) == ()
    result: Any = mapping.run(whole)
    assert mapping.target.check(result) == ()
    assert result["lines"] == [
        {
            "id": "05015851154158",
            "sku": "200777",
            "channel_sku": "NABetaASINB00551Q3CS",
            "title": "B00551Q3CS [Card Book]",
            "quantity": 1,
            "unit_price": 1000,
            "amount": 1000,
            "discount": 0,
        }
    ]
    money = ("total", "subtotal", "discount_total", "shipping_total", "tax_total")
    assert [result[name] for name in money] == [1101, 1000, 0, 0, 101]  # 10.00 and 1.01 tax
    assert (result["taxes"], result["shipping"], result["discounts"]) == ([{"title": "Tax", "amount": 101}], [], [])
    assert result["customer"] == {"name": "MFNIntegrationTestMerchant", "email": "fzyrv6gwkhbb15c@example.com"}
    assert (result["shipping_address"]["city"], result["shipping_address"]["postal_code"]) == ("SEATTLE", "98121-2778")


def test_an_order_that_waits_for_the_money_tells_no_sum(loaded: Loaded) -> None:
    pending = [each.value for each in found.amazon_orders_v0() if each.value["OrderStatus"] == "Pending"]
    for order in pending:
        result: Any = mapped(loaded, "amazon-order-v0").run(order)
        assert (result["payment_status"], result["currency"]) == ("pending", "USD")  # the marketplace's own
        assert not {"total", "subtotal", "tax_total"} & result.keys()


PAYMENTS: dict[str, tuple[Any, ...]] = {
    # where it was found: id, payment, kind, state, direction, minor units, currency, when
    "charge_ch_fakefakefakefakefake0001.json": (
        *("pi_fakefakefakefakefake0001", "pi_fakefakefakefakefake0001", "charge", "paid", "credit"),
        *(2000, "USD", "2019-05-16T08:26:17Z"),
    ),
    "payment_intent_pi_destination_charge.json.charges.data[0]": (
        *("pi_1FG742B7kbjcJ8QqGKF6qIM0", "pi_1FG742B7kbjcJ8QqGKF6qIM0", "charge", "paid", "credit"),
        *(190200, "USD", "2019-09-07T16:47:36Z"),
    ),
    "fixtures3.json.resources.charge": (
        *("ch_1PgafuB7WZ01zgkWXYmPNZs8", "ch_1PgafuB7WZ01zgkWXYmPNZs8", "charge", "authorized", "memo"),
        *(100, "USD", "2009-02-13T23:31:30Z"),
    ),
    "fixtures3.json.resources.payment_intent": (
        *("pi_1PgafyB7WZ01zgkWSjxsAJo3", "pi_1PgafyB7WZ01zgkWSjxsAJo3", "payment_intent", "open", "memo"),
        *(1099, "USD", "2009-02-13T23:31:30Z"),
    ),
    "fixtures3.json.resources.refund": (
        *("re_1Pgc72B7WZ01zgkWqPvrRrPE", "ch_1PgafuB7WZ01zgkWXYmPNZs8", "refund", "refunded", "debit"),
        *(100, "USD", "2009-02-13T23:31:30Z"),
    ),
    "dispute_dp_funds_reinstated_full.json": (
        *("dp_1JAyTwJSZQVUcJYgPqasUEn1", "pi_1JAyTwJSZQVUcJYgBbsz0NuH", "dispute", "disputed", "memo"),
        *(1000, "USD", "2021-07-08T14:45:40Z"),
    ),
    "payment_canceled.json": (
        *("tr_7UhSN1zuXS", "tr_7UhSN1zuXS", "payment", "canceled", "memo"),
        *(1000, "EUR", "2018-03-20T09:28:37Z"),  # when it was canceled, a quarter of an hour after it began
    ),
    "payments_list.json._embedded.payments[1]": (
        *("tr_7UhSN1zuXS", "tr_7UhSN1zuXS", "payment", "open", "memo"),
        *(1000, "GBP", "2018-07-19T09:49:35Z"),
    ),
    "capture_single.json": (
        *("cpt_4qqhO89gsT", "tr_7UhSN1zuXS", "capture", "paid", "credit"),
        *(102799, "EUR", "2018-08-02T09:29:56Z"),
    ),
    "order_refunds_list.json._embedded.refunds[0]": (
        *("re_4qqhO89gsT", "tr_WDqYK6vllg", "refund", "refunded", "debit"),
        *(69800, "EUR", "2018-03-14T17:09:02Z"),
    ),
    "chargebacks_list.json._embedded.chargebacks[0]": (
        *("chb_n9z0tp", "tr_7UhSN1zuXS", "chargeback", "dispute_withdrawn", "debit"),
        *(4338, "USD", "2018-03-14T17:00:52Z"),
    ),
    "payment_chargeback_single.json": (
        *("chb_n9z0tp", "tr_7UhSN1zuXS", "chargeback", "dispute_reinstated", "credit"),
        *(4338, "USD", "2018-03-14T17:00:55Z"),
    ),
}


@pytest.mark.parametrize("place", PAYMENTS)
def test_a_payment_field_by_field(loaded: Loaded, place: str) -> None:
    id_, payment, kind, state, direction, amount, currency, occurred_at = PAYMENTS[place]
    stripe = [each for each in found.stripe_payments() if f"{each.file}{each.path}".endswith(place)]
    name, objects = ("stripe-object", stripe) if stripe else ("mollie-payment", found.mollie_payments())
    result: Any = mapped(loaded, name).run(one(objects, f"/{place}"))
    assert {field: result[field] for field in ("id", "payment", "kind", "state", "direction")} == {
        "id": id_,
        "payment": payment,
        "kind": kind,
        "state": state,
        "direction": direction,
    }
    assert (result["amount"], result["currency"], result["occurred_at"]) == (amount, currency, occurred_at)
    assert type(result["amount"]) is int
    assert result["provider"] == name.partition("-")[0]


# ── Saleor ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_no_payment_in_what_was_recorded_of_saleor() -> None:
    """Apps are installed, people sign in, shipping is asked for, and the shop's data is its catalogue. What is there of
    payments are Saleor's own schemas of what a payment app answers it, and from those the next test draws answers."""
    assert sum(1 for _ in found.everything(*found.SALEOR_FOLDERS)) > 1000
    assert found.saleor_payments() == []
    assert found.saleor_schemas().keys() == {*found.SALEOR_ANSWERS, *found.SALEOR_NO_PAYMENTS}


ASKED = {"amount": decode_body(b"19.99"), "currency": "EUR"}
AT = "2026-11-01T09:30:00+00:00"


@pytest.mark.parametrize("title", found.SALEOR_ANSWERS)
def test_what_a_payment_app_may_answer_saleor_becomes_a_payment(loaded: Loaded, title: str) -> None:
    """Saleor makes an event of each answer: its `result` is the event's type, its reference and message the event's, and
    the amount what was asked for (docs.saleor.io, Transaction events)."""
    schema = found.saleor_schemas()[title]
    mapping = mapped(loaded, "saleor-payment")
    outcomes = Counter[str]()

    def answered(answer: Any) -> None:
        result = answer.get("result")
        if result is None:  # the app will report later: nothing has happened yet
            outcomes["later"] += 1
            return
        document = {
            "transaction": {"id": "VHJhbnNhY3Rpb246MQ==", "pspReference": "psp-payment-1"},
            "event": {
                "id": "VHJhbnNhY3Rpb25FdmVudDox",
                "createdAt": AT,
                "pspReference": answer.get("pspReference") or "",
                "type": result,
                "message": answer.get("message", ""),
                "externalUrl": answer.get("externalUrl", ""),
                "amount": ASKED,
            },
        }
        assert mapping.source.check(document) == ()
        made: Any = mapping.run(document)
        assert mapping.target.check(made) == ()
        assert (made["amount"], made["currency"]) == (1999, "EUR")
        assert made["id"] == (answer.get("pspReference") or "VHJhbnNhY3Rpb25FdmVudDox")
        assert datetime.fromisoformat(made["occurred_at"]) == datetime.fromisoformat(AT)
        outcomes[f"{result}: {made['state']}, {made['direction']}"] += 1

    drawing = settings(
        max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    drawing(given(documents(title, schema))(answered))()
    assert outcomes.keys() == ANSWERED[title]


BEGUN = {
    "AUTHORIZATION_SUCCESS: authorized, memo",
    "AUTHORIZATION_REQUEST: processing, memo",
    "AUTHORIZATION_ACTION_REQUIRED: open, memo",
    "AUTHORIZATION_FAILURE: failed, memo",
    "CHARGE_SUCCESS: paid, credit",
    "CHARGE_REQUEST: processing, memo",
    "CHARGE_ACTION_REQUIRED: open, memo",
    "CHARGE_FAILURE: failed, memo",
}
ANSWERED = {
    "TransactionInitializeSession": BEGUN,
    "TransactionProcessSession": BEGUN,
    "TransactionChargeRequested": {"CHARGE_SUCCESS: paid, credit", "CHARGE_FAILURE: failed, memo", "later"},
    "TransactionRefundRequested": {"REFUND_SUCCESS: refunded, debit", "REFUND_FAILURE: refund_failed, memo", "later"},
    "TransactionCancelationRequested": {
        "CANCEL_SUCCESS: canceled, memo",
        "CANCEL_FAILURE: authorized, memo",
        "later",
    },
}
"""Schema → every result its answers can have, and what becomes of it."""
