"""The reference integrations together, judged by the partners' books: what stands there after a story, and what does
not. The examples say how an event ends; here is what that was worth to the shop.
"""

from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from real import ROOT

from engine.contract.body import decode_body, encode_json
from engine.model import Status
from engine.run.load import Loaded, load
from engine.store import Filter, Move
from engine.store.readers import read_events
from engine.wire.answers import Inbound
from harness.trial import read_event
from harness.world import World, run

RECORDINGS = ROOT / "recordings"


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


@pytest.fixture
def world() -> World:
    return World(reference())


def receive(world: World, integration: str, *files: str) -> list[str]:
    """Sends recordings one after the other; how their events end."""
    return [
        word for file in files for word in send(world, integration, read_event(RECORDINGS / f"{file}.json", raw=False))
    ]


def send(world: World, integration: str, inbound: Inbound) -> list[str]:
    events: list[int] = run(world.receive_all(world.loaded.plans[integration], inbound))
    run(world.wait_out())  # nobody looks at anything in these stories
    return [world.ended(event).status.value for event in events]


def told(world: World, integration: str, body: object) -> list[str]:
    return send(world, integration, Inbound("POST", "/", {}, {}, encode_json(body)))


def body_of(file: str) -> Any:
    return decode_body((RECORDINGS / f"{file}.json").read_bytes())["body"]


def book(world: World, system: str, operation: str) -> list[Any]:
    """The results of the effects that stand."""
    return [row["result"] for row in world.http.partners[system].book()[operation]]


def states(world: World, integration: str) -> list[str]:
    """How every event of an integration stands, in the order they came."""
    rows = read_events(world.connection, Filter(integration=integration, limit=100))
    return [row.status.value for row in sorted(rows, key=lambda row: row.event)]


def names(folder: str) -> Iterator[str]:
    yield from sorted(path.stem for path in (RECORDINGS / folder).glob("*.json"))


# ── money ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_money_is_taken_by_who_reserved_it_or_let_go(world: World) -> None:
    """After a day of checkouts no customer's money is merely reserved, and none is taken by two providers."""
    files = [f"checkout/{name}" for name in names("checkout") if name.startswith("attempt")]
    ends = receive(world, "checkouts-to-payments", *files)
    assert (len(ends), ends.count("done"), ends.count("compensated")) == (10, 6, 2)
    reserved = {
        row["identity"]
        for system in ("mollie", "paypal")
        for row in world.http.partners[system].book()["authorize"]
        if row["result"]["status"] == "authorized"
    }
    assert reserved == {"att-NW5001", "att-NW5002", "att-NW5003", "att-NW5006"}
    authorized = {system: [row["id"] for row in book(world, system, "authorize")] for system in ("mollie", "paypal")}
    captured = {system: [path_part(row) for row in rows(world, system, "capture")] for system in ("mollie", "paypal")}
    assert captured["paypal"] == authorized["paypal"]
    assert set(captured["mollie"]) < set(authorized["mollie"])
    ended = {row["identity"]: row["answer"]["body"]["status"] for row in rows(world, "checkout", "tell")}
    assert ended == {**dict.fromkeys(reserved, "paid"), "att-NW5004": "declined"}


def rows(world: World, system: str, operation: str) -> list[Any]:
    return list(world.http.partners[system].book()[operation])


def path_part(row: Any) -> str:
    """A capture's identity is the authorization it takes."""
    return str(row["identity"])


def test_what_was_taken_is_given_back_by_who_took_it(world: World) -> None:
    """The checkout is told who took the money and what it is known by there, and says so when it asks for it back."""
    receive(world, "checkouts-to-payments", "checkout/attempt", "checkout/attempt-mollie-busy")
    tellings = [call.body for calls in world.calls.values() for call in calls if call.operation == "checkout.tell"]
    for place, telling in enumerate(tellings):
        assert isinstance(telling, dict)
        request = {
            **body_of("checkout/refund-mollie"),
            "request": f"rf-{place}",
            "provider": telling["provider"],
            "payment": telling["payment"],
        }
        headers = {"x-checkout-delivery": f"refund-{place}"}
        assert send(world, "refund-requests", Inbound("POST", "/", headers, {}, encode_json(request))) == ["done"]
    assert [len(book(world, system, "refund")) for system in ("mollie", "paypal")] == [1, 1]


