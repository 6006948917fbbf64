"""Partitions of payloads and stories: made ahead of the events that will fill them, dropped when nothing of them is kept.

Partition n holds the events from n times EVENTS on. Nothing that is active, stuck or young is ever dropped: a partition goes
when no delivery of it is left, and deliveries are forgotten one by one (`engine.store.retention`). Where a few old ones
are still needed, the rows of the others are deleted in small batches instead. All of it happens on a connection of its own.
"""

from collections.abc import Iterable

from engine.store.postgres.connect import Connection

EVENTS = 1 << 20
"""Events in a partition: few enough tables for a busy store, and a quiet one hardly needs partitions."""
PARTITIONED = ("event", "line")
ORPHANS_AT_ONCE = 2_000


def make_ahead(connection: Connection, events: int = EVENTS) -> int:
    """Makes the partition of the events to come, and the one after it well before it is needed; how many it made.

    A table is made first and attached then: to make it as a partition at once would stop every writer meanwhile.
    """
    row = connection.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_number").fetchone()
    newest = 0 if row is None else int(row[0])
    return make(connection, {newest // events, (newest + events // 2) // events}, events)


def make(connection: Connection, numbers: Iterable[int], events: int = EVENTS) -> int:
    """Makes these partitions, as far as they are not there; how many it made."""
    if not set(numbers) - set(partitions(connection, "event")):
        return 0
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('waybill partitions'))")
        missing = set(numbers) - set(partitions(connection, "event"))
        for number in sorted(missing):
            for table in PARTITIONED:
                name = f"{table}_{number}"
                connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
                connection.execute(
                    f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({number * events}) TO ({(number + 1) * events})"
                )
    return len(missing)


def partitions(connection: Connection, table: str) -> dict[int, bool]:
    """Number of each partition → is it being detached?"""
    rows = connection.execute(
        "SELECT substring(c.relname FROM '[0-9]+$')::bigint, i.inhdetachpending FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass ORDER BY 1",
        (table,),
    )
    return {int(number): bool(pending) for number, pending in rows}


def drop_forgotten(connection: Connection, events: int = EVENTS) -> list[int]:
    """Drops the partitions of which no delivery is left; their numbers. The newest two are never looked at.

    They are detached beside whoever reads and writes, which may take as long as their transactions do.
    """
    there = sorted(partitions(connection, "event") | partitions(connection, "line"))
    dropped = []
    for number in there[:-2]:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM delivery WHERE event >= %s AND event < %s)",
            (number * events, (number + 1) * events),
        ).fetchone()
        if row == (False,):
            for table in PARTITIONED:
                drop(connection, table, number)
            dropped.append(number)
        else:
            delete_orphans(connection, number)
    return dropped


def drop(connection: Connection, table: str, number: int) -> None:
    there = partitions(connection, table)
    if number in there:
        how = "FINALIZE" if there[number] else "CONCURRENTLY"
        connection.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_{number} {how}")
    connection.execute(f"DROP TABLE IF EXISTS {table}_{number}")


def delete_orphans(connection: Connection, number: int) -> None:
    """Some deliveries of an old partition are still needed: the rows of the others go one by one."""
    for table in PARTITIONED:
        connection.execute(
            f"DELETE FROM {table}_{number} WHERE ctid IN (SELECT o.ctid FROM {table}_{number} o"
            f" WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.event = o.event) LIMIT {ORPHANS_AT_ONCE})"
        )


def first_open(connection: Connection, events: int = EVENTS) -> int:
    """The lowest event of the partitions that are never dropped: rows below it go with their partition."""
    there = sorted(partitions(connection, "event"))
    return there[-2] * events if len(there) > 1 else 0
