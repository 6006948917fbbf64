"""The ledger, the partners' books, and what was acknowledged → what is lost, doubled and out of order."""

from collections.abc import Mapping, Sequence

import pytest

from harness.load.measure.books import Book, BookRow, Done, Lane, check, read_book
from harness.load.measure.timeline import LedgerRow
from harness.load.model import Books
from harness.prove.promises import CallPromise, Promises, SpecPromise

CREATE, NOTE, CANCEL = ("erp", "create"), ("erp", "note"), ("erp", "cancel")


def promises(*, may_double: bool = False) -> Promises:
    calls = {"erp": CallPromise("erp", (CREATE,), may_double, "dead_letter")}
    spec = SpecPromise("orders", calls, (), False, "orders", (), (), "", False)
    return Promises(
        specs={"orders": spec},
        effects={CREATE: "idempotent", NOTE: "unprotected", CANCEL: "idempotent"},
        undone_by={CREATE: "cancel"},
        undoing=frozenset((CANCEL,)),
        helpers=frozenset((CANCEL,)),
        replacing=frozenset(),
        attempts_max={"erp": 5},
        quotas={},
    )


def effect(event: int, state: str = "done", operation: str = "create", system: str = "erp") -> LedgerRow:
    return LedgerRow(system, operation, f"o{event}", event, "erp", state, f"r{event}".encode())


def row(sequence: int, event: int, operation: str = "create", identity: str = "") -> BookRow:
    return BookRow(sequence, operation, identity or f"o{event}", (f"r{event}".encode(),))


def checked(
    effects: Sequence[LedgerRow],
    rows: Sequence[BookRow],
    *,
    doubles: Mapping[str, Sequence[str]] | None = None,
    whole: bool = True,
    keys: Mapping[int, Lane] | None = None,
    done: Mapping[bytes, Sequence[Done]] | None = None,
    vanished: Sequence[str] = (),
    may_double: bool = False,
) -> Books:
    lanes = keys or {}
    return check(
        effects=effects,
        books={"erp": Book("erp", tuple(rows), doubles or {}, whole)},
        promises=promises(may_double=may_double),
        lanes=lanes.get,
        done=done or {},
        vanished=vanished,
        unfinished=3,
        story=lambda event: ((0.0, f"story of {event}"),),
    )


LOST = [
    pytest.param([effect(1), effect(2)], [row(1, 1), row(2, 2)], 0, 2, id="all there"),
    pytest.param([effect(1), effect(2)], [row(1, 1)], 1, 2, id="one is not there"),
    pytest.param([effect(1, "unknown"), effect(2, "open"), effect(3, "clear")], [], 0, 0, id="not done, not missing"),
    pytest.param([effect(1, "undone")], [], 0, 0, id="taken back"),
    pytest.param([effect(1, system="other")], [], 0, 0, id="a partner that is not served"),
    pytest.param([effect(1)], [row(1, 1, "note")], 1, 1, id="there, as another operation's"),
    pytest.param(
        [effect(1)], [BookRow(1, "create", "x", (b"r9", b"r1"))], 0, 1, id="a repeat's request of the same row"
    ),
]


@pytest.mark.parametrize(("effects", "rows", "lost", "looked_at"), LOST)
def test_what_is_done_in_the_ledger_stands_in_the_book(
    effects: list[LedgerRow], rows: list[BookRow], lost: int, looked_at: int
) -> None:
    found = checked(effects, rows)
    assert (found.lost, found.checked, found.unfinished) == (lost, looked_at, 3)


def test_a_book_that_could_not_keep_all_says_of_nothing_that_it_is_missing() -> None:
    assert checked([effect(1)], [], whole=False).lost == 0


def test_a_violation_has_its_event_and_its_story_and_a_message_without_event_has_none() -> None:
    found = checked([effect(4)], [], vanished=["message 3 of orders was acknowledged, and is in no state"])
    assert found.lost == 2
    assert [(one.kind, one.event, len(one.timeline)) for one in found.violations] == [
        ("lost", "", 0),
        ("lost", "evt-4", 1),
    ]
    assert found.violations[1].timeline == ((0.0, "story of 4"),)


