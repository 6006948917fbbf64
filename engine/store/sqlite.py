"""The embedded store: the verbs as SQL on one SQLite file.

Every verb works on a whole batch with as few statements as it can, because the price of a row is mostly the price of
its statement. Threads, transactions, files and locks are `committer.py`'s and `files.py`'s matter; this file knows
rows only. Statements that read for people are in `readers.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any

import apsw
import msgspec

from engine.contract.body import BodyError, canonical_json, decode_body, encode_json, same_json
from engine.errors import StoreFull
from engine.model import Arrival, Delivery, EffectState, Receipt, Status, Step, effect_digest
from engine.store import (
    Answered,
    Claimed,
    ClaimRequest,
    Intent,
    Leave,
    Line,
    Move,
    Record,
)

ACTIVE = "('accepted', 'running', 'waiting')"
DROPPABLE = "('done', 'ignored', 'superseded', 'compensated', 'discarded')"
DROP_AT_ONCE = 64
RESERVE_SHARE = 8
"""One part in so many of a bounded store is kept for outcomes."""
RESERVE_BYTES_PER_ACTIVE = 2048

encode_plain = msgspec.json.encode
decode_stored = msgspec.json.Decoder(float_hook=Decimal).decode

Row = tuple[Any, ...]


def identity_digest(integration: str, id_: str) -> bytes:
    """16 bytes that stand for (integration, id) in the identity index: random access is dear, so the key is short."""
    return sha256(f"{integration}\0{id_}".encode()).digest()[:16]


class SqliteStore:
    """The verbs of `engine.store.Store` on a connection of apsw. `disk_low`: no new events, outcomes only."""

    def __init__(self) -> None:
        self.disk_low = False
        self.pages_max: int | None = None

    # ── accept ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def accept(self, connection: apsw.Connection, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """See `Store.accept`. One look-up of identities and one of busy keys serve the whole batch."""
        room = Room(self, connection)
        named = [self.name(arrival) for arrival in arrivals]
        newest, known, busy = self.look_around(connection, named, arrivals[0].received_at)
        receipts: list[Receipt | Exception] = []
        events: list[Row] = []
        identities: list[Row] = []
        deliveries: list[Row] = []
        fresh: dict[bytes, Arrival] = {}
        for arrival, (name_digest, key_digest) in zip(arrivals, named, strict=True):
            digest, reason, verdict = name_digest, arrival.reason, "accepted"
            earlier = known.get(digest)
            if earlier is not None:
                if self.same_body(connection, earlier, arrival, fresh.get(digest)):
                    receipts.append(Receipt(earlier, "duplicate"))
                    continue
                # A conflict is stored under an identity of its own, so that re-deliveries of it are duplicates too.
                digest = sha256(name_digest + sha256(arrival.body).digest()).digest()[:16]
                _, conflicts, _ = self.look_around(connection, [(digest, key_digest)], arrival.received_at)
                twin = known.get(digest) or conflicts.get(digest)
                if twin is not None:
                    receipts.append(Receipt(twin, "duplicate"))
                    continue
                reason, verdict = f"conflict: event {earlier} has the same id and another body", "conflict"
            if not room.take(arrival):
                receipts.append(StoreFull("no room for new events"))
                continue
            newest += 1
            known[digest], fresh[digest] = newest, arrival
            at = arrival.received_at
            ready = not reason and key_digest not in busy
            if not reason:
                busy.add(key_digest)
            status, finished_at = (Status.QUARANTINED, at) if reason else (Status.ACCEPTED, None)
            headers, query = encode_plain(arrival.headers), encode_plain(arrival.query)
            events.append((newest, arrival.integration, arrival.id, arrival.key, at, headers, query, arrival.body))
            identities.append((digest, newest, at + arrival.dedupe_for_s * 1_000_000))
            deliveries.append(
                (newest, arrival.integration, arrival.plan, key_digest, status.value, ready, at, reason, finished_at)
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

    def name(self, arrival: Arrival) -> tuple[bytes, bytes]:
        """(identity digest, key digest). Without an id the body stands in, so that re-deliveries are still known."""
        id_ = arrival.id if arrival.id is not None else "\0" + sha256(arrival.body).hexdigest()
        return identity_digest(arrival.integration, id_), identity_digest(arrival.integration, arrival.key or "")

    def look_around(
        self, connection: apsw.Connection, named: Sequence[tuple[bytes, bytes]], now: int
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

    def same_body(self, connection: apsw.Connection, earlier: int, arrival: Arrival, fresh: Arrival | None) -> bool:
        """Is it the same body, byte by byte or, failing that, as JSON?"""
        if fresh is not None:
            stored: bytes | None = fresh.body
        else:
            digest, stored = connection.execute("SELECT digest, body FROM event WHERE event = ?", (earlier,)).get
        if stored is None:
            return bool(digest == canonical_digest(arrival.body))
        return stored == arrival.body or same_json(stored, arrival.body)

    # ── room ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def drop_bodies(self, connection: apsw.Connection) -> int:
        """Drops the bodies of the oldest finished events; how many. The digest of the canonical JSON takes their place.

        Where the last drop ended is remembered, so that finding the next ones does not read all that were dropped.
        """
        dropped_to = connection.execute("SELECT value FROM meta WHERE name = 'dropped_to'").get or 0
        rows = self.droppable(connection, dropped_to) or self.droppable(connection, 0)
        connection.executemany(
            "UPDATE event SET body = NULL, headers = '{}', query = '{}', digest = ? WHERE event = ?",
            [(canonical_digest(body), event) for event, body in rows],
        )
        if rows:
            connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('dropped_to', ?)", (rows[-1][0],))
        return len(rows)

    def droppable(self, connection: apsw.Connection, after: int) -> list[Row]:
        return connection.execute(
            f"SELECT e.event, e.body FROM event e JOIN delivery d ON d.event = e.event"
            f" WHERE e.event > ? AND e.body IS NOT NULL AND d.status IN {DROPPABLE} ORDER BY e.event LIMIT {DROP_AT_ONCE}",
            (after,),
        ).fetchall()

    # ── claim ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def claim(self, connection: apsw.Connection, requests: Sequence[ClaimRequest]) -> Sequence[Claimed]:
        """See `Store.claim`."""
        return [self.claim_one(connection, request) for request in requests]

    def claim_one(self, connection: apsw.Connection, request: ClaimRequest) -> Claimed:
        now = request.now
        connection.execute(
            "UPDATE delivery SET status = 'accepted', ready = 1, due_at = ? WHERE status = 'running' AND lease_until < ?",
            (now, now),
        )
        chosen: list[int] = []
        next_due_at: int | None = None
        waiting: dict[str, list[int]] = {}
        for integration in ready_integrations(connection):
            rows: list[Row] = connection.execute(
                "SELECT due_at, event FROM delivery WHERE ready = 1 AND integration = ? ORDER BY due_at, event LIMIT ?",
                (integration, request.limit + 1),
            ).fetchall()
            due = [event for due_at, event in rows if due_at <= now]
            later = [due_at for due_at, _ in rows if due_at > now]
            if len(due) > request.limit:
                later.append(now)
            if later:
                next_due_at = min(later) if next_due_at is None else min(next_due_at, *later)
            if due:
                waiting[integration] = due
        chosen = share(waiting, request.running, request.limit)
        if sum(map(len, waiting.values())) > len(chosen):
            next_due_at = now
        if not chosen:
            return Claimed((), next_due_at)
        connection.execute(
            f"UPDATE delivery SET status = 'running', ready = 0, token = token + 1, lease_until = ?"
            f" WHERE event IN ({marks(len(chosen))})",
            (request.lease_until, *chosen),
        )
        return Claimed(self.load(connection, chosen), next_due_at)

    def load(self, connection: apsw.Connection, events: Sequence[int]) -> tuple[Delivery, ...]:
        """Deliveries with payload and ended steps, in the order asked for."""
        inside = marks(len(events))
        steps: dict[int, list[Step]] = {}
        for event, step, result in connection.execute(
            f"SELECT event, step, result FROM line WHERE event IN ({inside}) AND ended = 1 ORDER BY event, number",
            tuple(events),
        ):
            steps.setdefault(event, []).append(Step(step, decode_stored(result)))
        found: dict[int, Delivery] = {}
        for (
            event,
            integration,
            plan,
            id_,
            key,
            headers,
            query,
            body,
            received_at,
            token,
            lease,
            attempts,
            number,
            again,
        ) in connection.execute(
            f"SELECT d.event, d.integration, d.plan, e.id, e.key, e.headers, e.query, e.body, e.received_at, d.token, d.lease_until,"
            f" d.attempts, d.number, d.again FROM delivery d JOIN event e ON e.event = d.event WHERE d.event IN ({inside})",
            tuple(events),
        ):
            found[event] = Delivery(
                event=event,
                integration=integration,
                plan=plan,
                id=id_,
                key=key,
                headers=msgspec.json.decode(headers),
                query=msgspec.json.decode(query),
                body=body or b"",
                received_at=received_at,
                token=token,
                lease_until=lease,
                attempts=attempts,
                number=number,
                again=bool(again),
                steps=tuple(steps.get(event, ())),
            )
        return tuple(found[event] for event in events)

    # ── begin ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, connection: apsw.Connection, intents: Sequence[Intent]) -> Sequence[Answered]:
        """See `Store.begin`."""
        return [self.begin_one(connection, intent) for intent in intents]

    def begin_one(self, connection: apsw.Connection, intent: Intent) -> Answered:
        if intent.record is not None and not self.record_one(connection, intent.record):
            return Answered(Leave.STALE)
        holds = connection.execute(
            "SELECT 1 FROM delivery WHERE event = ? AND token = ? AND status = 'running'", (intent.event, intent.token)
        ).get
        if holds is None:
            return Answered(Leave.STALE)
        if intent.once is None:
            self.count_attempt(connection, intent)
            return Answered(Leave.SEND, first_sent_at=intent.at)
        digest = effect_digest(intent.system, intent.operation, intent.once)
        row = connection.execute(
            "SELECT event, state, request_digest, first_sent_at, result FROM effect WHERE digest = ?", (digest,)
        ).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO effect (digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, 1)",
                (
                    digest,
                    intent.system,
                    intent.operation,
                    intent.once,
                    intent.event,
                    intent.step,
                    intent.request_digest,
                    intent.at,
                ),
            )
            self.count_attempt(connection, intent)
            return Answered(Leave.SEND, first_sent_at=intent.at, event=intent.event)
        owner, state, request_digest, first_sent_at, result = row
        differs = request_digest != intent.request_digest
        if (
            owner == intent.event
            and differs
            and not intent.again
            and state not in (EffectState.CLEAR, EffectState.REFUSED)
        ):
            return Answered(Leave.CHANGED, None, first_sent_at, owner, differs)
        if state == EffectState.DONE:
            value = None if result is None else decode_stored(result)
            return Answered(Leave.KNOWN, value, first_sent_at, owner, differs)
        if owner != intent.event and self.is_open(connection, owner):
            return Answered(Leave.BUSY, None, first_sent_at, owner, differs)
        unsettled = state in (EffectState.OPEN, EffectState.UNKNOWN)
        if unsettled and not intent.again:
            self.take(connection, digest, intent.event)
            return Answered(Leave.UNKNOWN, None, first_sent_at, intent.event, differs)
        sent_at = first_sent_at if unsettled else intent.at
        connection.execute(
            "UPDATE effect SET state = 'open', event = ?, step = ?, request_digest = ?, first_sent_at = ?, attempts = attempts + 1"
            " WHERE digest = ?",
            (intent.event, intent.step, intent.request_digest, sent_at, digest),
        )
        self.count_attempt(connection, intent)
        return Answered(Leave.SEND, None, sent_at, intent.event, differs)

    def take(self, connection: apsw.Connection, digest: bytes, event: int) -> None:
        connection.execute("UPDATE effect SET event = ? WHERE digest = ? AND event != ?", (event, digest, event))

    def is_open(self, connection: apsw.Connection, event: int) -> bool:
        """Will the event that owns an effect still move, by itself or by a person?"""
        status = connection.execute("SELECT status FROM delivery WHERE event = ?", (event,)).get
        return status in ("accepted", "running", "waiting", "held")

    def count_attempt(self, connection: apsw.Connection, intent: Intent) -> None:
        connection.execute(
            "UPDATE delivery SET attempts = attempts + 1, lease_until = ? WHERE event = ?",
            (intent.lease_until, intent.event),
        )

    # ── record ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, connection: apsw.Connection, records: Sequence[Record]) -> Sequence[bool]:
        """See `Store.record`."""
        return [self.record_one(connection, record) for record in records]

    def record_one(self, connection: apsw.Connection, record: Record) -> bool:
        status = record.status
        finished_at = None if status.active else record.at
        row = connection.execute(
            "UPDATE delivery SET status = ?, ready = ?, due_at = ?, lease_until = ?, attempts = ?, number = number + ?, step = ?,"
            " on_release = ?, again = 0, queue = ?, reason = ?, finished_at = ? WHERE event = ? AND token = ? AND status = 'running' RETURNING key_digest, number",
            (
                status.value,
                int(status is Status.WAITING),
                record.due_at,
                record.lease_until,
                record.attempts,
                len(record.lines),
                record.step,
                record.on_release,
                record.queue,
                record.reason,
                finished_at,
                record.event,
                record.token,
            ),
        ).fetchone()
        if row is None:
            return False
        key_digest, number = row
        self.write_lines(connection, record.event, number - len(record.lines), record.lines)
        if record.settled is not None:
            settled = record.settled
            result = encode_json(settled.result) if settled.state is EffectState.DONE else None
            connection.execute(
                "UPDATE effect SET state = ?, result = ? WHERE digest = ?",
                (settled.state.value, result, settled.digest),
            )
        if not status.active:
            self.promote(connection, key_digest)
        return True

    def write_lines(self, connection: apsw.Connection, event: int, number: int, lines: Iterable[Line]) -> None:
        insert(
            connection,
            "INSERT INTO line (event, number, step, kind, at, operation, once, verdict, status, took_us, reason, ended, result) VALUES",
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
                )
                for place, line in enumerate(lines, number)
            ],
        )

    def promote(self, connection: apsw.Connection, key_digest: bytes) -> None:
        """Makes the oldest active event of a key the one that may be claimed, unless one of them already is or runs."""
        rows = connection.execute(
            f"SELECT event, status, ready FROM delivery WHERE key_digest = ? AND status IN {ACTIVE} ORDER BY event",
            (key_digest,),
        )
        first: int | None = None
        for event, status, ready in rows:
            if ready or status == Status.RUNNING:
                return
            first = event if first is None else first
        if first is not None:
            connection.execute("UPDATE delivery SET ready = 1 WHERE event = ?", (first,))

    # ── people, plans, recovery ──────────────────────────────────────────────────────────────────────────────────────

    def move(self, connection: apsw.Connection, moves: Sequence[Move]) -> Sequence[str]:
        """See `Store.move`."""
        return [self.move_one(connection, move) for move in moves]

    def move_one(self, connection: apsw.Connection, move: Move) -> str:
        row = connection.execute(
            "SELECT status, plan, key_digest, number, step, on_release FROM delivery WHERE event = ?", (move.event,)
        ).fetchone()
        if row is None:
            return f"there is no event {move.event}"
        status, plan, key_digest, number, step, on_release = row
        allowed = MOVES[move.action]
        if status not in allowed:
            return f"event {move.event} is {status}; {move.action} is for {', '.join(allowed)}"
        if move.action == "redrive":
            if connection.execute("SELECT body IS NULL FROM event WHERE event = ?", (move.event,)).get:
                return f"event {move.event}: its body was dropped to make room"
            if move.plan is not None and move.plan != plan:
                # The newer plan's steps are other steps: they run afresh, and the effect ledger knows what was done.
                connection.execute("UPDATE line SET ended = 0 WHERE event = ?", (move.event,))
        ends = move.action == "release" and on_release == "end"
        said = f"{move.by}: {move.reason}" if move.by else move.reason
        result = {"by": move.by, "reason": move.reason}
        line = Line(step=step, kind=move.action, at=move.at, reason=said, ended=ends, result=result)
        self.write_lines(connection, move.event, number, [line])
        status, reason, finished_at = Status.ACCEPTED, "", None
        if move.action == "reject":
            status, reason, finished_at = Status.DISCARDED, f"rejected by {said}", move.at
        connection.execute(
            "UPDATE delivery SET status = ?, ready = 0, due_at = ?, attempts = 0, number = number + 1, plan = ?, queue = '', reason = ?,"
            " on_release = '', again = ?, token = token + 1, finished_at = ? WHERE event = ?",
            (
                status.value,
                move.at,
                move.plan or plan,
                reason,
                int(move.action == "release" and on_release == "send"),
                finished_at,
                move.event,
            ),
        )
        self.promote(connection, key_digest)
        return ""

    def keep_plans(
        self, connection: apsw.Connection, plans: Sequence[tuple[str, str, int, bytes, int]]
    ) -> Sequence[None]:
        """See `Store.keep_plans`."""
        connection.executemany(
            "INSERT OR IGNORE INTO plan (hash, integration, version, content, kept_at) VALUES (?, ?, ?, ?, ?)", plans
        )
        return [None] * len(plans)

    def recover(self, connection: apsw.Connection, nows: Sequence[int]) -> Sequence[int]:
        """See `Store.recover`."""
        connection.execute(
            "UPDATE delivery SET status = 'accepted', ready = 1, due_at = ? WHERE status = 'running'", (nows[0],)
        )
        return [connection.changes()] * len(nows)


class Room:
    """How much a group of arrivals may take. In a bounded store (`?max_size=`) bodies of finished events are dropped,
    oldest first, before an arrival is refused; identities and stories stay, so duplicates are still known. What the
    outcomes of active events will need is kept back."""

    def __init__(self, store: SqliteStore, connection: apsw.Connection) -> None:
        self.store = store
        self.connection = connection
        if store.pages_max is None:
            store.pages_max = connection.pragma("max_page_count")
        self.pages_max = store.pages_max
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
        if self.store.disk_low:
            return False
        if not self.bounded:
            return True
        # A row spills into whole pages, and its outcome needs room too.
        wanted = len(arrival.body) + 2 * 4096 + RESERVE_BYTES_PER_ACTIVE
        while self.left < wanted:
            if not self.store.drop_bodies(self.connection):
                return False
            self.left = self.measure()
        self.left -= wanted
        return True


UNBOUNDED_PAGES = 0xFFFFFFFE
MOVES = {
    "release": ("held", "quarantined"),
    "reject": ("held", "quarantined"),
    "redrive": ("dead", "quarantined", "held", "discarded"),
}


def marks(count: int) -> str:
    return ",".join("?" * count)


def insert(connection: apsw.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Rows in one statement for each 64; a group's size is part of the text, and the cache holds one text for each size."""
    for at in range(0, len(rows), 64):
        chunk = rows[at : at + 64]
        row = f"({marks(len(chunk[0]))})"
        connection.execute(f"{statement} {','.join([row] * len(chunk))}", [value for one in chunk for value in one])


def ready_integrations(connection: apsw.Connection) -> list[str]:
    """The integrations that have something ready: a loose scan, one seek for each."""
    found: list[str] = []
    last = ""
    while True:
        name = connection.execute(
            "SELECT min(integration) FROM delivery WHERE ready = 1 AND integration > ?", (last,)
        ).get
        if name is None:
            return found
        found.append(name)
        last = name


def share(waiting: Mapping[str, Sequence[int]], running: Mapping[str, int], limit: int) -> list[int]:
    """Deals `limit` places one by one, each to the integration that holds fewest: an even share, none wasted."""
    queues = {name: list(reversed(events)) for name, events in waiting.items()}
    held = {name: running.get(name, 0) for name in waiting}
    chosen: list[int] = []
    while queues and len(chosen) < limit:
        name = min(queues, key=lambda one: (held[one], one))
        chosen.append(queues[name].pop())
        held[name] += 1
        if not queues[name]:
            del queues[name]
    return chosen


def canonical_digest(body: bytes) -> bytes:
    """SHA-256 of a body's canonical JSON; of its bytes where it is not JSON."""
    try:
        return sha256(canonical_json(decode_body(body))).digest()
    except BodyError:
        return sha256(body).digest()
