"""What people and metrics read of a store: lists, stories, counts. Nothing here writes.

Any connection will do; commands use a read-only one beside the running engine.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from engine.model import EffectState, ItemState, Sighted, Sighting, Status, effect_digest
from engine.store import Effect, EventRow, Filter, GateRow, Gauges, Line, Tally
from engine.store.database import Database, Row, Value
from engine.store.items import load_items
from engine.store.rows import decode_stored

decode_rows = msgspec.json.Decoder(tuple[tuple[str, str, str], ...]).decode

COLUMNS = (
    "d.event, d.integration, e.id, e.key, d.status, d.calls, e.received_at, d.finished_at, d.due_at, d.plan, p.version,"
    " d.step, d.queue, d.reason, d.tables, d.missing, d.lane, d.gate, d.phase"
)


def read_events(database: Database, wanted: Filter) -> Iterator[EventRow]:
    """Events that match, oldest first."""
    conditions, values = matching(database, wanted)
    for row in database.rows(
        f"SELECT {COLUMNS} FROM delivery d JOIN event e ON e.event = d.event LEFT JOIN plan p ON p.hash = d.plan"
        f" WHERE {' AND '.join(conditions)} ORDER BY d.event LIMIT ?",
        (*values, wanted.limit),
    ):
        yield event_row(row)


def matching(database: Database, wanted: Filter) -> tuple[list[str], list[Value]]:
    """The conditions of a filter, and the values of their marks."""
    conditions: list[str] = ["d.event > ?"]
    values: list[Value] = [wanted.after]
    if wanted.status:
        inside, listed = database.among("d.status", wanted.status)
        conditions.append(inside)
        values += listed
    for condition, value in (
        ("d.integration = ?", wanted.integration),
        ("d.queue = ?", wanted.queue),
        ("e.id = ?", wanted.id),
        ("e.key = ?", wanted.key),
        ("e.received_at >= ?", wanted.since),
        ("e.received_at < ?", wanted.until),
        ("d.step = ?", wanted.step),
        # A part of a text by a name that both databases know: `instr` is SQLite's, `strpos` the other's.
        ("replace(d.reason, ?, '') != d.reason", wanted.reason or None),
        ("d.lane = ?", wanted.lane),
        ("d.gate = ?", wanted.gate),
        ("d.phase = ?", wanted.phase),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if wanted.missing:
        conditions.append("d.missing IS NOT NULL")
    return conditions, values


def event_row(row: Row) -> EventRow:
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
        lane,
        gate,
        phase,
    ) = row
    return EventRow(
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
        lane=lane,
        gate=gate,
        phase=phase,
    )


def read_tallies(database: Database, *kinds: Sighted) -> list[Tally]:
    """The counts of these kinds, the most frequent first."""
    inside, values = database.among("kind", [kind.value for kind in kinds])
    return [
        Tally(Sighting(Sighted(kind), place, name, part), count, first_at, last_at, event)
        for kind, place, part, name, count, first_at, last_at, event in database.rows(
            f"SELECT kind, place, part, name, count, first_at, last_at, event FROM tally WHERE {inside}"
            " ORDER BY count DESC, last_at DESC, place, part, name",
            values,
        )
    ]


def read_lines(database: Database, event: int) -> list[Line]:
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
        for step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables in database.rows(
            "SELECT step, kind, at, operation, once, verdict, status, took_us, reason, ended, result, tables FROM line WHERE event = ?"
            " ORDER BY number",
            (event,),
        )
    ]


def read_items(database: Database, event: int) -> tuple[ItemState, ...]:
    """Where the items of an `each` stand that have not ended."""
    return load_items(database, [event]).get(event, ())


def read_effects(database: Database, lines: list[Line]) -> list[Effect]:
    """The ledger's rows for the effects a story names, in its order."""
    named = dict.fromkeys((*line.operation.partition(".")[::2], line.once) for line in lines if line.once)
    if not named:
        return []
    wanted = {effect_digest(*one): one for one in named}
    inside, values = database.among("digest", wanted)
    found = {
        digest: Effect(*wanted[digest], EffectState(state), attempts, event, first_sent_at)
        for digest, state, attempts, event, first_sent_at in database.rows(
            f"SELECT digest, state, attempts, event, first_sent_at FROM effect WHERE {inside}", values
        )
    }
    return [found[digest] for digest in wanted if digest in found]


