"""A workspace for the tests of prove: a shop, an ERP, and what can be said wrongly of them."""

import json
from pathlib import Path
from typing import Any

from engine.run.load import Loaded, load

ERP = "charter/systems/erp.yaml"
SPEC = "specs/orders.yaml"
ORDER = {"order": 7, "total": 1999, "version": 1, "note": "leave it at the door", "email": "mira@example.com"}

FILES = {
    "charter/charter.yaml": """
charter: Test
environments: {local: {}}
teams: {orders: {contact: "#orders", on_call: orders-oncall}}
raci: {deploys: orders, monitors: orders, resolves: orders}
""",
    "charter/systems/shop.yaml": """
system: shop
kind: storefront
webhooks:
  verify: {scheme: hmac-sha256, header: X-Shop-Signature, secret: {secret: SHOP_SECRET}}
credentials:
  SHOP_SECRET: {scopes: [webhooks], rotated: 2026-11-01, rotate_every: 90d}
""",
    ERP: """
system: erp
kind: erp
base_url: {local: https://erp.example}
idempotency: {header: Idempotency-Key}
operations:
  create_order:
    request: {method: POST, path: /orders, body: input}
    effect: idempotent
    identity: body.order
    result: body.id
    answer: {status: 201, body: {id: "so-{{ n }}"}}
""",
    "charter/models/shop/order@1.yaml": """
type: object
required: [order, total, version]
properties:
  order: {type: integer, minimum: 1, maximum: 9999}
  total: {type: integer, minimum: 1, maximum: 9999}
  version: {type: integer, minimum: 1, maximum: 9999}
  note: {type: [string, "null"]}
  email: {type: string}
""",
    "charter/models/erp/order@1.yaml": """
type: object
required: [order, total, note]
properties:
  order: {type: integer}
  total: {type: integer}
  note: {type: string}
""",
    "mappings/order.yaml": """
mapping: order
from: shop/order@1
to: erp/order@1
fields:
  order: order
  total: total
  note: {from: note, default: ""}
""",
    SPEC: """
integration: orders
version: 1
summary: Every order becomes exactly one ERP order.
owner: orders
impact: revenue

receive:
  webhook: {path: /hooks/orders, system: shop}
  contract: shop/order@1
  id: headers."x-shop-event"
  key: to_string(body.order)

steps:
  - id: order
    map: order
  - id: erp
    call: erp.create_order
    input: order
    once: to_string(body.order)       # the order

examples:
  - name: an order
    events: [recordings/order.json]
    expect: [{status: done, calls: [erp.create_order], steps: {order: {total: 1999}}}]   # and no more
""",
    "recordings/order.json": json.dumps({"headers": {"X-Shop-Event": "e-1"}, "query": {}, "body": ORDER}),
}

LATE = "specs/late-orders.yaml"
"""The same news to another integration, which names its effect by another `once`."""
LATE_SPEC = (
    FILES[SPEC]
    .replace("integration: orders", "integration: late-orders")
    .replace("/hooks/orders", "/hooks/late-orders")
    .replace("once: to_string(body.order) ", "once: join('-', ['late', to_string(body.order)]) ")
)
LATE_MENDED = LATE_SPEC.replace("join('-', ['late', to_string(body.order)])", "to_string(body.order)")
ONCE_PER_EVENT = (SPEC, "once: to_string(body.order) ", "once: event.id ")
NOTE_EXPECTED = ("mappings/order.yaml", '{from: note, default: ""}', "note")


def lay(root: Path, *changes: tuple[str, str, str]) -> Path:
    """Writes the workspace with texts replaced: (file, what, by what); each must be there."""
    files: dict[str, Any] = dict(FILES)
    for path, old, new in changes:
        assert old in files[path], f"{old!r} is not in {path}"
        files[path] = files[path].replace(old, new)
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip())
    return root


def shop(root: Path, *changes: tuple[str, str, str]) -> Loaded:
    return load(lay(root, *changes), "local")
