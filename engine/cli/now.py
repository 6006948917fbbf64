"""What an event waits for now, until when, and what then: the answer to who is woken by it at night.

Pure: over rows that were read. Where the specification that it runs under says what happens next, that is told too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from engine.cli.formats import moment, plural
from engine.model import ItemState, Status
from engine.spec.leaves import duration_us
from engine.store import EventRow, GateRow, Line
from engine.store.claim import CRASHES_MAX
from engine.store.standing import Standing

NEAR_US = 1_000_000
"""A wait is told of a moment after it was decided on."""
FAILED = {
    "dead_letter": "it is a dead letter",
    "compensate": "what it did is undone",
    "continue": "it goes on with the step's default",
    "hold": "it is held",
}
"""What `on_failure` does."""
REJECTED = {
    "discard": "it is discarded",
    "compensate": "what it did is undone",
    "continue": "it goes on with the step's default",
}


class Now(Struct, frozen=True):
    """`waits_for` is `person`, `topic`, `gate`, `retry`, `time`, `key`, `worker` or `engine`, empty where nothing more
    happens by itself or is asked; `until` when that ends by itself (0: never) and `then` what follows; `behind` is the
    event that has the key, `later` how many wait behind this one. `told` says all of it in lines."""

    waits_for: str = ""
    until: int = 0
    then: str = ""
    behind: int = 0
    later: int = 0
    told: tuple[str, ...] = ()


def now_of(
    row: EventRow,
    standing: Standing,
    step: Mapping[str, Any],
    lines: Sequence[Line],
    items: Sequence[ItemState],
    gate: GateRow,
) -> Now:
    """What an event waits for; `step` is what is declared for where it stands, `gate` the one it waits at."""
    if row.status is Status.HELD:
        now = held(row, standing, step, lines, items)
    elif row.status is Status.WAITING:
        now = waiting(row, standing, step, lines, items, gate)
    elif row.status is Status.ACCEPTED:
        now = accepted(row, standing)
    elif row.status is Status.RUNNING:
        at = f" on node {standing.node}" if standing.node else ""
        now = Now("engine", standing.lease_until, told=(f"runs{at}, leased until {moment(standing.lease_until)}",))
    else:
        now = stuck(row)
    if standing.in_line and standing.behind and row.status.active:
        event, status = standing.behind
        # Until it has its key nothing else counts.
        now = Now("key", behind=event, told=(f"waits for its key, behind evt-{event}, which is {status}",))
    if not standing.later:
        return now
    events = plural(standing.later, "later event")
    more = f"{events} of its key {'waits' if standing.later == 1 else 'wait'} behind it"
    return Now(now.waits_for, now.until, now.then, now.behind, standing.later, (*now.told, more))


# ── stands still ─────────────────────────────────────────────────────────────────────────────────────────────────────


def held(
    row: EventRow, standing: Standing, step: Mapping[str, Any], lines: Sequence[Line], items: Sequence[ItemState]
) -> Now:
    asked = asked_at(row.step, lines) if standing.on_release == "end" else 0
    first = f"held for a person in {row.queue or '-'} since {moment(asked or row.finished_at or 0)}"
    until, then, words = ends(row, step, lines, asked) if asked else (row.due_at, "", "")
    if not asked and row.due_at:
        words = f"looks again at {moment(row.due_at)}"
    return Now(
        "person", until, then, told=tuple(part for part in (first, words, choices(row, standing, items)) if part)
    )


def asked_at(step: str, lines: Sequence[Line]) -> int:
    """When the wait that the event stands in began; 0: it is in none that is declared."""
    at = 0
    for line in lines:
        if line.kind in ("release", "redrive"):
            at = 0
        elif line.kind == "hold" and line.step == step:
            at = at or line.at
    return at


def ends(row: EventRow, step: Mapping[str, Any], lines: Sequence[Line], asked: int) -> tuple[int, str, str]:
    """(when a declared wait ends by itself, what then, both in words with the reminder before)."""
    hold = step.get("hold") or {}
    then = FAILED.get(step.get("on_failure") or "dead_letter", "")
    if not row.due_at:
        return 0, "", "for as long as it takes"
    warn = span_us(hold.get("warn"))
    reminded = any(line.kind == "warn" and line.step == row.step and line.at >= asked for line in lines)
    if reminded or not warn or abs(asked + warn - row.due_at) > NEAR_US:
        return row.due_at, then, f"until {moment(row.due_at)}, then {then}"
    remind = f"somebody is reminded at {moment(row.due_at)}"
    if not hold.get("expires"):
        return 0, "", remind
    length = span_us(hold["expires"])
    if not length:
        return 0, then, f"{remind}; when its time is over {then}"
    return asked + length, then, f"{remind}; until {moment(asked + length)}, then {then}"


def span_us(text: object) -> int:
    """`8h` → microseconds; 0 for what is no span."""
    return (duration_us(text) or 0) if isinstance(text, str) else 0


def choices(row: EventRow, standing: Standing, items: Sequence[ItemState]) -> str:
    """What a person's yes or no does."""
    step = f"step {row.step}" if row.step else "it"
    if items and not row.phase:
        return "released: what is held of it goes on; rejected: what is held of it fails, and it goes on"
    released = f"{step} ends, and it goes on" if standing.on_release == "end" else f"{step} is tried again"
    return f"released: {released}; rejected: {REJECTED.get(standing.on_reject, 'it is discarded')}"


