"""Every property, on runs made by hand: what breaks it, and what looks like it and does not."""

from dataclasses import replace as replace_
from typing import Any

import pytest
from msgspec.structs import replace
from told import ERP, GOOD, broken, call, effect, promises, recorded, row, run, sending, spec

from engine.model import Status
from engine.rules.quota import Quota
from engine.spec.shape import Breaker
from harness.prove.invariants import PROPERTIES
from harness.prove.promises import CallPromise, Promises
from harness.simulation.scenario import Moment, Run, Told

TWO = ((row(1), row(2, key="2")), {1: "order 1", 2: "order 1 (state 2)"})
HELD = row(status=Status.HELD)
ONCE_ONLY = CallPromise("erp", (ERP,), may_double=False, on_failure="dead_letter")
CONTINUES = promises(spec(calls={"erp": CallPromise("erp", (ERP,), may_double=False, on_failure="continue")}))
MAY_DOUBLE = promises(spec(calls={"erp": CallPromise("erp", (ERP,), may_double=True, on_failure="dead_letter")}))
UNDO = {"undone_by": {ERP: "cancel_order"}, "undoing": frozenset({("erp", "cancel_order")})}
STATES = (sending("order 1"), sending("order 1 (state 2)"))


def test_a_run_that_is_as_its_reference_breaks_nothing() -> None:
    assert broken(GOOD) == []
    assert len(PROPERTIES) == 11


