"""A shop with an ERP, two carriers and mail, for transcripts: a workspace whose steps are the test's own."""

from blackbox.rig import FILES

CHARTER = """
topics:
  orders: {contract: canonical/order@1, key: customer}
  news: {contract: shop/news@1, key: customer, revision: at}
"""

UNDO = """    undo: {call: cancel_order, input: "{id: result, customer: input.customer}"}
    result: body.id
"""
CANCEL = """
  cancel_order:
    request: {method: POST, path: "/sales-orders/{{ input.id }}/cancel", body: input}
    effect: idempotent
    identity: path[1]
    answer: {status: 200}
  touch:
    request: {method: POST, path: /touch, body: input}
    effect: unprotected
    identity: body.id
    answer: {status: 200}
"""


def carrier(name: str) -> str:
    return f"""
system: {name}
kind: carrier
base_url: {{local: "http://{name}.example"}}
timeout: 2s
retry: {{attempts_max: 4, first: 1s, factor: 2, cap: 10s}}
operations:
  buy:
    request: {{method: POST, path: /{name}/labels, body: "{{parcel: input, reference: once}}"}}
    effect: idempotent
    identity: body.reference
    outcomes: [{{when: "status == `409`", is: retry}}]
    result: body.label
    undo: {{call: void, input: "{{label: result}}"}}
    answer: {{status: 201, body: {{label: "{name}-{{{{ n }}}}"}}}}
  void:
    request: {{method: POST, path: "/{name}/labels/{{{{ input.label }}}}/void"}}
    effect: idempotent
    identity: path[1]
    answer: {{status: 200}}
"""


NEWS = """
$schema: https://json-schema.org/draft/2020-12/schema
type: object
required: [customer, at]
properties: {customer: {type: string}, at: {type: integer}, what: {type: string}}
"""

SPEC = """
integration: shop-orders
version: 1
summary: Orders.
owner: orders
impact: revenue
receive:
  webhook: {path: /hooks/orders, system: shop}
  id: headers."x-shop-event"
  key: body.customer
  dedupe_for: 7d
"""


def shop(steps: str, *, receive: str = "", more: str = "", **others: str) -> dict[str, str]:
    """The workspace. `steps` and `receive` are YAML, below their keys; `more` stands at the top of the spec; `others`
    are further specs by name, whole but for their name."""
    erp = FILES["charter/systems/erp.yaml"].replace("    result: body.id\n", UNDO)
    erp = erp.replace(
        "retry: {attempts_max: 60, first: 20ms, factor: 2, cap: 200ms}",
        "retry: {attempts_max: 4, first: 1s, factor: 2, cap: 10s}",
    )
    specs = {
        f"specs/{name}.yaml": f"integration: {name}\nversion: 1\nsummary: More.\nowner: orders\nimpact: operations\n{text}"
        for name, text in ((name.replace("_", "-"), text) for name, text in others.items())
    }
    return {
        **FILES,
        **specs,
        "charter/charter.yaml": FILES["charter/charter.yaml"] + CHARTER,
        "charter/systems/erp.yaml": erp + CANCEL,
        "charter/systems/carrier-a.yaml": carrier("carrier-a"),
        "charter/systems/carrier-b.yaml": carrier("carrier-b"),
        "charter/models/shop/news@1.yaml": NEWS,
        "specs/shop-orders.yaml": SPEC + receive + more + "steps:\n" + steps,
    }
