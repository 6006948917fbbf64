"""What the verbs of the embedded store share: marks, many rows at once, lines of a story, the head of a key."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import apsw
import msgspec

from engine.contract.body import encode_json
from engine.model import Status
from engine.store import Line

ACTIVE = "('accepted', 'running', 'waiting')"
"""Statuses in which an event keeps later ones of its key waiting, as SQL."""

Row = tuple[Any, ...]
decode_stored = msgspec.json.Decoder(float_hook=Decimal).decode
"""Reads back what we wrote ourselves: exact numbers, no limits."""


def marks(count: int) -> str:
    return ",".join("?" * count)


def insert(connection: apsw.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Rows in one statement for each 64; a group's size is part of the text, and the cache holds one text for each size."""
    for at in range(0, len(rows), 64):
        chunk = rows[at : at + 64]
        row = f"({marks(len(chunk[0]))})"
        connection.execute(f"{statement} {','.join([row] * len(chunk))}", [value for one in chunk for value in one])


def write_lines(connection: apsw.Connection, event: int, number: int, lines: Iterable[Line]) -> None:
    insert(
        connection,
        "INSERT INTO line (event, number, step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables) VALUES",
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
                encode_json(line.result) if line.ended else None,
                " ".join(line.tables),
            )
            for place, line in enumerate(lines, number)
        ],
    )


def promote(connection: apsw.Connection, key_digest: bytes) -> None:
    """Makes the oldest active event of a key the one that may be claimed, unless one of them runs.

    One that waits gives the place up to an older one that a person has let go on: it may be waiting for just that one,
    whose effect is its own, and both would wait for ever.
    """
    rows = connection.execute(
        f"SELECT event, status, ready FROM delivery WHERE key_digest = ? AND status IN {ACTIVE} ORDER BY event",
        (key_digest,),
    ).fetchall()
    if not rows or any(status == Status.RUNNING for _, status, _ in rows):
        return
    (first, _, is_ready), *later = rows
    if is_ready:
        return
    for event, _, ready in later:
        if ready:
            connection.execute("UPDATE delivery SET ready = 0 WHERE event = ?", (event,))
    connection.execute("UPDATE delivery SET ready = 1 WHERE event = ?", (first,))
