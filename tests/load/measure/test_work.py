"""What a run took of everything: what is declared, and what a store tells."""

import pytest
from load.sale import ERP, evenly, messages, shop
from msgspec.structs import replace

from engine.rules.quota import Quota
from harness.load.measure.work import Declared, calls_of, declared, gates_of, hottest, rate_of, work_of
from harness.load.model import PhaseSpan
from harness.load.run.virtual import play


@pytest.mark.parametrize(
    ("quota", "rate"),
    [
        (Quota("erp", rate=120, per_us=60_000_000), 2.0),
        (Quota("erp", rate=10, spacing_us=500_000), 2.0),
        (Quota("erp", spacing_us=250_000), 4.0),
        (Quota("erp", concurrency=4), 0.0),
    ],
)
def test_the_rate_of_a_quota_is_what_passes_in_the_long_run(quota: Quota, rate: float) -> None:
    assert rate_of(quota) == rate


def test_the_places_of_a_gate_are_declared_or_its_part_of_the_workers() -> None:
    given = Declared({"erp": Quota("erp", concurrency=4), "erp.order": Quota("erp.order", rate=5)}, 64, 32)
    calls = {"erp": (10, 20.0), "erp.order": (10, 20.0), "erp.look": (3, 5.0), "crm": (7, 30.0)}
    found = {gate.gate: gate for gate in gates_of(calls, given, {"erp": 11.0})}
    assert list(found) == ["erp", "erp.order", "crm"]  # an operation without a quota is no gate
    assert (found["erp"].places, found["erp"].declared, found["erp"].idle_call_ms) == (4, True, 11.0)
    assert (found["erp.order"].places, found["erp.order"].rate_per_s) == (0, 5)
    assert (found["crm"].places, found["crm"].declared) == (32, False)
    many = replace(given, quotas={"erp": Quota("erp", concurrency=100)})
    assert gates_of({"erp": (10, 20.0)}, many, {})[0].places == 32  # more than the workers' part never binds


def test_where_one_system_is_called_it_has_all_workers() -> None:
    assert declared(shop(), 64).bulkhead == 64
    assert declared(shop((ERP, "timeout: 2s", "timeout: 2s\nquota: {rate: 2/s}")), 8).quotas["erp"].rate == 2


def test_a_store_tells_calls_ends_and_the_hottest_key_of_a_while() -> None:
    loaded = shop()
    phases = (PhaseSpan("all", 0, 20),)
    arrivals = evenly(30, 10)
    found = play(loaded, arrivals, list(messages(loaded, 300, 80)), phases, drain_s=60, latencies_s={"erp": (0.05,)})
    begin_us, end_us = (found.ran.began_us + at * 1_000_000 for at in (2, 8))
    calls = calls_of(found.database, begin_us, end_us)
    assert calls["erp"] == calls["erp.create_order"]
    assert calls["erp"][0] == pytest.approx(6 * (6 + 18), abs=12)  # the others', and as many as one key lets through
    assert calls["erp"][1] == pytest.approx(50, rel=0.01)
    key = hottest(found.database, begin_us, end_us)
    assert key is not None
    assert key.integration == "shop-orders"
    assert 50 < key.serial_ms < 75
    assert key.completed == pytest.approx(6_000 / key.serial_ms, rel=0.1)  # one after the other, without a pause
    assert key.came == 0.8
    work = work_of(found.database, (), (2, 8), found.ran.began_us, declared(loaded, 64), messages_per_event=0.5)
    assert work is not None
    assert work.integrations == {"shop-orders": work.completed}
    assert work.messages == work.completed / 2
    assert work_of(found.database, (), (500, 510), found.ran.began_us, declared(loaded, 64)) is None
    found.database.close()
