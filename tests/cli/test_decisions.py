"""`redrive` by filter: which events are chosen, how they are spread over time, and what must be said by whom."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.cli import main
from engine.cli.decisions import came_of
from engine.model import Arrival, ItemState, Status
from engine.run.load import load
from engine.store import ClaimRequest, EventRow, Filter, Move, Record
from engine.store.open import commit_here, reading, store_address
from engine.store.readers import read_events, read_lines
from engine.store.verbs import SqlStore

Captured = pytest.CaptureFixture[str]
NAME = "shopify-orders-to-erp"
AT = 1_732_266_931_000_000
"""2024-11-22T09:15:31Z"""


@pytest.fixture
def stuck(shop: Path) -> tuple[str, ...]:
    """Four quarantined events, a minute between two, of two reasons; the words that name their store."""
    plan = load(shop, "local").plans[NAME]
    store, address = SqlStore(), store_address(shop, None)
    arrivals = [
        Arrival(NAME, plan.hash, f"hook-{n}", None, {}, {}, b"{}", AT + n * 60_000_000, 60, reason=f"no key: {why}")
        for n, why in enumerate(("gave no text", "gave no text", "broken", "gave no text"))
    ]
    kept = (plan.hash, plan.integration, plan.version, plan.content, AT)
    address.path.parent.mkdir(exist_ok=True)  # type: ignore[union-attr]
    address.path.touch()  # type: ignore[union-attr]
    commit_here(address, [(store.keep_plans, kept), *((store.accept, arrival) for arrival in arrivals)])
    return "--workspace", str(shop)


def waiting(stuck: tuple[str, ...]) -> dict[int, int]:
    """Event number → when it falls due, of those that were let go on."""
    with reading(store_address(Path(stuck[1]), None)) as database:
        return {row.event: row.due_at for row in read_events(database, Filter(status=("accepted", "waiting")))}


CHOSEN = {
    ("--match", "no text"): [1, 2, 4],
    ("--match", "nothing like it"): [],
    ("--since", "2024-11-22T09:16:31Z"): [2, 3, 4],
    ("--until", "2024-11-22T10:16:31+01:00"): [1],
    ("--since", "1d"): [],
    ("--limit", "2"): [1, 2],
    ("--lane", "normal"): [1, 2, 3, 4],
    ("--lane", "bulk"): [],
    ("--step", "erp"): [],
    ("--integration", NAME): [1, 2, 3, 4],
}


@pytest.mark.parametrize("words", CHOSEN, ids=" ".join)
def test_a_filter_chooses_and_a_dry_run_does_nothing(
    words: tuple[str, ...], stuck: tuple[str, ...], capsys: Captured
) -> None:
    assert main(["redrive", "--status", "quarantined", "--dry-run", *words, *stuck]) == 0
    told = capsys.readouterr().out
    assert [int(found) for found in re.findall(r"evt-(\d+): would be tried again", told)] == CHOSEN[words]
    assert waiting(stuck) == {}


def test_what_a_filter_chose_falls_due_one_after_the_other(stuck: tuple[str, ...], capsys: Captured) -> None:
    assert main(["redrive", "--status", "quarantined", "--rate", "30/min", *stuck]) == 0
    due = list(waiting(stuck).values())
    assert [later - due[1] for later in due[2:]] == [2_000_000, 4_000_000]
    assert due[0] < due[1]
    assert len(re.findall(r"evt-\d+: will be tried again at ", capsys.readouterr().out)) == 3


def test_events_that_are_named_go_on_at_once(stuck: tuple[str, ...], capsys: Captured) -> None:
    assert main(["redrive", "evt-2", "evt-3", *stuck]) == 0
    assert capsys.readouterr().out == "evt-2: will be tried again\nevt-3: will be tried again\n"


def test_a_new_effect_is_kept_in_the_story_with_who_asked_for_it(stuck: tuple[str, ...]) -> None:
    who = ("--by", "ada", "--reason", "cancelled at the ERP")
    assert main(["redrive", "evt-1", "--new-effect", *who, *stuck]) == 0
    with reading(store_address(Path(stuck[1]), None)) as database:
        lines = read_lines(database, 1)
        first = next(iter(read_events(database, Filter())))
    assert [(line.kind, line.reason) for line in lines[-2:]] == [
        ("redrive", "ada: cancelled at the ERP"),
        ("new-effect", "ada: cancelled at the ERP"),
    ]
    assert first.status is Status.ACCEPTED


def held(words: tuple[str, ...], **of_it: Any) -> None:
    """Lets the first event go on, to where a person is asked."""
    store, address = SqlStore(), store_address(Path(words[1]), None)
    commit_here(address, [(store.move, Move(1, AT, "release"))])
    (claimed,) = commit_here(address, [(store.claim, ClaimRequest(AT, 1, AT + 60_000_000))])
    (delivery,) = claimed.deliveries
    stands = Record(delivery.event, delivery.token, AT, Status.HELD, step="review", queue="look", on_release="end")
    assert commit_here(address, [(store.record, replace(stands, **of_it))]) == [True]


ITEM = ItemState("parcels[0]", "held", "review", on_release="end", queue="look")


@pytest.mark.parametrize(
    ("of_it", "told"),
    [
        ({}, "rejected, and discarded"),
        ({"on_reject": "compensate"}, "rejected, and what it did is being undone"),
        ({"on_reject": "continue"}, "rejected, and goes on"),
        ({"items": (ITEM,), "on_release": "send", "on_reject": "items"}, "rejected, and goes on"),
    ],
)
def test_a_rejection_says_what_came_of_it(
    of_it: dict[str, Any], told: str, stuck: tuple[str, ...], capsys: Captured
) -> None:
    held(stuck, **of_it)
    assert main(["release", "evt-1", "evt-9", "--reject", "--by", "ada", "--reason", "no", *stuck]) == 1
    assert capsys.readouterr().out == f"evt-1: {told}\nevt-9: there is no event evt-9\n"


@pytest.mark.parametrize(
    ("status", "phase", "reason", "told"),
    [
        (Status.COMPENSATED, "", "", ", and what it did was undone"),
        (Status.RUNNING, "compensate", "", ", and what it did is being undone"),
        (Status.DEAD, "compensate", "these stand: a b", ", and what it did is being undone: dead, these stand: a b"),
        (Status.DONE, "", "", ", and went on: done"),
        (Status.HELD, "", "step erp: why", ", and went on: held, step erp: why"),
    ],
)
def test_a_running_engine_may_have_gone_on_by_then(status: Status, phase: str, reason: str, told: str) -> None:
    row = EventRow(1, NAME, "a", "k", status, 0, AT, None, 0, "p", 1, "erp", "", reason, phase=phase)
    assert came_of(row) == told


def test_a_release_names_who_decides_and_why(stuck: tuple[str, ...], capsys: Captured) -> None:
    for by, reason in (("", "because"), ("ada", " ")):
        assert main(["release", "evt-1", "--by", by, "--reason", reason, *stuck]) == 2
        assert capsys.readouterr().err.startswith("waybill: say who decides with --by, and why with --reason")


WRONG = {
    ("evt-1", "--new-effect"): "--new-effect needs --by and --reason",
    ("--status", "dead", "--new-effect", "--by", "a", "--reason", "b"): "--new-effect makes another effect",
    ("evt-1", "--match", "x"): "--match chooses among those of --status or --missing",
    ("--status", "dead", "--rate", "fast"): "`fast` is not a rate; write 10/s",
    ("--status", "dead", "--rate", "0/s"): "`0/s` is not a rate",
    ("--status", "dead", "--since", "yesterday"): "`yesterday` is not a time",
    ("--status", "dead", "--since", "2026-11-27T18:00"): "`2026-11-27T18:00` is not a time",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_cannot_be_meant_is_a_sentence(words: tuple[str, ...], stuck: tuple[str, ...], capsys: Captured) -> None:
    assert main(["redrive", *words, *stuck]) == 2
    assert capsys.readouterr().err.startswith(f"waybill: {WRONG[words]}")