def test_from_a_webhook_over_two_topics_to_the_state_of_the_order(world: World) -> None:
    happened = (
        "charge-succeeded",
        "payment-intent-succeeded",
        "refund-created",
        "charge-refunded-partly",
        "dispute-created",
    )
    receive(world, "stripe-payments-to-ledger", *(f"stripe/{name}" for name in happened))
    changes = book(world, "erp", "change_payment_state")
    assert [(change["before"], change["state"]) for change in changes] == [
        ("open", "paid"),
        ("paid", "partially_refunded"),
        ("partially_refunded", "disputed"),
    ]
    assert {change["order"] for change in changes} == {"shopify-pi_NWexamplePay2041"}
    assert len(book(world, "ledger", "post_payment")) == 4
    assert states(world, "payments-to-orders") == ["done", "done", "ignored", "done", "done"]
    assert states(world, "payment-states-to-erp") == ["done", "done", "done", "done"]


def test_an_order_whose_payment_is_in_doubt_is_not_packed_until_somebody_has_decided(world: World) -> None:
    order = body_of("topics/orders/paid")
    refund = {**body_of("topics/order-payments/refunded"), "order": order["id"]}
    assert told(world, "payment-states-to-erp", refund) == ["held"]
    assert told(world, "orders-to-parcels", order) == ["accepted"]
    assert told(world, "orders-to-parcels", {**order, "id": "shopify-elsewhere"}) == ["done"]
    assert len(book(world, "wms", "pack")) == 1


# ── stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def count(article: str, on_hand: int, change: int) -> dict[str, object]:
    at = "2026-11-27T07:00:00+01:00"
    return {"article": article, "on_hand": on_hand, "reserved": 0, "change": change, "counted_at": at}


def offers(world: World) -> dict[str, list[tuple[str, object]]]:
    """Channel → what it was told, in order: (listing, quantity)."""
    made: dict[str, list[tuple[str, object]]] = {"shopify": [], "amazon": []}
    for call in (call for calls in world.calls.values() for call in calls):
        body: Any = call.body
        if call.operation == "shopify.set_available":
            made["shopify"].append((str(body["inventory_item_id"]), body["available"]))
        if call.operation == "amazon.patch_listing":
            made["amazon"].append(
                (call.url.rsplit("/", 1)[1].split("?")[0], body["patches"][0]["value"][0]["quantity"])
            )
    return made


def test_one_delivery_reaches_each_channel_with_its_own_buffer_and_no_channel_waits_for_another(world: World) -> None:
    counts = [count("100231", 40, 1), count("100911", 20_000, 1), count("100701", 9, 1), count("100815", 6, 1)]
    assert told(world, "stock-counts", {"warehouse": "leipzig", "counts": counts}) == ["done"] * 4
    assert offers(world) == {
        "shopify": [("44213001", 35), ("44213111", 19_990), ("44213101", 8), ("44213015", 2)],
        "amazon": [("NW-MUG-350-BLU", 28), ("NW-SOCKS-L", 19_980), ("NW-TENT-2P", 7)],
    }
    # the shop has lost the tent, Amazon refuses so many socks; of neither does the other channel know anything
    assert states(world, "stock-to-shopify") == ["done", "done", "dead", "done"]
    assert states(world, "stock-to-amazon") == ["done", "dead", "done", "done"]


def test_however_counts_come_the_newest_is_offered_last_and_never_less_than_nothing(world: World) -> None:
    changes = [(3, 2), (1, 30), (4, -2), (2, 12), (5, 9)]
    counts = [count("100231", on_hand, change) for change, on_hand in changes]
    for one in counts:
        told(world, "stock-counts", {"warehouse": "leipzig", "counts": [one]})
    assert states(world, "stock-counts") == ["done", "superseded", "done", "superseded", "done"]
    assert offers(world) == {
        "shopify": [("44213001", 0), ("44213001", 0), ("44213001", 4)],
        "amazon": [("NW-MUG-350-BLU", 0), ("NW-MUG-350-BLU", 0), ("NW-MUG-350-BLU", 0)],
    }


def test_of_many_counts_of_one_article_in_one_delivery_only_the_newest_is_passed_on(world: World) -> None:
    counts = [count("100231", 40 - change, change) for change in range(1, 21)]
    ends = told(world, "stock-counts", {"warehouse": "leipzig", "counts": counts})
    assert (ends.count("superseded"), ends[-1]) == (19, "done")
    assert offers(world) == {"shopify": [("44213001", 15)], "amazon": [("NW-MUG-350-BLU", 8)]}


