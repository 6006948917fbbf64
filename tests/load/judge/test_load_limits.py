"""What gives first, as a table; and what is said of it on paper."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from load.results import worked

from engine.spec.yaml import compose, plain
from harness.load.judge.limits import first_of, limiting, projected, stages
from harness.load.model import GateWork, KeyWork, Work


def floats(value: Any) -> Any:
    """YAML's exact numbers as what a measurement gives."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: floats(inner) for name, inner in value.items()}
    return [floats(inner) for inner in value] if isinstance(value, list) else value


def table() -> list[Any]:
    node, faults = compose(Path(__file__).with_name("limits.yaml").read_bytes(), "limits.yaml")
    assert not faults
    assert node is not None
    data: Any = floats(plain(node))
    return [pytest.param(row["work"], row["expect"], id=row["name"]) for row in data]


def gate(given: dict[str, Any]) -> GateWork:
    return GateWork(**{"call_ms": 20.0, "idle_call_ms": 20.0, **given})


def work(given: dict[str, Any] | None = None) -> Work:
    given = dict(given or {})
    gates = given.pop("gates", [{"gate": "erp", "calls": 1000, "places": 32}])
    key = given.pop("key", None)
    plain_ = {"completed": 1000, "messages": 1000, "workers": 64, "engine_cpu": 0.3, "machine_cpu": 0.4}
    return Work(
        begin_s=10.0,
        end_s=20.0,
        gates=tuple(map(gate, gates)),
        key=KeyWork(**key) if key else None,
        **{**plain_, **given},
    )


@pytest.mark.parametrize(("given", "expect"), table())
def test_what_gives_first(given: dict[str, Any], expect: dict[str, Any]) -> None:
    found = first_of(work(given))
    if expect["stage"] == "none":
        assert not found
        return
    assert (found[0].stage, found[0].name) == (expect["stage"], expect["name"])
    assert found[0].per_minute == pytest.approx(expect.get("per_minute", found[0].per_minute), rel=0.001)
    if "next" in expect:
        assert found[1].stage in expect["next"].split("|")
        assert (found[1].stage, found[1].name) != (found[0].stage, found[0].name)


def test_all_stages_are_told_the_first_to_be_full_first() -> None:
    given = work(
        {"commit_busy": 0.1, "running": 9, "gates": [{"gate": "erp", "calls": 1000, "rate_per_s": 400, "places": 32}]}
    )
    rates = [stage.per_minute for stage in stages(given)]
    assert rates == sorted(rates)
    assert {stage.stage for stage in stages(given)} == {"quota", "pool", "cpu", "store"}


def test_a_generator_that_did_not_hold_is_named_before_all() -> None:
    full = work({"gates": [{"gate": "erp", "calls": 1000, "rate_per_s": 100}]})
    first, after = limiting(worked(work=full, generator_held=False))
    assert first is not None
    assert after is not None
    assert (first.stage, after.stage) == ("generator", "quota")
    first, _ = limiting(worked(work=full))
    assert first is not None
    assert first.stage == "quota"


def test_of_a_run_in_which_nothing_was_completed_nothing_is_told() -> None:
    assert limiting(worked(work=None)) == (None, None)


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def first_on_paper(given: dict[str, Any], nodes: int, rates: dict[str, float]) -> tuple[str, str, float]:
    stage = projected(work(given), nodes, rates)[0]
    return stage.stage, stage.name, round(stage.per_minute)


QUOTA = {"gates": [{"gate": "erp", "calls": 1000, "rate_per_s": 100, "burst": 200}]}


def test_more_nodes_share_a_quota() -> None:
    assert first_on_paper(QUOTA, 1, {}) == ("quota", "erp", 6000)
    assert first_on_paper(QUOTA, 4, {}) == ("quota", "erp", 6000)


def test_a_larger_quota_leaves_the_next_stage() -> None:
    assert first_on_paper(QUOTA, 1, {"erp": 1000.0}) == ("cpu", "engine", 20000)
    assert first_on_paper(QUOTA, 2, {"erp": 1000.0}) == ("cpu", "engine", 40000)
    assert first_on_paper(QUOTA, 4, {"erp": 1000.0}) == ("quota", "erp", 60000)


def test_a_quota_that_nobody_had_is_one_then() -> None:
    assert first_on_paper({}, 1, {"erp": 10.0}) == ("quota", "erp", 600)


def test_on_paper_nobody_else_is_blamed_for_what_the_quota_did() -> None:
    """Behind its quota the run went no faster, on a machine that had no free core: with a larger quota it is the CPU of
    a message that counts, and not that the machine was full."""
    given = {**QUOTA, "machine_cpu": 1.0, "backlog_per_s": 40}
    assert first_on_paper(given, 1, {"erp": 1000.0}) == ("cpu", "engine", 20000)


def test_more_nodes_do_not_help_a_key_a_full_partner_declared_places_or_a_database() -> None:
    for given in (
        {"key": {"integration": "orders", "completed": 900, "serial_ms": 11}},
        {"gates": [{"gate": "erp", "calls": 1000, "call_ms": 75, "idle_call_ms": 10, "places": 8}]},
        {"gates": [{"gate": "erp", "calls": 1000, "call_ms": 20, "places": 2, "declared": True}]},
        {"commit_busy": 0.9, "running": 60},
    ):
        assert first_on_paper(given, 4, {}) == first_on_paper(given, 1, {})


def test_more_nodes_bring_workers_for_a_slow_partner() -> None:
    slow = {
        "engine_cpu": 0.01,
        "gates": [{"gate": "erp", "calls": 300, "call_ms": 1000, "idle_call_ms": 1000, "places": 32}],
    }
    _, _, one = first_on_paper(slow, 1, {})
    assert first_on_paper(slow, 2, {}) == ("partner", "erp", 2 * one)
