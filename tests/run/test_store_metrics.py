"""What Prometheus reads of the store."""

from prometheus_client import CollectorRegistry, generate_latest

from engine.run.store_metrics import StoreMetrics
from engine.store.opened import Health


def page(health: Health | None) -> list[str]:
    registry = CollectorRegistry()
    StoreMetrics(registry).health = health
    return generate_latest(registry).decode().splitlines()


def test_how_long_commits_took_is_told() -> None:
    lines = page(Health(commits=4, commit_s=0.25))
    assert "waybill_commit_seconds_count 4.0" in lines
    assert "waybill_commit_seconds_sum 0.25" in lines


def test_of_a_store_that_cannot_be_reached_nothing_else_is_told() -> None:
    assert [line for line in page(None) if not line.startswith("#")] == ["waybill_store_up 0.0"]
