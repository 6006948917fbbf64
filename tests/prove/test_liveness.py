"""What stands still on runs made by hand: behind a decision, for an event that has come, for the trouble of another key."""

from typing import Any

from told import broken, call, effect, promises, recorded, row, run, sending, spec

from engine.model import Status
from harness.simulation.scenario import Crash, Moment, Told

MINUTE_US = 60_000_000


def test_who_waits_behind_somebody_s_decision_waits_for_a_person() -> None:
    rows = (row(1, Status.HELD), row(2, Status.ACCEPTED))
    held = run(rows, labels={1: "order 1", 2: "order 2"})
    then = run((row(status=Status.HELD),))
    assert broken(held, then, promises(spec(blocks=True))) == []
    assert broken(held, then) == [("liveness", "")]


def test_who_waits_for_an_effect_that_somebody_decides_on_waits_for_a_person() -> None:
    rows = row(1, Status.HELD), row(2, Status.WAITING, key="2", step="erp")
    labels = {1: "order 1", 2: "order 1"}
    then = run((row(1, Status.HELD),), (), (call(status=422),))
    assert broken(run(rows, (), (call(status=422),), labels, behind={2: 1}), then) == []
    assert broken(run(rows, (), (call(status=422),), labels), then) == [("liveness", "erp")]


def test_what_waits_for_an_event_goes_on_soon_after_that_has_come() -> None:
    waiting = promises(spec(waits={"paid": "payments"}))
    waits = Moment(1_000, "recorded", event=1, step="paid", detail="waiting")

    def told(*, came_us: int, goes_on_us: int, key: str = "1") -> list[tuple[str, str]]:
        came = (Told(2, "payments", "p-1", key, came_us),)
        moments = waits, Moment(goes_on_us, "recorded", event=1, detail="done")
        return broken(run((row(),), (effect(),), (call(),), moments=moments, told=came), of=waiting)

    assert told(came_us=2_000, goes_on_us=3_600_000_000) == [("liveness", "paid")]
    assert told(came_us=2_000, goes_on_us=5_000_000) == []
    assert told(came_us=2_000, goes_on_us=3_600_000_000, key="2") == []
    assert told(came_us=3_599_000_000, goes_on_us=3_600_000_000) == []


def begun(first_us: int, *, key: str = "2", through_us: int = 10 * MINUTE_US, **more: Any) -> list[tuple[str, str]]:
    """What it breaks that a second event is first worked on then; both came at the beginning."""
    moments = (recorded(1, "waiting", at_us=1_000), recorded(1, "done", at_us=through_us))
    rows = (row(1), row(2, key=key))
    labels = {1: "order 1", 2: "order 2"}
    now = run(rows, labels=labels, moments=(*moments, recorded(2, "done", at_us=first_us)))
    return broken(now, now, sendings=(sending("order 1"), sending("order 2")), **more)


def test_what_another_key_waits_for_keeps_nobody_waiting() -> None:
    assert begun(2_000) == []
    assert begun(11 * MINUTE_US) == [("liveness", "")]
    assert begun(11 * MINUTE_US, key="1") == []  # it was its turn to wait
    assert begun(11 * MINUTE_US, through_us=2_000) == []  # nobody was in trouble
    assert begun(11 * MINUTE_US, crashes=(Crash("before send", 0),)) == []