def read_gates(database: Database) -> list[GateRow]:
    """All gates there is something to tell of, by name: as they are kept, and how many wait there."""
    parked: dict[str, int] = dict(database.rows("SELECT gate, count(*) FROM delivery WHERE ready = 2 GROUP BY gate"))
    kept = {row.gate: row for row in read_kept_gates(database)}
    return [replace(kept.get(gate, GateRow(gate)), parked=parked.get(gate, 0)) for gate in sorted(kept | parked)]


def read_kept_gates(database: Database) -> list[GateRow]:
    """Gates as they are kept. Who waits there is not counted: that takes as long as they are many."""
    return [
        GateRow(gate, state, until, forced, reason, at, quota or b"")
        for gate, state, until, forced, reason, at, quota in database.rows(
            "SELECT gate, state, until, forced, reason, at, quota FROM gate"
        )
    ]


def read_gate(database: Database, gate: str) -> GateRow:
    """One gate, as if it were new where nothing is kept of it."""
    return next((row for row in read_gates(database) if row.gate == gate), GateRow(gate))


def read_plan(database: Database, hash_: str) -> bytes | None:
    """A kept plan's content."""
    rows = database.rows("SELECT content FROM plan WHERE hash = ?", (hash_,))
    return rows[0][0] if rows else None


def read_versions(database: Database) -> dict[tuple[str, int], str]:
    """(integration, version) → hash of the plan first kept under it."""
    rows = database.rows("SELECT integration, version, hash FROM plan ORDER BY kept_at DESC")
    return {(integration, version): hash_ for integration, version, hash_ in rows}


def read_pinned(database: Database) -> list[str]:
    """Hashes of the plans that events still need: those the engine moves, and those that wait for a person."""
    return [
        hash_
        for (hash_,) in database.rows(
            "SELECT plan FROM delivery WHERE in_way > 0"
            " UNION SELECT plan FROM delivery WHERE in_way = 0 AND status IN ('accepted', 'waiting')"
            " UNION SELECT plan FROM delivery WHERE status IN ('held', 'quarantined', 'dead')"
        )
    ]


def read_gauges(database: Database) -> Gauges:
    """Counts of the events that are not over, by integration and status, and the oldest one that still moves.

    Finished events are not counted: the engine's counters know them, and counting a long history is slow. Each part
    reads one of the indexes that hold nothing else.
    """
    counts: dict[tuple[str, str], int] = {}
    firsts: list[int] = []
    for integration, status, count, first in database.rows(
        "SELECT integration, status, count(*), min(event) FROM delivery"
        " WHERE in_way > 0 AND status IN ('accepted', 'running', 'waiting') GROUP BY integration, status"
        " UNION ALL SELECT integration, status, count(*), min(event) FROM delivery"
        " WHERE in_way = 0 AND status IN ('accepted', 'waiting') GROUP BY integration, status"
        " UNION ALL SELECT integration, status, count(*), 0 FROM delivery"
        " WHERE status IN ('held', 'quarantined', 'dead') GROUP BY integration, status"
    ):
        counts[integration, status] = counts.get((integration, status), 0) + count
        if first:
            firsts.append(first)
    if not firsts:
        return Gauges(counts, None)
    # Events are numbered as they arrive.
    rows = database.rows("SELECT received_at FROM event WHERE event = ?", (min(firsts),))
    return Gauges(counts, rows[0][0] if rows else None)
