"""Counters and histograms for the loop's busiest path, made into Prometheus' own only when it asks.

prometheus_client locks, checks and converts at every count: that was a twelfth of the loop's work for an ack. Here a
count is an addition to a number of ours, and a page is made of them when somebody reads one. Names, labels and samples
are the library's. One thread counts and reads, the loop's, so nothing is locked. This file refuses to decide what is
counted.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engine.clock import SystemClock


class Count:
    """One number that only grows."""

    __slots__ = ("created_at", "value")

    def __init__(self) -> None:
        self.value = 0
        self.created_at = SystemClock().now()

    def inc(self, amount: int = 1) -> None:
        self.value += amount


class Spread:
    """How many observations fell up to each of the `bounds`, and their sum."""

    __slots__ = ("bounds", "counts", "created_at", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * len(bounds)
        self.sum = 0.0
        self.created_at = SystemClock().now()

    def observe(self, amount: float) -> None:
        self.counts[bisect_left(self.bounds, amount)] += 1
        self.sum += amount


Child = TypeVar("Child", Count, Spread)


class Family(Collector, Generic[Child]):
    """What is counted under one name, a child for each set of labels."""

    kind: str

    def __init__(
        self, name: str, documentation: str, labelnames: Sequence[str], *, registry: CollectorRegistry
    ) -> None:
        self.name = name
        self.documentation = documentation
        self.labelnames = labelnames
        self.children: dict[tuple[str, ...], Child] = {}
        registry.register(self)

    def labels(self, *values: str) -> Child:
        child = self.children.get(values)
        if child is None:
            assert len(values) == len(self.labelnames)
            child = self.children[values] = self.child()
        return child

    def child(self) -> Child:
        raise NotImplementedError

    def samples(self, child: Child) -> Iterator[tuple[str, dict[str, str], float]]:
        """(suffix of the name, further labels, value)."""
        raise NotImplementedError

    def describe(self) -> Iterator[Metric]:
        yield Metric(self.name, self.documentation, self.kind)

    def collect(self) -> Iterator[Metric]:
        (metric,) = self.describe()
        for values, child in self.children.items():
            labels = dict(zip(self.labelnames, values, strict=True))
            for suffix, more, value in self.samples(child):
                metric.add_sample(self.name + suffix, labels | more, value)
            metric.add_sample(self.name + "_created", labels, child.created_at / 1e6)
        yield metric


class Counter(Family[Count]):
    kind = "counter"

    def child(self) -> Count:
        return Count()

    def samples(self, child: Count) -> Iterator[tuple[str, dict[str, str], float]]:
        yield "_total", {}, child.value


class Histogram(Family[Spread]):
    kind = "histogram"

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        super().__init__(name, documentation, labelnames, registry=registry)
        self.bounds = (*buckets, inf)

    def child(self) -> Spread:
        return Spread(self.bounds)

    def samples(self, child: Spread) -> Iterator[tuple[str, dict[str, str], float]]:
        up_to = list(accumulate(child.counts))
        for bound, count in zip(child.bounds, up_to, strict=True):
            yield "_bucket", {"le": "+Inf" if bound == inf else str(float(bound))}, count
        yield "_count", {}, up_to[-1]
        yield "_sum", {}, child.sum
