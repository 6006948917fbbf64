"""`waybill events`, `event`, `release`, `redrive`: see and move what is stored.

Readers open the store read-only beside the engine. What writes goes through the running engine's socket; where none
runs, the store is opened here under the same lock.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli import FAILED, HELD
from engine.cli.formats import plural
from engine.cli.terminal import say, say_parts
from engine.errors import UserError
from engine.model import Status
from engine.rules.opening import time_text
from engine.spec.plan import Plan
from engine.store import Effect, EventRow, Filter, Line, Move
from engine.store.open import Address, commit_here, reading, store_address
from engine.store.readers import read_effects, read_events, read_lines
from engine.wire.control import ask, socket_path

SHOWN = 100
PAGE = 1000
MOVES_AT_ONCE = 200
"""In one message to the engine: its socket takes a line of bounded length."""
STUCK = ("quarantined", "held", "dead")


def event_number(text: str) -> int:
    """`evt-17` → 17. Raises UserError."""
    digits = text.removeprefix("evt-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise UserError(f"`{text[:40]}` is not an event; write it as `waybill events` prints it, such as evt-17")
    return int(digits)


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


def check_statuses(statuses: list[str]) -> tuple[str, ...]:
    for status in statuses:
        if status not in set(Status):
            raise UserError(f"there is no status `{status[:40]}`; known: {', '.join(Status)}")
    return tuple(statuses)


def find_events(connection: Any, wanted: Filter, most: int | None) -> Iterator[EventRow]:
    """Events that match, page by page, so that a long history is not held in memory."""
    from msgspec.structs import replace

    after, left = wanted.after, most
    while left is None or left > 0:
        page = list(read_events(connection, replace(wanted, after=after, limit=min(PAGE, left or PAGE))))
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].event
        left = None if left is None else left - len(page)


def events(arguments: argparse.Namespace) -> int:
    """Lists events, or what was counted beside them."""
    if arguments.missing or arguments.drift:
        filters = ("status", "integration", "queue", "id", "key")
        given = [name for name in filters if getattr(arguments, name)]
        if given:
            raise UserError(f"--{given[0]} chooses events; --missing and --drift list what was counted of all of them")
        from engine.cli.tallies import tell

        return tell(arguments)
    wanted = Filter(
        status=check_statuses(arguments.status),
        integration=arguments.integration,
        queue=arguments.queue,
        id=arguments.id,
        key=arguments.key,
    )
    with reading(store_address(Path(arguments.workspace), arguments.store)) as connection:
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


def release(arguments: argparse.Namespace) -> int:
    """Lets held events go on, or rejects them."""
    action = "reject" if arguments.reject else "release"
    return move(arguments, [event_number(text) for text in arguments.event], action, latest=False)


def redrive(arguments: argparse.Namespace) -> int:
    """Tries events again."""
    if bool(arguments.event) == bool(arguments.status or arguments.missing):
        raise UserError("name events, or choose them all with --status or --missing")
    if arguments.event:
        return move(arguments, [event_number(text) for text in arguments.event], "redrive", latest=arguments.latest)
    root = Path(arguments.workspace)
    statuses = (arguments.status,) if arguments.status else STUCK
    wanted = Filter(status=statuses, integration=arguments.integration, missing=arguments.missing)
    with reading(store_address(root, arguments.store)) as connection:
        rows = list(find_events(connection, wanted, None))
    waiting = 0
    if arguments.missing:
        from engine.cli.tallies import rows_of

        there = rows_of(root)
        ready = [row for row in rows if all(there.has(*missing) for missing in row.missing)]
        rows, waiting = ready, len(rows) - len(ready)
    done = move(arguments, [row.event for row in rows], "redrive", latest=arguments.latest)
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        say(f"{plural(waiting, 'event')} still {verb} for rows: `waybill events --missing` lists them")
    return done


def move(arguments: argparse.Namespace, numbers: list[int], action: str, *, latest: bool) -> int:
    root = Path(arguments.workspace)
    address = store_address(root, arguments.store)
    integrations = {}
    if latest:
        with reading(address) as connection:
            integrations = {
                number: row.integration
                for number in numbers
                for row in read_events(connection, Filter(after=number - 1, limit=1))
            }
    wanted = [[number, action, arguments.by, arguments.reason, integrations.get(number)] for number in numbers]
    said: list[str] = []
    for at in range(0, len(wanted), MOVES_AT_ONCE):
        some = wanted[at : at + MOVES_AT_ONCE]
        answer = ask(socket_path(root), {"store": address.shown, "moves": some})
        said += answer["answers"] if answer and "answers" in answer else move_here(root, address, some)
    for number, text in zip(numbers, said, strict=True):
        say(f"evt-{number}: {text or DONE[action]}")
    if not numbers:
        say("no events")
    return FAILED if any(said) else HELD


DONE = {"release": "released", "reject": "discarded", "redrive": "will be tried again"}


def move_here(root: Path, address: Address, wanted: list[list[Any]]) -> list[str]:
    """The same without the engine of this workspace, in one transaction."""
    from engine.clock import SystemClock
    from engine.store.verbs import SqlStore

    now = SystemClock().now()
    plans: Mapping[str, Plan] = {}
    if any(latest for *_, latest in wanted):
        from engine.run.load import load

        plans = load(root, "local").plans
    store = SqlStore()
    kept = [
        (store.keep_plans, (plan.hash, plan.integration, plan.version, plan.content, now)) for plan in plans.values()
    ]
    moves = [
        (store.move, Move(number, now, action, by, reason, plans[latest].hash if latest in plans else None))
        for number, action, by, reason, latest in wanted
    ]
    answers: list[str] = commit_here(address, [*kept, *moves])[len(kept) :]
    return answers
