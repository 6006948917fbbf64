"""Items and states that have one identity between them."""

import json
from pathlib import Path
from typing import Any

import pytest
from workspaces import SPEC, shop

from engine.wire.answers import Inbound
from harness.prove.told_apart import same_emissions, same_items, scopes

STEPS = """steps:
  - id: order
    map: order
  - id: erp
    call: erp.create_order
    input: order
    once: to_string(body.order)       # the order
"""
EACH = """steps:
  - id: lines
    each: body.lines
    as: line
    steps:
      - {id: size, decide: {first: [{when: "line.n > `5`", then: {value: large}}, {then: {value: small}}]}}
      - {id: reserve, call: erp.create_order, input: line, once: "ONCE"}
"""
EMIT = """steps:
  - {id: publish, emit: {topic: orders, body: body}, once: "ONCE"}
"""
LINES = (
    "charter/models/shop/order@1.yaml",
    "  email: {type: string}",
    """  email: {type: string}
  lines:
    type: array
    items:
      type: object
      required: [line, sku, n]
      properties: {line: {type: integer}, sku: {type: string}, n: {type: integer}}""",
)
TOPICS = ("charter/charter.yaml", "teams:", "topics: {orders: {contract: shop/order@1, key: to_string(order)}}\nteams:")


def said(**body: Any) -> Inbound:
    return Inbound("POST", "/", {"x-shop-event": "e-1"}, {}, json.dumps({"order": 7, **body}).encode())


@pytest.mark.parametrize(
    ("once", "found"),
    [
        ("line.sku", [("lines[2].reserve", 0, 2)]),
        ("join('/', [line.sku, size])", []),
        ("to_string(line.line)", []),
        ("join('/', [line.sku, to_string($index)])", []),
    ],
)
def test_items_that_differ_have_an_identity_each(tmp_path: Path, once: str, found: list[object]) -> None:
    lines = [{"line": 1, "sku": "A", "n": 1}, {"line": 2, "sku": "B", "n": 1}, {"line": 3, "sku": "A", "n": 9}]
    examples = (SPEC, ", steps: {order: {total: 1999}}", "")
    loaded = shop(tmp_path, LINES, examples, (SPEC, STEPS, EACH.replace("ONCE", once)))
    plan = loaded.plans["orders"]
    (scope,) = scopes(plan, said(lines=lines))
    assert list(same_items(plan, scope)) == found
    (twice,) = scopes(plan, said(lines=[lines[0], lines[0]]))
    assert list(same_items(plan, twice)) == []  # one line, said twice


@pytest.mark.parametrize(("once", "found"), [("to_string(body.order)", ["publish"]), ("to_string(body.version)", [])])
def test_states_that_are_told_under_one_id(tmp_path: Path, once: str, found: list[str]) -> None:
    loaded = shop(
        tmp_path, TOPICS, (SPEC, STEPS, EMIT.replace("ONCE", once)), (SPEC, ", steps: {order: {total: 1999}}", "")
    )
    plan = loaded.plans["orders"]
    (first,), (second,) = scopes(plan, said(version=1)), scopes(plan, said(version=2))
    assert list(same_emissions(plan, first, second)) == found
    assert list(same_emissions(plan, first, first)) == []


def test_a_body_that_is_no_json_has_no_scope(tmp_path: Path) -> None:
    assert list(scopes(shop(tmp_path).plans["orders"], Inbound("POST", "/", {}, {}, b"{"))) == []
