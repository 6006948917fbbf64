"""Whatever a contract allows, its mapping can take: it gives what the other contract asks for, or says that a table
lacks a row and what that means. Nothing else: no null that nobody thought of, no amount finer than its currency, no
moment that cannot be written, no error of an expression.

The documents are drawn from the contracts alone; nothing recorded has a part in it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from real import ROOT
from reference.mapped import Mapped, mapped

from engine.contract.body import encode_json
from engine.language import FieldProblem, MappingError, Table, TextTable
from engine.language.tables import Ignored, Index
from engine.run.load import Loaded, load
from engine.wire.answers import Inbound
from harness.strategies import documents
from harness.vocabulary import vocabulary
from harness.world import Ended, World, run

DOCUMENTS = 300
SEEN_LEAST = 5
"""Documents of each end at least, of several times as many: which ones are drawn changes with every contract."""
NAMES = sorted(path.stem for path in (ROOT / "mappings").glob("*.yaml"))
WITHOUT_TABLES = ("label-shipment", "warehouse-stock")
FOLDERS = ("charter", "mappings", "recordings", "specs")

drawn = settings(
    max_examples=DOCUMENTS,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # they speak of time and of size; documents are as large as contracts
)


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


# ── one mapping ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_mapped_or_lacks_a_row_of_a_table(name: str) -> None:
    ends = outcomes(reference(), name)
    assert ends.total() >= DOCUMENTS
    assert ends["mapped"] >= SEEN_LEAST
    assert ends["missing"] >= (0 if name in WITHOUT_TABLES else SEEN_LEAST)


def outcomes(loaded: Loaded, name: str, tables: Mapping[str, Table] | None = None) -> Counter[str]:
    """Maps what is drawn from the contract; fails at the first document that is neither mapped nor declared missing."""
    mapping = mapped(loaded, name, tables)
    ends: Counter[str] = Counter()

    def one(document: Any) -> None:
        result, problems = attempt(mapping, document)
        assert [str(problem) for problem in problems if not declared(problem)] == []
        if problems:
            ends["missing"] += 1
            return
        assert [str(violation) for violation in mapping.target.check(result)] == []
        ends["mapped"] += 1
        ends["with lines"] += bool(result.get("lines"))

    drawn(given(drawn_for(loaded, mapping))(one))()
    return ends


def attempt(mapping: Mapped, document: Any) -> tuple[Any, tuple[FieldProblem, ...]]:
    """What the mapping made of a document, or all that it lacked."""
    try:
        return mapping.run(document), ()
    except MappingError as error:
        return None, error.problems


def declared(problem: FieldProblem) -> bool:
    """Whether the mapping itself says that this may come, and what is done then."""
    return problem.code == "missing-row" and problem.on_missing in ("quarantine", "hold", "fail")


def drawn_for(loaded: Loaded, mapping: Mapped, words: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> Any:
    """Documents of the mapping's source, whose texts the tables (and `words`) know more often than chance has it."""
    name = mapping.shaped.from_
    known = vocabulary(mapping.shaped, loaded.workspace.tables)
    return documents(name, loaded.workspace.models[name].content, {**known, **words})


class Ready(dict[str, Any]):
    """The answers of a look-up, and for a text that has none the one of some row."""

    def get(self, key: str, default: object = None) -> Any:
        rows = list(self.values())
        return self[key] if key in self else rows[sha256(key.encode("utf-8", "surrogatepass")).digest()[0] % len(rows)]


class Willing:
    """A table that answers every look-up with one of its rows: whatever stands in it, the mapping must cope."""

    def __init__(self, table: TextTable) -> None:
        self.table = table
        self.columns = table.columns
        self.version = table.version

    def index(self, by: str, give: str, ignore: tuple[Ignored, ...] = ()) -> Index:
        index = self.table.index(by, give, ignore)
        return replace(index, entries=Ready(index.entries))


WILLING = ("sku-registry", "payment-status", "amazon-marketplace", "amazon-order-status")
"""Tables of which any row may be the answer. Not those of currencies, and of what happened to a payment: what a row of
theirs says goes together with what the contract says of such a document."""


@pytest.mark.parametrize("name", ["amazon-order", "amazon-order-v0", "shopify-order"])
def test_an_order_is_mapped_whatever_rows_its_tables_have(name: str) -> None:
    tables: dict[str, Table] = dict(reference().workspace.tables)
    for known in WILLING:
        table = tables[known]
        assert isinstance(table, TextTable)
        tables[known] = cast("Table", Willing(table))
    ends = outcomes(reference(), name, tables)
    assert ends["mapped"] >= DOCUMENTS // 2
    assert ends["with lines"] >= SEEN_LEAST
    if name == "shopify-order":  # its currencies are in no table: nothing is left that could be missing
        assert ends["missing"] == 0


