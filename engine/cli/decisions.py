"""`waybill release`, `redrive`: what people decide of events that stand still.

What a rejection does is declared where the event waits, so what came of it is read from the store when it is done.

What writes goes through the running engine's socket; where none runs, it is written into the store under the same lock.
Many events are redriven at a bounded rate, which is kept by the times they fall due at: it outlives the command and the
engine, and a partner that is just back is not overrun.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.cli import FAILED, HELD
from engine.cli.choose import FILTERS, check_integration, chosen, event_number, find_events, read_pace
from engine.cli.formats import moment, plural
from engine.cli.terminal import say
from engine.clock import SystemClock
from engine.errors import UserError, WaybillError
from engine.model import Status
from engine.spec.plan import Plan
from engine.store import EventRow, Filter, Move
from engine.store.open import Address, commit_here, reading, store_address
from engine.store.readers import read_events
from engine.wire.control import ask, socket_path

MOVES_AT_ONCE = 200
"""In one message to the engine: its socket takes a line of bounded length."""
STUCK = ("quarantined", "held", "dead")
PACE = "10/s"
"""Of events that a filter chose, where nothing else is said."""
UNDONE = ", and what it did is being undone"
DONE = {"release": "released", "reject": "rejected", "redrive": "will be tried again"}


def release(arguments: argparse.Namespace) -> int:
    """Lets held events go on, or rejects them."""
    action = "reject" if arguments.reject else "release"
    if not (arguments.by.strip() and arguments.reason.strip()):
        raise UserError("say who decides with --by, and why with --reason: both are kept with the event")
    wanted = [wish(arguments, event_number(text), action) for text in arguments.event]
    return carry_out(arguments, wanted)


def redrive(arguments: argparse.Namespace) -> int:
    """Tries events again, those named or those that a filter chooses."""
    by_filter = bool(arguments.status or arguments.missing)
    if bool(arguments.event) == by_filter:
        raise UserError("name events, or choose them all with --status or --missing")
    given = [name for name in (*FILTERS, "limit") if getattr(arguments, name) is not None]
    if given and not by_filter:
        raise UserError(f"--{given[0]} chooses among those of --status or --missing; here events are named")
    if arguments.new_effect and by_filter:
        raise UserError("--new-effect makes another effect than before: name each event that is to, and say --by whom")
    if arguments.new_effect and not (arguments.by and arguments.reason):
        raise UserError("--new-effect needs --by and --reason: it may do twice what was to be done once")
    waiting: int = 0
    if by_filter:
        rows, waiting = chosen_rows(arguments)
        wanted = [wish(arguments, row.event, "redrive", row.integration) for row in rows]
    else:
        wanted = [wish(arguments, event_number(text), "redrive") for text in arguments.event]
    pace_us = read_pace(arguments.rate or PACE) if by_filter or arguments.rate else 0
    if arguments.dry_run:
        return tell_only(wanted, pace_us)
    done = carry_out(arguments, spread(wanted, pace_us))
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        say(f"{plural(waiting, 'event')} still {verb} for rows: `waybill events --missing` lists them")
    return done


def chosen_rows(arguments: argparse.Namespace) -> tuple[list[EventRow], int]:
    """The events that the filter chooses, and how many of them still wait for rows of tables."""
    root = Path(arguments.workspace)
    statuses = (arguments.status,) if arguments.status else STUCK
    wanted = chosen(arguments, SystemClock().now, status=statuses, missing=arguments.missing)
    with reading(store_address(root, arguments.store)) as reader:
        rows = list(find_events(reader, wanted, arguments.limit))
        if not rows:
            check_integration(reader, root, wanted.integration)
    if not arguments.missing:
        return rows, 0
    from engine.cli.tallies import rows_of

    there = rows_of(root)
    ready = [row for row in rows if all(there.has(*missing) for missing in row.missing)]
    return ready, len(rows) - len(ready)


def wish(arguments: argparse.Namespace, event: int, action: str, integration: str | None = None) -> dict[str, Any]:
    """One decision as the engine's socket takes it. `latest` names the integration whose newest plan is meant."""
    latest = None
    if getattr(arguments, "latest", False):
        latest = integration or integration_of(arguments, event)
    return {
        "event": event,
        "action": action,
        "by": arguments.by,
        "reason": arguments.reason,
        "latest": latest,
        "due_at": 0,
        "new_effect": getattr(arguments, "new_effect", False),
    }


