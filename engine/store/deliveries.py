"""Deliveries as they are handed out: the arrival as stored, what it came to so far, and where it stands."""

from collections.abc import Sequence

import msgspec

from engine.model import Allowed, Delivery, ItemState, Step
from engine.store.database import Database, Row
from engine.store.items import load_items
from engine.store.rows import decode_revision, decode_stored

TOLD = ("hold", "release", "redrive", "new-effect")
"""Kinds of lines that a delivery needs to know of, though no step ended with them."""
LINES = f"(ended = 1 OR kind IN ({', '.join(map(repr, TOLD))})) ORDER BY event, number"
COLUMNS = (
    "d.event, d.integration, d.plan, e.id, e.key, e.headers, e.query, e.body, e.received_at, d.token, d.lease_until,"
    " d.attempts, d.number, d.again, v.body, d.revision, n.revision, d.blocks, d.phase, d.cause, d.step, d.has_items"
)


class Told:
    """What the story of one event tells its next claim."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.asked: dict[str, int] = {}
        self.renewed: dict[str, int] = {}
        self.redriven = False

    def read(self, step: str, kind: str, at: int, operation: str, once: str, ended: int, result: bytes | None) -> None:
        if ended:
            self.steps.append(Step(step, None if result is None else decode_stored(result), operation, once, kind))
        elif kind == "hold":
            self.asked.setdefault(step, at)
        if kind == "new-effect":
            self.renewed[step] = self.renewed.get(step, 0) + 1
        elif kind in ("release", "redrive"):
            self.asked.clear()  # a hold that comes after it asks anew
            self.redriven = self.redriven or kind == "redrive"


def load(
    database: Database, events: Sequence[int], passes: dict[int, tuple[str, ...]] | None = None
) -> tuple[Delivery, ...]:
    """Deliveries with payload, ended steps and items, in the order asked for."""
    inside, values = database.among("event", events)
    told: dict[int, Told] = {}
    for event, *line in database.rows(
        f"SELECT event, step, kind, at, operation, once, ended, result FROM line WHERE {inside} AND {LINES}",
        values,
    ):
        told.setdefault(event, Told()).read(*line)
    inside, values = database.among("d.event", events)
    rows = database.rows(
        f"SELECT {COLUMNS} FROM delivery d JOIN event e ON e.event = d.event LEFT JOIN envelope v ON v.event = e.envelope"
        f" LEFT JOIN newest n ON d.revision IS NOT NULL AND n.key_digest = d.key_digest WHERE {inside}",
        values,
    )
    items = load_items(database, [row[0] for row in rows if row[-1]])
    found = {
        row[0]: delivery(row, told.get(row[0]) or Told(), items.get(row[0], ()), (passes or {}).get(row[0], ()))
        for row in rows
    }
    return tuple(found[event] for event in events)


def delivery(row: Row, told: Told, items: tuple[ItemState, ...], passes: tuple[str, ...]) -> Delivery:
    (
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
        lease_until,
        attempts,
        number,
        again,
        envelope,
        revision,
        done_revision,
        blocks,
        phase,
        cause,
        step,
        _,
    ) = row
    return Delivery(
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
        lease_until=lease_until,
        attempts=attempts,
        number=number,
        again=Allowed(again),
        steps=tuple(told.steps),
        envelope=envelope,
        revision=decode_revision(revision),
        done_revision=decode_revision(done_revision),
        blocks=bool(blocks),
        phase=phase,
        cause=cause,
        step=step,
        held_at=told.asked.get(step, 0),
        items=items,
        passes=passes,
        renewed=told.renewed,
        redriven=told.redriven,
    )
