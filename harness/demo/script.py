"""What the shop will send and when, from a seed: orders in bursts, told twice, delivered again, and payments in order.

The same seed is the same story. This file refuses to send, to sign and to wait.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from engine.contract.body import encode_json
from engine.ports import Chance
from harness.demo.payloads import instant, make_order, make_payment_event, object_id, order_id, pick_payment
from harness.faults import seeded

ORDERS_PER_S = 30
PAYMENTS_PER_S = 8
BURST_ORDERS = 200
BURSTS_AT = (0.2, 0.5, 0.75)
"""Parts of the story at which a second's worth of the sale comes at once; the second meets the kill."""
LARGE_AT = (0.1, 0.3)
"""Parts of the story at which an order comes that a person must release."""
FIRST_NUMBER = 3001
TOLD_TWICE_EVERY = 10
UPDATED_AFTER_US = 3_000_000
DELIVERED_AGAIN = 0.08
SHOPIFY_PATH, STRIPE_PATH = "/hooks/shopify/orders", "/hooks/stripe"


class Promise(Struct, frozen=True):
    """What a partner's book must hold once if the shop was told 2xx.

    `effect` is its identity there, `key` what it must be in order with, `what` how a person calls it.
    """

    system: str
    effect: str
    key: str
    what: str


class Announcement(Struct, frozen=True):
    """One webhook, unsigned. `id` is the provider's id of the event, `after_s` when it is due after its chain began."""

    provider: str
    path: str
    id: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    promise: Promise
    after_s: float = 0.0
    held: bool = False


class Chain(Struct, frozen=True):
    """Webhooks that belong together, `at_s` seconds into the story.

    `in_order`: each is sent once the one before was acknowledged, as what happened to one payment is; otherwise each
    at its own time, whatever became of the others.
    """

    at_s: float
    announcements: tuple[Announcement, ...]
    in_order: bool


class Script:
    """A story of `sending_s` seconds that begins at `began_at` (microseconds). `recordings`: name → body."""

    def __init__(self, recordings: Mapping[str, Any], seed: int, sending_s: int, began_at: int) -> None:
        self.recordings = recordings
        self.sending_s = sending_s
        self.began_at = began_at
        self.chance = seeded(seed, "story")
        self.number = FIRST_NUMBER

    def chains(self) -> Iterator[Chain]:
        """Every chain, in the order of time; made as they are asked for, since a long story is large."""
        bursts = {int(part * self.sending_s) for part in BURSTS_AT}
        large = {int(part * self.sending_s) for part in LARGE_AT}
        for second in range(self.sending_s):
            orders = ORDERS_PER_S + (BURST_ORDERS if second in bursts else 0)
            kinds = ["order"] * orders + ["payment"] * PAYMENTS_PER_S + ["large"] * (second in large)
            for at_s, kind in sorted((second + self.chance.uniform(), kind) for kind in kinds):
                self.number += 1
                at = self.began_at + int(at_s * 1_000_000)
                yield self.payment(at_s, at) if kind == "payment" else self.order(at_s, at, large=kind == "large")

    def order(self, at_s: float, at: int, *, large: bool) -> Chain:
        number = self.number
        body = make_order(self.recordings["shopify/order-paid"], number, at, self.chance, large=large)
        id_ = order_id(number)
        promise = Promise("erp", f"shopify-{id_}", str(id_), f"order #{number}")
        first = self.told(promise, "orders/paid", body, held=large)
        announcements = [first]
        if not large and self.chance.uniform() < DELIVERED_AGAIN:
            announcements.append(again(first, self.chance.uniform()))
        if not large and number % TOLD_TWICE_EVERY == 0:
            later = {**body, "updated_at": instant(at + UPDATED_AFTER_US)}
            announcements.append(self.told(promise, "orders/updated", later, after_s=self.chance.uniform() * 1.5))
        return Chain(at_s, tuple(announcements), in_order=False)

    def told(
        self, promise: Promise, topic: str, body: Mapping[str, Any], *, after_s: float = 0.0, held: bool = False
    ) -> Announcement:
        """One Shopify webhook about an order, under an event id of its own."""
        id_, event_id = uuid_of(self.chance), uuid_of(self.chance)
        headers = (
            ("Content-Type", "application/json"), ("X-Shopify-Topic", topic), ("X-Shopify-API-Version", "2024-10"),
            ("X-Shopify-Shop-Domain", "northwind.shopify.example"), ("X-Shopify-Webhook-Id", id_),
            ("X-Shopify-Event-Id", event_id), ("X-Shopify-Triggered-At", body["updated_at"]),
        )  # fmt: skip
        return Announcement("shopify", SHOPIFY_PATH, id_, headers, encode_json(body), promise, after_s, held)

    def payment(self, at_s: float, at: int) -> Chain:
        number, paid = self.number, 1490 + int(self.chance.uniform() * 20_000)
        key = object_id("pi", number)
        announcements = []
        for place, (recording, prefix, state) in enumerate(pick_payment(self.chance).events):
            body = make_payment_event(self.recordings[f"stripe/{recording}"], number, place, paid, at)
            promise = Promise("ledger", f"{object_id(prefix, number)}:{state}", key, f"payment {number} {state}")
            headers = (("Content-Type", "application/json; charset=utf-8"),)
            one = Announcement("stripe", STRIPE_PATH, body["id"], headers, encode_json(body), promise)
            announcements.append(one)
            if self.chance.uniform() < DELIVERED_AGAIN:
                announcements.append(again(one, 0))
        return Chain(at_s, tuple(announcements), in_order=True)


def again(first: Announcement, after_s: float) -> Announcement:
    """The same event delivered once more, as providers do that saw no answer, or saw one too late."""
    return Announcement(first.provider, first.path, first.id, first.headers, first.body, first.promise, after_s)


def uuid_of(chance: Chance) -> str:
    """A version 4 UUID of 106 drawn bits, which is what two draws give."""
    return str(UUID(int=int(chance.uniform() * 2**53) << 75 | int(chance.uniform() * 2**53), version=4))
