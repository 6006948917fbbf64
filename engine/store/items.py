"""Where the items of an `each` stand that have not ended, as rows."""

from collections.abc import Mapping, Sequence

from engine.model import Allowed, ItemState
from engine.store.database import Database

COLUMNS = "event, place, state, step, attempts, due_at, reason, on_release, again, queue"


def write_items(database: Database, items: Mapping[int, Sequence[ItemState]]) -> None:
    """Items of these events, in place of those they had."""
    if not items:
        return
    inside, values = database.among("event", items)
    database.run(f"DELETE FROM item WHERE {inside}", values)
    database.insert(
        "item",
        COLUMNS,
        [
            (
                event,
                one.place,
                one.state,
                one.step,
                one.attempts,
                one.due_at,
                one.reason,
                one.on_release,
                one.again.value,
                one.queue,
            )
            for event, states in items.items()
            for one in states
        ],
    )


def load_items(database: Database, events: Sequence[int]) -> dict[int, tuple[ItemState, ...]]:
    """Items that have not ended, by event."""
    if not events:
        return {}
    inside, values = database.among("event", events)
    found: dict[int, list[ItemState]] = {}
    for event, place, state, step, attempts, due_at, reason, on_release, again, queue in database.rows(
        f"SELECT {COLUMNS} FROM item WHERE {inside} ORDER BY event, length(place), place",
        values,
    ):
        item = ItemState(place, state, step, attempts, due_at, reason, on_release, Allowed(again), queue)
        found.setdefault(event, []).append(item)
    return {event: tuple(items) for event, items in found.items()}
