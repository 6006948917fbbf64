"""Senders in virtual time: they deliver again until they hear a 2xx, and whatever they do twice is one event."""

from acting import DOUBLES, SECOND, booked, order, play, shop, statuses, told

from harness.simulation.scenario import Crash, Fault, Moment, Run, Sender

VERIFIABLE = shop(*DOUBLES)


def way_in(kind: str, nth: int = 0, seconds: float = 0.0) -> Fault:
    return Fault(kind, "shop", "shop-orders", nth, seconds)


def sends(run: Run, label: str = "order 1") -> list[Moment]:
    return [moment for moment in run.moments if moment.kind == "send" and moment.label == label]


def test_a_delivery_is_one_event_and_acknowledged() -> None:
    run = play(order(1))
    assert (statuses(run), run.acknowledged, run.labels) == (["done"], (0,), {1: "order 1"})
    assert told(run, "send", "answer", "accepted") == ["send", "accepted accepted", "answer"]


def test_a_duplicate_is_one_event_and_one_effect_at_once_and_later() -> None:
    for seconds in (0.0, 0.01, 3.0, 3_600.0):
        for seed in range(5):
            run = play(order(1), faults=(way_in("duplicate", seconds=seconds),), of=VERIFIABLE, seed=seed)
            assert (statuses(run), booked(run)) == (["done"], ["shop-1"])
            assert sorted(told(run, "accepted")) == ["accepted accepted", "accepted duplicate"]
            assert run.fired == {"duplicate": 1}


def test_an_ack_that_was_lost_brings_the_delivery_again_by_the_ladder() -> None:
    senders = (Sender("shop", ack_s=5.0, ladder_s=(10.0, 60.0)),)
    run = play(order(1), faults=(way_in("ack_lost"),), senders=senders)
    first, second = sends(run)
    assert second.at_us - first.at_us > 15 * SECOND
    assert told(run, "accepted") == ["accepted accepted", "accepted duplicate"]
    assert (statuses(run), run.acknowledged) == (["done"], (0,))


def test_an_answer_after_the_deadline_is_not_heard() -> None:
    senders = (Sender("shop", ack_s=0.000_1, ladder_s=(10.0, 60.0)),)
    run = play(order(1), senders=senders)
    assert told(run, "answer", "given_up") == [*["answer no answer in time"] * 3, "given_up"]
    assert told(run, "accepted") == ["accepted accepted", "accepted duplicate", "accepted duplicate"]
    assert (statuses(run), run.acknowledged, run.still) == (["done"], (), True)


def test_what_is_late_is_overtaken() -> None:
    orders = (order(1, 0), order(2, SECOND))
    run = play(*orders, faults=(way_in("late", seconds=5.0),))
    assert booked(run) == ["shop-2", "shop-1"]
    assert booked(play(*orders)) == ["shop-1", "shop-2"]


def test_an_outage_ends_in_a_burst() -> None:
    orders = [order(number, number * SECOND) for number in range(10)]
    run = play(*orders, faults=(way_in("outage", nth=3, seconds=100.0),))
    times = [moment.at_us for moment in run.moments if moment.kind == "send"]
    assert [round(at_us / SECOND) for at_us in times] == [0, 1, 2, *[103] * 7]
    assert statuses(run) == ["done"] * 10
    healed = play(*orders, faults=(way_in("outage", nth=3, seconds=100.0),), heal_at_us=2 * SECOND)
    assert healed.fired == {"outage": 0}
    for kind in ("late", "duplicate", "ack_lost"):
        healed = play(order(1, 2 * SECOND), faults=(way_in(kind, seconds=9.0),), heal_at_us=SECOND)
        assert (healed.fired, len(sends(healed)), healed.ended_at_us < 3 * SECOND) == ({kind: 0}, 1, True)


def test_while_no_engine_listens_deliveries_are_refused_and_come_again() -> None:
    run = play(order(1), order(2, SECOND // 5), crashes=(Crash("before begin", 0),))
    assert "answer connection refused" in told(run, "answer")
    assert (statuses(run), run.acknowledged) == (["done", "done"], (0, 1))


def test_who_is_never_answered_gives_up() -> None:
    senders = (Sender("shop", ladder_s=(10.0,)),)
    faults = (way_in("ack_lost"),)
    run = play(order(1), senders=senders, faults=faults, crashes=tuple(Crash("before accept", n) for n in range(9)))
    assert run.acknowledged == ()
    assert run.events == ()
    assert told(run, "given_up") == ["given_up"]
    assert len(sends(run)) == 2
    assert run.fired["before accept"] == 2
