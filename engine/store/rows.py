"""What the verbs share: rows as they are read back, rows of deliveries held until the commit, lines of a story."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.contract.body import encode_json
from engine.model import Revision, Status
from engine.store import Line
from engine.store.database import Database, Row

OVER = (Status.DONE, Status.IGNORED, Status.SUPERSEDED, Status.COMPENSATED, Status.DISCARDED)
"""Statuses of events that nobody needs any more; a dead one still waits for a person."""
OVER_LISTED = "('" + "', '".join(OVER) + "')"
"""The same as SQL."""
DECISIONS = ("release", "reject", "redrive", "new-effect")
"""Kinds of lines whose result, who decided and why, is kept though no step ended by it."""
LINE_COLUMNS = "event, number, step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables"

Item = TypeVar("Item")
decode_stored = msgspec.json.Decoder(float_hook=Decimal).decode
"""Reads back what we wrote ourselves: exact numbers, no limits."""


def decode_revision(stored: bytes | None) -> Revision | None:
    return None if stored is None else tuple(decode_stored(stored))


def rounds(items: Sequence[Item], event: Callable[[Item], int]) -> Iterator[list[tuple[int, Item]]]:
    """Items with their places, an event once in each round: a later one sees what the earlier one did."""
    left = list(enumerate(items))
    if len({event(item) for item in items}) == len(left):  # nearly always
        yield left
        return
    while left:
        seen: set[int] = set()
        later: list[tuple[int, Item]] = []
        now: list[tuple[int, Item]] = []
        for place, item in left:
            if event(item) in seen:
                later.append((place, item))
            else:
                seen.add(event(item))
                now.append((place, item))
        yield now
        left = later


def hold_deliveries(database: Database, events: Iterable[int], columns: str) -> list[Row]:
    """Columns of these deliveries; nobody else changes them, or decides about their keys, until the commit.

    A key is held before its rows are: who promotes the next of a key has the key, and then needs the row.
    """
    inside, values = database.among("event", events)
    if database.lock:
        database.hold(key for (key,) in database.rows(f"SELECT key_digest FROM delivery WHERE {inside}", values))
    return database.rows(f"SELECT {columns} FROM delivery WHERE {inside} ORDER BY event{database.lock}", values)


def write_lines(database: Database, numbered: Iterable[tuple[int, int, Sequence[Line]]]) -> None:
    """Lines of stories: (event, number of the first, lines)."""
    database.insert(
        "line",
        LINE_COLUMNS,
        [
            (
                event,
                place,
                line.step,
                line.kind,
                line.at,
                line.operation,
                line.once,
                line.verdict,
                line.status,
                line.took_us,
                line.reason,
                int(line.ended),
                encode_json(line.result) if line.ended or line.kind in DECISIONS else None,
                " ".join(line.tables),
            )
            for event, first, lines in numbered
            for place, line in enumerate(lines, first)
        ],
    )
