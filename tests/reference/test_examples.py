"""The reference workspace's own examples hold, and an example that does not hold is told in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copytree

import pytest
from real import ROOT

from engine.run.load import load
from harness.testing.gather import Checked, check_one, expectations


def examples_checked(root: Path) -> list[Checked]:
    """Every example of every spec, and how what happens differs from it."""
    tests = expectations(root, load(root, "local"))
    return [check_one(test) for test in tests if test.kind == "example"]


FOLDERS = ("charter", "mappings", "recordings", "specs")
SHOPIFY, STRIPE = "specs/shopify-orders-to-erp.yaml", "specs/stripe-payments-to-ledger.yaml"
EXAMPLES = examples_checked(ROOT)
ENDS = ("done", "ignored", "held", "quarantined")
SHOWN: Mapping[str, tuple[int, Sequence[str]]] = {
    "amazon-orders-to-erp": (5, ENDS),
    "amazon-v0-orders-to-erp": (4, ENDS),
    "checkouts-to-payments": (11, ("done", "ignored", "held", "compensated", "quarantined")),
    "easypost-labels": (7, ("done", "held", "dead", "quarantined")),
    "mollie-payments-to-ledger": (5, ENDS),
    "orders-to-parcels": (11, ("done", "held", "compensated")),
    "payment-states-to-erp": (7, ("done", "held", "superseded")),
    "payments-to-orders": (3, ("done", "ignored", "held")),
    "refund-requests": (6, ("done", "held", "quarantined")),
    "saleor-payments-to-ledger": (4, ENDS),
    "shopify-orders-to-erp": (8, ENDS),
    "stock-counts": (4, ("done", "superseded", "quarantined")),
    "stock-to-amazon": (6, ("done", "superseded", "held", "dead")),
    "stock-to-shopify": (6, ("done", "superseded", "held", "dead")),
    "stripe-backfill-to-ledger": (4, ENDS),
    "stripe-payments-to-ledger": (8, ENDS),
    "tax-quotes": (5, ("done", "held", "quarantined")),
}
"""Integration → how many examples it has, and the ends they show: every one that its events can come to."""
EXAMPLES_COUNT = 104


@pytest.mark.parametrize("told", [pytest.param(told, id=f"{told.spec}: {told.name}") for told in EXAMPLES])
def test_an_example_holds(told: Checked) -> None:
    assert told.differences == ()


def test_each_integration_s_examples_show_every_end() -> None:
    loaded = load(ROOT, "local")
    assert len(EXAMPLES) == EXAMPLES_COUNT
    assert {told.spec for told in EXAMPLES} == set(loaded.plans) == set(SHOWN)
    for name, (count, ends) in SHOWN.items():
        examples = loaded.workspace.integrations[name].content.examples
        assert len(examples) == count
        shown = {expected.status for example in examples for expected in example.expect}
        assert shown == set(ends), name


# ── planted ──────────────────────────────────────────────────────────────────────────────────────────────────────────

PAID = "    events: [recordings/shopify/order-paid.json]\n    expect: [{status: done, calls: [erp.create_order]}]\n"


def expecting(expect: str) -> str:
    return f"    events: [recordings/shopify/order-paid.json]\n    expect: [{expect}]\n"


PLANTED: Mapping[str, tuple[str, str, str, str, tuple[str, ...]]] = {
    "another status": (
        SHOPIFY,
        PAID,
        expecting("{status: held, calls: [erp.create_order]}"),
        "a paid order",
        ("recordings/shopify/order-paid.json: status is done, not held",),
    ),
    "a call that is not made": (
        SHOPIFY,
        PAID,
        expecting("{status: done, calls: [erp.create_order, erp.create_order]}"),
        "a paid order",
        ("recordings/shopify/order-paid.json: calls are [erp.create_order], not [erp.create_order, erp.create_order]",),
    ),
    "status and calls": (
        SHOPIFY,
        PAID,
        expecting("{status: ignored, calls: []}"),
        "a paid order",
        (
            "recordings/shopify/order-paid.json: status is done, not ignored",
            "recordings/shopify/order-paid.json: calls are [erp.create_order], not []",
        ),
    ),
    "a value of a step, and a field that is not there": (
        SHOPIFY,
        PAID,
        expecting("{status: done, steps: {order: {currency: USD, channel: shopify, colour: red}, erp: so-2}}"),
        "a paid order",
        (
            'recordings/shopify/order-paid.json: steps.order.currency is "EUR", not "USD"',
            "recordings/shopify/order-paid.json: steps.order.colour is missing",
            'recordings/shopify/order-paid.json: steps.erp is "so-1", not "so-2"',
        ),
    ),
    "the second event of an example, with the reason why it ended otherwise": (
        STRIPE,
        "    events: [recordings/stripe/dispute-prevented.json]\n    expect: [{status: quarantined, calls: []}]\n",
        (
            "    events: [recordings/stripe/dispute-created.json, recordings/stripe/dispute-prevented.json]\n"
            "    expect: [{status: done}, {status: done}]\n"
        ),
        "a dispute closed in a way no table knows",
        (
            (
                "recordings/stripe/dispute-prevented.json: status is quarantined, not done (step payment: let.state: "
                "'charge.dispute.closed:prevented' is not in table stripe-payment-state (column event))"
            ),
        ),
    ),
    "one delivery that is more events than are told of": (
        "specs/stock-counts.yaml",
        "    expect: [{status: done, calls: [], steps: {stock: {sellable: 37}}}, {status: done, steps: {stock: {sellable: 6}}}]\n",
        "    expect: [{status: held}]\n",
        "two articles in one delivery",
        (
            "recordings/wms/counts.json: status is done, not held",
            "2 events came, and 1 are expected",
        ),
    ),
    "a mapping that changed under it": (
        "mappings/shopify-order.yaml",
        "  total: {from: total_price, money: currency}\n",
        "  total: {from: total_price, money: \"'JPY'\"}\n",
        "a paid order",
        (
            (
                "recordings/shopify/order-paid.json: status is quarantined, not done (step order: total: the amount has "
                "more than the 0 digits its currency has behind the point (mappings/shopify-order.yaml:34))"
            ),
            "recordings/shopify/order-paid.json: calls are [], not [erp.create_order]",
        ),
    ),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_difference_is_told_with_its_event(plant: str, tmp_path: Path) -> None:
    file, old, new, example, differences = PLANTED[plant]
    root = reference_copy(tmp_path)
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))
    told = examples_checked(root)
    assert [one.differences for one in told if one.name == example] == [differences]
    assert len(told) == EXAMPLES_COUNT


def reference_copy(folder: Path) -> Path:
    root = folder / "workspace"
    for name in FOLDERS:
        copytree(ROOT / name, root / name)
    return root
