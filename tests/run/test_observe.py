"""Facts that are counted and facts that are written down."""

import json
from io import StringIO

import pytest

from engine.model import Fact, Sighted
from engine.run.observe import Log, Metrics
from engine.store import Gauges


@pytest.mark.parametrize(
    ("kind", "place", "line"),
    [
        (Sighted.UNKNOWN_FIELD, "shop/order@1", 'waybill_unknown_fields_total{contract="shop/order@1"} 5.0'),
        (Sighted.MISSING_FIELD, "shop/order@1", 'waybill_missing_fields_total{contract="shop/order@1"} 5.0'),
        (Sighted.MISSING_ROW, "sku-registry", 'waybill_missing_rows_total{table="sku-registry"} 5.0'),
    ],
)
def test_what_was_seen_is_counted_by_contract_or_table_and_by_nothing_else(
    kind: Sighted, place: str, line: str
) -> None:
    metrics, stream = Metrics(), StringIO()
    for times in (2, 3):
        fact = Fact("sighted", 1, {"event": 1, "kind": kind.value, "place": place, "times": times})
        metrics(fact)
        Log(stream)(fact)
    page = metrics.page(Gauges({}, None), 1).decode()
    assert [each for each in page.splitlines() if each.startswith(line.partition("{")[0])] == [line]
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "data"), [("tables_taken", {"tables": "skus@1a"}), ("tables_refused", {"reason": "skus.csv:2:1: table"})]
)
def test_a_table_that_was_taken_or_refused_is_written_down(name: str, data: dict[str, str]) -> None:
    stream = StringIO()
    Log(stream)(Fact(name, 0, data))
    assert json.loads(stream.getvalue()) == {"at": "1970-01-01T00:00:00.000000Z", "fact": name, **data}
