"""What people and metrics read of the embedded store: lists, stories, counts. Nothing here writes.

Any connection will do; commands use a read-only one beside the running engine.
"""

from collections.abc import Iterator

import apsw
import msgspec

from engine.model import EffectState, Sighted, Sighting, Status, effect_digest
from engine.store import Effect, EventRow, Filter, Gauges, Line, Tally
from engine.store.rows import ACTIVE, decode_stored, marks

decode_rows = msgspec.json.Decoder(tuple[tuple[str, str, str], ...]).decode

COLUMNS = (
    "d.event, d.integration, e.id, e.key, d.status, d.calls, e.received_at, d.finished_at, d.due_at, d.plan, p.version,"
    " d.step, d.queue, d.reason, d.tables, d.missing"
)


def read_events(connection: apsw.Connection, wanted: Filter) -> Iterator[EventRow]:
    """Events that match, oldest first."""
    where, values = ["d.event > ?"], [wanted.after]
    if wanted.status:
        where.append(f"d.status IN ({marks(len(wanted.status))})")
        values.extend(wanted.status)  # type: ignore[arg-type]
    for column, value in (
        ("d.integration", wanted.integration),
        ("d.queue", wanted.queue),
        ("e.id", wanted.id),
        ("e.key", wanted.key),
    ):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)  # type: ignore[arg-type]
    if wanted.missing:
        where.append("d.missing IS NOT NULL")
    for row in connection.execute(
        f"SELECT {COLUMNS} FROM delivery d JOIN event e ON e.event = d.event LEFT JOIN plan p ON p.hash = d.plan"
        f" WHERE {' AND '.join(where)} ORDER BY d.event LIMIT ?",
        (*values, wanted.limit),
    ):
        (
            event,
            integration,
            id_,
            key,
            status,
            attempts,
            received_at,
            finished_at,
            due_at,
            plan,
            version,
            step,
            queue,
            reason,
            tables,
            missing,
        ) = row
        yield EventRow(
            event=event,
            integration=integration,
            id=id_,
            key=key,
            status=Status(status),
            attempts=attempts,
            received_at=received_at,
            finished_at=finished_at,
            due_at=due_at,
            plan=plan,
            version=version or 0,
            step=step,
            queue=queue,
            reason=reason,
            tables=tuple(tables.split()),
            missing=() if missing is None else decode_rows(missing),
        )


def read_tallies(connection: apsw.Connection, *kinds: Sighted) -> list[Tally]:
    """The counts of these kinds, the most frequent first."""
    return [
        Tally(Sighting(Sighted(kind), place, name, part), count, first_at, last_at, event)
        for kind, place, part, name, count, first_at, last_at, event in connection.execute(
            f"SELECT kind, place, part, name, count, first_at, last_at, event FROM tally WHERE kind IN ({marks(len(kinds))})"
            " ORDER BY count DESC, last_at DESC, place, part, name",
            tuple(kind.value for kind in kinds),
        )
    ]


def read_lines(connection: apsw.Connection, event: int) -> list[Line]:
    """The story of an event, in order."""
    return [
        Line(
            step=step,
            kind=kind,
            at=at,
            operation=operation,
            once=once,
            verdict=verdict,
            status=status,
            took_us=took_us,
            reason=reason,
            ended=bool(ended),
            result=None if result is None else decode_stored(result),
            tables=tuple(tables.split()),
        )
        for step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables in connection.execute(
            "SELECT step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables FROM line WHERE event = ?"
            " ORDER BY number",
            (event,),
        )
    ]


def read_effects(connection: apsw.Connection, lines: list[Line]) -> list[Effect]:
    """The ledger's rows for the effects a story names."""
    named = dict.fromkeys((*line.operation.partition(".")[::2], line.once) for line in lines if line.once)
    effects = []
    for system, operation, once in named:
        row = connection.execute(
            "SELECT state, attempts, event FROM effect WHERE digest = ?", (effect_digest(system, operation, once),)
        ).fetchone()
        if row is not None:
            effects.append(Effect(system, operation, once, EffectState(row[0]), row[1], row[2]))
    return effects


def read_plan(connection: apsw.Connection, hash_: str) -> bytes | None:
    """A kept plan's content."""
    content: bytes | None = connection.execute("SELECT content FROM plan WHERE hash = ?", (hash_,)).get
    return content


def read_versions(connection: apsw.Connection) -> dict[tuple[str, int], str]:
    """(integration, version) → hash of the plan first kept under it."""
    rows = connection.execute("SELECT integration, version, hash FROM plan ORDER BY kept_at DESC")
    return {(integration, version): hash_ for integration, version, hash_ in rows}


def read_pinned(connection: apsw.Connection) -> list[str]:
    """Hashes of the plans that events still need: those the engine moves, and those that wait for a person."""
    return [
        hash_
        for (hash_,) in connection.execute(
            "SELECT DISTINCT plan FROM delivery WHERE status IN ('accepted', 'running', 'waiting', 'held', 'quarantined', 'dead')"
        )
    ]


def read_gauges(connection: apsw.Connection) -> Gauges:
    """Counts of the events that are not over, by integration and status, and the oldest one that still moves.

    Finished events are not counted: the engine's counters know them, and counting a long history is slow.
    """
    counts = {
        (integration, status): count
        for statuses in (ACTIVE, "('held', 'quarantined', 'dead')")
        for integration, status, count in connection.execute(
            f"SELECT integration, status, count(*) FROM delivery WHERE status IN {statuses} GROUP BY 1, 2"
        )
    }
    # Events are numbered as they arrive; the index of active ones gives the least without reading a row.
    oldest = connection.execute(
        f"SELECT received_at FROM event WHERE event = (SELECT min(event) FROM delivery INDEXED BY delivery_active"
        f" WHERE status IN {ACTIVE})"
    ).get
    return Gauges(counts, oldest)
