"""Deliveries of the embedded store: claimed by key and share, intents in the effect ledger, outcomes recorded.

Whatever is written for a delivery carries the fencing token of its claim; a late one changes nothing.
"""

from collections.abc import Mapping, Sequence

import apsw
import msgspec

from engine.contract.body import encode_json
from engine.model import Allowed, Delivery, EffectState, Status, Step, effect_digest
from engine.store import Answered, Claimed, ClaimRequest, Intent, Leave, Record, Tally
from engine.store.rows import Row, decode_stored, marks, promote, write_lines
from engine.store.tallies import add_tallies, rows_waited_for


def claim_one(connection: apsw.Connection, request: ClaimRequest) -> Claimed:
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
    return Claimed(load(connection, chosen), next_due_at)


def load(connection: apsw.Connection, events: Sequence[int]) -> tuple[Delivery, ...]:
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
            again=Allowed(again),
            steps=tuple(steps.get(event, ())),
        )
    return tuple(found[event] for event in events)


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


def begin_one(connection: apsw.Connection, intent: Intent) -> Answered:
    if intent.record is not None and not record_one(connection, intent.record):
        return Answered(Leave.STALE)
    holds = connection.execute(
        "SELECT 1 FROM delivery WHERE event = ? AND token = ? AND status = 'running'", (intent.event, intent.token)
    ).get
    if holds is None:
        return Answered(Leave.STALE)
    if intent.once is None:
        count_attempt(connection, intent)
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
        count_attempt(connection, intent)
        return Answered(Leave.SEND, first_sent_at=intent.at, event=intent.event)
    owner, state, request_digest, first_sent_at, result = row
    differs = request_digest != intent.request_digest
    if owner == intent.event and differs and not intent.again and state not in (EffectState.CLEAR, EffectState.REFUSED):
        return Answered(Leave.CHANGED, None, first_sent_at, owner, differs)
    if state == EffectState.DONE:
        value = None if result is None else decode_stored(result)
        return Answered(Leave.KNOWN, value, first_sent_at, owner, differs)
    if owner != intent.event and is_open(connection, owner):
        return Answered(Leave.BUSY, None, first_sent_at, owner, differs)
    unsettled = state in (EffectState.OPEN, EffectState.UNKNOWN)
    if unsettled and not intent.again:
        take(connection, digest, intent.event)
        return Answered(Leave.UNKNOWN, None, first_sent_at, intent.event, differs)
    sent_at = first_sent_at if unsettled else intent.at
    connection.execute(
        "UPDATE effect SET state = 'open', event = ?, step = ?, request_digest = ?, first_sent_at = ?, attempts = attempts + 1"
        " WHERE digest = ?",
        (intent.event, intent.step, intent.request_digest, sent_at, digest),
    )
    count_attempt(connection, intent)
    return Answered(Leave.SEND, None, sent_at, intent.event, differs)


def take(connection: apsw.Connection, digest: bytes, event: int) -> None:
    connection.execute("UPDATE effect SET event = ? WHERE digest = ? AND event != ?", (event, digest, event))


def is_open(connection: apsw.Connection, event: int) -> bool:
    """Will the event that owns an effect still move, by itself or by a person?"""
    status = connection.execute("SELECT status FROM delivery WHERE event = ?", (event,)).get
    return status in ("accepted", "running", "waiting", "held")


def count_attempt(connection: apsw.Connection, intent: Intent) -> None:
    connection.execute(
        "UPDATE delivery SET attempts = attempts + 1, calls = calls + 1, lease_until = ?, tables = coalesce(?, tables) WHERE event = ?",
        (intent.lease_until, " ".join(intent.tables) or None, intent.event),
    )


def record_one(connection: apsw.Connection, record: Record) -> bool:
    status = record.status
    finished_at = None if status.active else record.at
    row = connection.execute(
        "UPDATE delivery SET status = ?, ready = ?, due_at = ?, lease_until = ?, attempts = ?, number = number + ?, step = ?,"
        " on_release = ?, again = ?, queue = ?, reason = ?, finished_at = ?, tables = coalesce(?, tables), missing = ?"
        " WHERE event = ? AND token = ? AND status = 'running' RETURNING key_digest, number",
        (
            status.value,
            int(status is Status.WAITING),
            record.due_at,
            record.lease_until,
            record.attempts,
            len(record.lines),
            record.step,
            record.on_release,
            record.again.value,
            record.queue,
            record.reason,
            finished_at,
            " ".join(record.tables) or None,
            rows_waited_for(record.sightings) if record.sightings else None,
            record.event,
            record.token,
        ),
    ).fetchone()
    if row is None:
        return False
    key_digest, number = row
    write_lines(connection, record.event, number - len(record.lines), record.lines)
    if record.settled is not None:
        settled = record.settled
        result = encode_json(settled.result) if settled.state is EffectState.DONE else None
        connection.execute(
            "UPDATE effect SET state = ?, result = ? WHERE digest = ?",
            (settled.state.value, result, settled.digest),
        )
    if record.sightings:
        add_tallies(connection, [Tally(seen, 1, record.at, record.at, record.event) for seen in record.sightings])
    if status is not Status.RUNNING:
        promote(connection, key_digest)
    return True
