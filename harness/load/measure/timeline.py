"""A STORE AFTER A RUN → WHERE THE TIME WENT: every event's own story, read once, in pages.

An event's time is cut at what its story tells: calls are the partner's, what follows a call that has to be made again
is `retry`, what ends with a person's word is a person's, what passes before a call whose gate others are seen waiting
at is the `gate`'s, what passes before the first of anything the `queue`'s, and the rest the engine's own. A gap has one
cause: what waited for two things is told of the first that fits, in that order. This file refuses to judge, and to read
bodies.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from engine.contract.body import BodyError
from engine.model import Revision, Status
from engine.store.database import Database
from engine.store.rows import decode_revision
from harness.load.model import SECOND_US
from harness.load.numbers import milliseconds

PAGE: Final = 2_000
AGAIN: Final = frozenset(("retry", "unknown", "reauthenticate", "not found"))
PERSON: Final = frozenset(("release", "reject", "redrive"))
ASIDE: Final = frozenset(("hold", "held", "quarantined", "dead", "compensate", *PERSON))
"""Lines that say that an event let later ones of its key pass, or may have."""

Stage = Literal["queue", "engine", "partner", "retry", "gate", "person"]


class StoryLine(Struct, frozen=True):
    """One line of an event's story, as far as time is concerned."""

    step: str
    kind: str
    at: int
    operation: str = ""
    verdict: str = ""
    status: int = 0
    took_us: int = 0


class Told(Struct, frozen=True, kw_only=True):
    """One event of the run. `finished_at` is None while the engine has to move it; `waits`: for an event of a topic;
    `revision` only where it is done."""

    event: int
    integration: str
    status: Status
    received_at: int
    finished_at: int | None
    id: str
    key_digest: bytes
    waits: bool
    revision: Revision | None
    lines: tuple[StoryLine, ...]

    @property
    def aside(self) -> bool:
        """Whether it let, or may have let, later events of its key pass."""
        return self.waits or self.status is Status.SUPERSEDED or any(line.kind in ASIDE for line in self.lines)


def read(database: Database, page: int = PAGE) -> Iterator[Told]:
    """Every event in their order, with its story."""
    after = 0
    while found := page_after(database, after, page):
        yield from found
        after = found[-1].event


def of_event(database: Database, number: int) -> Told | None:
    """One event again, with its story: for the few that something is to be told of."""
    return next((told for told in page_after(database, number - 1, 1) if told.event == number), None)


def page_after(database: Database, after: int, page: int) -> list[Told]:
    """So many of the events numbered above `after`."""
    rows = database.rows(
        "SELECT d.event, d.integration, d.status, e.received_at, d.finished_at, e.id, d.key_digest, d.awaits,"
        " d.revision FROM delivery d JOIN event e ON e.event = d.event WHERE d.event > ? ORDER BY d.event LIMIT ?",
        (after, page),
    )
    lines = stories(database, after, int(rows[-1][0])) if rows else {}
    return [
        Told(
            event=event,
            integration=integration,
            status=Status(status),
            received_at=received_at,
            finished_at=finished_at,
            id=id_ or "",
            key_digest=bytes(digest),
            waits=awaits is not None,
            revision=revision_of(revision) if status == Status.DONE else None,
            lines=tuple(lines.get(event, ())),
        )
        for event, integration, status, received_at, finished_at, id_, digest, awaits, revision in rows
    ]


def stories(database: Database, after: int, last: int) -> dict[int, list[StoryLine]]:
    """Event → its lines, of all events above `after` up to `last`."""
    found: dict[int, list[StoryLine]] = {}
    for event, *line in database.rows(
        "SELECT event, step, kind, at, operation, verdict, status, took_us FROM line WHERE event > ? AND event <= ?"
        " ORDER BY event, number",
        (after, last),
    ):
        found.setdefault(event, []).append(StoryLine(*line))
    return found


def revision_of(stored: bytes | None) -> Revision | None:
    try:
        return decode_revision(None if stored is None else bytes(stored))
    except (BodyError, ValueError):
        return None


