"""The story of an event, as a person reads it at night and a program at any time: wherever an event may stand."""

from typing import Any

import pytest
from run.shop import shop
from run.stage import REFUSED, SECOND, Crash, Stage, answered
from run.test_compensation import STEPS as UNDONE
from run.test_items import BAD, HELD, PARCELS, TURNED_AWAY, bought
from run.test_splits import batch, desk, item
from run.test_waits import HEARER, HOLD, PUBLISH, TELLER, UNTIL
from run.test_walk_gates import CALL, CREATED, files

from engine.cli.story import Story, read_story, story_as_json, story_lines
from engine.store import GateRow, Move

ORDER = answered(201, {"id": "so-1"})
PENDING = (ORDER, bought("a-1"), REFUSED, bought("b-1"), BAD)
"""An order and two labels that are to be undone."""


def story_of(stage: Stage, event: int = 1) -> Story:
    plans = [(plan.hash, plan.integration, plan.version, plan.content, stage.at) for plan in stage.plans.values()]
    stage.store.keep_plans(stage.connection, plans)
    return read_story(stage.connection, stage.row(event))


def read(stage: Stage, event: int = 1) -> list[str]:
    """The story's lines, with times of day alone."""
    lines = ["  ".join(part for part in parts if part) for parts in story_lines(story_of(stage, event))]
    return [line.replace("2027-01-15T", "").replace(".000000Z", "Z") for line in lines]


def ends_of(stage: Stage, event: int = 1) -> list[str]:
    """From what it waits for on."""
    lines = read(stage, event)
    return lines[next(at for at, line in enumerate(lines) if line.startswith("  now")) :]


def arrived(*replies: Any, steps: str = CALL, gates: int = 0, **order: Any) -> Stage:
    stage = Stage(*replies, files=shop(steps), gates=gates)
    stage.arrive(**order)
    stage.run()
    return stage


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_says_who_is_asked_when_it_ends_and_what_either_word_does() -> None:
    stage = arrived(steps=HOLD.replace("ON_FAILURE", "compensate"))
    assert read(stage) == [
        "evt-1  shop-orders@1  held [look]",
        "  id e1   key c",
        "  08:00:00Z  arrived",
        "  08:00:00Z  review: hold: order 1",
        "  now  held for a person in look since 08:00:00Z",
        "       somebody is reminded at 08:10:00Z; until 09:00:00Z, then what it did is undone",
        "       released: step review ends, and it goes on; rejected: what it did is undone",
    ]
    stage.pass_time(600)
    stage.run()
    assert read(stage)[4:] == [
        "  08:10:00Z  review: warn",
        "  now  held for a person in look since 08:00:00Z",
        "       until 09:00:00Z, then what it did is undone",
        "       released: step review ends, and it goes on; rejected: what it did is undone",
    ]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("", "       for as long as it takes"),
        (", warn: 10m", "       somebody is reminded at 08:10:00Z"),
        (", expires: 10m", "       until 08:10:00Z, then it is a dead letter"),
        (", expires: \"'2027-01-15T08:30:00Z'\"", "       until 08:30:00Z, then it is a dead letter"),
        (
            ", expires: \"'2027-01-15T08:30:00Z'\", warn: 5m",
            "       somebody is reminded at 08:05:00Z; when its time is over it is a dead letter",
        ),
    ],
)
def test_until_when_is_told_as_it_is_declared(declared: str, told: str) -> None:
    stage = arrived(steps=f"\n  - {{id: review, hold: {{queue: look, reason: why{declared}}}}}\n")
    assert ends_of(stage)[1] == told


def test_a_decision_names_who_took_it() -> None:
    stage = arrived(answered(200), steps=HOLD.replace("ON_FAILURE", "compensate"))
    stage.decide("release")
    assert read(stage)[4] == "  08:00:00Z  review: released by ada: because"
    line = story_as_json(story_of(stage))["story"][-1]
    assert (line["kind"], line["by"], line["reason"]) == ("release", "ada", "ada: because")
    dead = arrived(BAD)
    dead.decide("redrive")
    assert "  08:00:00Z  erp: redriven by ada: because" in read(dead)
    nobody = arrived(BAD)
    nobody.store.move(nobody.connection, [Move(1, nobody.at, "redrive", "", "why not")])
    assert read(nobody)[-2] == "  now  ready since 08:00:00Z: the next free worker takes it"
    assert "  08:00:00Z  erp: redriven: why not" in read(nobody)


