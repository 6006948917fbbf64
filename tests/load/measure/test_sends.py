"""What the generator saw → counts and latencies, by phase, integration and second."""

import pytest

from harness.load.measure.sends import Sends
from harness.load.model import Message, PhaseSpan, Sent

S = 1_000_000
PHASES = (PhaseSpan("warm", 0, 10, counted=False), PhaseSpan("burst", 10, 30), PhaseSpan("tail", 30, 60))
MESSAGES = [Message("orders", b"", (f"o{at}",), ("k",)) for at in range(3)] + [Message("notes", b"", ("n",), ("k",))]


def sent(message: int, due_s: float, phase: int = 1, *, late_ms: int = 0, took_ms: int = 10, status: int = 202) -> Sent:
    due_us = round(due_s * S)
    sent_us = due_us + late_ms * 1_000
    return Sent(message, phase, due_us, sent_us, sent_us + took_ms * 1_000, status, message + 100)


def read(*records: Sent) -> Sends:
    found = Sends(MESSAGES, PHASES)
    found.read(records)
    return found


def test_what_is_acknowledged_twice_counts_once_from_when_it_was_due_first() -> None:
    found = read(sent(0, 12.5), sent(1, 13, late_ms=500), sent(0, 11.2, status=200), sent(3, 13))
    assert (found.offered, found.sent, found.accepted, found.duplicates, found.unsent) == (4, 4, 3, 1, 0)
    assert (found.due_us[0], found.event[0]) == (11_200_000, 100)
    assert found.last_due_us == 13 * S
    assert found.names == ["orders", "notes"]
    assert [series.corrected.count for series in found.of] == [3, 1]
    assert (found.seconds[13].due, found.seconds[13].sent, found.seconds[13].accepted) == (2, 2, 2)


def test_what_was_not_sent_not_answered_or_turned_away_is_no_latency() -> None:
    unsent = Sent(0, 1, 12 * S, -1, -1, 0, 0)
    silent = Sent(1, 1, 12 * S, 12 * S, -1, 0, 0)
    found = read(unsent, silent, sent(2, 12, status=503), sent(2, 12.1, status=429), sent(2, 12.2, status=503))
    assert (found.unsent, found.failed, dict(found.refused), found.accepted) == (1, 1, {503: 2, 429: 1}, 0)
    assert (found.all.corrected.count, found.lag.count) == (0, 4)
    assert (found.seconds[12].refused, found.seconds[12].failed) == (3, 1)


def test_corrected_time_runs_from_due_and_service_time_from_sent() -> None:
    found = read(sent(0, 12, late_ms=700, took_ms=20))
    assert (found.all.corrected.max_us, found.all.service.max_us) == (720_000, 20_000)
    assert (found.lag.max_us, found.send.max_us, found.answer.max_us) == (700_000, 700_000, 20_000)


def test_a_warm_up_is_told_by_itself_and_counts_nowhere_else() -> None:
    found = read(sent(0, 5, 0, took_ms=900), sent(1, 12))
    assert found.all.by_phase[0][0].max_us == 900_000
    assert (found.all.corrected.count, found.all.corrected.max_us) == (1, 10_000)
    told = list(found.of[0].windows("orders", "accept"))
    assert {window.name for window in told} == {"", "burst"}
    assert max(window.latency.max_ms for window in told) == 10


def test_the_worst_ten_seconds_are_found_wherever_they_are() -> None:
    calm = [sent(0, 10 + at / 50, took_ms=5) for at in range(2_000)]
    storm = [sent(1, 23 + at / 200, took_ms=400) for at in range(1_600)]
    found = read(*calm, *storm)
    windows = [one for one in found.of[0].windows("orders", "accept") if one.over == "window"]
    worst = max(windows, key=lambda one: one.latency.quantiles_ms["0.5"])
    assert worst.latency.quantiles_ms["0.5"] == pytest.approx(400, rel=0.02)
    assert worst.begin_s <= 23 < worst.end_s
    assert worst.name == "burst"
    assert worst.latency.histogram == ""
    whole = next(one for one in found.of[0].windows("orders", "accept") if one.over == "run")
    assert (whole.latency.count, whole.begin_s, whole.end_s) == (3_600, 10, 60)
