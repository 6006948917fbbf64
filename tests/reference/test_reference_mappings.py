"""What the mappings of the reference workspace say of money, time, ids and advertising, in documents made for it."""

from decimal import Decimal
from typing import Any

import pytest
from reference.mapped import mapped, reference, refused, run

from engine.contract.body import decode_body


def missing(name: str, document: Any) -> list[tuple[str, str | None]]:
    """What the mapping lacks, and what it declares for that."""
    return [(str(problem), problem.on_missing) for problem in refused(name, document)]


# ── Shopify ──────────────────────────────────────────────────────────────────────────────────────────────────────────

AT = "2026-11-01T10:30:00+01:00"
ORDER = {
    "id": 450789469,
    "name": "#1",
    "order_number": 1,
    "created_at": AT,
    "updated_at": AT,
    "currency": "EUR",
    "financial_status": "paid",
    "total_price": "19.99",
    "subtotal_price": "19.99",
    "total_tax": "0.00",
    "total_discounts": "0.00",
    "taxes_included": True,
}


@pytest.mark.parametrize(
    ("landing_site", "attribution"),
    [
        (None, {}),
        ("/", {}),
        ("/products/mug?variant=1", {}),
        ("/?utm_source=newsletter&utm_medium=email", {"source": "newsletter", "medium": "email"}),
        (
            (
                "https://northwind.example/?utm_source=google&utm_medium=cpc&utm_campaign=autumn+sale"
                "&utm_term=camp%20lantern&utm_content=text-2&gclid=Cj0KCQ_x-1#top"
            ),
            {
                "source": "google",
                "medium": "cpc",
                "campaign": "autumn sale",
                "term": "camp lantern",
                "content": "text-2",
                "click_id": "Cj0KCQ_x-1",
                "click_id_kind": "gclid",
            },
        ),
        ("/?fbclid=IwAR0&utm_source=fb", {"source": "fb", "click_id": "IwAR0", "click_id_kind": "fbclid"}),
        ("/?wbraid=1&gclid=2", {"click_id": "1", "click_id_kind": "wbraid"}),  # the one that came first
        ("/?gclid=&msclkid=7", {"click_id": "7", "click_id_kind": "msclkid"}),  # empty is none
        ("/?utm_source=caf%C3%A9&utm_source=second", {"source": "caf\u00e9"}),
        ("?utm_source=%FF", {"source": "\ufffd"}),
        ("/?utm_source", {"source": ""}),
    ],
)
def test_a_landing_page_tells_what_brought_the_customer(landing_site: str | None, attribution: dict[str, str]) -> None:
    assert run("shopify-order", {**ORDER, "landing_site": landing_site})["attribution"] == attribution


@pytest.mark.parametrize(
    ("currency", "total", "units"),
    [
        ("EUR", "19.99", 1999),
        ("EUR", "19.9900", 1999),
        ("EUR", "-5.00", -500),
        ("JPY", "1999", 1999),
        ("JPY", "1999.00", 1999),
        ("KWD", "1.234", 1234),
        ("KWD", "1.2", 1200),
        ("ISK", "1500", 1500),
        ("MGA", "1.20", 120),
        ("USD", "123456789012345678901234567.89", 12345678901234567890123456789),
    ],
)
def test_an_amount_is_whole_minor_units_of_its_currency(currency: str, total: str, units: int) -> None:
    amounts = {name: "0" for name in ORDER if name in ("subtotal_price", "total_tax", "total_discounts")}
    result = run("shopify-order", {**ORDER, **amounts, "currency": currency, "total_price": total})
    assert (result["total"], type(result["total"])) == (units, int)


@pytest.mark.parametrize(("currency", "total"), [("EUR", "19.999"), ("JPY", "19.99"), ("KWD", "1.2345"), ("XAU", "1")])
def test_an_amount_finer_than_its_currency_breaks_the_contract_at_its_place(currency: str, total: str) -> None:
    violations = mapped(reference(), "shopify-order").source.check(
        {**ORDER, "currency": currency, "total_price": total}
    )
    assert {"total_price", "currency"} & {violation.path for violation in violations}


def test_an_id_of_thirty_digits_stays_as_it_is() -> None:
    number = 123456789012345678901234567890
    raw = f'{{"id": {number}, "customer": {{"id": {number + 1}}}}}'.encode()
    decoded: Any = decode_body(raw)
    result = run("shopify-order", {**ORDER, **decoded})
    assert (result["id"], result["channel_order_id"]) == (f"shopify-{number}", str(number))
    assert result["customer"]["id"] == str(number + 1)


def test_what_was_typed_in_by_hand_has_no_sku_and_is_told_so() -> None:
    line = {"id": 1, "title": "Gift wrap", "quantity": 1, "price": "2.50", "grams": 0, "sku": None}
    assert missing("shopify-order", {**ORDER, "line_items": [line]}) == [
        ("lines[0].sku: '(no SKU)' is not in table sku-registry (column sku)", "quarantine")
    ]