def integration_of(arguments: argparse.Namespace, event: int) -> str | None:
    with reading(store_address(Path(arguments.workspace), arguments.store)) as reader:
        return next((row.integration for row in read_events(reader, Filter(after=event - 1, limit=1))), None)


def spread(wanted: list[dict[str, Any]], pace_us: int) -> list[dict[str, Any]]:
    """The first at once, each other one `pace_us` later."""
    now = SystemClock().now()
    return [one | {"due_at": now + place * pace_us if place and pace_us else 0} for place, one in enumerate(wanted)]


def tell_only(wanted: list[dict[str, Any]], pace_us: int) -> int:
    for one in wanted:
        say(f"evt-{one['event']}: would be tried again")
    say(f"{plural(len(wanted), 'event')}{over(len(wanted), pace_us)}; nothing was done" if wanted else "no events")
    return HELD


def over(count: int, pace_us: int) -> str:
    return f", over {(count - 1) * pace_us / 1_000_000:.0f} s" if count > 1 and pace_us else ""


def carry_out(arguments: argparse.Namespace, wanted: list[dict[str, Any]]) -> int:
    """Has the decisions carried out, and tells what came of each."""
    root = Path(arguments.workspace)
    address = store_address(root, arguments.store)
    said: list[str] = []
    for at in range(0, len(wanted), MOVES_AT_ONCE):
        some = wanted[at : at + MOVES_AT_ONCE]
        answer = ask(socket_path(root), {"store": address.shown, "moves": some})
        said += answer["answers"] if answer and "answers" in answer else move_here(root, address, some)
    ends = rejected(address, [one["event"] for one, text in zip(wanted, said, strict=True) if ended(one, text)])
    for one, text in zip(wanted, said, strict=True):
        when = f" at {moment(one['due_at'])}" if one["due_at"] else ""
        so = ends.get(one["event"], "") if ended(one, text) else ""
        say(f"evt-{one['event']}: {text or DONE[one['action']] + when + so}")
    if not wanted:
        say("no events")
    return FAILED if any(said) else HELD


def ended(one: Mapping[str, Any], refusal: str) -> bool:
    return one["action"] == "reject" and not refusal


def rejected(address: Address, events: list[int]) -> dict[int, str]:
    """What became of events that were rejected; nothing of it where the store is away by now: rejected they are."""
    if not events:
        return {}
    try:
        with reading(address) as reader:
            rows = [row for event in events for row in read_events(reader, Filter(after=event - 1, limit=1))]
    except WaybillError:
        return {}
    return {row.event: came_of(row) for row in rows}


def came_of(row: EventRow) -> str:
    """In the words that follow `rejected`. A running engine may have gone on meanwhile."""
    if row.status is Status.DISCARDED:
        return ", and discarded"
    if row.status is Status.COMPENSATED:
        return ", and what it did was undone"
    if row.phase:
        stuck = row.status in (Status.DEAD, Status.HELD)
        return f", and what it did is being undone: {row.status.value}, {row.reason}" if stuck else UNDONE
    if row.status.active:
        return ", and goes on"
    return f", and went on: {row.status.value}{f', {row.reason}' if row.reason else ''}"


def move_here(root: Path, address: Address, wanted: list[dict[str, Any]]) -> list[str]:
    """The same without the engine of this workspace, in one transaction."""
    from engine.store.verbs import SqlStore

    now = SystemClock().now()
    plans: Mapping[str, Plan] = {}
    if any(one["latest"] for one in wanted):
        from engine.run.load import load

        plans = load(root, "local").plans
    store = SqlStore()
    kept = [
        (store.keep_plans, (plan.hash, plan.integration, plan.version, plan.content, now)) for plan in plans.values()
    ]
    moves = [(store.move, as_move(one, now, plans)) for one in wanted]
    answers: list[str] = commit_here(address, [*kept, *moves])[len(kept) :]
    return answers


def as_move(one: Mapping[str, Any], now: int, plans: Mapping[str, Plan]) -> Move:
    """A wish as the store takes it."""
    latest = one["latest"]
    return Move(
        event=one["event"],
        at=now,
        action=one["action"],
        by=one["by"],
        reason=one["reason"],
        plan=plans[latest].hash if latest in plans else None,
        due_at=one["due_at"],
        new_effect=one["new_effect"],
    )
