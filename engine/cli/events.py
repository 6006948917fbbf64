"""`waybill events`, `event`: see what is stored. Readers open the store read-only beside the engine."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from engine.cli import HELD
from engine.cli.choose import FILTERS, check_integration, check_statuses, chosen, event_number, find_events
from engine.cli.formats import moment, plural
from engine.cli.story import marks, read_story, story_as_json, story_lines
from engine.cli.terminal import say, say_parts
from engine.clock import SystemClock
from engine.errors import UserError
from engine.model import LANES, Status
from engine.rules.opening import time_text
from engine.store import EventRow, Filter
from engine.store.database import Database
from engine.store.open import reading, store_address
from engine.store.readers import read_events

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
        "due_at": time_text(row.due_at) if row.status is Status.WAITING and row.due_at else None,
        "spec": f"{row.integration}@{row.version}",
        "step": row.step or None,
        "queue": row.queue or None,
        "lane": LANES[row.lane],
        "gate": row.gate or None,
        "phase": row.phase or None,
        "reason": row.reason or None,
    }


def events(arguments: argparse.Namespace) -> int:
    """Lists events, or what was counted beside them."""
    if arguments.missing or arguments.drift:
        given = [name for name in ("status", "id", "key", "gate", *FILTERS) if getattr(arguments, name)]
        if given:
            raise UserError(f"--{given[0]} chooses events; --missing and --drift list what was counted of all of them")
        from engine.cli.tallies import tell

        return tell(arguments)
    statuses = check_statuses(arguments.status)
    wanted = chosen(
        arguments, SystemClock().now, status=statuses, id=arguments.id, key=arguments.key, gate=arguments.gate
    )
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
            f"evt-{row.event:<7} {row.status.value:<12}{moment(row.received_at)}",
            f"{row.integration}@{row.version}",
            f"id {row.id or '-'}",
            f"key {row.key or '-'}{where}",
            *marks(row),
            row.reason.splitlines()[0] if row.reason else "",
        )
    if not count:
        check_integration(connection, Path(arguments.workspace), wanted.integration)
    if arguments.format == "text":
        more = f" (the first {most}; --limit N for more)" if count == most else ""
        say(f"{plural(count, 'event')}{more}" if count else "no events")
    return HELD


def event(arguments: argparse.Namespace) -> int:
    """Tells one event's story: what came, what was tried and decided, what it waits for, its effects."""
    number = event_number(arguments.event)
    with reading(store_address(Path(arguments.workspace), arguments.store)) as connection:
        found = list(read_events(connection, Filter(after=number - 1, limit=1)))
        if not found or found[0].event != number:
            raise UserError(f"there is no event evt-{number}")
        row = found[0]
        story = read_story(connection, row)
    if arguments.format == "json":
        missing = [{"table": table, "column": column, "text": text} for table, column, text in row.missing]
        told = {**as_json(row), "tables": row.tables, "missing": missing, **story_as_json(story)}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return HELD
    for parts in story_lines(story):
        say_parts(*parts)
    return HELD
