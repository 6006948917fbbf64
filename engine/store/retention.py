"""What is over is forgotten in time: in small batches, by the store's own writer, when nothing else waits.

An event is forgotten with its payload and its story some time after its end; one that is active, or waits for a person
as held, quarantined or dead, never. Effects are kept longer, since a repeat is known by them; an identity as long as its
integration says (`dedupe_for`), whatever became of its event. Each batch remembers where it stood, so that a pass over a
long history reads every row once. The alternative, one large DELETE, would hold up every ack behind it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from engine.model import Status
from engine.store.database import Database, Row
from engine.store.keys import digest_of

AT_ONCE = 256
"""Rows of each kind that one batch looks at."""
IDENTITIES_AT_ONCE = 1_024
PLACES = "SELECT name, value FROM meta WHERE name IN ('kept_events', 'kept_effects', 'kept_identities')"
OVER = frozenset((Status.DONE, Status.IGNORED, Status.SUPERSEDED, Status.COMPENSATED, Status.DISCARDED))
"""Statuses of events that nobody needs any more; a dead one still waits for a person."""


class Retention(Struct, frozen=True):
    """One batch: what ended, or was first sent, before these moments. Rows of events below `rows_from` are left, since
    their whole partition will be dropped."""

    now: int
    events_before: int
    effects_before: int
    rows_from: int = 0


class Forgotten(Struct, frozen=True):
    """How many rows of each kind were forgotten; `more`: this pass has not seen all yet."""

    events: int = 0
    effects: int = 0
    identities: int = 0
    messages: int = 0
    more: bool = False


def retain(database: Database, requests: Sequence[Retention]) -> Sequence[Forgotten]:
    """See `Store.retain`."""
    return [retain_one(database, request) for request in requests]


def retain_one(database: Database, request: Retention) -> Forgotten:
    places = {str(name): int(value) for name, value in database.rows(PLACES)}
    events, more_events = forget_events(database, request, places)
    effects, more_effects = forget_effects(database, request, places)
    identities, more_identities = forget_identities(database, request, places)
    messages, more_messages = forget_messages(database, request)
    database.insert(
        "meta", "name, value", list(places.items()), "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    more = more_events or more_effects or more_identities or more_messages
    return Forgotten(events, effects, identities, messages, more)


def forget_events(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    page = database.rows(
        "SELECT d.event, d.status, d.in_way, d.finished_at, e.received_at, e.envelope FROM delivery d"
        " LEFT JOIN event e ON e.event = d.event WHERE d.event > ? ORDER BY d.event LIMIT ?",
        (places.get("kept_events", 0), AT_ONCE),
    )
    old = [row for row in page if is_over(row, request.events_before)]
    if old:
        events = [event for event, *_ in old]
        delete(database, "delivery", "event", events)
        delete(database, "item", "event", events)
        if rows := [event for event in events if event >= request.rows_from]:
            delete(database, "line", "event", rows)
            delete(database, "event", "event", rows)
        forget_envelopes(database, {envelope for *_, envelope in old if envelope is not None})
    # Events are numbered as they arrive: behind one that is too young none is old enough.
    ended = len(page) < AT_ONCE or (page[-1][4] or 0) >= request.events_before
    places["kept_events"] = 0 if ended else page[-1][0]
    return len(old), not ended


def is_over(row: Row, before: int) -> bool:
    _, status, in_way, finished_at, _, _ = row
    return status in OVER and not in_way and finished_at is not None and finished_at < before


def forget_envelopes(database: Database, envelopes: Iterable[int]) -> None:
    """The common body of events that were split goes with the last of them."""
    found = sorted(envelopes)
    if found:
        inside, values = database.among("event", found)
        database.run(
            f"DELETE FROM envelope WHERE {inside} AND NOT EXISTS"
            " (SELECT 1 FROM delivery d WHERE d.event BETWEEN envelope.event AND envelope.last)",
            values,
        )


def forget_effects(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    page = database.rows(
        "SELECT f.number, f.first_sent_at, d.event FROM effect f LEFT JOIN delivery d ON d.event = f.event"
        " WHERE f.number > ? ORDER BY f.number LIMIT ?",
        (places.get("kept_effects", 0), AT_ONCE),
    )
    old = [number for number, sent_at, event in page if event is None and sent_at < request.effects_before]
    delete(database, "effect", "number", old)
    ended = len(page) < AT_ONCE or page[-1][1] >= request.effects_before
    places["kept_effects"] = 0 if ended else page[-1][0]
    return len(old), not ended


def forget_identities(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    """Digests have no order in time, so a pass sees all of them, from 00… to ff…"""
    after = places.get("kept_identities", 0).to_bytes(7)
    page = database.rows(
        "SELECT digest, expires_at FROM identity WHERE digest > ? ORDER BY digest LIMIT ?", (after, IDENTITIES_AT_ONCE)
    )
    old = [digest for digest, expires_at in page if expires_at <= request.now]
    delete(database, "identity", "digest", old, "AND expires_at <= ?", request.now)
    ended = len(page) < IDENTITIES_AT_ONCE
    places["kept_identities"] = 0 if ended else int.from_bytes(page[-1][0][:7])
    return len(old), not ended


def forget_messages(database: Database, request: Retention) -> tuple[int, bool]:
    page = database.rows("SELECT message, at, topic, id FROM message ORDER BY message LIMIT ?", (AT_ONCE,))
    old = [row for row in page if row[1] < request.events_before]
    delete(database, "message", "message", [message for message, *_ in old])
    delete(database, "message_id", "digest", [digest_of(topic, id_) for *_, topic, id_ in old])
    return len(old), len(old) == AT_ONCE


def delete(database: Database, table: str, column: str, found: Sequence[Any], tail: str = "", *values: Any) -> None:
    if found:
        inside, among = database.among(column, found)
        database.run(f"DELETE FROM {table} WHERE {inside} {tail}", [*among, *values])
