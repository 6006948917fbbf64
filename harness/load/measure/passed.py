"""A STORE AFTER A RUN → COUNTS AND HISTOGRAMS: one pass over every event, joined with what the generator saw of it.

An event has a few bytes here and a latency none but its histogram's. One that a message brought counts from when that
was due; one that a topic brought has no sender, and counts from its arrival, under its own integration alone. What is
not finished when the run ends has taken at least so long, and is counted with that: else those that never end would
make a run look fast. This file refuses to judge.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from engine.model import Status
from engine.run.load import Loaded
from engine.store.database import Database, lock_number
from engine.store.rows import OVER
from harness.load.histogram import Histogram, PerSecond
from harness.load.measure import books, timeline
from harness.load.measure.ran import Ran
from harness.load.measure.sends import UNTOLD, Sends, Series
from harness.load.measure.timeline import Told
from harness.load.measure.watch import parked_at
from harness.load.model import SECOND_US, Books, Ends
from harness.prove.promises import promises_of

GOOD: Final = (Status.DONE, Status.IGNORED, Status.SUPERSEDED)
STAGES: Final[tuple[timeline.Stage, ...]] = ("queue", "engine", "partner", "retry", "gate", "person")


class Tally(Struct):
    """`Ends` while it is counted."""

    events: int = 0
    good: int = 0
    failed: int = 0
    person: int = 0
    unfinished: int = 0
    late: int = 0
    longest_us: int = 0

    def told(self) -> Ends:
        return Ends(
            events=self.events,
            good=self.good,
            failed=self.failed,
            person=self.person,
            unfinished=self.unfinished,
            late=self.late,
            longest_s=round(self.longest_us / SECOND_US, 6),
        )


class Pass:
    """One pass over the store. `direct` counts events that messages brought, `completed` messages all of whose events
    are over."""

    def __init__(self, loaded: Loaded, ran: Ran, sends: Sends) -> None:
        self.loaded, self.ran, self.sends = loaded, ran, sends
        self.all = Series(ran.phases)
        self.of: dict[str, Series] = defaultdict(lambda: Series(ran.phases))
        self.finishing = PerSecond()
        self.parts: dict[timeline.Stage, Histogram] = {stage: Histogram() for stage in STAGES}
        self.called: dict[str, Histogram] = defaultdict(Histogram)
        self.ended: Counter[str] = Counter()
        self.ends: dict[str, Tally] = defaultdict(Tally)
        self.direct = self.calls = self.completed = self.unfinished = self.finished_us = 0
        self.parked = timeline.parked_by(parked_at(ran.rows, ran.began_us), ran.began_us)
        self.within_us = {name: plan.within_us for name, plan in loaded.plans.items()}
        count = len(sends.integration)
        self.found, self.over = array("L", [0]) * count, array("L", [0]) * count
        self.last_us = array("q", [0]) * count
        self.keys = array("Q")
        self.aside: set[int] = set()
        self.done: dict[bytes, list[books.Done]] = defaultdict(list)
        self.owners()

    def owners(self) -> None:
        """Which message an event is of: by the number that the engine answered, or by its id where it told none."""
        self.by_event = array("q")
        self.by_id: dict[tuple[int, str], int] = {}
        for number, message in enumerate(self.ran.messages):
            event = self.sends.event[number]
            if event:
                put(self.by_event, event, number + 1)
            elif self.sends.due_us[number] != UNTOLD:
                place = self.sends.integration[number]
                self.by_id.update(((place, id_), number) for id_ in message.ids)
        self.places = {name: place for place, name in enumerate(self.sends.names)}

    def read(self, database: Database) -> None:
        for told in timeline.read(database):
            self.take(told)
        for number, found in enumerate(self.found):
            if found and self.over[number] == found:
                self.completed += 1
                self.sends.at(max(0, self.last_us[number] - self.ran.began_us)).completed += 1

    def take(self, told: Told) -> None:
        """One event."""
        self.keep_order(told)
        message = self.message_of(told)
        for line in told.lines:
            if line.operation and (line.took_us or line.status):
                self.calls += 1
                self.called[line.operation.partition(".")[0]].record_us(line.took_us)
        is_to_move = told.status.active and not told.waits
        self.unfinished += is_to_move
        self.ended[told.status.value] += 1
        self.finished_us = max(self.finished_us, told.finished_at or 0)
        until_us = self.ran.ended_us if told.finished_at is None else told.finished_at
        phase = self.phase_of(told.received_at) if message is None else self.sends.phase[message]
        if self.ran.phases[phase].counted:
            self.count_end(told, is_to_move, until_us)
        if message is not None:
            self.direct += 1
            self.found[message] += 1
            self.over[message] += told.status in OVER
            self.last_us[message] = max(self.last_us[message], until_us)
        if told.status is Status.DONE or is_to_move:
            self.count_time(told, message, phase, until_us)

    def message_of(self, told: Told) -> int | None:
        """The message that brought an event; None for what a topic brought."""
        number = take(self.by_event, told.event)
        if number:
            return number - 1
        place = self.places.get(told.integration)
        return None if place is None else self.by_id.get((place, told.id))

    def count_time(self, told: Told, message: int | None, phase: int, until_us: int) -> None:
        began_us = self.ran.began_us
        due_us = told.received_at - began_us if message is None else self.sends.due_us[message]
        parts = timeline.stages(told, until_us, self.parked)
        person_us = parts.get("person", 0)
        corrected_us = max(0, until_us - began_us - due_us - person_us)
        service_us = max(0, until_us - told.received_at - person_us)
        at_s = max(0, due_us) // SECOND_US
        self.of[told.integration].record(phase, at_s, corrected_us, service_us)
        if told.status is Status.DONE and self.ran.phases[phase].counted:
            for stage, found in self.parts.items():
                found.record_us(parts.get(stage, 0))
        if message is None:
            return
        self.all.record(phase, at_s, corrected_us, service_us)
        if told.status is Status.DONE:
            self.finishing.record_us(max(0, until_us - began_us) // SECOND_US, corrected_us)

    def count_end(self, told: Told, is_to_move: bool, until_us: int) -> None:
        tally = self.ends[told.integration]
        tally.events += 1
        if is_to_move:
            tally.unfinished += 1
        elif told.status in GOOD:
            tally.good += 1
        elif told.waits or told.status is Status.HELD:
            tally.person += 1
        else:
            tally.failed += 1
        age_us = until_us - told.received_at
        tally.longest_us = max(tally.longest_us, age_us)
        within_us = self.within_us.get(told.integration)
        tally.late += within_us is not None and age_us > within_us

    def keep_order(self, told: Told) -> None:
        put(self.keys, told.event, lock_number(told.key_digest) + (1 << 63) or 1)
        if told.aside:
            self.aside.add(told.event)
        if told.revision is not None and told.finished_at is not None:
            self.done[told.key_digest].append(books.Done(told.event, told.finished_at, told.revision))

    def phase_of(self, at_us: int) -> int:
        """The phase of a moment: the last one of what comes when all are over."""
        at_s = (at_us - self.ran.began_us) / SECOND_US
        for place, phase in enumerate(self.ran.phases):
            if at_s < phase.end_s:
                return place
        return len(self.ran.phases) - 1

    @property
    def drain_s(self) -> float | None:
        """From the last arrival until nothing was left to move; None where something was when the run ended."""
        if self.unfinished:
            return None
        return round(max(0, self.finished_us - self.ran.began_us - self.sends.last_due_us) / SECOND_US, 3)

    def stages(self) -> Iterator[tuple[Literal["send", "accept"] | timeline.Stage, Histogram]]:
        yield "send", self.sends.send
        yield "accept", self.sends.answer
        yield from self.parts.items()

    def books(self, database: Database) -> Books:
        def lanes(event: int) -> books.Lane | None:
            key = take(self.keys, event)
            return books.Lane(key, event in self.aside) if key else None

        def story(event: int) -> tuple[tuple[float, str], ...]:
            told = timeline.of_event(database, event)
            return timeline.story(told, self.ran.began_us) if told else ()

        return books.check(
            effects=timeline.ledger(database),
            books=self.ran.partners.books,
            promises=promises_of(self.loaded),
            lanes=lanes,
            done=self.done,
            vanished=tuple(self.vanished()),
            unfinished=self.unfinished,
            story=story,
        )

    def vanished(self) -> Iterator[str]:
        """Messages that were acknowledged, and of which the store knows nothing."""
        for number, found in enumerate(self.found):
            if not found and self.sends.due_us[number] != UNTOLD:
                name = self.sends.names[self.sends.integration[number]]
                event = self.sends.event[number]
                called = f"as evt-{event}" if event else "without a number"
                yield f"message {number} of {name} was acknowledged {called}, and is in no state"


def put(numbers: "array[int]", place: int, number: int) -> None:
    """Writes into a row of numbers that grows as it must: engines number events without large gaps."""
    if place >= len(numbers):
        numbers.frombytes(bytes(numbers.itemsize * (place + 1 + place // 8 - len(numbers))))
    numbers[place] = number


def take(numbers: "array[int]", place: int) -> int:
    """What was written there; 0 where nothing was."""
    return numbers[place] if 0 <= place < len(numbers) else 0
