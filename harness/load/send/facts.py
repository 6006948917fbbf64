"""WHAT A GENERATOR COUNTS AND SAYS: of the messages it sent, of their latency and of itself, alone and together.

Counted in fixed memory while it sends. This file refuses to send anything and to judge.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from harness.load.histogram import Histogram, PerSecond
from harness.load.model import SECOND_US, Arrival, Generator, Latency, Sent

BUSIEST_S: Final = 5


class Facts(Struct, frozen=True, kw_only=True):
    """What a generator says at the end. `lag` is from due until taken in hand, `corrected` from due and `service` from
    sent until answered 2xx; of phases by number. What came of each second, the file of `Sent` records tells."""

    due: int
    sent: int
    unsent: int
    waited: int
    """Messages that found no connection free."""
    connections: int
    statuses: dict[str, int]
    """Status → answers; `"0"` for those that got none."""
    lag: Latency
    lag_by_phase: dict[str, Latency]
    corrected: dict[str, Latency]
    service: dict[str, Latency]
    corrected_by_s: dict[str, Any]
    """A `PerSecond`, encoded."""
    cpu: float
    """Of one core, in the busiest five seconds."""
    clock_jump_ms: float
    processes: int = 1


class Counts:
    """What is counted while sending, in fixed memory but for one small number a second."""

    def __init__(self) -> None:
        self.due = self.sent = self.unsent = self.waited = self.connections = 0
        self.statuses: Counter[int] = Counter()
        self.lag: dict[int, Histogram] = {}
        self.corrected: dict[int, Histogram] = {}
        self.service: dict[int, Histogram] = {}
        self.corrected_by_s = PerSecond()
        self.cpu_by_s: list[float] = []
        self.clock_jump_us = 0

    def taken(self, arrival: Arrival, now_us: int) -> None:
        self.due += 1
        of_phase(self.lag, arrival.phase).record_us(now_us - arrival.due_us)

    def answered(self, sent: Sent) -> None:
        self.statuses[sent.status] += 1
        if sent.sent_us >= 0:
            self.sent += 1
        if 200 <= sent.status < 300:
            corrected = sent.answered_us - sent.due_us
            of_phase(self.corrected, sent.phase).record_us(corrected)
            of_phase(self.service, sent.phase).record_us(sent.answered_us - sent.sent_us)
            self.corrected_by_s.record_us(sent.due_us // SECOND_US, corrected)

    def facts(self) -> Facts:
        lag = Histogram()
        for each in self.lag.values():
            lag.add(each)
        return Facts(
            due=self.due,
            sent=self.sent,
            unsent=self.unsent,
            waited=self.waited,
            connections=self.connections,
            statuses={str(status): count for status, count in sorted(self.statuses.items())},
            lag=lag.latency(),
            lag_by_phase=told(self.lag),
            corrected=told(self.corrected),
            service=told(self.service),
            corrected_by_s=self.corrected_by_s.encode(),
            cpu=busiest(self.cpu_by_s),
            clock_jump_ms=self.clock_jump_us / 1000,
        )


def of_phase(found: dict[int, Histogram], phase: int) -> Histogram:
    histogram = found.get(phase)
    if histogram is None:
        histogram = found[phase] = Histogram()
    return histogram


def told(found: dict[int, Histogram]) -> dict[str, Latency]:
    return {str(phase): histogram.latency() for phase, histogram in sorted(found.items())}


def busiest(cpu_by_s: Sequence[float]) -> float:
    """The mean of the busiest five seconds on end; of fewer, of all."""
    wide = min(BUSIEST_S, len(cpu_by_s))
    if not wide:
        return 0.0
    return max(sum(cpu_by_s[first : first + wide]) / wide for first in range(len(cpu_by_s) - wide + 1))


# ── several ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def merged(parts: Sequence[Facts]) -> Facts:
    """What several generators of one run say together; of CPU and clock the worst."""
    first = parts[0]
    if len(parts) == 1:
        return first
    statuses: Counter[str] = Counter()
    by_s = PerSecond()
    for part in parts:
        statuses.update(part.statuses)
        by_s.add(PerSecond.decode(part.corrected_by_s))
    return Facts(
        due=sum(part.due for part in parts),
        sent=sum(part.sent for part in parts),
        unsent=sum(part.unsent for part in parts),
        waited=sum(part.waited for part in parts),
        connections=sum(part.connections for part in parts),
        statuses=dict(sorted(statuses.items())),
        lag=joined([part.lag for part in parts]),
        lag_by_phase=joined_by_phase([part.lag_by_phase for part in parts]),
        corrected=joined_by_phase([part.corrected for part in parts]),
        service=joined_by_phase([part.service for part in parts]),
        corrected_by_s=by_s.encode(),
        cpu=max(part.cpu for part in parts),
        clock_jump_ms=max(part.clock_jump_ms for part in parts),
        processes=sum(part.processes for part in parts),
    )


def joined(parts: Sequence[Latency]) -> Latency:
    """One distribution of several."""
    whole = Histogram()
    for part in parts:
        whole.add(Histogram.of(part))
    return whole.latency()


def joined_by_phase(parts: Sequence[dict[str, Latency]]) -> dict[str, Latency]:
    phases = sorted({phase for part in parts for phase in part}, key=int)
    return {phase: joined([part[phase] for part in parts if phase in part]) for phase in phases}


def generator_of(facts: Facts, seen: Generator) -> Generator:
    """What a result says of the generators: `seen` from outside, with what they say of themselves; of what both know,
    the worse. Whether they held is for the verdict to say.

    A send waits where no connection is free, which is the engine's doing as much as theirs: how late a message was
    taken in hand is theirs alone, and only they know it.
    """
    return replace(
        seen,
        lag=facts.lag,
        cpu=max(facts.cpu, seen.cpu),
        clock_jump_ms=max(facts.clock_jump_ms, seen.clock_jump_ms),
        reasons=(),
    )
