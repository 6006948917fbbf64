"""Outcomes: what came of claimed deliveries, and all that follows from it in the same transaction.

Whatever is written for a delivery carries the fencing token of its claim; a late one changes nothing.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from engine.contract.body import encode_json
from engine.model import EffectState, Status
from engine.rules.order import older
from engine.store import Line, Record, Tally
from engine.store.buckets import learn_all
from engine.store.database import Database, Row
from engine.store.items import write_items
from engine.store.keys import change_places, digest_of, give_way, let_pass, promote
from engine.store.room import Room
from engine.store.rows import decode_revision, hold_deliveries, rounds, write_lines
from engine.store.tallies import add_tallies, rows_waited_for
from engine.store.topics import emit, hold_awaited, look_again

READ = "event, token, status, key_digest, number, tables, blocks, revision, in_way, has_items, lease_until"
GOES_ON = (
    "lease_until, attempts, number, step, on_release, again, queue, reason, tables, missing, phase, cause, crashes,"
    " calling, has_items"
)
STOPS = f"{GOES_ON}, status, ready, due_at, finished_at, gate, on_reject, awaits"
STUCK = (Status.HELD, Status.QUARANTINED, Status.DEAD)


class Found:
    """A delivery as it was when its record came."""

    def __init__(self, row: Row) -> None:
        (
            self.event,
            self.token,
            self.status,
            self.key,
            self.number,
            self.tables,
            self.blocks,
            self.revision,
            self.in_way,
            self.has_items,
            self.lease_until,
        ) = row


Pair = tuple[Record, Found]


def record(database: Database, records: Sequence[Record], room: Room) -> list[bool]:
    """See `Store.record`."""
    results = [False] * len(records)
    for turn in rounds(records, lambda one: one.event):
        found = read(database, [one for _, one in turn])
        pairs: list[Pair] = []
        for place, one in turn:
            row = found.get(one.event)
            if row is not None and row.token == one.token and row.status == Status.RUNNING:
                results[place] = True
                pairs.append((one, row))
        if pairs:
            write(database, pairs, room)
    return results


def read(database: Database, records: Sequence[Record]) -> dict[int, Found]:
    """The deliveries of these records; the keys of those that give theirs back are held."""
    events = [one.event for one in records]
    if all(one.status is Status.RUNNING for one in records):
        inside, values = database.among("event", events)
        rows = database.rows(f"SELECT {READ} FROM delivery WHERE {inside} ORDER BY event{database.lock}", values)
    else:
        hold_awaited(database, [one.awaits for one in records if one.awaits is not None])
        rows = hold_deliveries(database, events, READ)
    return {row[0]: Found(row) for row in rows}


def write(database: Database, pairs: Sequence[Pair], room: Room) -> None:
    goes_on, stops, leaves = [], [], []
    free: list[bytes] = []
    for one, row in pairs:
        if one.status is Status.RUNNING:
            goes_on.append(going_on(one, row))
            continue
        ready, in_way = stand(one, blocks=bool(row.blocks))
        if in_way == row.in_way:
            stops.append(stopping(one, row, ready))
        else:
            leaves.append((*stopping(one, row, ready), in_way))
            free.append(row.key)
    # An index is written anew for every column named, changed or not: so what stays the same is not named.
    database.update("delivery", "event", GOES_ON, goes_on)
    database.update("delivery", "event", STOPS, stops)
    database.update("delivery", "event", f"{STOPS}, in_way", leaves)
    settle(database, pairs)
    items = [(one.event, one.items, row) for one, row in pairs if one.items is not None]
    write_items(database, {event: states for event, states, row in items if states or row.has_items})
    keep_newest(database, pairs)
    add_tallies(database, [Tally(seen, 1, one.at, one.at, one.event) for one, _ in pairs for seen in one.sightings])
    learn_all(database, [learnt for one, _ in pairs for learnt in one.learnt], max(one.at for one, _ in pairs))
    promote(database, free)
    waiting = {row.key: one for one, row in pairs if one.status is Status.WAITING and row.in_way == 2}
    changed = change_places(database, [(one.event, other, key) for key, one in waiting.items() for other in one.behind])
    changed |= let_pass(
        database, [(one.event, one.due_at, key) for key, one in waiting.items() if one.behind and key not in changed]
    )
    give_way(database, waiting.keys() - changed)
    news = iter(emit(database, [emission for one, _ in pairs for emission in one.emitted], room))
    # Last: whether what a step told was news is known only now, and its line says so.
    write_lines(
        database, [(one.event, row.number, lines_of(one, [next(news) for _ in one.emitted])) for one, row in pairs]
    )
    waits = [(one.event, one.awaits, one.seen_message) for one, _ in pairs if one.awaits is not None]
    look_again(database, waits, pairs[0][0].at)


def going_on(one: Record, row: Found) -> Row:
    """The values of GOES_ON, after the event."""
    return (
        one.event,
        max(row.lease_until, one.lease_until),
        one.attempts,
        row.number + len(one.lines),
        one.step,
        one.on_release,
        one.again.value,
        one.queue,
        one.reason,
        " ".join(one.tables) or row.tables,
        rows_waited_for(one.sightings),
        one.phase,
        one.cause,
        0,
        "",
        row.has_items if one.items is None else int(bool(one.items)),
    )


def stopping(one: Record, row: Found, ready: int) -> Row:
    """The values of STOPS, after the event."""
    return (
        *going_on(one, row),
        one.status.value,
        ready,
        one.due_at,
        None if one.status.active else one.at,
        one.gate,
        one.on_reject,
        None if one.awaits is None else digest_of(*one.awaits),
    )


def stand(one: Record, *, blocks: bool) -> tuple[int, int]:
    """(ready, in_way) of a delivery that stops."""
    asleep = 3 if one.due_at else 0
    if one.status is Status.WAITING:
        if one.awaits is not None:
            return asleep, 2 if blocks else 0
        return (2 if one.gate else 1), 2
    if one.status in STUCK:
        return asleep if one.status is Status.HELD else 0, int(blocks)
    return 0, 0


def lines_of(one: Record, news: Sequence[bool]) -> Sequence[Line]:
    """The lines of a record, those of its steps that told a topic with whether it was news. Under an id that was told
    before, as after a conflict that a person let go on, nobody hears anything: its line says so."""
    if all(news):
        return one.lines
    heard = iter(news)
    return [
        line
        if line.kind != "emit" or next(heard, True)
        else replace(line, reason=f"{line.reason} before, and not again")
        for line in one.lines
    ]


def settle(database: Database, pairs: Sequence[Pair]) -> None:
    """What is known of effects now."""
    database.update(
        "effect",
        "digest",
        "state, result",
        [
            (
                one.settled.digest,
                one.settled.state.value,
                encode_json(one.settled.result) if one.settled.state is EffectState.DONE else None,
            )
            for one, _ in pairs
            if one.settled is not None
        ],
    )
    for one, _ in pairs:
        if one.undone:
            inside, values = database.among("digest", one.undone)
            database.run(f"UPDATE effect SET state = 'undone' WHERE {inside} AND event = ?", (*values, one.event))


def keep_newest(database: Database, pairs: Sequence[Pair]) -> None:
    """The newest revision of each key that is done."""
    done = [
        (row.key, row.revision, one.at) for one, row in pairs if one.status is Status.DONE and row.revision is not None
    ]
    if not done:
        return
    inside, values = database.among("key_digest", [key for key, _, _ in done])
    kept: dict[bytes, bytes] = dict(database.rows(f"SELECT key_digest, revision FROM newest WHERE {inside}", values))
    changed: dict[bytes, tuple[bytes, int]] = {}
    for key, revision, at in done:
        before, now = decode_revision(kept.get(key)), decode_revision(revision)
        assert now is not None
        if before is None or older(before, now):
            kept[key], changed[key] = revision, (revision, at)
    database.insert(
        "newest",
        "key_digest, revision, at",
        [(key, *found) for key, found in changed.items()],
        "ON CONFLICT (key_digest) DO UPDATE SET revision = excluded.revision, at = excluded.at",
    )