# ── Stripe ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def charge(**changed: object) -> dict[str, object]:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 1000,
        "amount_captured": 1000,
        "amount_refunded": 0,
        "captured": True,
        "refunded": False,
        "currency": "eur",
        "status": "succeeded",
        "created": 1732266931,
        "livemode": True,
        "payment_intent": "pi_1",
        **changed,
    }


def told(thing: dict[str, object], type_: str = "charge.succeeded") -> dict[str, object]:
    """The event that tells of it."""
    envelope = {"id": "evt_1", "object": "event", "created": 1732266931, "livemode": True}
    return {**envelope, "type": type_, "data": {"object": thing}}


@pytest.mark.parametrize(
    ("currency", "amount", "code", "units"),
    [
        ("eur", 1000, "EUR", 1000),
        ("jpy", 1000, "JPY", 1000),  # no minor unit anywhere
        ("kwd", 12340, "KWD", 12340),  # thousandths everywhere
        ("isk", 150000, "ISK", 1500),  # written with two digits that ISO 4217 does not know
        ("ugx", 500000, "UGX", 5000),
        ("mga", 500, "MGA", 50000),  # written whole, where ISO 4217 has fifths and two digits
        ("usd", 123456789012345678901234567890, "USD", 123456789012345678901234567890),
    ],
)
def test_stripe_s_minor_units_become_those_of_iso_4217(currency: str, amount: int, code: str, units: int) -> None:
    thing = charge(currency=currency, amount=amount, amount_captured=amount)
    for result in (run("stripe-payment", told(thing)), run("stripe-object", thing)):
        assert (result["amount"], result["currency"], type(result["amount"])) == (units, code, int)


def test_a_currency_that_no_table_knows_is_told_and_not_guessed() -> None:
    for name, document in (("stripe-payment", told(charge(currency="xts"))), ("stripe-object", charge(currency="xts"))):
        assert {on_missing for _, on_missing in missing(name, document)} == {"quarantine"}


STANDINGS: list[tuple[dict[str, object], str, str, int]] = [
    # what differs from a charge that was paid: state, direction, minor units
    ({}, "paid", "credit", 1000),
    ({"amount_captured": 700}, "paid", "credit", 700),  # only a part was taken
    ({"captured": False, "amount_captured": 0}, "authorized", "memo", 1000),
    ({"amount_refunded": 300}, "partially_refunded", "memo", 300),
    ({"amount_refunded": 1000, "refunded": True}, "refunded", "memo", 1000),
    ({"status": "pending"}, "processing", "memo", 1000),
    ({"status": "failed", "failure_code": "card_declined"}, "failed", "memo", 1000),
]


@pytest.mark.parametrize(("changed", "state", "direction", "units"), STANDINGS)
def test_how_a_charge_stands(changed: dict[str, object], state: str, direction: str, units: int) -> None:
    result = run("stripe-object", charge(**changed))
    assert (result["state"], result["direction"], result["amount"]) == (state, direction, units)
    assert (result["id"], result["charge"], result["live"]) == ("pi_1", "ch_1", True)


def test_a_webhook_and_the_api_say_the_same_of_one_payment() -> None:
    """What the one has posted the other does not post again: id and state are the identity of a posting."""
    by_event, by_object = run("stripe-payment", told(charge())), run("stripe-object", charge())
    assert [by_event[name] for name in ("id", "state", "amount")] == [
        by_object[name] for name in ("id", "state", "amount")
    ]


def test_an_event_about_anything_else_stops_at_the_table() -> None:
    event = told({"id": "acct_1", "object": "account"}, "account.updated")
    assert (
        missing("stripe-payment", event)
        == [
            ("let.state: 'account.updated' is not in table stripe-payment-state (column event)", "quarantine"),
            ("let.currency: `data.object.currency` is null in the source document", None),
        ][:1]
    )


# ── Mollie ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mollie(resource: str, **changed: object) -> dict[str, object]:
    own = {"status": "paid"} if resource == "payment" else {"paymentId": "tr_1"}
    return {
        "resource": resource,
        "id": f"{resource}_1",
        "amount": {"value": "10.00", "currency": "EUR"},
        "createdAt": AT,
        **own,
        **changed,
    }


MOLLIE: list[tuple[dict[str, object], str, str, int]] = [
    (mollie("payment"), "paid", "credit", 1000),
    (mollie("payment", amount={"value": "1500", "currency": "JPY"}), "paid", "credit", 1500),
    (mollie("payment", amountCaptured={"value": "7.50", "currency": "EUR"}), "paid", "memo", 750),  # by its captures
    (mollie("payment", status="authorized"), "authorized", "memo", 1000),
    (mollie("payment", status="expired"), "expired", "memo", 1000),
    (mollie("capture"), "paid", "credit", 1000),
    (mollie("capture", status="pending"), "processing", "memo", 1000),
    (mollie("refund", status="queued"), "refund_pending", "memo", 1000),
    (mollie("refund", status="refunded"), "refunded", "debit", 1000),
    (mollie("refund", status="failed"), "refund_failed", "credit", 1000),
    (mollie("chargeback"), "dispute_withdrawn", "debit", 1000),
    (mollie("chargeback", reversedAt="2026-11-02T10:30:00+01:00"), "dispute_reinstated", "credit", 1000),
]


