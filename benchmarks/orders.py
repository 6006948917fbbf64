"""The reference integration in this process: its plan, its order, and the request it makes of one."""

import json
from functools import cache

from benchmarks.rig import ROOT
from engine.contract.body import decode_body, encode_json
from engine.model import Delivery
from engine.rules.needs import Call
from engine.rules.opening import open_event
from engine.rules.steps import Course, advance
from engine.run.load import Loaded, load

INTEGRATION = "shopify-orders-to-erp"


@cache
def reference() -> Loaded:
    """The reference workspace, read once."""
    return load(ROOT, "local")


def request_body(body: bytes, headers: dict[str, str]) -> bytes:
    """What the ERP is sent for a webhook, as bytes of JSON."""
    plan = reference().plans[INTEGRATION]
    lowered = {name.lower(): value for name, value in headers.items()}
    delivery = Delivery(
        event=1,
        integration=INTEGRATION,
        plan=plan.hash,
        id="bench",
        key="bench",
        headers=lowered,
        query={},
        body=body,
        received_at=0,
        token=1,
        lease_until=0,
        attempts=0,
        number=0,
    )
    scope = open_event(plan, delivery)
    assert isinstance(scope, dict), scope
    need = advance(Course(plan, scope), 0)
    assert isinstance(need, Call), need
    return encode_json(need.request.body)


def recorded_order() -> object:
    """The recorded paid order, whole, as the engine decodes it."""
    raw = json.loads((ROOT / "recordings/shopify/order-paid.json").read_bytes())["body"]
    return decode_body(json.dumps(raw).encode())
