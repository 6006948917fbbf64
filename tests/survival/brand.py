"""A workspace in which one order has an effect of every kind, what a shop sends it, and what the books must show then."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blackbox.rig import FILES, order_body

HUB = """
system: hub
kind: other
base_url: {local: {env: HUB_URL}}
timeout: 2s
retry: {attempts_max: 60, first: 20ms, factor: 2, cap: 200ms}
operations:
  list_price:
    request: {method: PUT, path: "/prices/{{ input.id }}", body: input}
    effect: idempotent
    identity: path[1]
    undo: {call: void_price, input: input}
    answer: {status: 200, body: {id: "pr-{{ n }}"}}
  void_price:
    request: {method: POST, path: "/prices/{{ input.id }}/void"}
    effect: idempotent
    identity: path[1]
    answer: {status: 200}
  ship:
    request: {method: POST, path: /shipments, body: "merge(input, {reference: once})"}
    effect: verifiable
    identity: body.reference
    result: body.id
    lookup: {call: find_shipment, input: "{reference: once}", found: "length(body.items) > `0`", result: "body.items[0].id"}
    undo: {call: void_shipment, input: "{id: result}"}
    answer: {status: 201, body: {id: "{{ body.reference }}"}}
  void_shipment:
    request: {method: POST, path: "/shipments/{{ input.id }}/void"}
    effect: idempotent
    identity: path[1]
    answer: {status: 200}
  find_shipment:
    request: {method: GET, path: /shipments, query: {reference: input.reference}}
    effect: none
    identity: query.reference
    answer: [{when: known, status: 200, body: {items: [{id: "{{ known.result }}"}]}}, {status: 200, body: {items: []}}]
  tell:
    request: {method: POST, path: /messages, body: input}
    effect: unprotected
    identity: body.id
    answer: {status: 202}
  charge:
    request: {method: POST, path: /charges, body: input}
    effect: at_most_once
    identity: body.id
    answer: {status: 201}
  bill:
    request: {method: POST, path: /bills, body: input}
    effect: idempotent
    identity: body.id
    answer: {status: 422, body: {fault: "this shop is not billed"}}
"""

SPEC = """
integration: shop-orders
version: 1
summary: Every order of the shop has one effect of each kind at the partners.
owner: orders
impact: revenue
receive:
  webhook: {path: /hooks/orders, system: shop}
  contract: shop/order@1
  id: headers."x-shop-event"
  key: body.customer
  dedupe_for: 7d
steps:
  - {id: order, map: order}
  - id: review
    when: "order.total_minor > `100000`"
    hold: {queue: large-orders, reason: "order {{ order.id }}"}
  - {id: erp, call: erp.create_order, input: order, once: order.id}
  - {id: price, call: hub.list_price, input: order, once: order.id}
  - {id: label, call: hub.ship, input: order, once: order.id}
  - {id: message, call: hub.tell, input: order, once: order.id}
  - {id: charge, call: hub.charge, input: order, once: order.id}
"""

UNDONE = (
    SPEC.partition("  - id: review")[0]
    + """
  - {id: price, call: hub.list_price, input: order, once: order.id}
  - {id: label, call: hub.ship, input: order, once: order.id}
  - {id: bill, call: hub.bill, input: order, once: order.id, on_failure: compensate}