CASES: dict[str, tuple[Run, list[tuple[str, str]]]] = {
    "an acknowledged message that no event holds": (run(), [("nothing-lost", "")]),
    "done, and no effect": (run((row(),), (), (call(),)), [("nothing-lost", "erp")]),
    "done without having been called": (run((row(),)), [("nothing-lost", "erp")]),
    "no effect, but somebody is asked": (run((HELD,), (), (call(status=500),)), []),
    "two effects": (run((row(),), (effect(), effect()), (call(),)), [("nothing-twice", "erp")]),
    "two effects, one taken back": (run((row(),), (effect(struck_at_us=5), effect()), (call(),)), []),
    "two effects of two events": (
        run((row(), row(2)), (effect(), effect(2)), (call(), call(2, 30))),
        [("nothing-twice", "erp")],
    ),
    "dead, and the effect stands": (
        run((row(status=Status.DEAD, step="erp"),), (effect(),), (call(),)),
        [("convergence", "erp")],
    ),
    "another field": (run((row(),), (effect(fields={"order": 2}),), (call(),)), [("convergence", "erp")]),
    "another field, which the partner gave out": (
        run((row(),), (effect(fields={"order": "so-2"}, result="so-2"),), (call(),)),
        [("convergence", "erp")],
    ),
    "an event that is still running": (
        run((row(status=Status.WAITING, step="erp"),), (effect(),), (call(),)),
        [("liveness", "erp")],
    ),
    "an engine that stands still": (
        replace(GOOD, deadlock="nothing is ready"),
        [("liveness", "")],
    ),
    "an engine that stops": (replace(GOOD, failure="KeyError: 1"), [("liveness", "")]),
    "more sends than allowed": (
        run((row(),), (effect(),), tuple(call(at_us=at_us) for at_us in range(10, 50, 10))),
        [("bounded-attempts", "erp")],
    ),
    "as many sends as allowed": (run((row(),), (effect(),), tuple(call(at_us=at_us) for at_us in (10, 20, 30))), []),
    "a dead letter after one 429": (
        run((row(status=Status.DEAD, step="erp"),), (), (call(status=429),)),
        [("quota-kept", "erp")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_run_breaks(name: str) -> None:
    made, expected = CASES[name]
    assert broken(made) == expected


def test_a_value_that_partners_give_out_differs_from_run_to_run_and_is_no_difference() -> None:
    now = run((row(),), (effect(fields={"id": "so-2"}, result="so-2"),), (call(),))
    then = run((row(),), (effect(fields={"id": "so-1"}, result="so-1"),), (call(),))
    assert broken(now, then) == []
    assert broken(now, run((row(),), (effect(fields={"id": "so-1"}),), (call(),))) == [("convergence", "erp")]


def test_of_what_a_partner_refuses_where_nothing_goes_wrong_nothing_is_missed() -> None:
    """Its simulator books what it answers with 200, also where the body says no."""
    refused = run((row(status=Status.DEAD, step="erp"),), (effect(),), (call(),))
    never_sent = run((row(status=Status.DEAD, step="erp"),), (), (call(status=0),))
    assert broken(refused, replace(refused)) == []
    assert broken(never_sent, refused) == []


def test_an_effect_may_double_where_its_step_says_so() -> None:
    doubled = run((row(),), (effect(), effect()), (call(),))
    assert broken(doubled, of=MAY_DOUBLE) == []


def test_one_event_has_one_effect_at_a_step_whatever_road_it_took() -> None:
    other = replace(effect(), system="beta")
    off = run((row(),), (effect(), other), (replace(call(), system="beta", operation="charge"),))
    assert broken(off) == [("nothing-twice", "erp")]


def test_a_failed_effect_that_is_passed_over_is_no_convergence() -> None:
    passed_over = run((row(),), (), (call(status=400),))
    assert broken(passed_over, of=CONTINUES) == [("convergence", "erp")]


def test_news_that_came_first_and_is_done_last_breaks_the_order_and_late_news_over_newer_is_stale() -> None:
    rows, labels = TWO
    newer, older = effect(2, "order 1 (state 2)"), effect(1, "order 1")
    calls = (call(2, 10), call(1, 20))
    then = run(rows, (older, newer), (call(1, 10), call(2, 20)), labels)
    assert broken(run(rows, (newer, older), calls, labels), then, sendings=STATES) == [("order-per-key", "erp")]
    late = {1: "order 1 (state 2)", 2: "order 1"}
    stale = run(rows, (effect(1, "order 1 (state 2)"), effect(2, "order 1")), (call(1, 10), call(2, 20)), late)
    assert broken(stale, then, sendings=STATES) == [("no-stale-overwrite", "erp")]
    refused = (replace(rows[0], status=Status.DEAD), rows[1])
    then_too = replace(then, events=refused)
    assert broken(replace(stale, events=refused), then_too, sendings=STATES) == []  # 200, and an error in the body
    apart = (effect(1, "order 1 (state 2)", "a"), effect(2, "order 1", "b"))
    assert broken(replace(stale, effects=apart), then, sendings=STATES) == []  # two things at the partner
    guarded = promises(spec(guarded=True))
    same_key = tuple(replace(each, key="1") for each in rows)
    assert broken(replace(stale, effects=apart, events=same_key), then, guarded, STATES) == [
        ("no-stale-overwrite", "erp")
    ]


def test_two_events_of_one_key_are_worked_on_one_after_the_other_unless_the_first_stood_aside() -> None:
    rows = (row(1), row(2))
    labels = {1: "order 1", 2: "order 2"}
    calls = (call(1, 10), call(2, 20), call(1, 30))
    both = (effect(1), effect(2, "order 2", "2"))
    then = run(rows, both, (call(1, 10), call(2, 20)), labels)
    now = run(rows, both, calls, labels)
    told = (sending("order 1"), sending("order 2"))
    assert broken(now, then, sendings=told) == [("order-per-key", "erp")]
    assert broken(replace(now, moments=(recorded(1, "held"),)), then, sendings=told) == []


@pytest.mark.parametrize(
    ("status", "phase", "more", "expected"),
    [
        (Status.COMPENSATED, "compensate", {}, [("compensation-complete", "erp")]),
        (Status.COMPENSATED, "compensate", UNDO, [("compensation-complete", "erp")]),
        (Status.DEAD, "compensate", {}, [("compensation-complete", "erp")]),
        (Status.DEAD, "compensate", UNDO, []),  # it was refused, and the event says what stands
        (Status.DONE, "", {}, []),
    ],
)
def test_what_was_taken_back_does_not_stand(
    status: Status, phase: str, more: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    made = run((row(status=status, phase=phase),), (effect(),), (call(),))
    assert broken(made, of=promises(**more)) == expected


def test_what_the_contract_allows_and_a_mapping_does_not_map() -> None:
    bad = row(2, Status.QUARANTINED, step="order", key="2")
    labels = {1: "order 1", 2: "order 2 without body.note"}
    mutated = run((row(), bad), (effect(),), (call(),), labels)
    told = (sending(), sending("order 2 without body.note"))
    assert broken(mutated, mutated, sendings=told) == [("mapping-total", "order")]
    missing = replace(bad, missing=(("skus", "sku", "X"),))
    assert broken(replace(mutated, events=(row(), missing)), mutated, sendings=told) == []  # a table's matter
    as_it_came = {1: "order 1", 2: "order 2"}
    assert broken(replace(mutated, labels=as_it_came), mutated, sendings=(sending(), sending("order 2"))) == []


def test_what_could_not_be_taken_back_is_no_second_effect() -> None:
    taken_back = run((row(status=Status.COMPENSATED, phase="compensate"),), (effect(struck_at_us=5),), (call(),))
    left = run((row(status=Status.DEAD, phase="compensate", step="erp"),), (effect(),), (call(),))
    assert broken(left, taken_back, promises(**UNDO)) == []
    twice = replace(left, effects=(effect(), effect()))
    assert broken(twice, taken_back, promises(**UNDO)) == [("nothing-twice", "erp")]
    given_up = replace(left, events=(row(status=Status.DEAD, step="tell"),))  # it never tried to
    assert ("nothing-twice", "erp") in broken(given_up, taken_back, promises(**UNDO))


ONE_NAME = run((row(),), (effect(), effect(step="again")), (call(booked=True, effect=0), call(booked=True, effect=1)))


def test_two_effects_under_one_identity_and_two_once() -> None:
    first, second = ONE_NAME.calls
    other = replace(ONE_NAME, calls=(first, replace(second, once="2", step="again")))
    assert broken(other, other) == [("nothing-twice", "again")]
    assert broken(ONE_NAME, ONE_NAME) == []  # one `once`: the partner was asked for one effect
    apart = replace(other, effects=(effect(), effect(step="again", identity="2")))
    assert broken(apart, apart) == []
    later = replace(other, effects=(effect(), effect(step="again", label="order 1 (state 2)")))
    assert broken(later, later, sendings=STATES) == []
    back = replace(other, effects=(effect(struck_at_us=5), effect(step="again")))
    assert broken(back, back) == []
    assert broken(other, other, promises(replacing=frozenset({ERP}))) == []


def test_no_secret_and_nothing_of_a_person_is_told() -> None:
    secret = row(status=Status.QUARANTINED, reason="token simulated-X")
    then = run((row(status=Status.QUARANTINED),))
    assert broken(run((secret,)), then, secrets=("simulated-",)) == [("no-secret-out", "")]
    mira = sending(body=b'{"email": "mira@example.com"}')
    named = row(status=Status.QUARANTINED, reason="of mira@example.com")
    assert broken(run((named,)), then, sendings=(mira,)) == [("no-secret-out", "")]
    asked = row(status=Status.HELD, reason="ask mira@example.com")
    assert broken(run((asked,)), run((row(status=Status.HELD),)), sendings=(mira,)) == []  # its author says so
    story = Moment(1, "told", event=1, detail="mira@example.com")
    assert broken(replace(GOOD, moments=(story,)), sendings=(mira,)) == [("no-secret-out", "")]
    line = '{"at":"2027-01-15T08:00:00Z","fact":"recorded","event":"evt-1","status":"%s"}'
    assert broken(replace(GOOD, logged=(line % "dead",)), sendings=(mira,)) == []
    assert broken(replace(GOOD, logged=(line % "mira@example.com",)), sendings=(mira,)) == [("no-secret-out", "")]
    assert broken(replace(GOOD, logged=(line % "simulated-X",)), secrets=("simulated-",)) == [("no-secret-out", "")]


@pytest.mark.parametrize(
    ("quota", "times", "expected"),
    [
        (Quota("erp", rate=1, per_us=1_000_000, burst=2), (0, 10, 20, 30), [("quota-kept", "erp")]),
        (Quota("erp", rate=1, per_us=1_000_000, burst=2), (0, 10, 1_000_000, 2_000_000), []),
        (Quota("erp", concurrency=1), (0, 2), [("quota-kept", "erp")]),
        (Quota("erp", concurrency=1), (0, 5), []),
        (Quota("erp.other", concurrency=1), (0, 2), []),
    ],
)
def test_a_partner_is_called_no_more_than_its_file_allows(
    quota: Quota, times: tuple[int, ...], expected: list[tuple[str, str]]
) -> None:
    made = run((row(),), (effect(),), tuple(call(at_us=at_us) for at_us in times))
    of: Promises = promises(quotas={"erp": {quota.gate: quota}}, attempts_max={"erp": 9})
    assert broken(made, of=of) == expected


def test_where_nothing_goes_wrong_every_state_counts_and_every_thing_has_its_own_effect() -> None:
    rows = (row(1), row(2, Status.SUPERSEDED))
    dropped = run(rows, (effect(),), (call(),), {1: "order 1", 2: "order 1 (state 2)"})
    assert broken(dropped, dropped, sendings=STATES) == [("no-stale-overwrite", "erp")]
    conflict = row(2, Status.QUARANTINED, reason="conflict: evt-1 has the same id and another body")
    taken = replace(dropped, events=(row(1), conflict))
    assert broken(taken, taken, sendings=STATES) == [("nothing-lost", "erp")]
    beside = {1: "order 1", 2: "order 2 beside order 1"}
    shared = run((row(1), row(2)), (effect(),), (call(),), beside)
    told = (sending(), sending("order 2 beside order 1"))
    assert broken(shared, shared, sendings=told) == [("nothing-lost", "erp")]


def test_what_the_engine_does_twice_every_time_is_no_less_twice_for_being_so_in_the_reference_too() -> None:
    doubled = run((row(),), (effect(), effect()), (call(booked=True), call(booked=True)))
    assert broken(doubled, doubled) == [("nothing-twice", "erp")]
    refused = run((row(),), (effect(), effect()), (call(booked=True, status=409), call(booked=True)))
    assert broken(refused, refused) == []  # its partner turned the first away, which a simulator books all the same


def test_every_event_that_is_done_is_told_under_its_topic_once_and_whoever_receives_it_has_it() -> None:
    telling = promises(spec(tells={"tell": "orders"}, tells_most={"orders": 1}))
    once, heard = (
        Told(1, "orders", "t-1"),
        Told(1, "orders", "t-2", heard=(("ledger", "t-2"),), missed=(("ledger", "t-2"),)),
    )

    def told(*those: Told) -> list[tuple[str, str]]:
        now = run((row(),), (effect(),), (call(),), told=those)
        return broken(now, now, telling)

    assert told(once) == []
    assert told() == [("nothing-lost", "tell")]
    assert told(once, once) == [("nothing-twice", "")]
    assert told(heard) == [("nothing-lost", "")]


def test_what_counts_as_older_has_something_newer_of_its_key() -> None:
    states = {1: "order 1", 2: "order 1 (state 2)"}
    kept = run((row(1, Status.SUPERSEDED), row(2)), labels=states)
    dropped = run((row(1), row(2, Status.SUPERSEDED)), labels=states)
    both = sending(), sending("order 1 (state 2)")
    stale = ("no-stale-overwrite", "erp")
    assert stale not in broken(kept, sendings=both)
    assert stale in broken(dropped, sendings=both)
    guarded = promises(spec(guarded=True))
    assert stale not in broken(kept, of=guarded, sendings=both)
    assert stale in broken(dropped, of=guarded, sendings=both)
    late = run((row(1), row(2, Status.SUPERSEDED)), labels={1: states[2], 2: states[1]})
    assert stale not in broken(late, of=guarded, sendings=(both[1], both[0]))


def test_who_is_told_to_come_later_comes_later_unless_the_engine_died_meanwhile() -> None:
    asked = call(at_us=0, status=429, later_s=30)

    def again(**more: Any) -> list[tuple[str, str]]:
        return broken(run((row(),), (effect(),), (asked, call(**more))))

    assert again(at_us=20_000_000) == [("quota-kept", "erp")]
    assert again(at_us=31_000_000) == []
    assert again(at_us=20_000_000, life=2) == []


def test_what_a_person_says_no_to_is_taken_back_where_it_can_be() -> None:
    no = (Moment(1, "person", event=1, detail="reject"),)
    rejected = run((row(1, Status.DISCARDED),), (effect(),), (call(),), moments=no)
    kept = ("compensation-complete", "erp")
    assert kept in broken(rejected, of=promises(undone_by={ERP: "cancel"}))
    assert kept not in broken(rejected)  # nothing says how it would be taken back


def test_whoever_is_let_go_on_has_all_attempts_again() -> None:
    six = tuple(call(at_us=at) for at in range(0, 60, 10))
    yes = (Moment(1, "person", event=1, detail="release"),)
    assert broken(run((row(),), (effect(),), six, moments=yes)) == []
    assert broken(run((row(),), (effect(),), six)) == [("bounded-attempts", "erp")]


DECLINES = promises(spec(calls={"erp": replace(ONCE_ONLY, declined=frozenset({ERP}))}))


def test_a_partner_s_no_is_taken_unless_the_engine_died_or_a_person_said_so() -> None:
    no = call(status=400, fault="decline")

    def again(*moments: Moment, of: Promises = DECLINES, **more: Any) -> list[tuple[str, str]]:
        return broken(run((row(),), (effect(),), (no, call(at_us=20, **more)), moments=moments), of=of)

    assert again() == [("bounded-attempts", "erp")]
    assert again(life=2) == []
    assert again(once="1/2") == []  # another effect
    assert again(Moment(15, "person", event=1, detail="release")) == []
    assert again(of=promises()) == []  # its rules say that this may be tried again


def test_one_more_send_may_double_where_a_person_lets_it_go_on_and_nobody_can_tell() -> None:
    released = (recorded(1, "held", "erp"), Moment(5, "person", event=1, detail="release"))
    doubled = run((row(),), (effect(), effect(step="erp")), (call(), call(at_us=20)), moments=released)
    blind = promises(doubles_after_us={ERP: 0})
    assert broken(doubled, of=blind) == []
    assert broken(doubled) == [("nothing-twice", "erp")]  # a look-up would have told, or the partner
    assert broken(replace(doubled, moments=()), of=blind) == [("nothing-twice", "erp")]
    elsewhere = (recorded(1, "held", "review"), released[1])
    assert broken(replace(doubled, moments=elsewhere), of=blind) == [("nothing-twice", "erp")]
    remembered = promises(doubles_after_us={ERP: 1_000_000})
    assert broken(doubled, of=remembered) == [("nothing-twice", "erp")]


def test_what_is_never_sent_again_may_be_missing_where_a_person_lets_it_go_on() -> None:
    released = (recorded(1, "held", "erp"), Moment(5, "person", event=1, detail="release"))
    missing = run((row(),), (), (call(status=0),), moments=released)
    assert broken(missing, of=promises(effects={ERP: "at_most_once"})) == []
    assert broken(missing) == [("nothing-lost", "erp")]


def test_who_died_while_it_called_asks_once_more() -> None:
    four = tuple(call(at_us=at, life=1 + at // 30) for at in range(0, 40, 10))
    assert broken(run((row(),), (effect(),), four)) == []
    five = (*four, call(at_us=50, life=2))
    assert broken(run((row(),), (effect(),), five)) == [("bounded-attempts", "erp")]


def test_an_effect_that_could_not_be_taken_back_is_not_there_twice() -> None:
    then = run((row(1, Status.COMPENSATED),), (effect(struck_at_us=20),), (call(),))
    now = run((row(1, Status.DEAD, phase="compensate"),), (effect(),), (call(),))
    assert broken(now, then, promises(undone_by={ERP: "cancel"})) == []


def test_a_probe_of_an_open_breaker_in_vain_is_no_attempt() -> None:
    breaker = Breaker(calls_min=2)
    times = (0, 1, 40_000_000, 80_000_000, 120_000_000)
    calls = tuple(call(at_us=at, status=0, took_us=0) for at in times)
    assert broken(run((row(),), (effect(),), calls)) == [("bounded-attempts", "erp")]
    assert broken(run((row(),), (effect(),), calls), of=promises(breakers={"erp": breaker})) == []
    others = tuple(call(2, at_us=at) for at in (2, 3))  # they were answered, and half is enough to open it
    mixed = run((row(),), (effect(),), (*calls[:2], *others, *calls[2:]))
    assert broken(mixed, of=promises(breakers={"erp": replace_(breaker, calls_min=4)})) == []
    closed = promises(breakers={"erp": replace_(breaker, calls_min=5)})
    assert broken(mixed, of=closed) == [("bounded-attempts", "erp")]
