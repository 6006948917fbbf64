"""Keys: what stands for them in an index, and whose turn it is.

Of each key one event has it (`in_way` 2): it is claimable, runs, or waits to go on. Those behind it are numbered in the
order of arrival (`in_way` 1), and the first of them gets it next. What waits for a person, sleeps, or is over is not in
the way, unless it is stuck and its integration says that it blocks: then it stays the first, and nobody gets the key.
Statements say `in_way > 0` beside what they mean: by these words a database knows the partial index that they need.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from engine.model import Status
from engine.store.database import Database, Value
from engine.store.rows import hold_deliveries

BEGUN_AMONG_MAX = 64
"""What has begun is looked for among so many that are behind: it comes before what has not."""
KEYS_AT_ONCE = 64
"""Those behind so many keys are read in one statement."""
_DIGITS_ORDERED = 18
"""So many digits fit into eight bytes."""


def digest_of(left: str, right: str) -> bytes:
    """16 bytes that stand for two texts in an index: random access is dear, so a key of one is short."""
    return sha256(f"{left}\0{right}".encode()).digest()[:16]


def key_digest(space: str, key: str) -> bytes:
    """16 bytes that stand for (key space, key) in the index of keys.

    Whole numbers keep their order: orders are numbered one after the other, so the keys of a group share a page of the
    index or two. Scattered, each would have a page of its own to be written, as many as the bodies have.
    """
    if len(key) <= _DIGITS_ORDERED and key.isdecimal() and str(int(key)) == key:
        return space_digest(space) + int(key).to_bytes(8)
    return digest_of(space, key)


@lru_cache(1024)
def space_digest(space: str) -> bytes:
    return sha256(space.encode()).digest()[:8]


def promote(database: Database, keys: Iterable[bytes]) -> None:
    """Gives each key that nobody has to the first event behind it; who calls it holds the keys."""
    found = list(dict.fromkeys(keys))
    if not found:
        return
    given, values = database.each(found)
    heads = database.rows(
        "SELECT (SELECT min(event) FROM delivery WHERE key_digest = wanted.value AND in_way > 0 AND in_way = 1)"
        f" FROM {given} AS wanted"
        " WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE key_digest = wanted.value AND in_way > 0 AND in_way = 2)",
        values,
    )
    first = {event for (event,) in heads if event is not None}
    if first:
        inside, values = database.among("event", sorted(first))
        database.run(
            f"UPDATE delivery SET ready = 1, in_way = 2 WHERE {inside} AND status IN ('accepted', 'waiting')", values
        )


def give_way(database: Database, keys: Iterable[bytes]) -> None:
    """Who has a key and only waits gives it up to an older event behind it, one that a person has let go on: it may be
    waiting for just that one, whose effect is its own, and both would wait for ever. Who calls it holds the keys.

    CROSS JOIN says to SQLite in which order: left to itself it went through all that has a key, for each that waits."""
    found = list(dict.fromkeys(keys))
    if not found:
        return
    given, values = database.each(found)
    later = database.rows(
        f"SELECT has.event FROM {given} AS wanted CROSS JOIN delivery has WHERE has.key_digest = wanted.value"
        " AND has.in_way > 0 AND has.in_way = 2 AND has.status = 'waiting' AND has.ready IN (1, 2)"
        " AND EXISTS (SELECT 1 FROM delivery older WHERE older.key_digest = has.key_digest"
        " AND older.in_way > 0 AND older.in_way = 1 AND older.event < has.event)",
        values,
    )
    if later:
        inside, values = database.among("event", sorted({event for (event,) in later}))
        # Asked again in the same breath: a claim holds rows, not keys, and may have taken one of them this moment.
        database.run(
            f"UPDATE delivery SET ready = 0, in_way = 1, gate = '' WHERE {inside} AND status = 'waiting' AND ready IN (1, 2)",
            values,
        )
        promote(database, found)


def change_places(database: Database, pairs: Sequence[tuple[int, int, bytes]]) -> set[bytes]:
    """Who has a key and waits for the effect of an event behind it gives the key to that one: a younger one may have
    begun it while the older was stuck, and both would wait for ever. Of (who has it, for whom it waits, the key), the
    keys that are another's now. Who calls it holds the keys."""
    if not pairs:
        return set()
    inside, values = database.among("event", sorted({other for _, other, _ in pairs}))
    behind: dict[int, bytes] = dict(
        database.rows(
            f"SELECT event, key_digest FROM delivery WHERE {inside} AND in_way = 1 AND status IN ('accepted', 'waiting')",
            values,
        )
    )
    found = {key: (event, other) for event, other, key in pairs if behind.get(other) == key}
    hand_over(database, list(found.values()))
    return set(found)


def let_pass(database: Database, waits: Sequence[tuple[int, int, bytes]]) -> set[bytes]:
    """Who has a key and waits for an effect at another key lets the first younger one pass that has begun already and
    is due before: others may wait for what that one began, the very event that is waited for among them. Of (who has
    it, when it asks again, the key), the keys that are another's now. Who calls it holds the keys."""
    one = (
        "SELECT * FROM (SELECT key_digest, event, due_at, status, token FROM delivery WHERE key_digest = ?"
        f" AND in_way > 0 AND in_way = 1 AND event > ? ORDER BY event LIMIT {BEGUN_AMONG_MAX}) AS behind"
    )
    found: dict[bytes, tuple[int, int]] = {}
    for at in range(0, len(waits), KEYS_AT_ONCE):
        chunk = waits[at : at + KEYS_AT_ONCE]
        holders = {key: (event, asks_at) for event, asks_at, key in chunk}
        values: list[Value] = [value for event, _, key in chunk for value in (key, event)]
        for key, other, due_at, status, token in database.rows(" UNION ALL ".join([one] * len(chunk)), values):
            event, asks_at = holders[key]
            if key not in found and token and due_at <= asks_at and status in (Status.ACCEPTED, Status.WAITING):
                found[key] = (event, other)
    if found:
        hand_over(database, list(found.values()))
    return set(found)


def hand_over(database: Database, pairs: Sequence[tuple[int, int]]) -> None:
    """Of (who has a key, who gets it)."""
    database.update("delivery", "event", "ready, in_way, gate", [(event, 0, 1, "") for event, _ in pairs])
    database.update("delivery", "event", "ready, in_way", [(other, 1, 2) for _, other in pairs])


def wake(database: Database, events: Sequence[int], now: int) -> None:
    """What slept goes on: at once where it has its key, else in its turn."""
    rows = hold_deliveries(database, events, "event, key_digest, status, in_way, ready, awaits")
    woken = [row for row in rows if row[4] == 3 or row[5] is not None]
    database.update(
        "delivery",
        "event",
        "status, ready, in_way, due_at, awaits",
        [
            (event, "accepted" if status == "held" else status, int(in_way == 2), max(in_way, 1), now, None)
            for event, _, status, in_way, _, _ in woken
        ],
    )
    promote(database, [key for _, key, _, in_way, _, _ in woken if in_way != 2])