def stuck(row: EventRow) -> Now:
    if row.status is Status.QUARANTINED:
        return Now(
            "person", told=("waits for a person; released or redriven: it is tried again; rejected: it is discarded",)
        )
    if row.status is Status.DEAD:
        goes_on = "what is left is undone" if row.phase else f"it goes on{f' at step {row.step}' if row.step else ''}"
        return Now("person", told=(f"waits for a person: redriven, {goes_on}",))
    return Now()


# ── goes on by itself ────────────────────────────────────────────────────────────────────────────────────────────────


def waiting(
    row: EventRow,
    standing: Standing,
    step: Mapping[str, Any],
    lines: Sequence[Line],
    items: Sequence[ItemState],
    gate: GateRow,
) -> Now:
    if standing.awaits:
        topic = (step.get("hold", {}).get("until") or {}).get("topic") or "a topic"
        until, then, words = ends(row, step, lines, asked_at(row.step, lines))
        return Now("topic", until, then, told=(f"waits for an event of {topic} with key {row.key or '-'}", words))
    if row.gate:
        return Now("gate", row.due_at, told=tuple(gate_told(row.reason, gate)))
    times = [item.due_at for item in items if item.waits]
    if times and not row.phase:
        first = f"{plural(len(times), 'item')} to be tried again, the first at {moment(min(times))}"
        return Now("retry", min(times), told=(first,))
    what = "undo of " if row.phase else ""
    after = f", after {plural(standing.attempts, 'attempt')}" if standing.attempts else ""
    return Now("retry", row.due_at, told=(f"{what}step {row.step} is tried again at {moment(row.due_at)}{after}",))


def gate_told(reason: str, gate: GateRow) -> Iterator[str]:
    """Why it was sent to its gate, and how that gate stands now."""
    others = f", with {plural(gate.parked - 1, 'other')}" if gate.parked > 1 else ""
    yield f"{reason}{others}; no attempt is spent"
    system = gate.gate.partition(".")[0]
    if gate.forced == "open":
        yield f"{gate.gate} is opened by hand: `waybill system {system} --auto` leaves it to its breaker again"
    elif gate.state == "open":
        yield f"the breaker of {gate.gate} is open until {moment(gate.until)}: {gate.reason}"
    elif gate.state == "half_open":
        yield f"the breaker of {gate.gate} lets a few calls through, to see whether the partner is back"


def accepted(row: EventRow, standing: Standing) -> Now:
    if standing.suspected:
        died = f"an engine died while it ran, {plural(standing.crashes, 'time')} so far"
        company = "beside few others like it" if standing.crashes == 1 else "alone"
        return Now("worker", told=(f"{died}: it runs {company}, and is quarantined at {CRASHES_MAX}",))
    if not standing.has_key:
        return Now("time", row.due_at, told=(f"goes on at {moment(row.due_at)}; until then its key passes it",))
    return Now("worker", row.due_at, told=(f"ready since {moment(row.due_at)}: the next free worker takes it",))