@pytest.mark.parametrize(("document", "state", "direction", "units"), MOLLIE)
def test_how_a_payment_stands_at_mollie(document: dict[str, object], state: str, direction: str, units: int) -> None:
    result = run("mollie-payment", document)
    assert (result["state"], result["direction"], result["amount"]) == (state, direction, units)


def test_a_mollie_payment_has_the_time_of_what_happened_last() -> None:
    paid = mollie("payment", authorizedAt="2026-11-01T11:00:00+01:00", paidAt="2026-11-01T12:00:00+01:00", mode="live")
    assert (run("mollie-payment", paid)["occurred_at"], run("mollie-payment", paid)["live"]) == (
        "2026-11-01T11:00:00Z",
        True,
    )
    assert run("mollie-payment", mollie("payment"))["occurred_at"] == "2026-11-01T09:30:00Z"


# ── Saleor ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def saleor(type_: str | None, amount: object, currency: str) -> dict[str, object]:
    event = {"id": "e1", "createdAt": AT, "pspReference": "psp-2", "type": type_, "message": ""}
    event["amount"] = {"amount": amount, "currency": currency}  # type: ignore[assignment]
    return {"transaction": {"id": "t1", "pspReference": "psp-1"}, "event": event}


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (Decimal("19.99"), "EUR", 1999),
        (20, "EUR", 2000),
        (Decimal("1E+2"), "JPY", 100),
        (Decimal("1.234"), "KWD", 1234),
    ],
)
def test_saleor_s_numbers_become_minor_units(amount: object, currency: str, units: int) -> None:
    result = run("saleor-payment", saleor("CHARGE_SUCCESS", amount, currency))
    assert (result["amount"], result["currency"], type(result["amount"])) == (units, currency, int)
    assert (result["id"], result["payment"], result["state"], result["direction"]) == (
        "psp-2",
        "psp-1",
        "paid",
        "credit",
    )


@pytest.mark.parametrize("type_", ["INFO", None])
def test_a_saleor_event_that_only_informs_is_nothing_to_book(type_: str | None) -> None:
    assert {on_missing for _, on_missing in missing("saleor-payment", saleor(type_, 1, "EUR"))} == {"quarantine"}


# ── Amazon ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def amazon(total: str | None, currency: str = "EUR", **changed: object) -> dict[str, object]:
    order: dict[str, object] = {
        "orderId": "123-1234567-1234567",
        "createdTime": AT,
        "lastUpdatedTime": AT,
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED" if total else "PENDING"},
        "orderItems": [],
        **changed,
    }
    return {**order, "proceeds": {"grandTotal": {"amount": total, "currencyCode": currency}}} if total else order


def part(type_: str, amount: str, currency: str = "EUR") -> dict[str, object]:
    return {"type": type_, "subtotal": {"amount": amount, "currencyCode": currency}}


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_discount_counts_once_however_amazon_signs_it(sign: str) -> None:
    parts = [part("ITEM", "100.00"), part("DISCOUNT", f"{sign}10.05"), part("SHIPPING", "4.90"), part("TAX", "18.03")]
    order = amazon("112.88")
    order["proceeds"]["breakdowns"] = parts  # type: ignore[index]
    result = run("amazon-order", order)
    money = ("total", "subtotal", "discount_total", "shipping_total", "tax_total")
    assert [result[name] for name in money] == [11288, 8995, 1005, 490, 1803]
    assert result["taxes_included"] is False
    assert result["discounts"] == [{"code": "promotion", "amount": 1005}]


def test_an_amazon_order_in_two_currencies_is_no_order_that_can_be_booked() -> None:
    items = [
        {
            "orderItemId": "1",
            "quantityOrdered": 1,
            "product": {},
            "proceeds": {"breakdowns": [part("ITEM", "1", "JPY")]},
        }
    ]
    assert missing("amazon-order", amazon("1.00", orderItems=items)) == [
        ("let.currency: '(several currencies)' is not in table currency (column code)", "quarantine")
    ]


def test_an_amazon_order_that_waits_for_its_money_is_in_its_marketplace_s_currency() -> None:
    result = run("amazon-order", amazon(None))
    assert (result["currency"], result["payment_status"], result["taxes_included"]) == ("EUR", "pending", True)
    assert "total" not in result


def test_a_marketplace_that_no_table_knows_holds_the_order() -> None:
    order = amazon("1.00", salesChannel={"channelName": "NON_AMAZON"})
    assert {on_missing for _, on_missing in missing("amazon-order", order)} == {"hold"}