def test_twenty_violations_of_a_kind_are_told_of_and_all_are_counted() -> None:
    found = checked([effect(event) for event in range(1, 101)], [])
    assert (found.lost, len(found.violations)) == (100, 20)


def test_a_double_is_one_unless_somebody_has_written_that_it_may_be() -> None:
    rows = [row(1, 1), row(2, 2), row(3, 1), row(4, 7, "note"), row(5, 7, "note")]
    doubles = {"create": ["o1"], "note": ["o7"]}
    found = checked([effect(1), effect(2)], rows, doubles=doubles)
    assert (found.doubled, found.unprotected) == (1, 1)
    (violation,) = found.violations
    assert (violation.event, violation.what) == ("evt-1", "erp has one effect of create 2 times")
    found = checked([effect(1), effect(2)], rows, doubles=doubles, may_double=True)
    assert (found.doubled, found.unprotected) == (0, 2)


SAME, OTHER = Lane(1, aside=False), Lane(2, aside=False)
ORDER = [
    pytest.param([row(1, 1), row(2, 2)], {1: SAME, 2: SAME}, 0, id="in order"),
    pytest.param([row(1, 2), row(2, 1)], {1: SAME, 2: SAME}, 1, id="overtaken"),
    pytest.param([row(2, 1), row(1, 2)], {1: SAME, 2: SAME}, 1, id="a book is read by its sequence"),
    pytest.param([row(1, 2), row(2, 1)], {1: SAME, 2: OTHER}, 0, id="another key"),
    pytest.param([row(1, 2), row(2, 1)], {1: Lane(1, aside=True), 2: SAME}, 0, id="passed, since it was held"),
    pytest.param([row(1, 2), row(2, 1, "note")], {1: SAME, 2: SAME}, 0, id="another operation"),
    pytest.param([row(1, 2), row(2, 9), row(3, 1)], {1: SAME, 2: SAME}, 1, id="a row of nobody between"),
    pytest.param([row(1, 3), row(2, 1), row(3, 2)], {1: SAME, 2: SAME, 3: SAME}, 2, id="two overtaken by one"),
    pytest.param([row(1, 2, "cancel"), row(2, 1, "cancel")], {1: SAME, 2: SAME}, 0, id="what is undone goes backwards"),
]


@pytest.mark.parametrize(("rows", "keys", "out_of_order"), ORDER)
def test_effects_of_a_key_stand_in_the_order_in_which_their_events_were_accepted(
    rows: list[BookRow], keys: dict[int, Lane], out_of_order: int
) -> None:
    operations = ("create", "note", "cancel")
    effects = [effect(event, operation=operation, state="open") for event in (1, 2, 3) for operation in operations]
    assert checked(effects, rows, keys=keys).out_of_order == out_of_order


STALE = [
    pytest.param([Done(1, 10, (1,)), Done(2, 20, (2,))], 0, id="newer and newer"),
    pytest.param([Done(2, 10, (2,)), Done(1, 20, (1,))], 1, id="an older state done after a newer one"),
    pytest.param([Done(2, 20, (2,)), Done(1, 10, (1,))], 0, id="by when they were done, not by when they were read"),
    pytest.param([Done(1, 10, ("a", 2)), Done(2, 20, ("a", 2))], 0, id="the same state twice"),
    pytest.param([Done(3, 10, (3,)), Done(1, 20, (1,)), Done(2, 30, (2,))], 2, id="two older ones"),
]


@pytest.mark.parametrize(("events", "out_of_order"), STALE)
def test_no_older_state_is_done_after_a_newer_one(events: list[Done], out_of_order: int) -> None:
    assert checked([], [], done={b"k": events}).out_of_order == out_of_order


def test_a_book_is_read_as_a_partner_tells_it() -> None:
    told = {"sequence": 1, "at": 5, "operation": "create", "identity": "o1", "requests": ["7231"]}
    book = read_book({"system": "erp", "rows": [told], "doubles": {}, "whole": False})
    assert book == Book("erp", (row(1, 1),), {}, whole=False)
