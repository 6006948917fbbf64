"""What the mappings of payments, stock and parcels say of money, buffers and weights, in documents made for it."""

from typing import Any

import pytest
from reference.mapped import mapped, reference, refused, run


def not_given(name: str, document: Any) -> list[tuple[str, str | None]]:
    """What the mapping does not give, and what it declares for that."""
    return [(str(problem).split(":")[0], problem.on_missing) for problem in refused(name, document)]


# ── checkout ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ATTEMPT = {
    "attempt": "att-1",
    "order": "NW-P-1",
    "status": "agreed",
    "agreed_at": "2026-11-27T08:03:11+01:00",
    "total": 12900,
    "currency": "EUR",
    "customer": {"id": "cus-1", "orders_before": 0},
    "billing_country": "DE",
    "shipping_country": "AT",
    "tokens": {"paypal": "vault-1"},
}


def test_what_a_customer_agreed_to_is_a_charge() -> None:
    assert run("checkout-charge", ATTEMPT) == {
        "id": "att-1",
        "order": "NW-P-1",
        "amount": 12900,
        "currency": "EUR",
        "customer": "cus-1",
        "is_first_order": True,
        "is_sent_abroad": True,
        "tokens": {"paypal": "vault-1"},
        "agreed_at": "2026-11-27T07:03:11Z",
    }


@pytest.mark.parametrize("total", [0, -1, "129.00", 12.5])
def test_an_amount_that_is_no_whole_minor_units_breaks_the_contract(total: object) -> None:
    violations = mapped(reference(), "checkout-charge").source.check({**ATTEMPT, "total": total})
    assert [violation.path for violation in violations] == ["total"]


def test_a_currency_that_nobody_knows_stops_a_charge() -> None:
    assert not_given("checkout-charge", {**ATTEMPT, "currency": "XXA"}) == [("currency", "quarantine")]


def test_an_attempt_without_any_token_breaks_the_contract() -> None:
    violations = mapped(reference(), "checkout-charge").source.check({**ATTEMPT, "tokens": {}})
    assert [violation.path for violation in violations] == ["tokens"]


# ── stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────

COUNT = {"article": "100231", "on_hand": 45, "reserved": 7, "change": 4, "counted_at": "2026-11-27T07:00:00+01:00"}


@pytest.mark.parametrize(
    ("on_hand", "reserved", "damaged", "sellable"), [(45, 7, 1, 37), (45, 7, None, 38), (2, 5, 0, -3), (-1, 0, 0, -1)]
)
def test_what_is_reserved_or_damaged_cannot_be_sold(
    on_hand: int, reserved: int, damaged: int | None, sellable: int
) -> None:
    count = {**COUNT, "on_hand": on_hand, "reserved": reserved} | ({} if damaged is None else {"damaged": damaged})
    assert run("warehouse-stock", count)["sellable"] == sellable


@pytest.mark.parametrize(
    ("sellable", "shopify", "amazon"),
    [(37, 32, 25), (12, 7, 0), (6, 1, 0), (5, 0, 0), (4, 0, 0), (0, 0, 0), (-3, 0, 0)],
)
def test_a_channel_offers_what_its_buffer_leaves_and_never_less_than_nothing(
    sellable: int, shopify: int, amazon: int
) -> None:
    stock = {"article": "100231", "sellable": sellable, "change": 4, "counted_at": "2026-11-27T06:00:00Z"}
    offers = [run(f"{channel}-offer", stock) for channel in ("shopify", "amazon")]
    assert [offer["quantity"] for offer in offers] == [shopify, amazon]
    assert [(offer["listing"], offer["is_listed"]) for offer in offers] == [
        ("44213001", True),
        ("NW-MUG-350-BLU", True),
    ]


@pytest.mark.parametrize("channel", ["shopify", "amazon"])
def test_every_article_of_the_registry_has_a_buffer_in_every_channel(channel: str) -> None:
    articles = [row[1] for row in reference().workspace.tables["sku-registry"].rows]
    assert len(articles) == 14
    for article in articles:
        stock = {"article": article, "sellable": 1000, "change": 1, "counted_at": "2026-11-27T06:00:00Z"}
        assert 900 < run(f"{channel}-offer", stock)["quantity"] <= 1000


def test_an_article_without_a_buffer_waits_for_a_person() -> None:
    stock = {"article": "199999", "sellable": 10, "change": 1, "counted_at": "2026-11-27T06:00:00Z"}
    assert {on_missing for _, on_missing in not_given("amazon-offer", stock)} == {"hold"}


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LINE = {"id": "1", "sku": "100231", "channel_sku": "NW-MUG-350-BLU", "title": "Enamel mug", "quantity": 2}
ORDER = {
    "id": "shopify-1",
    "number": "#1",
    "channel": "shopify",
    "channel_order_id": "1",
    "placed_at": "2026-11-27T08:14:02Z",
    "updated_at": "2026-11-27T08:14:02Z",
    "currency": "EUR",
    "total": 2980,
    "taxes_included": True,
    "payment_status": "paid",
    "fulfillment_status": "unfulfilled",
    "customer": {},
    "shipping_address": {"name": "Mira Lindqvist", "city": "Hamburg", "country": "DE"},
    "billing_address": {},
    "lines": [LINE],
    "discounts": [],
    "taxes": [],
    "shipping": [],
}


def test_a_shipment_weighs_with_our_scales_and_not_the_channel_s() -> None:
    shipment = run("order-shipment", {**ORDER, "lines": [{**LINE, "weight_g": 1}]})
    assert shipment["lines"] == [
        {
            "article": "100231",
            "quantity": 2,
            "handling": "standard",
            "weight_g": 360,
            "volume_cm3": 1100,
            "longest_mm": 120,
        }
    ]
    assert (shipment["country"], shipment["to"]["city"]) == ("DE", "Hamburg")


@pytest.mark.parametrize("more", [{"requires_shipping": False}, {"quantity": 0}])
def test_what_is_not_shipped_is_left_out_and_need_not_be_measured(more: dict[str, Any]) -> None:
    assert run("order-shipment", {**ORDER, "lines": [LINE, {**LINE, "sku": "gift card", **more}]})["lines"][1:] == []


def test_an_order_without_an_address_is_told_apart() -> None:
    assert run("order-shipment", {**ORDER, "shipping_address": {}})["country"] == "-"


def test_an_article_that_nobody_has_measured_waits_for_a_person() -> None:
    assert not_given("order-shipment", {**ORDER, "lines": [LINE, {**LINE, "sku": "199999"}]}) == [
        (f"lines[1].{field}", "hold") for field in ("handling", "weight_g", "volume_cm3", "longest_mm")
    ]


def test_every_article_of_the_registry_is_measured() -> None:
    articles = [row[1] for row in reference().workspace.tables["sku-registry"].rows]
    shipment = run("order-shipment", {**ORDER, "lines": [{**LINE, "sku": article} for article in articles]})
    assert [line["article"] for line in shipment["lines"]] == articles