def test_what_is_dead_or_quarantined_waits_for_a_person() -> None:
    dead = arrived(BAD)
    assert read(dead)[3:] == [
        "  08:00:00Z  erp: call erp.create_order refused (once 1): answered 422",
        "  08:00:00Z  dead: step erp: answered 422",
        "  now  waits for a person: redriven, it goes on at step erp",
        "  effect erp.create_order once 1: refused, 1 send",
    ]
    broken = arrived(customer=None)
    assert broken.status() == "quarantined"
    assert ends_of(broken)[0] == (
        "  now  waits for a person; released or redriven: it is tried again; rejected: it is discarded"
    )


def test_why_an_arrival_was_quarantined_is_told_once_before_and_after_a_person_decides() -> None:
    stage = arrived(CREATED, CREATED)
    stage.arrive(number=2)
    why = "  08:00:00Z  quarantined: conflict: evt-1 has the same id and another body"
    assert read(stage, 2)[3:4] == [why]
    stage.pass_time(60)
    stage.decide("redrive", 2)
    stage.run()
    told = read(stage, 2)
    assert told[3:5] == [why, "  08:01:00Z  redriven by ada: because"]
    assert told.count(why) == 1


# ── what goes on by itself ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_says_when_and_after_how_much_and_who_waits_behind() -> None:
    stage = arrived(TURNED_AWAY)
    stage.arrive("e2")
    assert ends_of(stage) == [
        "  now  step erp is tried again at 08:00:00Z, after 1 attempt",
        "       1 later event of its key waits behind it",
        "  effect erp.create_order once 1: clear, 1 send",
    ]
    assert ends_of(stage, 2) == ["  now  waits for its key, behind evt-1, which is waiting"]
    told = story_as_json(story_of(stage, 2))["now"]
    assert (told["waits_for"], told["behind"]) == ("key", "evt-1")


def test_what_a_person_put_off_says_until_when() -> None:
    stage = arrived(BAD)
    stage.store.move(stage.connection, [Move(1, stage.at, "redrive", "ada", "", due_at=stage.at + 60 * SECOND)])
    assert ends_of(stage)[0] == "  now  goes on at 08:01:00Z; until then its key passes it"


def test_a_gate_is_told_with_how_it_stands_now() -> None:
    stage = Stage(*[CREATED] * 5, files=files("quota: {rate: 1/s, burst: 2}"), gates=8)
    for at in range(5):
        stage.arrive(f"e{at}", str(at), customer=f"c{at}")
    stage.run()
    assert read(stage, 4)[0] == "evt-4  shop-orders@1  waiting  at gate erp"
    assert ends_of(stage, 4) == ["  now  waits at the gate erp, with 2 others; no attempt is spent"]
    opened = GateRow("erp", "open", stage.at + 30 * SECOND, reason="12 of 20 calls failed", at=stage.at)
    stage.store.keep_gates(stage.connection, [opened])
    assert ends_of(stage, 4)[1] == "       the breaker of erp is open until 08:00:30Z: 12 of 20 calls failed"
    stage.store.keep_gates(stage.connection, [GateRow("erp", "", forced="open")])
    assert "opened by hand" in ends_of(stage, 4)[1]


def test_a_wait_for_a_topic_names_it_and_its_key() -> None:
    files_ = shop(UNTIL.replace("ON_FAILURE", "continue, default: none"), tellers=TELLER)
    stage = Stage(files=files_)
    stage.arrive()
    stage.run()
    assert ends_of(stage) == [
        "  now  waits for an event of news with key c",
        "       somebody is reminded at 08:10:00Z; until 09:00:00Z, then it goes on with the step's default",
    ]
    stage.arrive("n1", "9", "tellers", customer="c", number=1, currency="paid")
    stage.run()
    assert read(stage, 2)[3] == "  08:00:00Z  publish: emit (once n1:publish): told under news"


def test_a_conflict_that_a_person_lets_go_on_tells_its_topic_nothing_and_says_so() -> None:
    stage = Stage(answered(200), files=shop(PUBLISH, hearers=HEARER))
    stage.arrive()
    stage.run_all()
    stage.arrive(number=2)
    stage.decide("release", 3)
    stage.run_all()
    assert "  08:00:00Z  publish: emit (once e1:publish): told under orders" in read(stage)
    assert "  08:00:00Z  publish: emit (once e1:publish): told under orders before, and not again" in read(stage, 3)
    assert [row.integration for row in stage.rows()] == ["shop-orders", "hearers", "shop-orders"]


# ── items, providers, what is undone ─────────────────────────────────────────────────────────────────────────────────


