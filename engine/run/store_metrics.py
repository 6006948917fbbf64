"""How the store does, as Prometheus reads it: sizes, rows that wait to be cleaned up, and what keeps them from it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from engine.store.opened import Health


class StoreMetrics(Collector):
    """Shows the `health` that was measured last; None: the store cannot be reached."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.health: Health | None = Health()
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        health = self.health
        yield GaugeMetricFamily("waybill_store_up", "1 while the store can be read", 0 if health is None else 1)
        if health is None:
            return
        sizes = GaugeMetricFamily("waybill_store_bytes", "Size of each part of the store", labels=["part"])
        for part, size in health.bytes.items():
            sizes.add_metric([part], size)
        dead = GaugeMetricFamily("waybill_store_dead_rows", "Rows that wait for a vacuum", labels=["table"])
        for table, rows in health.dead_rows.items():
            dead.add_metric([table], rows)
        yield SummaryMetricFamily(
            "waybill_commit_seconds",
            "How long the writer waited for the disk, or the database, to take a group",
            count_value=health.commits,
            sum_value=health.commit_s,
        )
        yield sizes
        yield dead
        yield GaugeMetricFamily("waybill_store_partitions", "Partitions of events", health.partitions)
        yield GaugeMetricFamily(
            "waybill_store_oldest_transaction_seconds",
            "For how long the oldest open transaction or reader has kept old rows",
            health.oldest_transaction_s,
        )
        yield GaugeMetricFamily(
            "waybill_store_oldest_version_transactions",
            "Age of the oldest row version that must be kept, in transactions",
            health.oldest_version_age,
        )
