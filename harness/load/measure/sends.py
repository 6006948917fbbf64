"""WHAT THE GENERATOR SAW → what was offered, sent, acknowledged and turned away, and how long an answer took.

Reads the stream of `Sent` records once. A message has forty bytes here, so that a day of them fits; latencies are in
histograms. What was acknowledged twice counts once, from when it was due first. This file refuses to look at a store.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

from harness.load.histogram import Histogram, PerSecond, quantile_of
from harness.load.model import SECOND_US, Latency, Message, PhaseSpan, Sent, Window

WINDOW_S: Final = 10
UNTOLD: Final = -1
Of = Literal["accept", "complete"]


class Counts(Struct):
    """Of one second."""

    due: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    completed: int = 0


class Series:
    """One latency of one integration, or of all: corrected and service time, over what counts, by phase, and over time.
    `over_time` has the corrected one alone, of the second in which a message was due."""

    def __init__(self, phases: Sequence[PhaseSpan]) -> None:
        self.phases = phases
        self.corrected, self.service = Histogram(), Histogram()
        self.by_phase = [(Histogram(), Histogram()) for _ in phases]
        self.over_time = PerSecond()

    def record(self, phase: int, at_s: int, corrected_us: int, service_us: int) -> None:
        corrected, service = self.by_phase[phase]
        corrected.record_us(corrected_us)
        service.record_us(service_us)
        if self.phases[phase].counted:
            self.corrected.record_us(corrected_us)
            self.service.record_us(service_us)
            self.over_time.record_us(at_s, corrected_us)

    def windows(self, integration: str, of: Of) -> Iterator[Window]:
        """The whole, each phase that counts, and the ten seconds in which it was worst, each with its distribution."""
        begin_s = min((phase.begin_s for phase in self.phases if phase.counted), default=0.0)
        end_s = max((phase.end_s for phase in self.phases if phase.counted), default=0.0)
        yield window(integration, of, "run", "", begin_s, end_s, self.corrected)
        for phase, (corrected, _) in zip(self.phases, self.by_phase, strict=True):
            if phase.counted and corrected.max_us:
                yield window(integration, of, "phase", phase.name, phase.begin_s, phase.end_s, corrected)
        for first_s, last_s in self.worst():
            found = Histogram(digits=2)
            for at_s, stretch in self.over_time.stretches():
                if first_s <= at_s < last_s:
                    found.add(stretch)
            name = next((one.name for one in self.phases if one.begin_s <= first_s < one.end_s), "")
            yield window(integration, of, "window", name, float(first_s), float(last_s), found)

    def worst(self) -> list[tuple[int, int]]:
        """The windows (first second, the one behind the last) in which a quantile is highest, by what their samples
        tell: the 99th percentile, and where they are few the 90th or the median.

        What slides out is taken away from the counts and what slides in is added: to add ten histograms up for every
        window took as long as the run where that was an hour.
        """
        step_s = self.over_time.step_s
        wide = max(1, round(WINDOW_S / step_s))
        stretches = {at_s // step_s: list(found.values()) for at_s, found in self.over_time.stretches()}
        counts: Counter[int] = Counter()
        highest: dict[float, tuple[int, int]] = {}
        for last in range(max(stretches, default=-1) + 1):
            counts.update(dict(stretches.get(last, ())))
            counts.subtract(dict(stretches.get(last - wide, ())))
            counted, total = sorted(counts.items()), sum(counts.values())
            for quantile in (0.99, 0.9, 0.5):
                us = quantile_of(counted, total, quantile)
                if us is not None and us > highest.get(quantile, (-1, 0))[0]:
                    highest[quantile] = us, max(0, last + 1 - wide)
        return sorted({(first * step_s, (first + wide) * step_s) for _, first in highest.values()})


def window(
    integration: str,
    of: Of,
    over: Literal["run", "phase", "window"],
    name: str,
    begin_s: float,
    end_s: float,
    found: Histogram,
) -> Window:
    latency = found.latency()
    bare = Latency(latency.count, latency.mean_ms, latency.max_ms, latency.quantiles_ms)
    return Window(integration=integration, of=of, over=over, name=name, begin_s=begin_s, end_s=end_s, latency=bare)


class Sends:
    """All that was sent in a run. Of a message that was acknowledged `due_us` is the first moment it was due, `event`
    the engine's number (0: it told none)."""

    def __init__(self, messages: Iterable[Message], phases: Sequence[PhaseSpan]) -> None:
        self.phases = phases
        self.names: list[str] = []
        self.integration = array("H")
        places: dict[str, int] = {}
        for message in messages:
            place = places.setdefault(message.integration, len(places))
            if place == len(self.names):
                self.names.append(message.integration)
            self.integration.append(place)
        count = len(self.integration)
        self.due_us = array("q", [UNTOLD]) * count
        self.event = array("q", [0]) * count
        self.phase = array("H", [0]) * count
        self.lag, self.send, self.answer = Histogram(), Histogram(), Histogram()
        self.all = Series(phases)
        self.of = [Series(phases) for _ in self.names]
        self.seconds: dict[int, Counts] = {}
        self.refused: Counter[int] = Counter()
        self.offered = self.sent = self.accepted = self.duplicates = self.failed = self.last_due_us = 0

    @property
    def unsent(self) -> int:
        return self.offered - self.sent

    def read(self, records: Iterable[Sent]) -> None:
        for record in records:
            self.take(record)

    def take(self, record: Sent) -> None:
        """One arrival, as it came out."""
        due_us = record.due_us
        self.offered += 1
        self.last_due_us = max(self.last_due_us, due_us)
        self.at(due_us).due += 1
        if record.sent_us < 0:
            return
        self.sent += 1
        self.at(record.sent_us).sent += 1
        self.lag.record_us(record.sent_us - due_us)
        if record.answered_us < 0 or not record.status:
            self.failed += 1
            self.at(record.sent_us).failed += 1
            return
        counts = self.at(record.answered_us)
        if not 200 <= record.status < 300:
            self.refused[record.status] += 1
            counts.refused += 1
            return
        self.acknowledged(record, counts)

    def acknowledged(self, record: Sent, counts: Counts) -> None:
        message = record.message
        if self.due_us[message] == UNTOLD:
            self.accepted += 1
            counts.accepted += 1
            self.due_us[message], self.phase[message] = record.due_us, record.phase
        else:
            self.duplicates += 1
            if record.due_us < self.due_us[message]:
                self.due_us[message], self.phase[message] = record.due_us, record.phase
        self.event[message] = self.event[message] or record.event
        corrected_us, service_us = record.answered_us - record.due_us, record.answered_us - record.sent_us
        for series in (self.all, self.of[self.integration[message]]):
            series.record(record.phase, record.due_us // SECOND_US, corrected_us, service_us)
        if self.phases[record.phase].counted:
            self.send.record_us(record.sent_us - record.due_us)
            self.answer.record_us(service_us)

    def at(self, us: int) -> Counts:
        """The counts of the second of a moment."""
        second = us // SECOND_US
        found = self.seconds.get(second)
        if found is None:
            found = self.seconds[second] = Counts()
        return found
