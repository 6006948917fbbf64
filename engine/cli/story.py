"""The story of one event, for a person at night and for programs: what came, what was tried, asked and decided, what it
did to partners, what it waits for now and until when.

All of it is read from the store; of its specification only what it declared for the step it stands at, in the version
it runs under. How often a sender delivered it is not told: a duplicate leaves no row. This file refuses to guess: what
is not stored is left out.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from engine.cli.formats import moment, plural
from engine.cli.now import Now, now_of
from engine.model import LANES, UNSETTLED, ItemState, Status
from engine.rules.opening import time_text
from engine.store import Effect, EventRow, GateRow, Line
from engine.store.database import Database
from engine.store.readers import read_effects, read_gate, read_items, read_lines, read_plan
from engine.store.standing import Standing, read_standing, read_unanswered

DECISIONS = {
    "release": "released",
    "reject": "rejected",
    "redrive": "redriven",
    "new-effect": "another effect asked for",
}
SENT = ("call", "look-up", "undo")
"""Kinds of lines that tell of a request."""


class Story(Struct, frozen=True):
    """All that is told of one event; `topic` is the one that it came over."""

    row: EventRow
    lines: Sequence[Line]
    effects: Sequence[Effect]
    items: Sequence[ItemState]
    standing: Standing
    now: Now
    topic: str = ""


def read_story(database: Database, row: EventRow) -> Story:
    """The story of an event. What it sent without an answer stands in no line: it is looked for where lines are fewer
    than requests."""
    lines = read_lines(database, row.event)
    effects = read_effects(database, lines)
    if row.attempts > sum(line.kind in SENT and bool(line.verdict) for line in lines):
        told = {(effect.system, effect.operation, effect.once) for effect in effects}
        effects += [
            effect
            for effect in read_unanswered(database, row.event)
            if (effect.system, effect.operation, effect.once) not in told
        ]
    spec = declared(read_plan(database, row.plan))
    standing = read_standing(database, row.event)
    gate = read_gate(database, row.gate) if row.gate and row.status is Status.WAITING else GateRow("")
    items = read_items(database, row.event)
    now = now_of(row, standing, step_of(spec, row.step), lines, items, gate)
    topic = spec.get("receive", {}).get("topic")
    return Story(row, lines, effects, items, standing, now, topic if isinstance(topic, str) else "")


def declared(content: bytes | None) -> dict[str, Any]:
    """The integration's specification in a kept plan."""
    from engine.contract.body import decode_body

    found: Any = decode_body(content) if content else {}
    spec: dict[str, Any] = found.get("spec") or {}
    return spec


def step_of(spec: dict[str, Any], place: str) -> dict[str, Any]:
    """What is declared for a place: `parcels[2].label` is the step `label` of `parcels`."""
    found: dict[str, Any] = spec
    for part in place.split("."):
        steps: list[dict[str, Any]] = found.get("steps") or []
        found = next((step for step in steps if step.get("id") == part.partition("[")[0]), {})
    return found


# ── for programs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def story_as_json(story: Story) -> dict[str, Any]:
    """What came, what was tried and decided, in order, what it waits for, where its items and effects stand."""
    standing = story.standing
    return {
        "revision": None if standing.revision is None else [str(part) for part in standing.revision],
        "topic": story.topic or None,
        "split": None if standing.split is None else [f"evt-{event}" for event in standing.split],
        "cause": standing.cause or None,
        "now": now_as_json(story.now),
        "story": [line_as_json(line) for line in story.lines],
        "items": [item_as_json(item) for item in story.items],
        "effects": [
            {
                "operation": f"{effect.system}.{effect.operation}",
                "once": effect.once,
                "state": effect.state.value,
                "attempts": effect.attempts,
                "event": f"evt-{effect.event}",
                "first_sent_at": time_text(effect.first_sent_at),
            }
            for effect in story.effects
        ],
    }


def now_as_json(now: Now) -> dict[str, Any]:
    return {
        "waits_for": now.waits_for or None,
        "until": time_text(now.until) if now.until else None,
        "then": now.then or None,
        "behind": f"evt-{now.behind}" if now.behind else None,
        "later": now.later,
        "text": [*now.told] or None,
    }


def line_as_json(line: Line) -> dict[str, Any]:
    return {
        "at": time_text(line.at),
        "step": line.step or None,
        "kind": line.kind,
        "operation": line.operation or None,
        "once": line.once or None,
        "verdict": line.verdict or None,
        "status": line.status or None,
        "took_us": line.took_us,
        "by": decided_by(line) or None,
        "reason": line.reason or None,
        "tables": line.tables,
    }


def item_as_json(item: ItemState) -> dict[str, Any]:
    return {
        "place": item.place,
        "state": item.state,
        "step": item.step or None,
        "attempts": item.attempts,
        "due_at": time_text(item.due_at) if item.due_at else None,
        "queue": item.queue or None,
        "reason": item.reason or None,
    }


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────────


