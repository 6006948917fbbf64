"""`waybill system`: how the gates of systems stand, and a person's hand on their breakers.

Reading opens the store read-only beside engines. Writing goes through the running engine of the workspace, which acts
at once; where none runs, into the store.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.cli import HELD
from engine.cli.formats import moment
from engine.cli.terminal import say, say_parts
from engine.errors import UserError
from engine.rules.opening import time_text
from engine.run.gate_view import GateView, view
from engine.run.live import LiveSystem, live_systems
from engine.spec import shape
from engine.spec.read import almost
from engine.spec.workspace import read_workspace
from engine.store import GateRow
from engine.store.open import commit_here, reading, store_address
from engine.store.readers import read_gates
from engine.wire.control import ask, socket_path
from engine.wire.files import read_files

STATES = {"closed": "closed", "open": "open", "half_open": "half open"}
DONE = {"open": "opened by hand: nothing is sent", "closed": "closed by hand: all is sent", "": "left to its breaker"}


def system(arguments: argparse.Namespace) -> int:
    """Shows gates, or forces one."""
    from engine.clock import SystemClock

    systems = systems_of(Path(arguments.workspace))
    gate = gate_named(arguments.name, arguments.operation, systems)
    if arguments.forced is not None:
        if not gate:
            raise UserError("say which system to open, close or leave to its breaker")
        force(Path(arguments.workspace), arguments.store, gate, arguments.forced)
        say(f"{gate}: {DONE[arguments.forced]}")
        return HELD
    now = SystemClock().now()
    with reading(store_address(Path(arguments.workspace), arguments.store)) as connection:
        seen = view(read_gates(connection), {name: live for name, (_, live) in systems.items()}, now)
    for one in seen:
        if gate and one.gate != gate and (arguments.operation or not one.gate.startswith(f"{gate}.")):
            continue
        if arguments.format == "json":
            sys.stdout.write(json.dumps(as_json(one), ensure_ascii=False) + "\n")
        else:
            say_parts(*lines(one))
    return HELD


def systems_of(root: Path) -> dict[str, tuple[shape.System, LiveSystem]]:
    """The systems of a workspace that can be read: a fault elsewhere must not keep anybody from a breaker."""
    workspace, _ = read_workspace(read_files(root))
    shaped = {name: document.content for name, document in workspace.systems.items() if document.content is not None}
    return {name: (shaped[name], live) for name, live in live_systems(shaped).items()}


def gate_named(name: str | None, operation: str | None, systems: dict[str, tuple[shape.System, LiveSystem]]) -> str:
    """The gate that is meant; empty: all. Raises UserError."""
    if name is None:
        if operation is not None:
            raise UserError("--operation is one of a system: name the system too")
        return ""
    if name not in systems:
        raise UserError(f"there is no system `{name[:40]}`{meant(name, list(systems))}")
    if operation is None:
        return name
    operations = systems[name][0].operations
    if operation not in operations:
        raise UserError(f"`{name}` has no operation `{operation[:40]}`{meant(operation, list(operations))}")
    return f"{name}.{operation}"


def meant(given: str, known: Sequence[str]) -> str:
    near = almost(given, known)
    if near:
        return f"; did you mean `{near}`?"
    return f"; known: {', '.join(known)}" if known else ""


def force(root: Path, store: str | None, gate: str, forced: str) -> None:
    """Through the running engine, which acts at once; else into the store, for the next one to find."""
    address = store_address(root, store)
    answer = ask(socket_path(root), {"store": address.shown, "gates": [[gate, forced]]})
    if answer and "answers" in answer:
        (refused,) = answer["answers"]
        if refused:
            raise UserError(f"{gate}: {refused}")
        return
    from engine.store.verbs import SqlStore

    commit_here(address, [(SqlStore().keep_gates, GateRow(gate, state="", forced=forced))])


def as_json(one: GateView) -> dict[str, Any]:
    """One gate as `--format json` prints it."""
    name, _, operation = one.gate.partition(".")
    return {
        "system": name,
        "operation": operation or None,
        "state": one.state,
        "forced": one.forced or None,
        "since": time_or_null(one.since),
        "until": time_or_null(one.until),
        "reason": one.reason or None,
        "tokens": one.tokens,
        "burst": one.burst,
        "paused_until": time_or_null(one.paused_until),
        "parked": one.parked,
    }


def time_or_null(at: int) -> str | None:
    return time_text(at) if at else None


def lines(one: GateView) -> Iterator[str]:
    """The same for people, in its parts."""
    name, _, operation = one.gate.partition(".")
    yield f"  {operation:<26}" if operation else f"{name:<28}"
    said = STATES[one.state]
    if one.until:
        said = f"{said} until {moment(one.until)}"
    elif one.since:
        said = f"{said} since {moment(one.since)}"
    yield f"{STATES[one.forced]} by hand (its breaker: {said})" if one.forced else said
    yield one.reason
    if one.tokens is not None:
        yield f"{one.tokens} of {one.burst} calls free" if one.burst else f"{one.tokens} calls left"
    if one.paused_until:
        yield f"the partner asked for silence until {moment(one.paused_until)}"
    if one.parked:
        yield f"{one.parked} {'waits' if one.parked == 1 else 'wait'}"
