"""What is over is forgotten in time: in small batches, by the store's own writer, when nothing else waits.

An event is forgotten with its payload and its story some time after its end; one that is active, or waits for a person
as held, quarantined or dead, never. Effects are kept longer, since a repeat is known by them; an identity as long as its
integration says (`dedupe_for`), whatever became of its event. Each batch remembers where it stood, so that a pass over a
long history reads every row once. The alternative, one large DELETE, would hold up every ack behind it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from engine.store.database import Database, Row
from engine.store.rows import OVER, OVER_LISTED

AT_ONCE = 256
"""Rows of each kind that one batch looks at."""
DIGESTS_AT_ONCE = 1_024
PLACES = "SELECT name, value FROM meta WHERE name LIKE 'kept_%' OR name LIKE 'forgotten_%' OR name LIKE 'ended_%'"


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
    """One batch of each kind of rows. A kind that has seen all waits for the others, so that a pass has an end."""
    places = {str(name): int(value) for name, value in database.rows(PLACES)}
    kinds: dict[str, Callable[[], tuple[int, bool]]] = {
        "events": lambda: forget_events(database, request, places),
        "effects": lambda: forget_effects(database, request, places),
        "identities": lambda: forget_digests(database, places, "identity", ("digest", "expires_at"), request.now + 1),
        "messages": lambda: forget_messages(database, request, places),
        "ids": lambda: forget_digests(database, places, "message_id", ("digest", "at"), request.events_before),
        "keys": lambda: forget_digests(database, places, "newest", ("key_digest", "at"), request.effects_before),
    }
    counts = dict.fromkeys(kinds, 0)
    for kind, forget in kinds.items():
        if not places.get(f"ended_{kind}"):
            counts[kind], more = forget()
            places[f"ended_{kind}"] = int(not more)
    over = all(places[f"ended_{kind}"] for kind in kinds)
    if over:
        places |= {f"ended_{kind}": 0 for kind in kinds}
    database.insert(
        "meta", "name, value", list(places.items()), "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    return Forgotten(counts["events"], counts["effects"], counts["identities"], counts["messages"], more=not over)


def forget_events(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    page = database.rows(
        "SELECT d.event, d.status, d.in_way, d.finished_at, e.received_at, e.envelope FROM delivery d"
        " LEFT JOIN event e ON e.event = d.event WHERE d.event > ? ORDER BY d.event LIMIT ?",
        (places.get("kept_events", 0), AT_ONCE),
    )
    events = hold_over(database, [row[0] for row in page if is_over(row, request.events_before)], request)
    if events:
        delete(database, "delivery", "event", events)
        delete(database, "item", "event", events)
        if rows := [event for event in events if event >= request.rows_from]:
            delete(database, "line", "event", rows)
            delete(database, "event", "event", rows)
        gone = set(events)
        forget_envelopes(database, {row[5] for row in page if row[0] in gone and row[5] is not None})
        places["forgotten_event"] = max(places.get("forgotten_event", 0), events[-1])
    # Events are numbered as they arrive: behind one that is too young none is old enough.
    ended = len(page) < AT_ONCE or (page[-1][4] or 0) >= request.events_before
    places["kept_events"] = 0 if ended else page[-1][0]
    return len(events), not ended


def hold_over(database: Database, events: Sequence[int], request: Retention) -> list[int]:
    """Those of them that are still over, held until the commit: a person may redrive one this moment."""
    if not events:
        return []
    inside, values = database.among("event", events)
    rows = database.rows(
        f"SELECT event FROM delivery WHERE {inside} AND status IN {OVER_LISTED} AND in_way = 0 AND finished_at < ?"
        f" ORDER BY event{database.lock}",
        (*values, request.events_before),
    )
    return [event for (event,) in rows]


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
            " (SELECT 1 FROM delivery d JOIN event e ON e.event = d.event"
            " WHERE d.event BETWEEN envelope.event AND envelope.last AND e.envelope = envelope.event)",
            values,
        )


def forget_effects(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    page = database.rows(
        "SELECT f.number, f.first_sent_at, d.event, f.digest FROM effect f LEFT JOIN delivery d ON d.event = f.event"
        " WHERE f.number > ? ORDER BY f.number LIMIT ?",
        (places.get("kept_effects", 0), AT_ONCE),
    )
    old = [row for row in page if row[2] is None and row[1] < request.effects_before]
    database.hold(digest for *_, digest in old)  # an event may begin it anew this moment
    unowned = "AND first_sent_at < ? AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = effect.event)"
    delete(database, "effect", "number", [number for number, *_ in old], unowned, request.effects_before)
    ended = len(page) < AT_ONCE or page[-1][1] >= request.effects_before
    places["kept_effects"] = 0 if ended else page[-1][0]
    return len(old), not ended


def forget_digests(
    database: Database, places: dict[str, int], table: str, columns: tuple[str, str], before: int
) -> tuple[int, bool]:
    """Rows by (digest, time) of which the time is before. Digests have no order in time, so a pass sees all of them,
    from 00… to ff…; it remembers where it stood in two halves of eight bytes."""
    digest, time = columns
    halves = [f"kept_{table}_{half}" for half in ("high", "low")]
    after = b"".join(places.get(half, 0).to_bytes(8, signed=True) for half in halves)
    page = database.rows(
        f"SELECT {digest}, {time} FROM {table} WHERE {digest} > ? ORDER BY {digest} LIMIT ?", (after, DIGESTS_AT_ONCE)
    )
    old = [found for found, at in page if at < before]
    delete(database, table, digest, old, f"AND {time} < ?", before)
    ended = len(page) < DIGESTS_AT_ONCE
    last = bytes(16) if ended else page[-1][0]
    places |= {half: int.from_bytes(last[at : at + 8], signed=True) for half, at in zip(halves, (0, 8), strict=True)}
    return len(old), not ended


def forget_messages(database: Database, request: Retention, places: dict[str, int]) -> tuple[int, bool]:
    page = database.rows("SELECT message, at FROM message ORDER BY message LIMIT ?", (AT_ONCE,))
    old = [message for message, at in page if at < request.events_before]
    delete(database, "message", "message", old)
    places["forgotten_message"] = max(places.get("forgotten_message", 0), *old, 0)
    return len(old), len(old) == AT_ONCE


def delete(database: Database, table: str, column: str, found: Sequence[Any], tail: str = "", *values: Any) -> None:
    if found:
        inside, among = database.among(column, found)
        database.run(f"DELETE FROM {table} WHERE {inside} {tail}", [*among, *values])
