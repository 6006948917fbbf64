"""`waybill try` and the examples of a spec: events through the real engine, told as people and tests want them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.cli.formats import shown
from engine.clock import SystemClock
from engine.contract.body import BodyError, decode_body, encode_json
from engine.errors import UserError
from engine.language.trace import TracedField, trace_mapping
from engine.model import Status
from engine.run.load import Loaded, load
from engine.spec import shape
from engine.spec.plan import MapStep, Plan
from engine.spec.value import to_value
from engine.wire.answers import Inbound
from engine.wire.files import read_named
from harness.world import Called, Ended, World, run

Traced = dict[str, list[TracedField]]
"""Step → the fields of its mapping."""


def find_spec(spec: str, workspace: str) -> tuple[Path, str]:
    """(workspace, integration) that SPEC names: a file below specs/, or an integration of `--workspace`."""
    path = Path(spec)
    if path.suffix == ".yaml":
        if not path.is_file():
            raise UserError(f"there is no file {path}")
        root = path.resolve().parent
        while root.name != "specs":
            if root == root.parent:
                raise UserError(f"{path} is not below a folder specs/ of a workspace")
            root = root.parent
        return root.parent, path.stem
    return Path(workspace), spec


def load_chosen(specs: Sequence[str], workspace: str, environment: str) -> tuple[Path, Loaded, list[str]]:
    """The workspace of these SPECs, read, and the integrations that they name, all of which it has; none where none is
    named."""
    found = [find_spec(spec, workspace) for spec in specs]
    if len({root.resolve() for root, _ in found}) > 1:
        raise UserError("the specs are of several workspaces; name those of one at a time")
    root = found[0][0] if found else Path(workspace)
    names = list(dict.fromkeys(name for _, name in found))
    loaded = load(root, environment)
    unknown = [name for name in names if name not in loaded.plans]
    if unknown:
        raise UserError(f"there is no integration `{unknown[0]}` in {root}; there are: {', '.join(loaded.plans)}")
    return root, loaded, names


def read_event(path: Path, *, raw: bool) -> Inbound:
    """An event file: `{headers, query, body}` as JSON, or with `raw` the body itself. Raises UserError."""
    content = read_named(path)
    if raw:
        return Inbound("POST", "/", {}, {}, content)
    try:
        event = decode_body(content)
    except BodyError as error:
        raise UserError(
            f"{path}: {error.message}; an event is JSON {{headers, query, body}}, or with --raw any body"
        ) from None
    if not isinstance(event, dict) or "body" not in event or set(event) - {"headers", "query", "body"}:
        raise UserError(f"{path}: an event is JSON {{headers, query, body}}; with --raw the file is the body itself")
    headers, query = event.get("headers") or {}, event.get("query") or {}
    for part, value in (("headers", headers), ("query", query)):
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise UserError(f"{path}: `{part}` must be an object of texts")
    lowered = {name.lower(): value for name, value in headers.items()}
    return Inbound("POST", "/", lowered, query, encode_json(event["body"]))


def attempt(arguments: argparse.Namespace) -> int:
    """`waybill try`: one delivery through the engine, without network; each of its events is told, in order."""
    _, loaded, (integration,) = load_chosen([arguments.spec], arguments.workspace, arguments.environment)
    plan = loaded.plans[integration]
    inbound = read_event(Path(arguments.event), raw=arguments.raw)
    world = World(loaded)
    events: list[int] = run(world.receive_all(plan, inbound))
    for event in events:
        ended = world.ended(event)
        traced = trace(loaded, plan, world, event) if arguments.trace else None
        if arguments.format == "json":
            sys.stdout.write(as_json(ended, traced))
            if ended.reason:
                # The shape on standard output is fixed; why it came so is for whoever reads along.
                sys.stderr.write(f"{ended.status.value}: {shown(ended.reason)}\n")
        else:
            sys.stdout.write("".join(f"{shown(line)}\n" for line in (*as_lines(ended), *traced_lines(traced or {}))))
    if not events:
        sys.stderr.write("nothing: the delivery holds no events\n")
    return 0


def as_json(ended: Ended, traced: Traced | None = None) -> str:
    """The pinned shape, on one line; numbers exact. What was traced stands under `trace`, by step."""
    document = {
        "status": ended.status.value,
        "id": ended.id,
        "key": ended.key,
        "steps": ended.steps,
        "calls": [call_fields(call) for call in ended.calls],
    }
    if traced is not None:
        document["trace"] = {step: [traced_field(field) for field in fields] for step, fields in traced.items()}
    return encode_json(document).decode() + "\n"


def call_fields(call: Called) -> dict[str, object]:
    return {
        "operation": call.operation,
        "method": call.method,
        "url": call.url,
        "headers": dict(call.headers),
        "body": call.body,
    }


def as_lines(ended: Ended) -> Iterator[str]:
    """For people: how it ended, every step's result, every call as it would have gone out."""
    yield f"{ended.status.value}{f': {ended.reason}' if ended.reason else ''}"
    yield f"  id {ended.id or '-'}   key {ended.key or '-'}"
    for step, result in ended.steps.items():
        yield f"  step {step}: {encode_json(result).decode()}"
    for call in ended.calls:
        yield f"  call {call.operation}: {call.method} {call.url}"
        yield from (f"    {name}: {value}" for name, value in call.headers.items())
        if call.body is not None:
            yield f"    {encode_json(call.body).decode()}"