def story_lines(story: Story) -> Iterator[tuple[str, ...]]:
    """The same for people, each line in its parts."""
    row = story.row
    yield heading(row)
    revision = story.standing.revision
    told_as = f" revision {', '.join(map(str, revision))}" if revision else ""
    yield f"  id {row.id or '-'}", f" key {row.key or '-'}", told_as
    yield f"  {time_text(row.received_at)}", arrived(story)
    tables: tuple[str, ...] = ()
    said: set[str] = set()
    for line in story.lines:
        # Tables are told where they are others than before: most of a story was mapped with the same.
        looked = f"with {', '.join(line.tables)}" if line.tables and line.tables != tables else ""
        tables = line.tables or tables
        yield f"  {time_text(line.at)}", told(line, said), looked
        said.add(line.reason)
    if row.tables and row.tables != tables:
        yield (f"  mapped with {', '.join(row.tables)}",)
    ended = row.finished_at is not None and row.status is not Status.HELD
    if ended and not (story.lines and story.lines[-1].kind == row.status.value):
        why = "" if row.reason in said else row.reason
        yield f"  {time_text(row.finished_at or 0)}", f"{row.status.value}: {why}" if why else row.status.value
        said.add(row.reason)
    yield from stands(story, said)


def heading(row: EventRow) -> tuple[str, ...]:
    queue = f" [{row.queue}]" if row.queue else ""
    return f"evt-{row.event}", f"{row.integration}@{row.version}", f"{row.status.value}{queue}", *marks(row)


def marks(row: EventRow) -> Iterator[str]:
    """What is out of the ordinary with an event: its lane, that it is being undone, the gate it waits at."""
    if row.lane != LANES.index("normal"):
        yield LANES[row.lane]
    if row.phase and row.status is not Status.COMPENSATED:
        yield "compensating" if row.status is not Status.DEAD else "not all undone"
    if row.gate and row.status is Status.WAITING:
        yield f"at gate {row.gate}"


def arrived(story: Story) -> str:
    over = f" over topic {story.topic}" if story.topic else ""
    split = story.standing.split
    among = f", in one delivery with evt-{split[0]} to evt-{split[1]}" if split and split[0] != split[1] else ""
    return f"arrived{over}{among}"


def stands(story: Story, said: set[str]) -> Iterator[tuple[str, ...]]:
    """What it waits for, its items that have not ended, and its effects."""
    reason = story.row.reason
    head = "  now  "
    for text in story.now.told:
        yield (f"{head}{text}",)
        head = "       "
    # The reason of an event whose items wait is made of theirs.
    known = reason in said or any(reason in text for text in story.now.told) or (story.items and not story.row.phase)
    if story.now.told and not known:
        yield (f"{head}{reason}",)
    for item in story.items:
        # While an event is undone these are its effects that cannot be.
        yield f"  {'stands' if story.row.phase else 'item'} {item_told(item)}", item.reason
    for effect in story.effects:
        owner = "" if effect.event == story.row.event else f" (evt-{effect.event}'s)"
        first = f", the first at {moment(effect.first_sent_at)}" if effect.state in UNSETTLED else ""
        what = f"{effect.system}.{effect.operation} once {effect.once}"
        yield (f"  effect {what}: {effect.state.value}{owner}, {plural(effect.attempts, 'send')}{first}",)


def item_told(item: ItemState) -> str:
    """`parcels[2] waits at label until 2026-…Z, after 2 attempts`."""
    where = f" at {item.step}" if item.step and item.step != item.place else ""
    queue = f" in {item.queue}" if item.queue and item.state == "held" else ""
    until = f" until {moment(item.due_at)}" if item.due_at else ""
    sends = item.attempts and item.state == "waiting"
    after = f", after {plural(item.attempts, 'attempt')}" if sends else ""
    state = "waits" if item.waits else item.state
    return f"{item.place} {state}{queue}{where}{until}{after}"


def told(line: Line, said: set[str]) -> str:
    """`erp: call erp.create_order done (once 4711): answered 201, 12 ms`."""
    # An end names its step in its reason, as it does in a list of events.
    step = f"{line.step}: " if line.step and line.kind not in set(Status) else ""
    if line.kind in DECISIONS:
        by = decided_by(line)
        why = line.reason.removeprefix(by).removeprefix(": ") if by else line.reason
        return f"{step}{DECISIONS[line.kind]}{f' by {by}' if by else ''}{f': {why}' if why else ''}"
    words = " ".join(part for part in (line.kind, line.operation, line.verdict) if part)
    once = f" (once {line.once})" if line.once else ""
    took = f"{line.took_us / 1000:.0f} ms" if line.took_us else ""
    # What is said of an end was often said just before it.
    known = line.kind in (*Status, "expired", "warn") and line.reason in said
    why = ", ".join(part for part in ("" if known else line.reason, took) if part)
    return f"{step}{words}{once}{f': {why}' if why else ''}"


def decided_by(line: Line) -> str:
    """Who decided; empty where it was no decision, or nobody said."""
    by = line.result.get("by") if line.kind in DECISIONS and isinstance(line.result, dict) else ""
    return by if isinstance(by, str) else ""
