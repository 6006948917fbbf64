"""What people decide of events that stand still: release, reject, redrive.

A decision is a line of the story, fresh attempts, and a turn of its own: at once, or at the time it is told, and until
then it lets its key pass. Who may decide, and what is shown of it, is not this file's matter.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from engine.model import Allowed, ItemState, Status
from engine.store import Line, Move
from engine.store.database import Database, Row
from engine.store.items import load_items, write_items
from engine.store.keys import give_way, promote
from engine.store.rows import hold_deliveries, rounds, write_lines

MOVES = {
    "release": ("held", "quarantined"),
    "reject": ("held", "quarantined"),
    "redrive": ("dead", "quarantined", "held", "discarded"),
}
"""What a person may do, and to events of which statuses."""
READ = (
    "event, key_digest, status, plan, number, step, on_release, on_reject, blocks, phase, cause, reason, finished_at,"
    " has_items"
)
WRITTEN = (
    "status, ready, in_way, due_at, attempts, number, plan, queue, reason, missing, on_release, again, token,"
    " finished_at, phase, cause, crashes, gate, awaits, has_items"
)


class Standing:
    """An event that a person decides of."""

    def __init__(self, row: Sequence[Any], token: int, items: tuple[ItemState, ...], *, dropped: bool) -> None:
        (
            self.event,
            self.key,
            self.status,
            self.plan,
            self.number,
            self.step,
            self.on_release,
            on_reject,
            self.blocks,
            self.phase,
            self.cause,
            self.reason,
            self.finished_at,
            _,
        ) = row
        self.on_reject = on_reject if self.status == Status.HELD else "discard"
        self.token = token
        self.items = items
        self.dropped = dropped

    def fails_items(self, move: Move) -> bool:
        """Is a person's no to those items that are held, and not to the event?"""
        return move.action == "reject" and self.on_reject == "items"

    def refusal(self, move: Move) -> str:
        """Why it cannot be done; empty: it can."""
        allowed = MOVES[move.action]
        if self.status not in allowed:
            return f"it is {self.status}; {move.action} is for {', '.join(allowed)}"
        if move.action == "redrive" and self.dropped:
            return "its body was dropped to make room"
        return ""


def move(database: Database, moves: Sequence[Move]) -> list[str]:
    """See `Store.move`."""
    answers = [""] * len(moves)
    for turn in rounds(moves, lambda one: one.event):
        found = read(database, [one.event for _, one in turn])
        carried_out: list[tuple[Move, Standing]] = []
        for place, one in turn:
            standing = found.get(one.event)
            if standing is None:
                answers[place] = f"there is no event evt-{one.event}"
                continue
            answers[place] = standing.refusal(one)
            if not answers[place]:
                carried_out.append((one, standing))
        if carried_out:
            carry_out(database, carried_out)
    return answers


def read(database: Database, events: Sequence[int]) -> dict[int, Standing]:
    rows = hold_deliveries(database, events, f"token, {READ}")
    if not rows:
        return {}
    inside, values = database.among("event", [row[1] for row in rows])
    bodies = {
        event for (event,) in database.rows(f"SELECT event FROM event WHERE {inside} AND body IS NOT NULL", values)
    }
    items = load_items(database, [row[1] for row in rows if row[-1]])
    return {row[0]: Standing(row, token, items.get(row[0], ()), dropped=row[0] not in bodies) for token, *row in rows}


def carry_out(database: Database, moves: Sequence[tuple[Move, Standing]]) -> None:
    afresh = [
        one.event
        for one, standing in moves
        # What is being undone stays what was done, whatever the plan.
        if one.plan is not None and one.plan != standing.plan and not standing.phase
    ]
    if afresh:
        # The newer plan's steps are other steps: they run afresh, and the effect ledger knows what was done.
        inside, values = database.among("event", afresh)
        database.run(f"UPDATE line SET ended = 0 WHERE {inside}", values)
    rows: list[Row] = []
    stories: list[tuple[int, int, list[Line]]] = []
    items: dict[int, list[ItemState]] = {}
    for one, standing in moves:
        lines = story(one, standing)
        stories.append((one.event, standing.number, lines))
        if standing.items:
            items[one.event] = [] if one.event in afresh else items_moved(one, standing)
        rows.append(moved(one, standing, len(lines), int(bool(items.get(one.event)))))
    write_lines(database, stories)
    database.update("delivery", "event", WRITTEN, rows)
    write_items(database, items)
    keys = [standing.key for _, standing in moves]
    promote(database, keys)
    give_way(database, keys)