# ── trace ────────────────────────────────────────────────────────────────────────────────────────────────────────────

INPUT_CHARS_MAX = 120


def trace(loaded: Loaded, plan: Plan, world: World, event: int) -> Traced:
    """Every mapping that the event came to, field by field; the last one may be where it stopped."""
    scope, made = world.scope(event)
    traced: Traced = {}
    shapes = loaded.workspace.integrations[plan.integration].content.steps if scope else ()
    for step, shaped in zip(plan.steps, shapes, strict=False):
        has_stopped = step.id not in made
        if isinstance(step, MapStep) and (has_stopped or made[step.id] is not None):
            traced[step.id] = trace_step(loaded, shaped.map, step.source(scope))
        if has_stopped:
            break
    return traced


def trace_step(loaded: Loaded, name: str, source: object) -> list[TracedField]:
    mapping: shape.Mapping = loaded.workspace.mappings[name].content
    fields = {name: to_value(value) for name, value in mapping.fields.items()}
    let = {name: to_value(value) for name, value in mapping.let.items()}
    return list(trace_mapping(fields, let, loaded.resources, source, SystemClock().monotonic))


def traced_field(field: TracedField) -> dict[str, object]:
    return {
        "field": field.path,
        "expression": field.text,
        "inputs": dict(field.inputs),
        "output": field.output,
        "problem": field.problem,
        "took_us": Decimal(f"{field.took_s * 1e6:.1f}"),
    }


def traced_lines(traced: Traced) -> Iterator[str]:
    """For people: one block a field."""
    for step, fields in traced.items():
        yield f"trace of step {step}:"
        for field in fields:
            yield f"  {field.path}{f'   {field.text}' if field.text else ''}"
            for path, value in field.inputs:
                yield f"      in   {path}: {cut(value)}"
            came = f"fails {field.problem}" if field.problem else f"out  {cut(field.output)}"
            yield f"      {came}   {field.took_s * 1e6:.1f} µs"


def cut(value: object) -> str:
    text = encode_json(value).decode()
    return text if len(text) <= INPUT_CHARS_MAX else f"{text[:INPUT_CHARS_MAX]}…"


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def play(root: Path, loaded: Loaded, plan: Plan, example: shape.Example) -> list[str]:
    """Sends an example's deliveries; the differences, in words."""
    ended = await ends(root, loaded, plan, example)
    found: list[str] = []
    for (file, end), expected in zip(ended, example.expect, strict=False):
        found += [f"{file}: {difference}" for difference in compare(end, expected)]
    if len(ended) != len(example.expect):
        found.append(f"{len(ended)} events came, and {len(example.expect)} are expected")
    return found


async def ends(root: Path, loaded: Loaded, plan: Plan, example: shape.Example) -> list[tuple[str, Ended]]:
    """(file, end) of each event of an example's deliveries, sent in order; waits are waited out where the example tells
    of their end."""
    world = World(loaded)
    events: list[tuple[str, int]] = []
    for file in example.events:
        received = await world.receive_all(plan, read_event(root / file, raw=False))
        events += [(file, event) for event in received]
    if any(expects_an_end(world.ended(event), each) for (_, event), each in zip(events, example.expect, strict=False)):
        await world.wait_out()
    return [(file, world.ended(event)) for file, event in events]


def expects_an_end(ended: Ended, expected: shape.Expected) -> bool:
    """Does an example tell of what becomes of a wait, and not of the wait itself?"""
    waits = (Status.HELD, Status.WAITING)
    return ended.status in waits and expected.status not in waits


def compare(ended: Ended, expected: shape.Expected) -> Iterator[str]:
    if ended.status != expected.status:
        yield f"status is {ended.status.value}, not {expected.status}{f' ({ended.reason})' if ended.reason else ''}"
    calls = tuple(call.operation for call in ended.calls)
    if expected.calls is not None and calls != expected.calls:
        yield f"calls are [{', '.join(calls)}], not [{', '.join(expected.calls)}]"
    if expected.steps is not None:
        yield from differences("steps", ended.steps, expected.steps.value)


def differences(path: str, found: Any, expected: Any) -> Iterator[str]:
    """Where `found` lacks or contradicts what is expected; fields that are not named do not count."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            if name not in found:
                yield f"{path}.{name} is missing"
            else:
                yield from differences(f"{path}.{name}", found[name], value)
    elif found != expected:
        yield f"{path} is {encode_json(found).decode()}, not {encode_json(expected).decode()}"
