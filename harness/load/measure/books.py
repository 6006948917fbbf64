"""THE LEDGER and WHAT WAS ACKNOWLEDGED against THE PARTNERS' BOOKS → what is lost, doubled, or out of order.

The engine's ledger says which effects are done and by which request; a partner's book says which it has, and by which
requests (`stage/partners.py` keeps the same digest). So the two are held against one another effect by effect, whatever
an effect is called at either end. Nothing that the engine says of itself counts, but what it was asked and what it
promised. A double of an effect for which nobody promised otherwise is counted apart. Pure: rows in, counts out; some
hundred bytes for each effect of a run. This file refuses to call it out of order that an event was passed that waited
for a person.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from engine.model import EffectState, Revision
from engine.rules.order import older
from harness.load.measure.timeline import LedgerRow
from harness.load.model import Books, Violation
from harness.prove.promises import Operation, Promises

TOLD_MAX: Final = 20
"""Violations that are told of with their stories; all are counted."""

Kind = Literal["lost", "doubled", "out_of_order"]
Story = Callable[[int], tuple[tuple[float, str], ...]]
"""An event's number → its story."""


class BookRow(Struct, frozen=True):
    """One effect that a partner has."""

    sequence: int
    operation: str
    identity: str
    requests: tuple[bytes, ...]


class Book(Struct, frozen=True):
    """A partner's book. `doubles`: operation → identities that it has more than once. `whole` is false where it could
    not keep all requests: then nothing is said to be missing in it."""

    system: str
    rows: tuple[BookRow, ...]
    doubles: Mapping[str, Sequence[str]]
    whole: bool = True


class Lane(Struct, frozen=True):
    """What order asks of an event: its key, and whether it was passed for a good reason. `aside` events are."""

    key: int
    aside: bool


class Done(Struct, frozen=True):
    """An event that is done and told of a state of its thing."""

    event: int
    finished_at: int
    revision: Revision


class Found(Struct):
    """One violation, before its story is told."""

    kind: Kind
    what: str
    event: int


def read_book(data: Mapping[str, Any]) -> Book:
    """A book as `/_book?system=NAME` tells it."""
    rows = (
        BookRow(row["sequence"], row["operation"], row["identity"], tuple(map(bytes.fromhex, row["requests"])))
        for row in data["rows"]
    )
    return Book(data["system"], tuple(rows), data["doubles"], data.get("whole", True))


def check(
    *,
    effects: Iterable[LedgerRow],
    books: Mapping[str, Book],
    promises: Promises,
    lanes: Callable[[int], Lane | None],
    done: Mapping[bytes, Sequence[Done]],
    vanished: Sequence[str],
    unfinished: int,
    story: Story,
) -> Books:
    """`vanished`: messages that were acknowledged and are in no state, in words. `lanes` knows each event of the run;
    `done` has, by key, what integrations with a revision have done."""
    by_request: dict[tuple[str, str, bytes], int] = {}
    missing, checked = [], 0
    held = {
        (system, row.operation, request)
        for system, book in books.items()
        for row in book.rows
        for request in row.requests
    }
    for effect in effects:
        by_request[effect.system, effect.operation, effect.request] = effect.event
        book = books.get(effect.system)
        if book is None or not book.whole or effect.state != EffectState.DONE:
            continue
        checked += 1
        if (effect.system, effect.operation, effect.request) not in held:
            words = f"{effect.system}.{effect.operation} is done in the ledger, and not in the book of {effect.system}"
            missing.append(Found("lost", words, effect.event))
    lost = [*(Found("lost", words, 0) for words in vanished), *missing]
    doubled, unprotected = doubles(books, promises, by_request)
    disordered = [*overtaken(books, promises, by_request, lanes), *stale(done)]
    return Books(
        checked=checked,
        lost=len(lost),
        doubled=len(doubled),
        out_of_order=len(disordered),
        unprotected=unprotected,
        unfinished=unfinished,
        violations=tuple(told(one, story) for found in (lost, doubled, disordered) for one in found[:TOLD_MAX]),
    )


def told(found: Found, story: Story) -> Violation:
    event = f"evt-{found.event}" if found.event else ""
    return Violation(kind=found.kind, what=found.what, event=event, timeline=story(found.event) if event else ())


# ── doubled ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def doubles(
    books: Mapping[str, Book], promises: Promises, by_request: Mapping[tuple[str, str, bytes], int]
) -> tuple[list[Found], int]:
    """(effects that a book has more than once, how many more have nobody's promise)."""
    found, unprotected = [], 0
    may_double = allowed(promises)
    for system, book in books.items():
        for operation, identities in book.doubles.items():
            if (system, operation) in may_double:
                unprotected += len(identities)
                continue
            times = Counter(row.identity for row in book.rows if row.operation == operation)
            events = {
                row.identity: by_request.get((system, operation, request), 0)
                for row in book.rows
                if row.operation == operation
                for request in row.requests
            }
            for identity in identities:
                words = f"{system} has one effect of {operation} {times[identity]} times"
                found.append(Found("doubled", words, events.get(identity, 0)))
    return found, unprotected


def allowed(promises: Promises) -> set[Operation]:
    """Operations whose doubles are nobody's broken promise: unprotected ones, and those of which every step that calls
    them has written down that they are sent again whatever happened."""
    found = {where for where, effect in promises.effects.items() if effect == "unprotected"}
    calls = [call for spec in promises.specs.values() for call in spec.calls.values()]
    callers: dict[Operation, list[bool]] = defaultdict(list)
    for call in calls:
        for where in call.providers:
            callers[where].append(call.may_double)
    return found | {where for where, may in callers.items() if all(may)}


# ── out of order ─────────────────────────────────────────────────────────────────────────────────────────────────────


def overtaken(
    books: Mapping[str, Book],
    promises: Promises,
    by_request: Mapping[tuple[str, str, bytes], int],
    lanes: Callable[[int], Lane | None],
) -> list[Found]:
    """Effects that a partner has after one of the same key that was accepted later."""
    found = []
    for system, book in books.items():
        newest: dict[tuple[str, int], int] = {}
        for row in sorted(book.rows, key=lambda row: row.sequence):
            event = next(
                (by_request[at] for request in row.requests if (at := (system, row.operation, request)) in by_request),
                0,
            )
            lane = lanes(event) if event else None
            if lane is None or (system, row.operation) in promises.undoing:
                continue
            place = (row.operation, lane.key)
            before = newest.get(place, 0)
            if event < before and not lane.aside:
                words = f"{system} did {row.operation} for evt-{before} before evt-{event}, which was accepted earlier"
                found.append(Found("out_of_order", words, event))
            newest[place] = max(before, event)
    return found


def stale(done: Mapping[bytes, Sequence[Done]]) -> list[Found]:
    """Events that were done with an older state of their thing than one before them."""
    found = []
    for events in done.values():
        newest: Done | None = None
        for one in sorted(events, key=lambda one: (one.finished_at, one.event)):
            if newest is not None and older(one.revision, newest.revision):
                words = f"evt-{one.event} was done after evt-{newest.event}, and tells of an older state"
                found.append(Found("out_of_order", words, one.event))
            else:
                newest = one
    return found
