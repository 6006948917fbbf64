"""A workspace that uses every form of step, topic and wait; it has no fault and no finding, and tests change one thing
in it."""

from collections.abc import Mapping

from spec.minimal import CHARTER, ERP, EVENT, MAPPING, MINIMAL, SHOP, SOURCE, SPEC, TABLE, TARGET

CARRIER = "charter/systems/carrier.yaml"
OTHER = "charter/systems/other-carrier.yaml"
PAYMENT = "charter/models/canonical/payment@1.yaml"
PUBLISHED = "specs/order-mails.yaml"
PAID = "specs/payments.yaml"

_CARRIER = """\
system: carrier
kind: carrier
base_url: {local: {env: CARRIER_URL}, production: https://carrier.example}
outcomes:
  - {when: "failure == 'tls'", is: refused}
operations:
  buy_label:
    request: {method: POST, path: /labels, body: "merge(input, {reference: once})"}
    effect: verifiable
    identity: body.reference
    result: body.id
    lookup: {call: find_label, input: "{reference: once}", found: "status == `200`"}
    undo: {call: void_label, input: "{id: result, reason: once}"}
  find_label:
    request: {method: GET, path: "/labels/{{ input.reference }}"}
    effect: none
  void_label:
    request: {method: DELETE, path: "/labels/{{ input.id }}"}
    effect: idempotent
    identity: path[1]
  get_label:
    request: {method: GET, path: "/labels/{{ input }}/pdf", read: base64}
    effect: none
"""

EVERYTHING: Mapping[str, str] = {
    **MINIMAL,
    CHARTER: MINIMAL[CHARTER]
    + """\
topics:
  orders: {contract: canonical/order@1, key: id}
  payments: {contract: canonical/payment@1, key: order_id, revision: [at, number]}
""",
    ERP: MINIMAL[ERP].replace(
        "  find_order:\n",
        """\
    undo: {call: cancel_order, input: "{id: result}"}
  cancel_order:
    request: {method: POST, path: "/orders/{{ input.id }}/cancel"}
    effect: idempotent
    identity: path[1]
    lookup: {call: find_order, input: "{reference: once}", found: "!(body.items)"}
  find_order:
""",
    ),
    CARRIER: _CARRIER,
    OTHER: _CARRIER.replace("carrier", "other-carrier", 1).replace("CARRIER_URL", "OTHER_URL"),
    PAYMENT: """\
type: object
required: [order_id, at, number, state]
properties:
  order_id: {type: string}
  at: {type: string, format: date-time}
  number: {type: integer}
  state: {enum: [paid, refused]}
""",
    SPEC: """\
integration: orders
version: 1
summary: Every paid order becomes exactly one sales order and a label for each parcel.
owner: orders
impact: revenue
lane: urgent
receive:
  webhook: {path: /hooks/orders, system: shop}
  split: body.orders
  when: body.status == 'paid' && $index >= `0` && envelope.shop == 'eu'
  contract: shop/order@1
  id: join('-', [headers."x-event-id", to_string($index)])
  key: to_string(body.id)
  key_space: orders
  revision: {from: body.updated_at, time: utc}
  keep: newest
  on_stuck: block
steps:
  - id: order
    map: shop-order
  - id: payment
    hold:
      until: {topic: payments, when: "body.state == 'paid' && body.number > `0`"}
      expires: 7d
      warn: 3d
    on_failure: continue
  - id: review
    when: payment.state == 'refused'
    hold: {queue: large-orders, reason: "{{ order.id }} is large", expires: body.until, warn: 4h}
  - id: erp
    call: erp.create_order
    input: order
    once: order.id
    outcomes:
      - {when: "failure == 'connect' || status == `409`", is: retry}
  - id: route
    decide:
      first:
        - {when: body.weight > `20000`, then: {value: [other-carrier.buy_label]}}
        - {then: {value: [carrier.buy_label, other-carrier.buy_label]}}
  - id: parcels
    each: body.parcels
    as: parcel
    steps:
      - id: label
        call: {any_of: [carrier.buy_label, other-carrier.buy_label], pick: route}
        input: parcel
        once: join('-', [order.id, to_string($index)])
      - id: document
        call: carrier.get_label
        input: label
      - id: look
        when: document.bytes > `1000000`
        hold: {queue: labels, reason: "the label of parcel {{ parcel.number }} is large"}
    on_failure: compensate
  - id: told
    each: parcels
    as: parcel
    steps:
      - id: tell
        when: parcel.label != 'none'
        emit: {topic: orders, body: order}
        once: join('-', [order.id, to_string($index)])
    on_failure: continue
    default: []
  - id: publish
    emit: {topic: orders, body: order}
  - id: reasons
    decide:
      all:
        - {when: length(parcels) > `1`, then: "'several parcels'"}
        - {when: "parcels[0].label == 'x'", then: {template: "{{ order.id }}"}}
sla:
  accept: {p99: 250ms}
  complete: {p99: 30s, within: 24h, success: 99.9%}
  peak: {rate: 1000/min, for: 15m, drain: 10m}
examples:
  - name: a paid order
    events: [recordings/order.json]
    expect: [{status: done}]
""",
    PUBLISHED: """\
integration: order-mails
version: 1
summary: Whoever bought something hears that it is on its way.
owner: orders
impact: operations
lane: bulk
receive:
  topic: orders
  when: body.id != 'test'
  key_space: orders
  keep: newest
steps:
  - id: order
    call: erp.find_order
    input: "{reference: body.id}"
""",
    PAID: """\
integration: payments
version: 1
summary: What is paid in the shop is told to whoever waits for it.
owner: orders
impact: operations
receive:
  webhook: {path: /hooks/payments, system: shop}
  contract: canonical/payment@1
  id: headers."x-event-id"
  key: body.order_id
  revision: [body.at, body.number]
steps:
  - id: tell
    emit: {topic: payments, body: body}
    once: join('-', [body.order_id, to_string(body.number)])
""",
}

__all__ = ["CARRIER", "CHARTER", "ERP", "EVENT", "EVERYTHING", "MAPPING", "OTHER", "PAID", "PAYMENT", "PUBLISHED"]
__all__ += ["SHOP", "SOURCE", "SPEC", "TABLE", "TARGET"]
