"""Room in a bounded store (`?max_size=`): who gets it, and what goes first when there is none left.

Bodies of finished events are dropped, oldest first, before an arrival is refused; identities and stories stay, so
duplicates are still known. What the outcomes of active events will need is kept back.
"""

from hashlib import sha256

from engine.contract.body import BodyError, canonical_json, decode_body
from engine.model import Arrival
from engine.store.database import Database, Row
from engine.store.rows import OVER_LISTED

DROP_AT_ONCE = 64
RESERVE_BYTES_PER_ACTIVE = 2048
PAGE_BYTES = 4096


class Room:
    """How much a group of arrivals may take. `disk_low`: nothing."""

    def __init__(self, database: Database, *, disk_low: bool) -> None:
        self.database = database
        self.disk_low = disk_low
        self.left: int | None = None

    def measure(self) -> int:
        """Bytes that new events may take now."""
        ((active,),) = self.database.rows("SELECT count(*) FROM delivery WHERE in_way > 0")
        return (self.database.room_bytes() or 0) - int(active) * RESERVE_BYTES_PER_ACTIVE

    def take(self, arrivals: list[Arrival], *, outcome: bool = False) -> bool:
        """Is there room for all of these? What an outcome brings with it is not refused: the reserve is for outcomes,
        and what can be dropped for it is."""
        if self.disk_low:
            return outcome
        if self.database.room_bytes() is None:
            return True
        if self.left is None:
            self.left = self.measure()
        wanted = sum(map(bytes_wanted, arrivals))
        envelopes = {id(arrival.envelope): arrival.envelope for arrival in arrivals if arrival.envelope is not None}
        wanted += sum(map(len, envelopes.values()))
        while self.left < wanted:
            if not drop_bodies(self.database):
                return outcome
            self.left = self.measure()
        self.left -= wanted
        return True


def bytes_wanted(arrival: Arrival) -> int:
    """A row spills into whole pages, and its outcome needs room too."""
    return len(arrival.body) + 2 * PAGE_BYTES + RESERVE_BYTES_PER_ACTIVE


def drop_bodies(database: Database) -> int:
    """Drops the bodies of the oldest finished events; how many. The digest of the canonical JSON takes their place.
    Where there are none, the oldest events of topics go, bodies and all.

    Where the last drop ended is remembered, so that finding the next ones does not read all that were dropped.
    """
    stored = database.rows("SELECT value FROM meta WHERE name = 'dropped_to'")
    rows = droppable(database, int(stored[0][0]) if stored else 0) or droppable(database, 0)
    if not rows:
        return drop_messages(database)
    database.update(
        "event",
        "event",
        "body, headers, query, digest",
        [(event, None, b"{}", b"{}", canonical_digest(body)) for event, body in rows],
    )
    database.run(
        "DELETE FROM envelope WHERE last <= ? AND NOT EXISTS (SELECT 1 FROM event WHERE event.event"
        " BETWEEN envelope.event AND envelope.last AND event.envelope = envelope.event AND event.body IS NOT NULL)",
        (rows[-1][0],),
    )
    database.insert(
        "meta",
        "name, value",
        [("dropped_to", rows[-1][0])],
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    return len(rows)


def droppable(database: Database, after: int) -> list[Row]:
    return database.rows(
        "SELECT e.event, e.body FROM event e JOIN delivery d ON d.event = e.event"
        f" WHERE e.event > ? AND e.body IS NOT NULL AND d.status IN {OVER_LISTED} ORDER BY e.event LIMIT {DROP_AT_ONCE}",
        (after,),
    )


def drop_messages(database: Database) -> int:
    """Their identities stay, so that a repeat is still known."""
    return database.run(
        f"DELETE FROM message WHERE message IN (SELECT message FROM message ORDER BY message LIMIT {DROP_AT_ONCE})"
    )


def canonical_digest(body: bytes) -> bytes:
    """SHA-256 of a body's canonical JSON; of its bytes where it is not JSON."""
    try:
        return sha256(canonical_json(decode_body(body))).digest()
    except BodyError:
        return sha256(body).digest()
