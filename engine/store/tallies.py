"""Counts of what was seen beside events: rows that tables lack, fields that contracts do not know or wait for.

A count is an upsert in the transaction of whatever tells of it. Rows are few whatever is sent: what was seen longest
ago is forgotten first, in its own table or contract before anywhere else, so that one noisy sender drives out nobody
else's.
"""

from collections.abc import Iterable

import msgspec

from engine.model import Sighted, Sighting
from engine.store import Tally
from engine.store.database import Database

PLACE_ROWS_MAX = 1_000
"""Rows of one kind and one table or contract."""
ROWS_MAX = 10_000
PAGES_PER_ROW = 4
"""A bounded store holds one row for so many of its pages at most: what is counted may not use up the room of events."""


def add_tallies(database: Database, tallies: Iterable[Tally]) -> None:
    """See `Store.tally`."""
    added = sum_up(tallies)
    if not added:
        return
    given = database.insert(
        "tally",
        "kind, place, part, name, count, first_at, last_at, event",
        [
            (seen.kind.value, seen.place, seen.part, seen.name, one.count, one.first_at, one.last_at, one.event)
            for seen, one in sorted(added.items(), key=lambda pair: order(pair[0]))
        ],
        "ON CONFLICT (kind, place, part, name) DO UPDATE SET count = tally.count + excluded.count,"
        " first_at = CASE WHEN excluded.first_at < tally.first_at THEN excluded.first_at ELSE tally.first_at END,"
        " event = CASE WHEN excluded.last_at >= tally.last_at THEN excluded.event ELSE tally.event END,"
        " last_at = CASE WHEN excluded.last_at > tally.last_at THEN excluded.last_at ELSE tally.last_at END"
        " RETURNING kind, place, part, name, count",
    )
    grown = {
        (kind, place): None
        for kind, place, part, name, count in given
        if count == added[Sighting(Sighted(kind), place, name, part)].count
    }
    if grown:
        pages = database.pages_max()
        most = ROWS_MAX if pages is None else min(ROWS_MAX, pages // PAGES_PER_ROW)
        for kind, place in grown:
            forget(database, " WHERE kind = ? AND place = ?", (kind, place), min(PLACE_ROWS_MAX, most))
        forget(database, "", (), most)


def order(seen: Sighting) -> tuple[str, str, str, str]:
    """Rows are counted in one order, so that two nodes do not wait for one another in a circle."""
    return seen.kind.value, seen.place, seen.part, seen.name


def sum_up(tallies: Iterable[Tally]) -> dict[Sighting, Tally]:
    """One tally for each thing seen."""
    added: dict[Sighting, Tally] = {}
    for one in tallies:
        before = added.get(one.sighting)
        if before is not None:
            newer = one if one.last_at >= before.last_at else before
            first_at = min(one.first_at, before.first_at)
            one = Tally(one.sighting, one.count + before.count, first_at, newer.last_at, newer.event)  # noqa: PLW2901
        added[one.sighting] = one
    return added


def forget(database: Database, where: str, values: tuple[str, ...], most: int) -> None:
    """Keeps at most so many of these rows: a tenth more goes at once, so that the next new ones need no such search."""
    ((count,),) = database.rows(f"SELECT count(*) FROM tally{where}", values)
    if count > most:
        database.run(
            "DELETE FROM tally WHERE (kind, place, part, name) IN (SELECT kind, place, part, name FROM tally"
            f"{where} ORDER BY last_at, count LIMIT ?)",
            (*values, count - (most - most // 10)),
        )


def rows_waited_for(sightings: Iterable[Sighting]) -> bytes | None:
    """The rows of tables among them, as a delivery keeps them."""
    rows = [(seen.place, seen.part, seen.name) for seen in sightings if seen.kind is Sighted.MISSING_ROW]
    return msgspec.json.encode(rows) if rows else None
