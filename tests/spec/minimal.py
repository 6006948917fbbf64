"""The smallest workspace that shows every kind of file, has no fault and no finding; tests change one thing in it."""

from collections.abc import Iterable, Mapping

from engine.errors import Fault
from engine.spec.proof import prove
from engine.spec.resolve import resolve
from engine.spec.workspace import Workspace, read_workspace
from engine.wire.files import find_zone

CHARTER = "charter/charter.yaml"
SHOP = "charter/systems/shop.yaml"
ERP = "charter/systems/erp.yaml"
SOURCE = "charter/models/shop/order@1.yaml"
TARGET = "charter/models/canonical/order@1.yaml"
TABLE = "charter/tables/statuses.csv"
MAPPING = "mappings/shop-order.yaml"
SPEC = "specs/orders.yaml"
EVENT = "recordings/order.json"

MINIMAL: Mapping[str, str] = {
    CHARTER: """\
charter: Acme
environments: {local: {}, production: {}}
teams: {orders: {contact: "#orders", on_call: orders-oncall}}
raci: {deploys: orders, monitors: orders, resolves: orders}
domains: {order: {system_of_record: erp}}
""",
    SHOP: """\
system: shop
kind: storefront
webhooks:
  verify: {scheme: shopify, secret: {secret: SHOP_SECRET}}
credentials:
  SHOP_SECRET: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}
""",
    ERP: """\
system: erp
kind: erp
base_url: {local: {env: ERP_URL}, production: https://erp.example}
auth: {bearer: {secret: ERP_TOKEN}}
idempotency: {header: Idempotency-Key, valid_for: 24h}
timeout: 5s
retry: {attempts_max: 8, first: 1s, factor: 2, cap: 5m}
operations:
  create_order:
    request: {method: POST, path: /orders, body: "merge(input, {reference: once})"}
    effect: idempotent
    identity: body.reference
    result: body.id
    lookup:
      call: find_order
      input: "{reference: once}"
      found: "length(body.items) > `0`"
    answer: {status: 201, body: {id: "so-{{ n }}"}}
  find_order:
    request: {method: GET, path: "/orders/{{ input.reference }}"}
    effect: none
    answer: {status: 200, body: {items: []}}
credentials:
  ERP_TOKEN: {scopes: [orders], rotated: 2026-11-01, rotate_every: 90d}
""",
    SOURCE: "type: object\nproperties: {id: {type: integer}}\nadditionalProperties: true\n",
    TARGET: "type: object\nproperties: {id: {type: string}}\nadditionalProperties: true\n",
    TABLE: "theirs,ours,note\npaid,settled,\nvoided,void,\n",
    MAPPING: """\
mapping: shop-order
from: shop/order@1
to: canonical/order@1
let:
  prefix: "'shop'"
fields:
  id: join('-', [$prefix, to_string(id)])
  total: {from: total_price, money: currency}
  status: {from: financial_status, table: statuses}
  lines:
    each: line_items
    fields:
      sku: sku
      price: {from: price, money: $root.currency}
  note: {template: "Order {{ name }}"}
  channel: {value: shop}
""",
    SPEC: """\
integration: orders
version: 1
summary: Every paid order becomes exactly one sales order.
owner: orders
impact: revenue
receive:
  webhook: {path: /hooks/orders, system: shop}
  when: body.status == 'paid'
  contract: shop/order@1
  id: headers."x-event-id"
  key: to_string(body.id)
steps:
  - id: order
    map: shop-order
  - id: review
    when: "order.total > `500000`"
    hold: {queue: large-orders, reason: "{{ order.id }} is large"}
  - id: erp
    call: erp.create_order
    input: order
    once: order.id
examples:
  - name: a paid order
    events: [recordings/order.json]
    expect: [{status: done, calls: [erp.create_order]}]
""",
    EVENT: '{"headers": {}, "query": {}, "body": {"id": 1}}\n',
}

Edit = tuple[str, str, str]
"""(file, a text that stands in it exactly once, what stands there instead)."""


def edited(*edits: Edit, of: Mapping[str, str] = MINIMAL) -> dict[str, str]:
    """A workspace, else the minimal one, with some texts replaced; an edit that fits nowhere, or twice, is a mistake in
    the test."""
    files = dict(of)
    for file, old, new in edits:
        assert files[file].count(old) == 1, f"{old!r} stands {files[file].count(old)} times in {file}"
        files[file] = files[file].replace(old, new)
    return files


def read(files: Mapping[str, str | bytes]) -> tuple[Workspace, list[Fault]]:
    """The workspace, and every fault of reading and resolving it, in the order of the files."""
    workspace, faults = read_workspace({name: to_bytes(content) for name, content in files.items()})
    faults += resolve(workspace, find_zone)
    faults += prove(workspace, faults).faults
    return workspace, sorted(faults, key=place)


def to_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def place(fault: Fault) -> tuple[str, int, int, str]:
    return fault.mark.file, fault.mark.line, fault.mark.column, fault.code


def text_at(files: Mapping[str, str | bytes], fault: Fault) -> str:
    """What stands where a fault points, to the end of its line."""
    lines = to_bytes(files[fault.mark.file]).decode().splitlines() or [""]
    return lines[fault.mark.line - 1][fault.mark.column - 1 :]


def told(faults: Iterable[Fault]) -> str:
    """Faults for an assertion's message."""
    return "\n".join(map(str, faults)) or "no faults"