def test_items_that_have_not_ended_are_told_each_with_its_place() -> None:
    stage = arrived(bought("l-1"), TURNED_AWAY, steps=HELD, parcels=PARCELS)
    assert ends_of(stage)[:3] == [
        "  now  1 item to be tried again, the first at 08:00:00Z",
        "  item parcels[0] held in look at review until 08:10:00Z  parcel a",
        "  item parcels[2] waits at label until 08:00:00Z, after 1 attempt  answered 503",
    ]
    held, waits = story_as_json(story_of(stage))["items"]
    assert (held["place"], held["state"], held["queue"]) == ("parcels[0]", "held", "look")
    assert (waits["place"], waits["step"], waits["attempts"]) == ("parcels[2]", "label", 1)
    stage.replies.append(bought("l-3"))
    stage.pass_time(1)
    stage.run()
    assert ends_of(stage)[:4] == [
        "  now  held for a person in look since 08:00:01Z",
        "       looks again at 08:10:00Z",
        "       released: what is held of it goes on; rejected: what is held of it fails, and it goes on",
        "  item parcels[0] held in look at review until 08:10:00Z  parcel a",
    ]


def test_what_is_being_undone_is_told_with_its_cause_and_what_is_left() -> None:
    stage = Stage(*PENDING, answered(200), BAD, TURNED_AWAY, files=shop(UNDONE))
    stage.arrive(parcels=[{"id": "a"}, {"id": "b"}])
    stage.run()
    assert read(stage)[0] == "evt-1  shop-orders@1  waiting  compensating"
    assert read(stage)[8:14] == [
        "  08:00:00Z  touch: compensate: step touch: answered 422",
        "  08:00:00Z  parcels[1].label: undo carrier-b.void done (once 1-b): answered 200",
        "  08:00:00Z  parcels[0].label: undo carrier-a.void refused (once 1-a): answered 422",
        "  08:00:00Z  erp: undo erp.cancel_order retry (once 1): answered 503",
        "  now  undo of step erp is tried again at 08:00:00Z, after 1 attempt",
        "  stands parcels[0].label failed  answered 422",
    ]
    assert story_as_json(story_of(stage))["cause"] == "step touch: answered 422"
    stage.replies.append(answered(200))
    stage.pass_time(1)
    stage.run()
    assert read(stage)[0] == "evt-1  shop-orders@1  dead  not all undone"
    assert "  08:00:01Z  parcels[0].label: stands: carrier-a.buy 1-a: answered 422" in read(stage)
    assert ends_of(stage)[0] == "  now  waits for a person: redriven, what is left is undone"


def test_an_effect_of_another_event_says_whose_it_is() -> None:
    stage = arrived(CREATED)
    stage.arrive("e2", number=7)
    stage.run()
    assert read(stage, 2)[-1] == "  effect erp.create_order once 1: done (evt-1's), 1 send"
    assert story_as_json(story_of(stage, 2))["effects"][0]["event"] == "evt-1"


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_before_a_crash_is_told_though_no_line_is() -> None:
    stage = arrived(Crash)
    assert ends_of(stage) == [
        "  now  an engine died while it ran, 1 time so far: it runs beside few others like it, and is quarantined at 3",
        "  effect erp.create_order once 1: open, 1 send, the first at 08:00:00Z",
    ]
    stage.claim()
    assert ends_of(stage)[0] == "  now  runs, leased until 08:01:00Z"


# ── arrivals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_came_over_a_topic_says_so() -> None:
    stage = Stage(answered(200), files=shop(PUBLISH, hearers=HEARER))
    stage.arrive()
    stage.run_all()
    assert read(stage, 2)[2] == "  08:00:00Z  arrived over topic orders"
    assert story_as_json(story_of(stage, 2))["topic"] == "orders"


def test_what_came_in_one_delivery_names_the_others_and_its_revision() -> None:
    one = desk()
    one.ask(batch(item("1"), item("2"), item("3", at=7)))
    assert read(one.stage, 3)[1:3] == [
        "  id b1-3-2   key c-3   revision 7, b1",
        "  08:00:00Z  arrived, in one delivery with evt-1 to evt-3",
    ]
    told = story_as_json(story_of(one.stage, 3))
    assert (told["split"], told["revision"]) == (["evt-1", "evt-3"], ["7", "b1"])


def test_a_duplicate_changes_nothing_in_the_story() -> None:
    stage = arrived(CREATED)
    before = read(stage)
    stage.arrive()
    assert read(stage) == before