# ── parcels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_label_that_stands_is_on_a_parcel_that_somebody_packs(world: World) -> None:
    files = [f"topics/orders/{name}" for name in names("topics/orders")]
    ends = receive(world, "orders-to-parcels", *files)
    assert (len(ends), ends.count("done"), ends.count("held"), ends.count("compensated")) == (11, 5, 4, 2)
    packing = [call.body for calls in world.calls.values() for call in calls if call.operation == "wms.pack"]
    packed = {row["identity"] for row in rows(world, "wms", "pack")}
    used: set[str] = set()
    for order in packing:
        assert isinstance(order, dict)
        if order["reference"] not in packed:
            continue  # refused
        for parcel in order["parcels"]:
            assert b64decode(parcel["label"]).startswith(b"%PDF-1.4\n")
            used.add(parcel["tracking"])
    standing = {
        label["tracking"] for system in ("parcelpost", "overland") for label in book(world, system, "buy_label")
    }
    assert standing == used
    assert len(standing) == 6
    assert len(rows(world, "overland", "cancel_label")) == 2


@pytest.mark.parametrize(
    ("article", "quantity", "country", "origin", "box", "carrier"),
    [
        ("100231", 2, "DE", "leipzig", "S", "parcelpost"),
        ("100231", 3, "DE", "leipzig", "M", "parcelpost"),
        ("100310", 1, "FR", "leipzig", "M", "parcelpost"),  # light, and too long for the small box
        ("100512", 3, "GB", "manchester", "L", "parcelpost"),
        ("100239", 1, "US", "reno", "M", "parcelpost"),
        ("100702", 1, "DE", "leipzig", "OWN", "overland"),
        ("100815", 2, "AT", "leipzig", "M", "overland"),
    ],
)
def test_box_rules_origins_and_carriers(
    world: World, article: str, quantity: int, country: str, origin: str, box: str, carrier: str
) -> None:
    order = body_of("topics/orders/paid")
    order["lines"] = [{**order["lines"][0], "sku": article, "quantity": quantity}]
    order["shipping_address"] = {**order["shipping_address"], "country": country}
    assert told(world, "orders-to-parcels", order) == ["done"]
    (packing,) = [call.body for calls in world.calls.values() for call in calls if call.operation == "wms.pack"]
    assert isinstance(packing, dict)
    (parcel,) = packing["parcels"]
    assert (packing["origin"], parcel["box"], parcel["carrier"]) == (origin, box, carrier)


def test_an_order_announced_twice_is_packed_once(world: World) -> None:
    """From the shop's webhook over the topic to the warehouse."""
    receive(world, "shopify-orders-to-erp", "shopify/order-paid", "shopify/order-paid-again")
    assert [len(book(world, *at)) for at in (("erp", "create_order"), ("wms", "pack"))] == [1, 1]
    assert states(world, "orders-to-parcels") == ["done", "done"]
    assert len(book(world, "parcelpost", "buy_label")) == 1


@pytest.mark.parametrize(("action", "end", "changes"), [("release", "done", 1), ("reject", "discarded", 0)])
def test_an_illegal_step_is_made_only_where_a_person_says_so_and_then_the_order_goes_on(
    world: World, action: str, end: str, changes: int
) -> None:
    order = body_of("topics/orders/paid")
    refund = {**body_of("topics/order-payments/refunded"), "order": order["id"]}
    assert told(world, "payment-states-to-erp", refund) == ["held"]
    assert told(world, "orders-to-parcels", order) == ["accepted"]
    (held,) = [row for row in read_events(world.connection, Filter(limit=10)) if row.status is Status.HELD]
    assert held.reason == (
        "order shopify-610445512101 cannot go from open to refunded (stripe pi_NWexamplePay2041: refunded)"
    )
    run(decided(world, Move(held.event, world.clock.now(), action, "mira", "asked the customer")))
    assert world.ended(held.event).status.value == end
    assert len(book(world, "erp", "change_payment_state")) == changes
    assert states(world, "orders-to-parcels") == ["done"]


async def decided(world: World, move: Move) -> None:
    await world.committer.submit(world.store.move, move)
    await world.settle()


def test_each_part_of_a_payment_that_goes_back_is_told_to_the_erp(world: World) -> None:
    part = body_of("topics/order-payments/partially-refunded")
    told(world, "payment-states-to-erp", body_of("topics/order-payments/paid"))
    for amount in (1490, 1490, 2980):
        assert told(world, "payment-states-to-erp", {**part, "amount": amount}) == ["done"]
    changes = [row["result"]["state"] for row in rows(world, "erp", "change_payment_state")]
    assert changes == ["paid", "partially_refunded", "partially_refunded"]


def test_every_recording_is_used_by_an_example() -> None:
    used = {
        file
        for document in reference().workspace.integrations.values()
        for example in document.content.examples
        for file in example.events
    }
    kept = {path.relative_to(ROOT).as_posix() for path in Path(RECORDINGS).rglob("*.json")}
    assert kept == used
