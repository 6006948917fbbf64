"""Whole runs: when they end, what waits, who belongs to whom."""

import pytest
from acting import DOUBLES, ERP, SECOND, SPEC, booked, erp, loaded_from, order, play, shop, statuses, told
from run.shop import shop as brand

from engine.wire.answers import Inbound
from harness.simulation.scenario import Crash, People, Scenario, Sending, simulate

HELD = (
    SPEC,
    "  - id: erp\n",
    "  - {id: review, hold: {queue: desk, reason: look EXPIRES}}\n  - id: erp\n",
)
HOLDS = shop((HELD[0], HELD[1], HELD[2].replace(" EXPIRES", "")))
EXPIRES = shop((HELD[0], HELD[1], HELD[2].replace(" EXPIRES", ", expires: 12h")))


def test_what_waits_for_people_is_still() -> None:
    run = play(order(1), of=HOLDS)
    assert (statuses(run), run.still, booked(run)) == (["held"], True, [])
    assert run.ended_at_us < SECOND


def test_people_release_or_reject_what_waits_for_them() -> None:
    released = play(order(1), of=HOLDS, people=People("release", after_s=600))
    assert (statuses(released), booked(released)) == (["done"], ["shop-1"])
    assert told(released, "person") == ["person release"]
    assert 600 * SECOND < released.ended_at_us < 602 * SECOND
    assert statuses(play(order(1), of=HOLDS, people=People("reject"))) == ["discarded"]


def test_people_come_again_where_the_engine_was_down() -> None:
    for point in ("before move", "after move"):
        run = play(order(1), of=HOLDS, people=People("release"), crashes=(Crash(point, 0),))
        assert (statuses(run), booked(run), run.lives) == (["done"], ["shop-1"], 2), point
        assert told(run, "person") == ["person release"], point


def test_people_do_not_release_the_same_event_for_ever() -> None:
    never = tuple(erp("error_before", nth, operation="find_order") for nth in range(999))
    faults = (erp("cut_before"), *never)
    run = play(order(1), of=shop(*DOUBLES), faults=faults, people=People("release"))
    assert run.still
    assert len(told(run, "person")) <= 3


ASKS_A_PERSON = shop((SPEC, "    on_unknown: lookup\n", "    on_unknown: hold\n"))


def test_what_waits_for_what_becomes_of_another_is_not_asked_for_every_second() -> None:
    twice = order(1), order(1, SECOND, event="again")
    run = play(*twice, of=ASKS_A_PERSON, faults=(erp("cut_after"),))
    assert (statuses(run), run.behind, run.still) == (["held", "waiting"], {2: 1}, True)
    assert run.passed["before claim"] < 20
    later = play(*twice, of=ASKS_A_PERSON, faults=(erp("cut_after"),), people=People("release", after_s=3_600))
    assert (statuses(later), later.behind, later.still) == (["done", "done"], {}, True)
    assert later.passed["before claim"] < 40


def test_a_hold_that_expires_moves_by_itself() -> None:
    run = play(order(1), of=EXPIRES)
    assert statuses(run) == ["dead"]
    assert round(run.ended_at_us / SECOND) == 12 * 3_600
    assert run.passed["before claim"] < 100  # of the nine thousand looks at nothing none is taken


def test_a_run_ends_when_its_time_is_over() -> None:
    never = tuple(erp("cut_before", nth) for nth in range(9_999))
    run = play(order(1), faults=never, of=shop((SPEC, "on_unknown: lookup", "on_unknown: retry"),
                                                (ERP, "cap: 200ms", "cap: 1h"),
                                                (ERP, "attempts_max: 60", "attempts_max: 100")), until_s=7_200)  # fmt: skip
    assert (run.still, statuses(run)) == (False, ["waiting"])
    assert run.ended_at_us <= 7_200 * SECOND


def test_what_the_workspace_does_not_know_is_refused() -> None:
    odd = Sending(0, "nothing", Inbound("POST", "", {}, {}, b""), "order 1")
    with pytest.raises(ValueError, match="no integration `nothing`; there are shop-orders"):
        play(odd)
    with pytest.raises(ValueError, match="people release or reject"):
        play(order(1), people=People("redrive"))
    with pytest.raises(ValueError, match="is no time"):
        play(order(1), faults=(erp("slow", seconds=-1),))


def test_times_of_rows_go_by_the_clock_that_is_given() -> None:
    (row,) = play(order(1), begin_at=1_234 * SECOND).events
    assert 1_234 * SECOND <= row.received_at < 1_235 * SECOND


# ── topics ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TOPICS = loaded_from(
    tuple(
        brand(
            """
  - id: order
    map: order
  - id: tell
    emit: {topic: orders, body: order}
""",
            orders_to_parcels="""receive: {topic: orders}
steps:
  - {id: label, call: carrier-a.buy, input: body, once: body.id}
""",
        ).items()
    )
)


def test_what_an_event_tells_goes_back_to_the_same_sending() -> None:
    run = simulate(TOPICS, Scenario(seed=1, sendings=(order(1), order(2, SECOND))))
    assert sorted(run.labels.values()) == ["order 1", "order 1", "order 2", "order 2"]
    assert [(effect.operation, effect.identity, effect.label) for effect in run.effects] == [
        ("buy", "shop-1", "order 1"), ("buy", "shop-2", "order 2"),
    ]  # fmt: skip


def test_a_circle_of_topics_ends_as_something_that_moves_for_ever() -> None:
    again = """receive: {topic: orders}
steps:
  - {id: again, emit: {topic: orders, body: body}}
"""
    tell = "\n  - id: order\n    map: order\n  - id: tell\n    emit: {topic: orders, body: order}\n"
    circle = loaded_from(tuple(brand(tell, orders_again=again).items()))
    run = simulate(circle, Scenario(seed=1, sendings=(order(1),)))
    assert not run.still
    assert 1_000 < len(run.events) < 2_000


def test_an_event_of_a_topic_may_be_put_in_from_outside() -> None:
    body = b'{"id": "shop-7", "customer": "c", "number": 7, "total_minor": 1}'
    put_in = Sending(0, "orders-to-parcels", Inbound("POST", "", {}, {}, body), "parcel 7")
    run = simulate(TOPICS, Scenario(seed=1, sendings=(put_in,)))
    assert (statuses(run), run.acknowledged, run.labels) == (["done"], (0,), {1: "parcel 7"})
    assert [effect.identity for effect in run.effects] == ["shop-7"]
