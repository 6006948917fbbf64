"""The same profile in virtual time: what was sent, what came of it, and what gives first."""

from typing import Any

import pytest
from load.sale import ERP, evenly, in_order, messages, shop
from msgspec.structs import replace

from engine.errors import UserError
from engine.run.load import Loaded
from engine.store import Filter
from engine.store.readers import read_events
from harness.load.judge.limits import first_of, limiting
from harness.load.measure.joined import measure
from harness.load.model import Arrival, Measures, PhaseSpan, Work
from harness.load.run import virtual
from harness.load.run.virtual import Played, play
from harness.simulation import loop

QUOTA = (ERP, "timeout: 2s", "timeout: 2s\nquota: {rate: 2/s, burst: 2}")
CONCURRENCY = (ERP, "timeout: 2s", "timeout: 2s\nquota: {concurrency: 2}")


def played(
    loaded: Loaded, arrivals: list[Arrival], end_s: float, *, hot: int = 0, drain_s: float = 1_000, **more: Any
) -> Played:
    count = max(arrival.message for arrival in arrivals) + 1
    phases = (PhaseSpan("steady", 0.0, end_s),)
    return play(loaded, arrivals, list(messages(loaded, count, hot)), phases, drain_s=drain_s, **more)


def measured(*changes: tuple[str, str, str], rate: float, for_s: float, **more: Any) -> Measures:
    loaded = shop(*changes)
    found = played(loaded, evenly(rate, for_s), for_s, **more)
    measures = virtual.measured(loaded, found, more.get("workers", 64))
    found.database.close()
    return measures


def test_what_is_due_is_sent_then_and_once() -> None:
    loaded = shop()
    found = played(loaded, evenly(20, 5), 5)
    sent = list(found.ran.sent)
    assert [one.due_us for one in sent] == [arrival.due_us for arrival in evenly(20, 5)]
    assert {one.status for one in sent} == {202}
    assert [one.event for one in sent] == list(range(1, 101))
    assert all(0 < one.answered_us - one.sent_us < 20_000 for one in sent)
    assert {row.status.value for row in read_events(found.database, Filter(limit=200))} == {"done"}
    assert found.still
    found.database.close()


def test_a_message_that_comes_again_is_known() -> None:
    again = [Arrival(3_000_000, number, 0, again=True) for number in (2, 0, 7)]
    found = played(shop(), in_order(evenly(10, 1), again), 4)
    sent = list(found.ran.sent)
    assert [one.status for one in sent] == [202] * 10 + [200] * 3
    assert sent[10].event == sent[2].event
    found.database.close()


def test_everything_is_measured_as_of_a_real_run() -> None:
    found = measured(QUOTA, rate=10, for_s=4)
    assert (found.offered, found.accepted, found.completed, found.ended) == (40, 40, 40, {"done": 40})
    assert found.books.checked == 40
    assert (found.books.lost, found.books.doubled, found.books.out_of_order, found.books.violations) == (0, 0, 0, ())
    assert [second.due for second in found.seconds[:4]] == [10] * 4
    assert found.seconds[3].backlog == pytest.approx(40 - 8, abs=2)
    assert found.seconds[3].oldest_s == pytest.approx(3, abs=0.5)
    backlogs = [second.backlog for second in found.seconds[4:]]
    assert backlogs == sorted(backlogs, reverse=True)
    assert found.drain_s == pytest.approx(16, abs=1.5)
    assert sum(second.statuses.get("erp 201", 0) for second in found.seconds) == 40
    (erp,) = found.partners
    assert (erp.requests, erp.booked, erp.throttled) == (40, 40, 0)
    assert found.engine_cpu_us_per_event == 0  # of which virtual time knows nothing
    assert found.generator.held
    stages = {stage.stage: stage.latency.mean_ms for stage in found.stages}
    assert stages["gate"] > 1_000 > stages["partner"]


def test_an_effect_that_the_book_lost_is_seen() -> None:
    loaded = shop()
    found = played(loaded, evenly(10, 1), 1)
    book = found.ran.partners.books["erp"]
    lost = replace(found.ran, partners=replace(found.ran.partners, books={"erp": replace(book, rows=book.rows[1:])}))
    assert measure(loaded, lost, found.database).books.lost == 1
    found.database.close()


def test_what_still_moves_when_its_time_is_over_is_told() -> None:
    loaded = shop(QUOTA)
    found = played(loaded, evenly(10, 4), 4, drain_s=3)
    measures = measure(loaded, found.ran, found.database)
    assert not found.still
    assert measures.drain_s is None
    assert measures.books.unfinished == pytest.approx(24, abs=3)
    found.database.close()


def test_two_runs_of_one_seed_are_the_same() -> None:
    one, other = measured(QUOTA, rate=10, for_s=3), measured(QUOTA, rate=10, for_s=3)
    assert one == other


def test_a_run_that_would_take_an_hour_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual, "MESSAGES_MAX", 39)
    with pytest.raises(UserError, match="40 messages are more than are sent in virtual time, 39; make"):
        played(shop(), evenly(10, 4), 4)


def test_a_long_day_is_no_engine_that_never_comes_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CALLBACKS_MAX", 1_000)
    found = played(shop(), evenly(20, 5), 5)  # some sixty callbacks each
    assert found.still
    found.database.close()


# ── planted ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def work_of(found: Measures) -> Work:
    assert found.work is not None
    return found.work


def test_a_quota_of_two_a_second_is_named_with_its_rate() -> None:
    found = measured(QUOTA, rate=5, for_s=60)
    first, after = limiting(found)
    assert first is not None
    assert (first.stage, first.name, first.per_minute) == ("quota", "erp", 120)
    assert after is not None
    assert after.stage != "cpu"
    work = work_of(found)
    assert work.completed * 60 / (work.end_s - work.begin_s) == pytest.approx(120, rel=0.1)


def test_a_quota_of_one_operation_is_named_by_it() -> None:
    change = (ERP, "    effect: idempotent\n", "    effect: idempotent\n    quota: {rate: 4/s}\n")
    first = first_of(work_of(measured(change, rate=10, for_s=30)))[0]
    assert (first.stage, first.name, first.per_minute) == ("quota", "erp.create_order", 240)


def test_few_places_are_a_small_pool() -> None:
    found = measured(CONCURRENCY, rate=60, for_s=20, latencies_s={"erp": (0.05,)})
    first = first_of(work_of(found))[0]
    assert (first.stage, first.name) == ("pool", "erp")
    assert first.per_minute == pytest.approx(2_400, rel=0.05)


def test_a_partner_that_takes_its_time_is_a_slow_partner() -> None:
    found = measured(rate=60, for_s=20, latencies_s={"erp": (1.0,)}, workers=32)
    first = first_of(work_of(found))[0]
    assert (first.stage, first.name) == ("partner", "erp")
    assert first.per_minute == pytest.approx(1_920, rel=0.05)


def test_one_hot_key_is_named_with_its_integration() -> None:
    found = measured(rate=40, for_s=20, hot=80, latencies_s={"erp": (0.1,)})
    first = first_of(work_of(found))[0]
    assert (first.stage, first.name) == ("key", "shop-orders")


def test_the_key_is_not_blamed_for_what_waits_at_a_gate() -> None:
    found = measured(QUOTA, rate=5, for_s=60, hot=50)
    stages = first_of(work_of(found))
    assert stages[0].stage == "quota"
    key = [stage for stage in stages if stage.stage == "key"]
    assert all(stage.used < 0.2 for stage in key)