"""
)
"""The same shop with a last step that is always refused: what came before it is undone."""

WORKSPACE = {**FILES, "charter/systems/hub.yaml": HUB, "specs/shop-orders.yaml": SPEC}
UNDOING = {**WORKSPACE, "specs/shop-orders.yaml": UNDONE}
PARTNERS = ("erp", "hub")

ONE = ("erp.create_order", "hub.list_price", "hub.ship")
"""Effects that happen exactly once: by key, by nature, by look-up."""
SOME = "hub.tell"
"""Declared `unprotected`: at least once."""
MOST = "hub.charge"
"""Declared `at_most_once`: never twice; where nobody can tell, a person is asked."""

TAKEN_BACK = {"hub.list_price": "hub.void_price", "hub.ship": "hub.void_shipment"}
"""Effects, and what undoes them."""

Book = Mapping[str, Sequence[str]]
"""Operation → the identities of its effects in the order they were booked, doubles and all."""


@dataclass
class Sale:
    """What a shop sends: for each customer a list of (event, body), in order. `numbers` gives each order its place."""

    by_customer: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    order_of: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    large: int = 0
    doubted: set[str] = field(default_factory=set)
    """Orders of which nobody could tell whether they were charged, and that a person let go on."""
    passed: set[str] = field(default_factory=set)
    """Orders that were quarantined, since the engine died of them or beside them, until a person let them go on: later
    ones of their keys pass them meanwhile, as `on_stuck: pass` says."""

    @property
    def deliveries(self) -> int:
        return sum(map(len, self.by_customer.values()))


def make_sale(name: str, orders: int = 50, customers: int = 12, large: int = 0, filler: int = 0) -> Sale:
    """Orders over as many keys, each fifth under two event ids, every seventh delivery repeated; `large` more wait for a
    person, each with a key of its own. The names of all begin with `name`: partners are shared. `filler` is how many
    bytes each carries for nothing."""
    sale, die = Sale(large=large), random.Random(name)

    def add(event: str, order: str, customer: str, body: bytes) -> None:
        sale.by_customer[customer].append((event, body))
        sale.order_of[event] = f"shop-{order}"

    for number in range(orders + large):
        order = f"{name}-{number}"
        customer = f"{name}-customer-{number % customers if number < orders else number}"
        more = {"total": "5000.00"} if number >= orders else {}
        more |= {"filler": "x" * filler} if filler else {}
        body = order_body(order, customer, number, **more)
        sale.numbers[f"shop-{order}"] = customer, number
        add(f"{order}-first", order, customer, body)
        if number % 5 == 0 and number < orders:
            add(f"{order}-second", order, customer, body)
    for deliveries in sale.by_customer.values():
        for delivery in [one for one in deliveries if die.random() < 1 / 7]:
            deliveries.insert(die.randrange(deliveries.index(delivery), len(deliveries)) + 1, delivery)
    return sale


Event = Mapping[str, Any]


def broken_promises(sale: Sale, events: Iterable[Event], book: Book) -> list[str]:
    """Every promise the books or the store do not keep, in words; nothing where all are kept."""
    broken = not_ended(sale, events, "done")
    for operation in (*ONE, SOME, MOST):
        booked = Counter(book.get(operation, ()))
        for order in sale.numbers:
            times = booked[order]
            if times == 0 and not (operation == MOST and order in sale.doubted):
                broken.append(f"{operation} {order}: never happened")
            if times > 1 and operation != SOME:
                broken.append(f"{operation} {order}: happened {times} times")
        broken += out_of_order(sale, operation, book.get(operation, ()))
    return broken


def not_undone(sale: Sale, events: Iterable[Event], book: Book) -> list[str]:
    """The same where all is to be undone. That an effect stood twice is seen too: only one of two is taken back."""
    listed = list(events)
    # What an order's second event meets was undone already: it is not done anew, and a person is told.
    again = [event for event in listed if event["id"].endswith("-second")]
    broken = not_ended(sale, listed, "compensated", "dead")
    broken += [
        f"{event['id']}: {event['status']}" for event in listed if (event["status"] == "dead") != (event in again)
    ]
    for operation, undo in TAKEN_BACK.items():
        stands, undone = Counter(book.get(operation, ())), Counter(book.get(undo, ()))
        broken += [f"{operation} {order}: stands" for order in stands]
        broken += [f"{undo} {order}: happened {undone[order]} times" for order in sale.numbers if undone[order] != 1]
    return broken


def not_ended(sale: Sale, events: Iterable[Event], *ends: str) -> list[str]:
    """What was lost or doubled on its way into the store, and what did not come to one of these ends."""
    listed = list(events)
    stored = Counter(event["id"] for event in listed)
    broken = [f"{event}: acknowledged and lost" for event in sorted(sale.acknowledged - set(stored))]
    broken += [f"{event}: stored {times} times" for event, times in stored.items() if times > 1]
    broken += [
        f"{event['id']}: {event['status']} ({event['reason']})" for event in listed if event["status"] not in ends
    ]
    return broken


def out_of_order(sale: Sale, operation: str, booked: Sequence[str]) -> list[str]:
    """Effects of one key that came after those of a later order."""
    by_customer: dict[str, list[int]] = defaultdict(list)
    for order in booked:
        customer, number = sale.numbers[order]
        if order not in sale.passed:
            by_customer[customer].append(number)
    return [
        f"{operation}: the orders of {customer} came as {numbers}"
        for customer, numbers in by_customer.items()
        if numbers != sorted(numbers)
    ]
