"""Arrivals into the store: identities, duplicates, conflicts, splits, and which of several states is the newest.

One look-up of identities and busy keys serves the whole batch; what the batch itself has stored so far is remembered
beside it.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from engine.contract.body import encode_json, same_json
from engine.errors import StoreFull
from engine.model import Arrival, Receipt, Revision, Status
from engine.rules.order import older
from engine.store.database import Database, Row
from engine.store.keys import digest_of, key_digest, promote
from engine.store.room import Room, canonical_digest
from engine.store.rows import decode_revision

encode_plain = msgspec.json.encode


def accept(database: Database, arrivals: Sequence[Arrival], room: Room) -> Sequence[Receipt | Exception]:
    """See `Store.accept`."""
    intake = Intake(database, room, arrivals)
    receipts = [intake.take([arrival])[0] for arrival in arrivals]
    return intake.store(receipts)


def accept_all(
    database: Database, batches: Sequence[Sequence[Arrival]], room: Room
) -> Sequence[Sequence[Receipt] | Exception]:
    """See `Store.accept_all`."""
    intake = Intake(database, room, [arrival for batch in batches for arrival in batch])
    taken = [intake.take(batch) for batch in batches]
    stored = iter(intake.store([receipt for receipts in taken for receipt in receipts]))
    answers: list[Sequence[Receipt] | Exception] = []
    for receipts in taken:
        given = [next(stored) for _ in receipts]
        refused = next((receipt for receipt in given if isinstance(receipt, Exception)), None)
        answers.append(refused or [receipt for receipt in given if isinstance(receipt, Receipt)])
    return answers


def accept_outcome(database: Database, arrivals: Sequence[Arrival], room: Room) -> None:
    """Arrivals that an outcome brings with it: taken whatever room there is."""
    if arrivals:
        intake = Intake(database, room, arrivals)
        intake.store(intake.take(arrivals, outcome=True))


class Intake:
    """What a batch stores: `known` are identities by digest, `busy` keys that somebody has or waits for, `fresh` what
    this batch has taken. Nothing is written before `store`."""

    def __init__(self, database: Database, room: Room, arrivals: Sequence[Arrival]) -> None:
        self.database = database
        self.room = room
        self.named = {id(arrival): name(arrival) for arrival in arrivals}
        self.known: dict[bytes, int] = {}
        self.busy: set[bytes] = set()
        self.fresh: dict[bytes, Arrival] = {}
        self.rows: list[tuple[int, Arrival, bytes, bytes, str]] = []
        if arrivals:
            database.hold(digest for pair in self.named.values() for digest in pair)
            self.known, self.busy = look_around(database, list(self.named.values()), arrivals[0].received_at)
        self.numbers = iter(database.numbers("event", len(arrivals)))

    def take(self, arrivals: Sequence[Arrival], *, outcome: bool = False) -> list[Receipt | Exception]:
        """What becomes of these, which came together: all that are new are stored, or none where there is no room."""
        receipts: list[Receipt | Exception] = []
        new: list[tuple[int, Arrival, bytes, bytes, str]] = []
        for arrival in arrivals:
            digest, key = self.named[id(arrival)]
            event, digest, reason, verdict = self.judge(arrival, digest)
            if verdict != "duplicate":
                event = next(self.numbers)
                self.known[digest], self.fresh[digest] = event, arrival
                new.append((event, arrival, digest, key, reason))
            receipts.append(Receipt(event, verdict))
        if new and not self.room.take([arrival for _, arrival, _, _, _ in new], outcome=outcome):
            for _, _, digest, _, _ in new:
                del self.known[digest], self.fresh[digest]
            return [StoreFull("no room for new events")] * len(arrivals)
        self.rows += new
        return receipts

    def judge(self, arrival: Arrival, digest: bytes) -> tuple[int, bytes, str, str]:
        """(the event it is a duplicate of, its identity, why it is quarantined, verdict)."""
        earlier = self.known.get(digest)
        if earlier is None:
            return 0, digest, arrival.reason, "accepted"
        if self.same_body(earlier, arrival, self.fresh.get(digest)):
            return earlier, digest, "", "duplicate"
        # A conflict is stored under an identity of its own, so that re-deliveries of it are duplicates too.
        digest = sha256(digest + sha256(arrival.body).digest()).digest()[:16]
        if digest not in self.known:
            self.database.hold([digest])
            self.known |= look_around(self.database, [(digest, digest)], arrival.received_at)[0]
        twin = self.known.get(digest)
        if twin is not None:
            return twin, digest, "", "duplicate"
        return 0, digest, f"conflict: evt-{earlier} has the same id and another body", "conflict"

    def same_body(self, earlier: int, arrival: Arrival, fresh: Arrival | None) -> bool:
        """Is it the same body, byte by byte or, failing that, as JSON?"""
        if fresh is not None:
            stored: bytes | None = fresh.body
        else:
            rows = self.database.rows("SELECT digest, body FROM event WHERE event = ?", (earlier,))
            if not rows:
                return True  # the event is forgotten, its identity not yet: nobody can tell another body from it
            ((digest, stored),) = rows
        if stored is None:
            return bool(digest == canonical_digest(arrival.body))
        return stored == arrival.body or same_json(stored, arrival.body)

    def store(self, receipts: list[Receipt | Exception]) -> list[Receipt | Exception]:
        """Writes what was taken; the receipts, with those told that were superseded at once."""
        envelopes = self.envelopes()
        self.database.insert(
            "event",
            "event, integration, id, key, received_at, headers, query, body, envelope",
            [event_row(event, arrival, envelopes) for event, arrival, _, _, _ in self.rows],
        )
        self.database.insert(
            "identity",
            "digest, event, expires_at",
            [
                (digest, event, arrival.received_at + arrival.dedupe_for_s * 1_000_000)
                for event, arrival, digest, _, _ in self.rows
            ],
            "ON CONFLICT (digest) DO UPDATE SET event = excluded.event, expires_at = excluded.expires_at",
        )
        self.database.insert(
            "delivery",
            "event, integration, plan, key_digest, status, ready, in_way, due_at, reason, finished_at, lane, blocks, revision",
            [self.delivery_row(event, arrival, key, reason) for event, arrival, _, key, reason in self.rows],
        )
        wanted = {(key, one.integration) for _, one, _, key, reason in self.rows if one.keep_newest and not reason}
        gone = supersede(self.database, wanted, self.rows[-1][1].received_at) if wanted else set()
        return [
            Receipt(receipt.event, "superseded")
            if isinstance(receipt, Receipt) and receipt.event in gone and receipt.verdict == "accepted"
            else receipt
            for receipt in receipts
        ]

    def delivery_row(self, event: int, arrival: Arrival, key: bytes, reason: str) -> Row:
        ready = not reason and key not in self.busy
        if not reason:
            self.busy.add(key)
            in_way = 2 if ready else 1
        else:
            in_way = int(arrival.blocks and arrival.key is not None)
            if in_way:
                self.busy.add(key)
        status, finished_at = (Status.QUARANTINED, arrival.received_at) if reason else (Status.ACCEPTED, None)
        return (
            event,
            arrival.integration,
            arrival.plan,
            key,
            status.value,
            int(ready),
            in_way,
            arrival.received_at,
            reason,
            finished_at,
            arrival.lane,
            int(arrival.blocks),
            None if arrival.revision is None else encode_json(arrival.revision),
        )

    def envelopes(self) -> dict[int, int]:
        """Writes each envelope once, however many events came in it: the envelope's identity in memory → the event it
        stands with."""
        spans: dict[int, list[int]] = {}
        bodies: dict[int, bytes] = {}
        for event, arrival, _, _, _ in self.rows:
            if arrival.envelope is not None:
                bodies[id(arrival.envelope)] = arrival.envelope
                spans.setdefault(id(arrival.envelope), [event, event])[1] = event
        self.database.insert(
            "envelope", "event, last, body", [(first, last, bodies[key]) for key, (first, last) in spans.items()]
        )
        return {key: first for key, (first, _) in spans.items()}


def event_row(event: int, arrival: Arrival, envelopes: dict[int, int]) -> Row:
    return (
        event,
        arrival.integration,
        arrival.id,
        arrival.key,
        arrival.received_at,
        encode_plain(arrival.headers),
        encode_plain(arrival.query),
        arrival.body,
        None if arrival.envelope is None else envelopes[id(arrival.envelope)],
    )


def name(arrival: Arrival) -> tuple[bytes, bytes]:
    """(identity digest, key digest). Without an id the body stands in, so that re-deliveries are still known."""
    id_ = arrival.id if arrival.id is not None else "\0" + sha256(arrival.body).hexdigest()
    return digest_of(arrival.integration, id_), key_digest(arrival.space or arrival.integration, arrival.key or "")


def look_around(
    database: Database, named: Sequence[tuple[bytes, bytes]], now: int
) -> tuple[dict[bytes, int], set[bytes]]:
    """(known identities, busy keys) in one statement: each one more would let go of the interpreter once more."""
    inside, digests = database.among("digest", [digest for digest, _ in named])
    given, keys = database.each([key for _, key in named])
    known, busy = {}, set()
    for digest, event in database.rows(
        f"SELECT digest, event FROM identity WHERE {inside} AND expires_at > ?"
        f" UNION ALL SELECT wanted.value, 0 FROM {given} AS wanted"
        " WHERE EXISTS (SELECT 1 FROM delivery WHERE key_digest = wanted.value AND in_way > 0)",
        (*digests, now, *keys),
    ):
        if event:
            known[digest] = event
        else:
            busy.add(digest)
    return known, busy


# ── the newest state only ────────────────────────────────────────────────────────────────────────────────────────────


def supersede(database: Database, wanted: set[tuple[bytes, str]], now: int) -> set[int]:
    """Of the events that wait for one of these (key, integration) and were never claimed, the newest stays; which do
    not."""
    inside, values = database.among("key_digest", sorted({key for key, _ in wanted}))
    groups: dict[tuple[bytes, str], list[tuple[int, Revision | None]]] = {}
    for key, integration, event, revision in database.rows(
        "SELECT key_digest, integration, event, revision FROM delivery"
        f" WHERE {inside} AND in_way > 0 AND status = 'accepted' AND token = 0 ORDER BY event{database.lock}",
        values,
    ):
        if (key, integration) in wanted:
            groups.setdefault((key, integration), []).append((event, decode_revision(revision)))
    gone: dict[int, int] = {}
    touched: dict[bytes, None] = {}
    for (key, _), waiting in groups.items():
        kept = newest_of(waiting)
        for event, _ in waiting:
            if event != kept:
                gone[event] = kept
                touched[key] = None
    database.update(
        "delivery",
        "event",
        "status, ready, in_way, reason, finished_at",
        [(event, Status.SUPERSEDED.value, 0, 0, f"superseded by evt-{kept}", now) for event, kept in gone.items()],
    )
    promote(database, touched)
    return set(gone)


def newest_of(waiting: Sequence[tuple[int, Revision | None]]) -> int:
    """The event with the newest revision; of those that are alike, and of those without, the one that came last."""
    kept, newest = waiting[0]
    for event, revision in waiting[1:]:
        if newest is None or revision is None or not older(revision, newest):
            kept, newest = event, revision
    return kept
