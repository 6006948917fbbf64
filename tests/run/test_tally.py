"""What is counted beside the library reads as if it had counted itself."""

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as TheirCounter
from prometheus_client import Histogram as TheirHistogram
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from engine.run.tally import Counter, Histogram

BOUNDS = (0.005, 0.25, 1, 60, 43200)
AMOUNTS = (0, 0.001, 0.005, 0.0051, 0.25, 0.9, 1, 59.9, 60, 61, 1e9)


def counted(counter: type, histogram: type) -> CollectorRegistry:
    registry = CollectorRegistry()
    calls = counter("waybill_calls", "Calls by verdict", ["operation", "verdict"], registry=registry)
    counter("waybill_idle", "Nothing yet", ["operation"], registry=registry)
    took = histogram("waybill_call_seconds", "Calls", ["operation"], buckets=BOUNDS, registry=registry)
    for number, amount in enumerate(AMOUNTS):
        calls.labels("erp.create", "done" if number % 3 else 'a "quote"').inc()
        took.labels(f"erp.{number % 2}").observe(amount)
    calls.labels("erp.create", "done").inc(5)
    return registry


@pytest.mark.parametrize("generate", [generate_latest, generate_openmetrics], ids=["text", "OpenMetrics"])
def test_a_page_is_the_one_the_library_would_write(generate: type) -> None:
    ours, theirs = (
        re.sub(r"(_created\{.*\}) \S+", r"\1 AT", generate(counted(*kinds)).decode())
        for kinds in ((Counter, Histogram), (TheirCounter, TheirHistogram))
    )
    assert ours == theirs
    assert ours.count(" AT") == 4


def test_one_name_is_given_once() -> None:
    registry = CollectorRegistry()
    Counter("waybill_calls", "Calls", ["operation"], registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counter("waybill_calls", "Calls again", ["operation"], registry=registry)