# ── where its time went ──────────────────────────────────────────────────────────────────────────────────────────────

Parked = Callable[[str, int, int], bool]
"""(operation, from, until) → whether events were seen waiting at its gates meanwhile."""


def parked_by(seconds: Mapping[int, Mapping[str, int]], began_us: int) -> Parked:
    """From what was watched each second of the run."""

    def parked(operation: str, begin_us: int, end_us: int) -> bool:
        first, last = (begin_us - began_us) // SECOND_US, (end_us - began_us) // SECOND_US
        gates = (operation, operation.partition(".")[0])
        looked = range(first, last + 2) if last - first < len(seconds) else list(seconds)
        return any(gate in seconds.get(at, ()) for at in looked if first <= at <= last + 1 for gate in gates)

    return parked


def stages(told: Told, until_us: int, parked: Parked) -> dict[Stage, int]:
    """Microseconds of an event by where they went; together they are all from its arrival to `until_us`."""
    found: dict[Stage, int] = {}
    at, before = told.received_at, None
    for line in told.lines:
        begin = max(at, line.at - line.took_us)
        if begin > at:
            cause = cause_of(line, before, parked, at, begin)
            found[cause] = found.get(cause, 0) + begin - at
        if line.at > begin:
            found["partner"] = found.get("partner", 0) + line.at - begin
        at, before = max(at, line.at), line
    if until_us > at:
        last: Stage = "queue" if before is None else "person" if before.kind == "hold" else "engine"
        found[last] = found.get(last, 0) + until_us - at
    return found


def cause_of(line: StoryLine, before: StoryLine | None, parked: Parked, begin_us: int, end_us: int) -> Stage:
    """What an event waited for before a line of its story."""
    if line.kind in PERSON:
        return "person"
    if before is not None and before.verdict in AGAIN:
        return "retry"
    if line.operation and line.took_us and parked(line.operation, begin_us, end_us):
        return "gate"
    return "queue" if before is None or before.kind == "hold" else "engine"


def story(told: Told, began_us: int) -> tuple[tuple[float, str], ...]:
    """An event's story as (second of the run, what), for people: no key, no content."""
    lines = [(told.received_at, f"accepted by {told.integration}")]
    lines += [(line.at, words(line)) for line in told.lines]
    if told.finished_at is not None:
        lines.append((told.finished_at, told.status.value))
    return tuple((round((at - began_us) / SECOND_US, 3), what) for at, what in lines)


def words(line: StoryLine) -> str:
    what = f"{line.step}: {line.kind}" if line.step else line.kind
    called = f" {line.operation} {line.verdict}".rstrip() if line.operation else ""
    status = f" ({line.status})" if line.status else ""
    took = f" in {milliseconds(line.took_us / 1_000)}" if line.took_us else ""
    return f"{what}{called}{status}{took}"


# ── the whole of it ──────────────────────────────────────────────────────────────────────────────────────────────────


def to_move(database: Database) -> int:
    """Events that the engine still has to move; those that wait for an event of a topic are left out."""
    ((count,),) = database.rows(
        "SELECT count(*) FROM delivery WHERE status IN ('accepted', 'running', 'waiting') AND awaits IS NULL"
    )
    return int(count)


class LedgerRow(Struct, frozen=True):
    """One effect of the engine's ledger. `request` is the digest of what was sent."""

    system: str
    operation: str
    once: str
    event: int
    step: str
    state: str
    request: bytes


def ledger(database: Database) -> Iterator[LedgerRow]:
    """The effects of all events, in the order in which they were begun."""
    after = 0
    while rows := database.rows(
        "SELECT number, system, operation, once, event, step, state, request_digest FROM effect WHERE number > ?"
        " ORDER BY number LIMIT ?",
        (after, PAGE),
    ):
        after = int(rows[-1][0])
        for _, system, operation, once, event, step, state, request in rows:
            yield LedgerRow(system, operation, once, event, step, state, bytes(request))
