"""Events of topics: stored once, handed to whoever receives the topic, and to whoever waits for one.

Whoever waits, and whoever emits, holds the (topic, key) first: so either the one finds the message, or the other finds
who waits for it.
"""

from collections.abc import Sequence

from engine.model import Emission, Message
from engine.store.arrivals import accept_outcome
from engine.store.database import Database
from engine.store.keys import digest_of, wake
from engine.store.room import Room

MESSAGES_MAX = 100
"""Events of one (topic, key) that a wait is shown, and that are kept for it."""


def emit(database: Database, emissions: Sequence[Emission], room: Room) -> list[bool]:
    """Stores the events that are new, and what arrives of them; which are. News that was told before, under the same id,
    is no news to anybody, whatever it says now: to its receivers it would be a conflict for a person."""
    if not emissions:
        return []
    named = [(digest_of(one.topic, one.id), digest_of(one.topic, one.key), one) for one in emissions]
    database.hold(digest for identity, awaited, _ in named for digest in (identity, awaited))
    inside, values = database.among("digest", [identity for identity, _, _ in named])
    known = {digest for (digest,) in database.rows(f"SELECT digest FROM message_id WHERE {inside}", values)}
    fresh: dict[bytes, tuple[bytes, Emission]] = {}
    for identity, awaited_digest, one in named:
        if identity not in known:
            fresh.setdefault(identity, (awaited_digest, one))
    numbers = database.numbers("message", len(fresh))
    database.insert(
        "message",
        "message, awaited, topic, key, id, at, body",
        [
            (number, awaited, one.topic, one.key, one.id, one.at, one.body)
            for number, (awaited, one) in zip(numbers, fresh.values(), strict=True)
        ],
    )
    database.insert("message_id", "digest, at", [(digest, one.at) for digest, (_, one) in fresh.items()])
    if fresh:
        awaited = dict.fromkeys(awaited for awaited, _ in fresh.values())
        forget(database, list(awaited))
        inside, values = database.among("awaits", awaited)
        waiting = database.rows(f"SELECT event FROM delivery WHERE {inside}", values)
        wake_all(database, [event for (event,) in waiting], emissions[0].at)
    accept_outcome(database, [arrival for _, one in fresh.values() for arrival in one.arrivals], room)
    return [identity in fresh and fresh[identity][1] is one for identity, _, one in named]


def forget(database: Database, awaited: Sequence[bytes]) -> None:
    """Of one (topic, key) nobody is shown more than the newest."""
    given, values = database.each(awaited)
    rows = database.rows(
        "SELECT wanted.value, (SELECT message FROM message WHERE awaited = wanted.value"
        f" ORDER BY message DESC LIMIT 1 OFFSET {MESSAGES_MAX}) FROM {given} AS wanted",
        values,
    )
    for digest, oldest in {row[0]: row[1] for row in rows}.items():
        if oldest is not None:
            database.run("DELETE FROM message WHERE awaited = ? AND message <= ?", (digest, oldest))


def hold_awaited(database: Database, awaited: Sequence[tuple[str, str]]) -> None:
    """Before anything is written for who waits for these."""
    if awaited:
        database.hold(digest_of(*pair) for pair in awaited)


def look_again(database: Database, waits: Sequence[tuple[int, tuple[str, str], int]], now: int) -> None:
    """Wakes those (event, awaited, newest message seen) for whom one came while they made up their minds to wait."""
    if not waits:
        return
    given, values = database.each([digest_of(*pair) for _, pair, _ in waits])
    newest: dict[bytes, int | None] = dict(
        database.rows(
            f"SELECT wanted.value, (SELECT max(message) FROM message WHERE awaited = wanted.value) FROM {given} AS wanted",
            values,
        )
    )
    wake_all(database, [event for event, pair, seen in waits if (newest[digest_of(*pair)] or 0) > seen], now)


def wake_all(database: Database, events: Sequence[int], now: int) -> None:
    if events:
        wake(database, events, now)


def messages(database: Database, awaited: Sequence[tuple[str, str]]) -> Sequence[tuple[Message, ...]]:
    """See `Store.messages`."""
    return [
        tuple(
            Message(message, body, at)
            for message, body, at in reversed(
                database.rows(
                    "SELECT message, body, at FROM message WHERE awaited = ?"
                    f" ORDER BY message DESC LIMIT {MESSAGES_MAX}",
                    (digest_of(*pair),),
                )
            )
        )
        for pair in awaited
    ]
