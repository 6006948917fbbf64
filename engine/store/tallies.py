"""Counts of what was seen beside events: rows that tables lack, fields that contracts do not know or wait for.

A count is an upsert in the transaction of whatever tells of it. Rows are few whatever is sent: what was seen longest
ago is forgotten first, in its own table or contract before anywhere else, so that one noisy sender drives out nobody
else's.
"""

from collections.abc import Iterable

import apsw
import msgspec

from engine.model import Sighted, Sighting
from engine.store import Tally

PLACE_ROWS_MAX = 1_000
"""Rows of one kind and one table or contract."""
ROWS_MAX = 10_000
PAGES_PER_ROW = 4
"""A bounded store holds one row for so many of its pages at most: what is counted may not use up the room of events."""


def add_tallies(connection: apsw.Connection, tallies: Iterable[Tally]) -> None:
    """See `Store.tally`."""
    grown: dict[tuple[str, str], None] = {}
    for tally in tallies:
        seen = tally.sighting
        count = connection.execute(
            "INSERT INTO tally (kind, place, part, name, count, first_at, last_at, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET count = count + excluded.count, first_at = min(first_at, excluded.first_at),"
            " event = iif(excluded.last_at >= last_at, excluded.event, event), last_at = max(last_at, excluded.last_at)"
            " RETURNING count",
            (
                seen.kind.value,
                seen.place,
                seen.part,
                seen.name,
                tally.count,
                tally.first_at,
                tally.last_at,
                tally.event,
            ),
        ).get
        if count == tally.count:
            grown[seen.kind.value, seen.place] = None
    if grown:
        most = min(ROWS_MAX, connection.pragma("max_page_count") // PAGES_PER_ROW)
        for kind, place in grown:
            forget(connection, "WHERE kind = ? AND place = ?", (kind, place), min(PLACE_ROWS_MAX, most))
        forget(connection, "", (), most)


def forget(connection: apsw.Connection, where: str, values: tuple[str, ...], most: int) -> None:
    """Keeps at most so many of these rows: a tenth more goes at once, so that the next new ones need no such search."""
    if connection.execute(f"SELECT count(*) FROM tally {where}", values).get > most:
        connection.execute(
            "DELETE FROM tally WHERE (kind, place, part, name) IN (SELECT kind, place, part, name FROM tally"
            f" {where} ORDER BY last_at DESC, count DESC LIMIT -1 OFFSET ?)",
            (*values, most - most // 10),
        )


def rows_waited_for(sightings: Iterable[Sighting]) -> bytes | None:
    """The rows of tables among them, as a delivery keeps them."""
    rows = [(seen.place, seen.part, seen.name) for seen in sightings if seen.kind is Sighted.MISSING_ROW]
    return msgspec.json.encode(rows) if rows else None
