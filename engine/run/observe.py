"""Facts → log lines and metrics. The loops say what they did; who listens is decided here.

A log line is one JSON object: names, numbers and reasons, never headers, bodies or secrets. Plain text lines can be
forged by whatever an event holds, so there are none.
"""

import sys
from collections.abc import Iterable
from typing import TextIO

import msgspec
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from engine.model import Fact, Sighted
from engine.rules.opening import time_text
from engine.run.gate_view import GateView
from engine.run.tally import Counter, Histogram
from engine.store import Gauges

LOGGED = frozenset(
    (
        "started",
        "stopping",
        "stopped",
        "reloaded",
        "reload_refused",
        "clock_set",
        "log_pinned",
        "recovered",
        "rejected",
        "refused_full",
        "conflict",
        "lease_lost",
        "outcome_waits_for_room",
        "failed",
        "http_error",
        "released",
        "weak_secret",
        "refresh_failed",
        "breaker",
        "gate_forced",
        "tables_taken",
        "tables_refused",
        "store_away",
        "store_back",
        "store_not_durable",
        "log_pinned",
        "transaction_pinned",
        "clock_skew",
        "heartbeat_missed",
        "upkeep_failed",
    )
)
LOGGED_STATUSES = frozenset(("held", "quarantined", "dead", "discarded"))
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200)

SHUT = {"closed": 0.0, "half_open": 0.5, "open": 1.0}

encode = msgspec.json.encode


class Log:
    """Writes the facts a person at night wants to see; the rest is in the metrics and in each event's story."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    def __call__(self, fact: Fact) -> None:
        if fact.name not in LOGGED and fact.data.get("status") not in LOGGED_STATUSES:
            return
        data = dict(fact.data)
        if isinstance(data.get("event"), int):
            data["event"] = f"evt-{data['event']}"
        line = encode({"at": time_text(fact.at), "fact": fact.name, **data})
        self.stream.write(line.decode() + "\n")
        self.stream.flush()


class GateMetrics:
    """How gates stand: which are shut, how much waits at each, what is left of quotas."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge(
            "waybill_gate_open",
            "Breaker: 0 closed, 0.5 half open, 1 open; a person's word counts",
            ["gate"],
            registry=registry,
        )
        self.parked = Gauge("waybill_gate_parked", "Events that wait at a gate", ["gate"], registry=registry)
        self.tokens = Gauge("waybill_gate_tokens", "Calls that may begin at once", ["gate"], registry=registry)
        self.paused = Gauge(
            "waybill_gate_paused_seconds", "How long the partner wants to hear nothing", ["gate"], registry=registry
        )

    def show(self, gates: Iterable[GateView], now: int) -> None:
        for gauge in (self.open, self.parked, self.tokens, self.paused):
            gauge.clear()
        for gate in gates:
            self.open.labels(gate.gate).set(SHUT[gate.forced or gate.state])
            self.parked.labels(gate.gate).set(gate.parked)
            self.paused.labels(gate.gate).set(max(0, gate.paused_until - now) / 1e6)
            if gate.tokens is not None:
                self.tokens.labels(gate.gate).set(gate.tokens)


class Metrics:
    """Counts facts for Prometheus. Names follow its conventions: base units, `_total` for counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "waybill_received", "Webhooks by what became of them", ["integration", "verdict"], registry=self.registry
        )
        self.ended = Counter(
            "waybill_recorded", "Claims ended, by new status", ["integration", "status"], registry=self.registry
        )
        self.calls = Counter(
            "waybill_calls", "Calls to partners by verdict", ["operation", "kind", "verdict"], registry=self.registry
        )
        self.accept_seconds = Histogram(
            "waybill_accept_seconds",
            "From request to durable",
            ["integration"],
            buckets=SECONDS[:9],
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "waybill_call_seconds", "Calls to partners", ["operation"], buckets=SECONDS[:13], registry=self.registry
        )
        self.complete_seconds = Histogram(
            "waybill_complete_seconds", "From arrival to done", ["integration"], buckets=SECONDS, registry=self.registry
        )
        self.events = Gauge(
            "waybill_events", "Events that are not over, by status", ["integration", "status"], registry=self.registry
        )
        self.oldest = Gauge(
            "waybill_oldest_active_seconds", "Age of the oldest event that still moves", registry=self.registry
        )
        self.gates = GateMetrics(self.registry)
        self.effects_known = Counter(
            "waybill_effects_known", "Calls spared because the effect was there", ["operation"], registry=self.registry
        )

        self.sighted = {
            Sighted.UNKNOWN_FIELD: Counter(
                "waybill_unknown_fields", "Fields that no contract knows", ["contract"], registry=self.registry
            ),
            Sighted.MISSING_FIELD: Counter(
                "waybill_missing_fields", "Required fields that did not come", ["contract"], registry=self.registry
            ),
            Sighted.MISSING_ROW: Counter(
                "waybill_missing_rows", "Texts that stand in no row of a table", ["table"], registry=self.registry
            ),
        }

    def __call__(self, fact: Fact) -> None:
        data = fact.data
        integration = str(data.get("integration", ""))
        if fact.name in ("accepted", "duplicate", "conflict", "rejected", "refused_full"):
            self.received.labels(integration, fact.name).inc()
            if isinstance(data.get("took_us"), int):
                self.accept_seconds.labels(integration).observe(int(data["took_us"] or 0) / 1e6)
        elif fact.name == "recorded":
            status = str(data["status"])
            self.ended.labels(integration, status).inc()
            if status == "done":
                self.complete_seconds.labels(integration).observe(int(data["took_us"] or 0) / 1e6)
        elif fact.name == "call":
            self.calls.labels(str(data["operation"]), str(data["kind"]), str(data["verdict"])).inc()
            self.call_seconds.labels(str(data["operation"])).observe(int(data["took_us"] or 0) / 1e6)
        elif fact.name == "effect_known":
            self.effects_known.labels(str(data["operation"])).inc()
        elif fact.name == "sighted":
            self.sighted[Sighted(str(data["kind"]))].labels(str(data["place"])).inc(int(data["times"] or 0))

    def page(self, gauges: Gauges, now: int, gates: Iterable[GateView] = ()) -> bytes:
        """The text for /metrics, with the store's counts of the moment, and its gates."""
        self.events.clear()
        for (integration, status), count in gauges.counts.items():
            self.events.labels(integration, status).set(count)
        self.oldest.set(0 if gauges.oldest_active_at is None else max(0, now - gauges.oldest_active_at) / 1e6)
        self.gates.show(gates, now)
        return generate_latest(self.registry)
