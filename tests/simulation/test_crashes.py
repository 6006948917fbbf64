"""Crashes at every port call: what was promised is kept, the dead reach nothing, and the points are counted."""

import asyncio

import pytest
from acting import DOUBLES, SECOND, booked, erp, order, play, shop, statuses, told

from engine.errors import Gone
from engine.model import Request
from engine.run.walk import Walk
from engine.store import Move
from harness.simulation.life import Life
from harness.simulation.ports import PowerCut
from harness.simulation.scenario import POINTS, Crash, crashes_of

VERIFIABLE = shop(*DOUBLES)


@pytest.mark.parametrize("fault", ["", "cut_after"])
def test_a_crash_at_any_port_call_of_one_event_ends_with_one_effect(fault: str) -> None:
    # The partner doubles what is sent again, so the engine has to know, and it is killed wherever it could not.
    faults = (erp(fault),) if fault else ()
    whole = play(order(1), of=VERIFIABLE, faults=faults)
    cuts = crashes_of(whole)
    assert len(cuts) == whole.points > 18
    assert {point.partition(" ")[2] for point in whole.passed} == {*POINTS, "keep_plans"}
    for cut in cuts:
        run = play(order(1), of=VERIFIABLE, faults=faults, crashes=(cut,))
        assert (statuses(run), booked(run), run.lives, run.still) == (["done"], ["shop-1"], 2, True), cut
        assert run.fired[cut.point] == 1
        assert told(run, "crash", "restart") == [f"crash {cut.point}", "restart"]
        assert run.deadlock == run.failure == ""


def test_two_crashes_at_any_two_points_end_with_one_effect() -> None:
    whole = play(order(1), of=VERIFIABLE)
    cuts = [(first, second) for first in crashes_of(whole)[::3] for second in crashes_of(whole)[1::4]]
    for pair in cuts:
        run = play(order(1), of=VERIFIABLE, crashes=pair)
        assert (statuses(run), booked(run)) == (["done"], ["shop-1"]), pair
    assert len(cuts) > 30


def test_many_events_with_many_crashes_are_each_done_once() -> None:
    orders = [order(number, number * SECOND // 4, customer=str(number % 5)) for number in range(40)]
    cuts = {
        "before send": 3,
        "after send": 12,
        "after begin": 20,
        "before record": 30,
        "after accept": 25,
        "after claim": 40,
    }
    crashes = tuple(Crash(point, nth) for point, nth in cuts.items())
    run = play(*orders, of=VERIFIABLE, crashes=crashes)
    assert statuses(run) == ["done"] * 40
    assert sorted(booked(run)) == sorted(f"shop-{number}" for number in range(40))
    assert (run.lives, run.fired) == (7, dict.fromkeys(cuts, 1))
    assert len(run.acknowledged) == 40


def test_what_the_engine_died_of_three_times_is_for_a_person() -> None:
    crashes = tuple(Crash("before send", nth) for nth in range(9))
    run = play(order(1), order(2, 60 * SECOND, customer="d"), of=VERIFIABLE, crashes=crashes[:3])
    assert statuses(run) == ["quarantined", "done"]


def test_a_crash_that_is_never_reached_is_told_with_nought() -> None:
    assert play(order(1), crashes=(Crash("before send", 99),)).fired == {"before send": 0}


def test_once_healed_the_power_stays() -> None:
    run = play(order(1, SECOND), crashes=(Crash("before send", 0),), heal_at_us=SECOND // 2)
    assert (run.fired, run.lives, statuses(run)) == ({"before send": 0}, 1, ["done"])


def test_a_call_on_its_way_is_booked_though_who_made_it_is_dead() -> None:
    run = play(order(1), of=VERIFIABLE, crashes=(Crash("after send", 0),))
    assert [(call.life, call.operation, call.booked) for call in run.calls] == [
        (1, "create_order", True), (2, "find_order", False),
    ]  # fmt: skip
    late = play(order(1), order(2, 0, customer="d"), of=VERIFIABLE, crashes=(Crash("before record", 0),), seed=5)
    assert sorted(booked(late)) == ["shop-1", "shop-2"]


def test_what_the_dead_still_do_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lives: list[Life] = []
    refused: list[str] = []
    walk, began = Walk.run, Life.__init__

    def remember(self: Life, *more: object) -> None:
        began(self, *more)  # type: ignore[arg-type]
        lives.append(self)

    async def with_last_words(self: Walk) -> None:
        ports = self.ports
        request = Request("erp", "create_order", "POST", "/sales-orders", body={"external_id": "of the dead"})
        moved = Move(self.delivery.event, 0, "reject")
        try:
            await walk(self)
        finally:
            if not lives[-1].power.on:
                for last in (lambda: ports.http.send(request, 1.0), lambda: ports.committer.submit(ports.store.move, moved),
                             ports.clock.now, ports.chance.uniform):  # fmt: skip
                    try:
                        await last()
                    except PowerCut:
                        refused.append("refused")

    monkeypatch.setattr(Life, "__init__", remember)
    monkeypatch.setattr(Walk, "run", with_last_words)
    run = play(order(1), of=VERIFIABLE, crashes=(Crash("after begin", 0),))
    assert refused == ["refused"] * 4
    assert lives[0].power.reached >= 4
    assert [call.life for call in run.calls] == [2, 2]  # the look-up, and the order
    assert (statuses(run), booked(run)) == (["done"], ["shop-1"])


def test_what_was_on_its_way_to_the_disk_does_not_get_there() -> None:
    orders = [order(number, 0, customer=str(number)) for number in range(8)]
    between = []
    for seed in range(10):
        run = play(*orders, of=VERIFIABLE, seed=seed, crashes=(Crash("before send", 4),))
        kinds = [moment.kind for moment in run.moments]
        between += kinds[kinds.index("crash") + 1 : kinds.index("restart")]
        assert sorted(booked(run)) == [f"shop-{number}" for number in range(8)]
    assert "booked" in between  # the partner goes on
    assert not {"accepted", "recorded", "call", "told"} & set(between)


def test_who_will_not_end_is_a_deadlock_that_names_him(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits_for_ever(_: Walk) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Walk, "run", waits_for_ever)
    run = play(order(1))
    assert "waits_for_ever" in run.deadlock
    assert (statuses(run), run.still) == (["running"], False)


@pytest.mark.parametrize(
    ("error", "said"),
    [(LookupError("what a customer wrote"), "LookupError at test_crashes.py:"), (Gone("no plan"), ": no plan")],
)
def test_an_error_of_ours_ends_the_run_and_is_told_without_what_it_may_quote(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    async def breaks(_: Walk) -> None:
        raise error

    monkeypatch.setattr(Walk, "run", breaks)
    run = play(order(1))
    assert said in run.failure
    assert "customer" not in run.failure
    assert not run.still
    assert told(run, "failed") == [f"failed {run.failure}"]
