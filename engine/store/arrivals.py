"""Arrivals into the embedded store: identities, duplicates, conflicts, and the room there is for them."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

import apsw
import msgspec

from engine.contract.body import BodyError, canonical_json, decode_body, same_json
from engine.errors import StoreFull
from engine.model import Arrival, Receipt, Status
from engine.store.rows import ACTIVE, Row, insert, marks

DROPPABLE = "('done', 'ignored', 'superseded', 'compensated', 'discarded')"
DROP_AT_ONCE = 64
RESERVE_SHARE = 8
"""One part in so many of a bounded store is kept for outcomes."""
RESERVE_BYTES_PER_ACTIVE = 2048
UNBOUNDED_PAGES = 0xFFFFFFFE

_DIGITS_ORDERED = 18
"""So many digits fit into eight bytes."""

encode_plain = msgspec.json.encode


class Room:
    """How much a group of arrivals may take. In a bounded store (`?max_size=`) bodies of finished events are dropped,
    oldest first, before an arrival is refused; identities and stories stay, so duplicates are still known. What the
    outcomes of active events will need is kept back."""

    def __init__(self, connection: apsw.Connection, pages_max: int, *, disk_low: bool) -> None:
        self.connection = connection
        self.pages_max = pages_max
        self.disk_low = disk_low
        self.bounded = self.pages_max < UNBOUNDED_PAGES
        self.left = self.measure() if self.bounded else 0

    def measure(self) -> int:
        """Bytes that new events may take now."""
        page = self.connection.pragma("page_size")
        used = self.connection.pragma("page_count") - self.connection.pragma("freelist_count")
        active = self.connection.execute(f"SELECT count(*) FROM delivery WHERE status IN {ACTIVE}").get
        return int(
            (self.pages_max - used) * page - self.pages_max * page // RESERVE_SHARE - active * RESERVE_BYTES_PER_ACTIVE
        )

    def take(self, arrival: Arrival) -> bool:
        """Is there room for this one?"""
        if self.disk_low:
            return False
        if not self.bounded:
            return True
        # A row spills into whole pages, and its outcome needs room too.
        wanted = len(arrival.body) + 2 * 4096 + RESERVE_BYTES_PER_ACTIVE
        while self.left < wanted:
            if not drop_bodies(self.connection):
                return False
            self.left = self.measure()
        self.left -= wanted
        return True


def identity_digest(integration: str, id_: str) -> bytes:
    """16 bytes that stand for (integration, id) in the identity index: random access is dear, so the key is short."""
    return sha256(f"{integration}\0{id_}".encode()).digest()[:16]


def key_digest(integration: str, key: str) -> bytes:
    """16 bytes that stand for (integration, key) in the index of active keys.

    Whole numbers keep their order: orders are numbered one after the other, so the keys of a group share a page of the
    index or two. Scattered, each would have a page of its own to be written, as many as the bodies have.
    """
    if len(key) <= _DIGITS_ORDERED and key.isdecimal() and str(int(key)) == key:
        return space_digest(integration) + int(key).to_bytes(8)
    return identity_digest(integration, key)


@lru_cache(1024)
def space_digest(integration: str) -> bytes:
    return sha256(integration.encode()).digest()[:8]


def accept(connection: apsw.Connection, arrivals: Sequence[Arrival], room: Room) -> Sequence[Receipt | Exception]:
    """See `Store.accept`. One look-up of identities and busy keys serves the whole batch."""
    named = [name(arrival) for arrival in arrivals]
    newest, known, busy = look_around(connection, named, arrivals[0].received_at)
    receipts: list[Receipt | Exception] = []
    events: list[Row] = []
    identities: list[Row] = []
    deliveries: list[Row] = []
    fresh: dict[bytes, Arrival] = {}
    for arrival, (name_digest, key) in zip(arrivals, named, strict=True):
        digest, reason, verdict = name_digest, arrival.reason, "accepted"
        earlier = known.get(digest)
        if earlier is not None:
            if same_body(connection, earlier, arrival, fresh.get(digest)):
                receipts.append(Receipt(earlier, "duplicate"))
                continue
            # A conflict is stored under an identity of its own, so that re-deliveries of it are duplicates too.
            digest = sha256(name_digest + sha256(arrival.body).digest()).digest()[:16]
            _, conflicts, _ = look_around(connection, [(digest, key)], arrival.received_at)
            twin = known.get(digest) or conflicts.get(digest)
            if twin is not None:
                receipts.append(Receipt(twin, "duplicate"))
                continue
            reason, verdict = f"conflict: evt-{earlier} has the same id and another body", "conflict"
        if not room.take(arrival):
            receipts.append(StoreFull("no room for new events"))
            continue
        newest += 1
        known[digest], fresh[digest] = newest, arrival
        at = arrival.received_at
        ready = not reason and key not in busy
        if not reason:
            busy.add(key)
        status, finished_at = (Status.QUARANTINED, at) if reason else (Status.ACCEPTED, None)
        headers, query = encode_plain(arrival.headers), encode_plain(arrival.query)
        events.append((newest, arrival.integration, arrival.id, arrival.key, at, headers, query, arrival.body))
        identities.append((digest, newest, at + arrival.dedupe_for_s * 1_000_000))
        deliveries.append(
            (newest, arrival.integration, arrival.plan, key, status.value, ready, at, reason, finished_at)
        )
        receipts.append(Receipt(newest, verdict))
    insert(
        connection,
        "INSERT INTO event (event, integration, id, key, received_at, headers, query, body) VALUES",
        events,
    )
    insert(connection, "INSERT OR REPLACE INTO identity (digest, event, expires_at) VALUES", identities)
    insert(
        connection,
        "INSERT INTO delivery (event, integration, plan, key_digest, status, ready, due_at, reason, finished_at) VALUES",
        deliveries,
    )
    return receipts


def name(arrival: Arrival) -> tuple[bytes, bytes]:
    """(identity digest, key digest). Without an id the body stands in, so that re-deliveries are still known."""
    id_ = arrival.id if arrival.id is not None else "\0" + sha256(arrival.body).hexdigest()
    return identity_digest(arrival.integration, id_), key_digest(arrival.integration, arrival.key or "")


def look_around(
    connection: apsw.Connection, named: Sequence[tuple[bytes, bytes]], now: int
) -> tuple[int, dict[bytes, int], set[bytes]]:
    """(newest event, known identities, busy keys) in one statement: each one more would let go of the interpreter once more."""
    inside = marks(len(named))
    newest, known, busy = 0, {}, set()
    for digest, event in connection.execute(
        f"SELECT digest, event FROM identity WHERE digest IN ({inside}) AND expires_at > ?"
        f" UNION ALL SELECT key_digest, 0 FROM delivery WHERE key_digest IN ({inside}) AND status IN {ACTIVE}"
        " UNION ALL SELECT NULL, max(event) FROM event",
        (*(digest for digest, _ in named), now, *(key for _, key in named)),
    ):
        if digest is None:
            newest = event or 0
        elif event:
            known[digest] = event
        else:
            busy.add(digest)
    return newest, known, busy


def same_body(connection: apsw.Connection, earlier: int, arrival: Arrival, fresh: Arrival | None) -> bool:
    """Is it the same body, byte by byte or, failing that, as JSON?"""
    if fresh is not None:
        stored: bytes | None = fresh.body
    else:
        digest, stored = connection.execute("SELECT digest, body FROM event WHERE event = ?", (earlier,)).get
    if stored is None:
        return bool(digest == canonical_digest(arrival.body))
    return stored == arrival.body or same_json(stored, arrival.body)


def drop_bodies(connection: apsw.Connection) -> int:
    """Drops the bodies of the oldest finished events; how many. The digest of the canonical JSON takes their place.

    Where the last drop ended is remembered, so that finding the next ones does not read all that were dropped.
    """
    dropped_to = connection.execute("SELECT value FROM meta WHERE name = 'dropped_to'").get or 0
    rows = droppable(connection, dropped_to) or droppable(connection, 0)
    connection.executemany(
        "UPDATE event SET body = NULL, headers = '{}', query = '{}', digest = ? WHERE event = ?",
        [(canonical_digest(body), event) for event, body in rows],
    )
    if rows:
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('dropped_to', ?)", (rows[-1][0],))
    return len(rows)


def droppable(connection: apsw.Connection, after: int) -> list[Row]:
    return connection.execute(
        f"SELECT e.event, e.body FROM event e JOIN delivery d ON d.event = e.event"
        f" WHERE e.event > ? AND e.body IS NOT NULL AND d.status IN {DROPPABLE} ORDER BY e.event LIMIT {DROP_AT_ONCE}",
        (after,),
    ).fetchall()


def canonical_digest(body: bytes) -> bytes:
    """SHA-256 of a body's canonical JSON; of its bytes where it is not JSON."""
    try:
        return sha256(canonical_json(decode_body(body))).digest()
    except BodyError:
        return sha256(body).digest()
