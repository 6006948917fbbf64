"""`waybill events`, `event`: see what is stored. Readers open the store read-only beside the engine."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.cli import HELD
from engine.cli.choose import FILTERS, check_statuses, chosen, event_number, find_events
from engine.cli.formats import plural
from engine.cli.terminal import say, say_parts
from engine.clock import SystemClock
from engine.errors import UserError
from engine.model import Status
from engine.rules.opening import time_text
from engine.store import Effect, EventRow, Filter, Line
from engine.store.database import Database
from engine.store.open import reading, store_address
from engine.store.readers import read_effects, read_events, read_lines

SHOWN = 100


def as_json(row: EventRow) -> dict[str, Any]:
    """One event as `--format json` prints it."""
    return {
        "event": f"evt-{row.event}",
        "integration": row.integration,
        "id": row.id,
        "key": row.key,
        "status": row.status.value,
        "attempts": row.attempts,
        "received_at": time_text(row.received_at),
        "finished_at": None if row.finished_at is None else time_text(row.finished_at),
        "due_at": time_text(row.due_at) if row.status is Status.WAITING else None,
        "spec": f"{row.integration}@{row.version}",
        "step": row.step or None,
        "queue": row.queue or None,
        "reason": row.reason or None,
    }


def events(arguments: argparse.Namespace) -> int:
    """Lists events, or what was counted beside them."""
    if arguments.missing or arguments.drift:
        given = [name for name in ("status", "id", "key", *FILTERS) if getattr(arguments, name)]
        if given:
            raise UserError(f"--{given[0]} chooses events; --missing and --drift list what was counted of all of them")
        from engine.cli.tallies import tell

        return tell(arguments)
    statuses = check_statuses(arguments.status)
    wanted = chosen(arguments, SystemClock().now, status=statuses, id=arguments.id, key=arguments.key)
    with reading(store_address(Path(arguments.workspace), arguments.store)) as connection:
        return list_events(arguments, connection, wanted)


def list_events(arguments: argparse.Namespace, connection: Database, wanted: Filter) -> int:
    most = arguments.limit or (None if arguments.format == "json" else SHOWN)
    count = 0
    for row in find_events(connection, wanted, most):
        count += 1
        if arguments.format == "json":
            sys.stdout.write(json.dumps(as_json(row), ensure_ascii=False) + "\n")
            continue
        where = f" [{row.queue}]" if row.queue else ""
        say_parts(
            f"evt-{row.event:<7} {row.status.value:<12}{time_text(row.received_at)[:19]}Z",
            f"{row.integration}@{row.version}",
            f"id {row.id or '-'}",
            f"key {row.key or '-'}{where}",
            row.reason.splitlines()[0] if row.reason else "",
        )
    if arguments.format == "text":
        more = f" (the first {most}; --limit N for more)" if count == most else ""
        say(f"{plural(count, 'event')}{more}" if count else "no events")
    return HELD


def event(arguments: argparse.Namespace) -> int:
    """Tells one event's story: arrival, calls, look-ups, decisions of people, effects."""
    number = event_number(arguments.event)
    with reading(store_address(Path(arguments.workspace), arguments.store)) as connection:
        found = list(read_events(connection, Filter(after=number - 1, limit=1)))
        if not found or found[0].event != number:
            raise UserError(f"there is no event evt-{number}")
        row = found[0]
        lines = read_lines(connection, number)
        effects = read_effects(connection, lines)
    if arguments.format == "json":
        missing = [{"table": table, "column": column, "text": text} for table, column, text in row.missing]
        waits = {"tables": row.tables, "missing": missing}
        told = {**as_json(row), **waits, **story_as_json(lines, effects)}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return HELD
    for parts in story_lines(row, lines, effects):
        say_parts(*parts)
    return HELD


def story_as_json(lines: Sequence[Line], effects: Sequence[Effect]) -> dict[str, Any]:
    """What was tried, asked and decided, in order, and where the effects of the event stand."""
    story = [
        {
            "at": time_text(line.at),
            "step": line.step or None,
            "kind": line.kind,
            "operation": line.operation or None,
            "once": line.once or None,
            "verdict": line.verdict or None,
            "status": line.status or None,
            "took_us": line.took_us,
            "reason": line.reason or None,
            "tables": line.tables,
        }
        for line in lines
    ]
    ledger = [
        {
            "operation": f"{effect.system}.{effect.operation}",
            "once": effect.once,
            "state": effect.state.value,
            "attempts": effect.attempts,
            "event": f"evt-{effect.event}",
        }
        for effect in effects
    ]
    return {"story": story, "effects": ledger}


def story_lines(row: EventRow, lines: Sequence[Line], effects: Sequence[Effect]) -> Iterator[tuple[str, ...]]:
    """The same for people, each line in its parts."""
    queue = f" [{row.queue}]" if row.queue else ""
    yield f"evt-{row.event}", f"{row.integration}@{row.version}", f"{row.status.value}{queue}"
    yield f"  id {row.id or '-'}", f" key {row.key or '-'}"
    yield f"  {time_text(row.received_at)}", "arrived"
    tables: tuple[str, ...] = ()
    for line in lines:
        # Tables are told where they are others than before: most of a story was mapped with the same.
        looked = f"with {', '.join(line.tables)}" if line.tables and line.tables != tables else ""
        tables = line.tables or tables
        yield f"  {time_text(line.at)}", told(line), looked
    if row.tables and row.tables != tables:
        yield (f"  mapped with {', '.join(row.tables)}",)
    if row.status is Status.WAITING:
        yield f"  {time_text(row.due_at)}", f"due again: {row.reason}"
    elif row.finished_at is not None and not (lines and lines[-1].kind == row.status.value):
        said = bool(lines) and lines[-1].reason == row.reason
        yield (
            f"  {time_text(row.finished_at)}",
            row.status.value if said or not row.reason else f"{row.status.value}: {row.reason}",
        )
    for effect in effects:
        sends = "1 send" if effect.attempts == 1 else f"{effect.attempts} sends"
        yield (f"  effect {effect.system}.{effect.operation} once {effect.once}: {effect.state.value}, {sends}",)


def told(line: Line) -> str:
    """`erp: call erp.create_order done (once 4711): answered 201, 12 ms`."""
    # An end names its step in its reason, as it does in a list of events.
    step = f"{line.step}: " if line.step and line.kind not in set(Status) else ""
    said = " ".join(part for part in (line.kind, line.operation, line.verdict) if part)
    once = f" (once {line.once})" if line.once else ""
    took = f"{line.took_us / 1000:.0f} ms" if line.took_us else ""
    why = ", ".join(part for part in (line.reason, took) if part)
    return f"{step}{said}{once}{f': {why}' if why else ''}"