# ── a breach is found ────────────────────────────────────────────────────────────────────────────────────────────────

PLANTED = {
    "a null that nobody thought of": (
        *("shopify-order", "mappings/shopify-order.yaml"),
        *("from: sku || '(no SKU)'", "from: sku"),
    ),
    "a converter that the field does not fit": (
        *("shopify-order", "mappings/shopify-order.yaml"),
        *("cancelled_at: {from: cancelled_at, time: utc, optional: true}", "cancelled_at: {from: note, time: utc}"),
    ),
    "an amount finer than its currency": (
        *("shopify-order", "charter/models/shopify/order@2024-10.yaml"),
        *('total_price: {$ref: "#/$defs/whole"}', "total_price: {}"),
    ),
    "a text that is no moment": (
        *("amazon-order", "charter/models/amazon/order@2026-01-01.yaml"),
        *('createdTime: {$ref: "#/$defs/instant"}', "createdTime: {type: string}"),
    ),
    "a result that breaks the other contract": (
        *("saleor-payment", "mappings/saleor-payment.yaml"),
        *("id: event.pspReference || event.id", "id: event.pspReference"),
    ),
    "an amount that may be missing": (
        *("stripe-payment", "charter/models/stripe/event@2023-10-16.yaml"),
        *("    required: [id, object, amount, currency, status]", "    required: [id, object, currency, status]"),
    ),
    "an event of which nothing is known": (
        *("stripe-payment", "mappings/stripe-payment.yaml"),
        *("  state: {from: $happened, table: stripe-payment-state, by: event, give: state}", "  state: type"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_breach_is_found(plant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, file, old, new = PLANTED[plant]
    for folder in FOLDERS:
        copytree(ROOT / folder, tmp_path / folder)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new))
    loaded = load(tmp_path, "local")
    # The first document that shows it is enough; making it small takes longer than finding it.
    monkeypatch.setitem(globals(), "drawn", settings(drawn, phases=[Phase.generate], max_examples=2 * DOCUMENTS))
    with pytest.raises(AssertionError):
        outcomes(loaded, name)


# ── the whole engine ─────────────────────────────────────────────────────────────────────────────────────────────────

EVENTS = 100
TAKEN: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "shopify-orders-to-erp": (
        "shopify-order",
        {"financial_status": ("paid",), "total_price": ("0", "1999", "19.99")},
    ),
    "stripe-payments-to-ledger": (
        "stripe-payment",
        {"type": ("charge.succeeded", "charge.refunded", "payment_intent.succeeded", "refund.created")},
    ),
    "amazon-orders-to-erp": ("amazon-order", {}),
    "amazon-v0-orders-to-erp": ("amazon-order-v0", {}),
    "mollie-payments-to-ledger": ("mollie-payment", {}),
    "saleor-payments-to-ledger": ("saleor-payment", {}),
    "stripe-backfill-to-ledger": ("stripe-object", {}),
}
"""Integration → its mapping, and words of which most of what it takes has one."""

STANDING = ("is not in table", "receive.key gave no text or number")
"""Why an event may be quarantined here: what the mapping declares, and an event about something without an id."""


@pytest.mark.parametrize("integration", TAKEN)
def test_a_generated_event_comes_to_a_defined_end(integration: str) -> None:
    loaded = reference()
    name, words = TAKEN[integration]
    ends: Counter[str] = Counter()

    def one(document: Any) -> None:
        ended = delivered(loaded, integration, document)
        ends[ended.status.value] += 1
        assert ended.status.value in ("done", "ignored", "held", "quarantined")
        if ended.status.value == "quarantined":  # held against its contract it was; a mapping says which row it lacks
            assert [reason for reason in ended.reason.split("; ") if not any(word in reason for word in STANDING)] == []
        assert len(ended.calls) == (ended.status.value == "done")

    settings(drawn, max_examples=EVENTS)(given(drawn_for(loaded, mapped(loaded, name), words))(one))()
    assert ends.total() >= EVENTS
    assert len(ends) > 1
    assert ends["done"] or not words


def delivered(loaded: Loaded, integration: str, document: object) -> Ended:
    """One event in a world of its own; how it ended."""
    world = World(loaded)
    headers = dict.fromkeys(("x-shopify-webhook-id", "x-relay-delivery"), "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
    inbound = Inbound("POST", "/", headers, {}, encode_json(document))
    return world.ended(run(world.receive(loaded.plans[integration], inbound)))