def said(one: Move) -> str:
    return ": ".join(part for part in (one.by, one.reason) if part)


def story(one: Move, standing: Standing) -> list[Line]:
    """The decision, and what it ends: a hold's result is who decided and why."""
    result = {"by": one.by, "reason": one.reason}
    ends = one.action == "release" and standing.on_release == "end"
    lines = at_the_door(standing)
    lines.append(Line(step=standing.step, kind=one.action, at=one.at, reason=said(one), ended=ends, result=result))
    if one.action == "release":
        lines += [
            Line(f"{item.place}.{item.step}", "release", one.at, reason=said(one), ended=True, result=result)
            for item in standing.items
            if item.state == "held" and item.on_release == "end"
        ]
    if one.new_effect:
        places = [f"{item.place}.{item.step}" for item in standing.items if not item.waits]
        lines += [
            Line(place, "new-effect", one.at, reason=said(one), result=result) for place in places or [standing.step]
        ]
    return lines


def at_the_door(standing: Standing) -> list[Line]:
    """Why an arrival was quarantined as it came. Only its delivery says so, whose reason the decision replaces: here it
    becomes a line, and not as it is stored, where every arrival would ask for it and few are ever decided of."""
    if standing.number or standing.status != Status.QUARANTINED:
        return []
    return [Line("", Status.QUARANTINED.value, standing.finished_at, reason=standing.reason)]


def items_moved(one: Move, standing: Standing) -> list[ItemState]:
    """What becomes of an event's items; those of one that is discarded stay as they are, for a redrive."""
    if one.action == "reject" and not standing.fails_items(one):
        return list(standing.items)
    return [item_moved(one, item) for item in standing.items]


def item_moved(one: Move, item: ItemState) -> ItemState:
    """An item that stood still goes on with its event, or fails where a person said no."""
    if item.waits or (item.state == "failed" and one.action != "redrive"):
        return item
    if one.action == "reject":
        return replace(item, state="failed", due_at=0, reason=f"rejected by {said(one)}", on_release="")
    again = allowance(one, item.on_release)
    return replace(
        item, state="waiting", attempts=0, due_at=one.due_at or one.at, reason="", on_release="", again=again
    )


def moved(one: Move, standing: Standing, lines: int, has_items: int) -> Row:
    """The values of WRITTEN, after the event."""
    due_at = one.due_at or one.at
    status, reason, finished_at = Status.ACCEPTED, "", None
    phase, cause = standing.phase, standing.cause
    if one.action == "reject" and not standing.fails_items(one):
        cause = f"rejected by {said(one)}"
        if standing.on_reject == "compensate":
            phase = "compensate"
        elif standing.on_reject != "continue":
            status, reason, finished_at, cause = Status.DISCARDED, cause, one.at, standing.cause
    # What is told to wait lets its key pass, unless it blocks: then the others wait for it as they did.
    sleeps = status is Status.ACCEPTED and due_at > one.at and not standing.blocks
    return (
        one.event,
        status.value,
        3 if sleeps else 0,
        0 if sleeps or status is Status.DISCARDED else 1,
        due_at,
        0,
        standing.number + lines,
        one.plan or standing.plan,
        "",
        reason,
        None,
        "",
        allowance(one, standing.on_release).value,
        standing.token + 1,
        finished_at,
        phase,
        cause,
        0,
        "",
        None,
        has_items,
    )


def allowance(one: Move, on_release: str) -> Allowed:
    """What a decision allows a doubtful call."""
    if one.action == "release" and on_release == "send":
        return Allowed.ANOTHER_REQUEST
    return Allowed.SETTLING if one.action == "redrive" else Allowed.NOTHING
