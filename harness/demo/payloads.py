"""Orders and payment events in the true shape of their APIs, made after the recordings of the reference workspace.

A recording is the pattern; what makes one order or payment different from the next (numbers, articles, amounts, times)
is drawn. Amounts add up as a shop's do, and stay below what the integrations hold for a person, unless asked otherwise.
This file refuses to read a file, to sign and to know when anything is sent.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from msgspec import Struct

from engine.ports import Chance

Item = TypeVar("Item")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOP_ZONE = timezone(timedelta(hours=1))
SHIPPING = 490
VOUCHER = 1000
VAT_PERCENT = 19


class Article(Struct, frozen=True):
    """Something the shop sells: its SKU in the registry, title, variant, price in minor units, weight in grams."""

    sku: str
    title: str
    variant: str | None
    price: int
    grams: int


ARTICLES = (
    Article("NW-MUG-350-BLU", "Enamel mug", "350 ml blue", 1490, 310),
    Article("NW-MUG-350-WHT", "Enamel mug", "350 ml white", 1490, 310),
    Article("NW-MUG-SET4", "Enamel mugs", "set of four", 4990, 1260),
    Article("NW-BOTTLE-750", "Steel bottle", "750 ml", 2490, 380),
    Article("NW-LANTERN-S", "Camp lantern", "small", 3990, 540),
    Article("NW-LANTERN-L", "Camp lantern", "large", 5990, 890),
    Article("NW-BLANKET-WOOL", "Wool blanket", None, 8900, 1450),
    Article("NW-BACKPACK-22", "Day pack", "22 l", 9900, 820),
    Article("NW-BACKPACK-40", "Trail pack", "40 l", 14900, 1310),
    Article("NW-STOVE-GAS", "Gas stove", None, 4490, 410),
    Article("NW-SOCKS-M", "Merino socks", "M", 1690, 90),
    Article("NW-SOCKS-L", "Merino socks", "L", 1690, 95),
)
TENT = Article("NW-TENT-4P", "Tent", "four persons", 64900, 4200)
TENTS = 12
"""So many tents in one order are looked at by a person."""

NAMES = (
    ("Mira", "Lindqvist"), ("Jonas", "Okafor"), ("Amara", "Petit"), ("Teo", "Bergström"), ("Lea", "Novák"),
    ("Ravi", "Fischer"), ("Ines", "Moreau"), ("Noor", "de Wit"),
)  # fmt: skip


class Payment(Struct, frozen=True):
    """One way a payment goes: (recording, what it is about, the state the ledger will be told) for each event.

    "what it is about" is the prefix of the object's id: `pi` the payment, `re` its refund, `dp` its dispute.
    """

    name: str
    share: float
    events: tuple[tuple[str, str, str], ...]


CARD = (("charge-succeeded", "pi", "paid"), ("payment-intent-succeeded", "pi", "paid"))
PAYMENTS = (
    Payment("card", 0.7, CARD),
    Payment(
        "captured later",
        0.15,
        (
            ("charge-authorized", "pi", "authorized"),
            ("payment-intent-capturable", "pi", "pending_capture"),
            ("charge-captured", "pi", "paid"),
        ),
    ),
    Payment(
        "refunded in part",
        0.1,
        (*CARD, ("refund-created", "re", "refunded"), ("charge-refunded-partly", "pi", "partially_refunded")),
    ),
    Payment("disputed", 0.05, (*CARD, ("dispute-created", "dp", "disputed"))),
)
PATTERN_NUMBERS = ("2041", "2050")
PATTERN_AMOUNTS = (11370, 64900)
PATTERN_REFUND = 1490


def pick(items: Sequence[Item], chance: Chance) -> Item:
    return items[int(chance.uniform() * len(items))]


def instant(at: int) -> str:
    """Microseconds since 1970 as Shopify writes a time: whole seconds, the shop's offset."""
    return (EPOCH + timedelta(seconds=at // 1_000_000)).astimezone(SHOP_ZONE).isoformat()


def amount(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def order_id(number: int) -> int:
    return 6_204_455_000_000 + number * 32_769


def make_order(
    pattern: Mapping[str, Any], number: int, at: int, chance: Chance, *, large: bool = False
) -> dict[str, Any]:
    """One paid order, as the body of a webhook. `large` makes one that a person has to look at."""
    order: dict[str, Any] = deepcopy(dict(pattern))
    currency = pick(("EUR", "EUR", "EUR", "USD", "GBP"), chance)
    bought = [(TENT, TENTS)] if large else _basket(chance)
    lines = [
        _line(order["line_items"][0], article, quantity, number, place, currency)
        for place, (article, quantity) in enumerate(bought)
    ]
    goods = sum(article.price * quantity for article, quantity in bought)
    discount = VOUCHER if goods > 5 * VOUCHER and chance.uniform() < 0.2 else 0
    total = goods - discount + SHIPPING
    tax = total * VAT_PERCENT // (100 + VAT_PERCENT)
    first, last = pick(NAMES, chance)
    order.update(_identity(number, first, at), currency=currency, presentment_currency=currency, line_items=lines)
    order["customer"] |= {"first_name": first, "last_name": last, "email": order["email"], "currency": currency}
    for address in (order["billing_address"], order["shipping_address"], order["customer"]["default_address"]):
        address.update(first_name=first, last_name=last, name=f"{first} {last}")
    order["total_weight"] = sum(article.grams * quantity for article, quantity in bought)
    order["tax_lines"] = [_tax(tax, currency)]
    if not discount:
        order["discount_codes"] = order["discount_applications"] = []
    sums = {
        "total_line_items_price": goods, "total_discounts": discount, "subtotal_price": goods - discount,
        "total_shipping_price": SHIPPING, "total_tax": tax, "total_price": total,
    }  # fmt: skip
    for word, minor in sums.items():
        for name in (word, f"current_{word}"):
            if name in order:
                order[name] = amount(minor)
            if f"{name}_set" in order:
                order[f"{name}_set"] = _money(minor, currency)
    return order


def _identity(number: int, first: str, at: int) -> dict[str, Any]:
    id_, when = order_id(number), instant(at)
    email = f"{first.lower()}.{number}@example.com"
    return {
        "id": id_, "admin_graphql_api_id": f"gid://shopify/Order/{id_}", "name": f"#{number}", "order_number": number,
        "number": number - 1000, "checkout_id": id_ + 30_000_000, "email": email, "contact_email": email,
        "created_at": when, "processed_at": when, "updated_at": when,
    }  # fmt: skip


def _basket(chance: Chance) -> list[tuple[Article, int]]:
    """One to four different articles, some of them twice or three times."""
    wanted = 1 + int(chance.uniform() * 4)
    chosen = {pick(ARTICLES, chance).sku: 1 + int(chance.uniform() * chance.uniform() * 3) for _ in range(wanted)}
    return [(article, chosen[article.sku]) for article in ARTICLES if article.sku in chosen]


def _line(
    pattern: Mapping[str, Any], article: Article, quantity: int, number: int, place: int, currency: str
) -> dict[str, Any]:
    price = article.price
    tax = price * quantity * VAT_PERCENT // (100 + VAT_PERCENT)
    id_ = 14_815_000_000_000 + number * 64 + place
    return {
        **pattern, "id": id_, "admin_graphql_api_id": f"gid://shopify/LineItem/{id_}", "sku": article.sku,
        "title": article.title, "variant_title": article.variant,
        "name": " - ".join(filter(None, (article.title, article.variant))), "quantity": quantity,
        "current_quantity": quantity, "fulfillable_quantity": quantity, "grams": article.grams, "price": amount(price),
        "price_set": _money(price, currency), "total_discount_set": _money(0, currency),
        "tax_lines": [_tax(tax, currency)], "discount_allocations": [],
    }  # fmt: skip


def _tax(minor: int, currency: str) -> dict[str, Any]:
    return {
        "channel_liable": False, "price": amount(minor), "price_set": _money(minor, currency), "rate": 0.19,
        "title": "VAT",
    }  # fmt: skip


def _money(minor: int, currency: str) -> dict[str, Any]:
    said = {"amount": amount(minor), "currency_code": currency}
    return {"shop_money": said, "presentment_money": dict(said)}


# ── payments ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def pick_payment(chance: Chance) -> Payment:
    """A way a payment goes, by their shares."""
    at = chance.uniform()
    for payment in PAYMENTS:
        if at < payment.share:
            return payment
        at -= payment.share
    return PAYMENTS[0]


def object_id(prefix: str, number: int) -> str:
    """The id of a payment's object; the pattern's refund carries a letter of its own."""
    return f"{prefix}_NWexamplePay{number}{'a' if prefix == 're' else ''}"


def make_payment_event(pattern: Mapping[str, Any], number: int, place: int, paid: int, at: int) -> dict[str, Any]:
    """One event about payment `number`, as the body of a webhook; `paid` is its amount in minor units."""
    event: dict[str, Any] = _remade(
        pattern, str(number), {**dict.fromkeys(PATTERN_AMOUNTS, paid), PATTERN_REFUND: paid // 10}
    )
    seconds = at // 1_000_000
    event.update(id=f"evt_NWdemo{number}x{place}", created=seconds)
    event["data"]["object"]["created"] = seconds
    return event


def _remade(value: Any, number: str, amounts: Mapping[int, int]) -> Any:
    if isinstance(value, dict):
        return {key: _remade(item, number, amounts) for key, item in value.items()}
    if isinstance(value, list):
        return [_remade(item, number, amounts) for item in value]
    if isinstance(value, str):
        for old in PATTERN_NUMBERS:
            value = value.replace(old, number)
        return value
    return amounts.get(value, value) if type(value) is int else value
