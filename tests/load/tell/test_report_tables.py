"""What is said: the best ten seconds, broken promises first, means that add up, changes in their direction."""

import pytest
from load.tell import samples
from msgspec.structs import replace

from harness.load.model import PartnerMeasures, Second, Slo, StageTime
from harness.load.numbers import ABSENT
from harness.load.tell.report import baseline, tables


@pytest.mark.parametrize(
    ("due", "best"),
    [
        ({}, None),
        ({0: 7}, 420),
        ({0: 5, 1: 5}, 300),
        (dict.fromkeys(range(30), 10), 600),
        (dict.fromkeys(range(30), 10) | {12: 110}, 1_200),
        ({0: 100, 9: 100, 10: 100, 19: 1}, 1_200),
        ({0: 50, 10**15: 60}, 360),
    ],
)
def test_the_best_rate_is_that_of_ten_seconds_in_a_row(due: dict[int, int], best: float | None) -> None:
    seconds = [Second(at_s=at, due=n) for at, n in due.items()]
    assert tables.best_per_minute(seconds, lambda second: second.due) == best


def test_broken_promises_come_first_then_those_with_the_least_room() -> None:
    def slo(name: str, held: bool, margin: float | None, judged: bool = True) -> Slo:
        return Slo(name=name, limit="", measured="", held=held, margin=margin, judged=judged)

    told = [
        slo("too few", True, 0.95, judged=False),
        slo("roomy", True, 0.1),
        slo("no number", True, None),
        slo("tight", True, 0.9),
        slo("broken", False, 3.0),
    ]
    rows = tables.slo_rows(told)
    assert [(row.slo.name, row.width) for row in rows] == [
        ("broken", 1.0),
        ("tight", 0.45),
        ("roomy", 0.05),
        ("no number", None),
        ("too few", 0.475),
    ]


def test_the_waterfall_adds_up_and_leaves_out_time_with_a_person() -> None:
    def stage(name: str, ms: float, count: int) -> StageTime:
        return StageTime(stage=name, latency=samples.latency([ms] * count))

    stages = (
        stage("gate", 0, 100),
        stage("person", 60_000, 50),
        stage("partner", 30, 100),
        stage("retry", 100, 10),
        stage("queue", 60, 100),
    )
    rows = tables.waterfall(replace(samples.held().measures, stages=stages))
    assert [(row.stage, row.begin, row.width) for row in rows] == [
        ("queue", 0.0, 0.6),
        ("partner", 0.6, 0.3),
        ("retry", 0.9, 0.1),
        ("person", 1.0, 0.0),
    ]


def test_of_each_integration_its_worst_ten_seconds_follow() -> None:
    measures = samples.held().measures
    rows = tables.by_integration(replace(measures, by_integration={"a": {}} | measures.by_integration))
    assert [(row.name, row.kind) for row in rows] == [
        ("shopify-orders-to-erp", "accept, from due"),
        ("shopify-orders-to-erp", "complete, from due"),
        ("shopify-orders-to-erp, worst from 0:40", "complete, from due"),
    ]


def test_phases_are_told_in_their_order_and_a_warm_up_as_not_judged() -> None:
    measures = samples.held().measures
    told = {"warm-up": {"accept": samples.latency([1.0] * 30)}, "empty": {"accept": samples.latency([])}}
    rows = tables.by_phase(replace(measures, by_phase=told | measures.by_phase))
    names = list(dict.fromkeys((row.name, row.counted) for row in rows))
    assert names == [
        ("whole run", True),
        ("phase warm-up", False),
        ("phase before", True),
        ("phase burst", True),
        ("phase tail", True),
    ]


def test_a_partner_shows_what_it_answered_and_how_often_it_was_asked() -> None:
    partner = PartnerMeasures(
        system="erp", requests=150, statuses={"201": 100, "429": 40, "500": 10}, booked=100, repeated=0, throttled=40
    )
    (row,) = tables.partner_rows([partner])
    assert [(part.family, part.count) for part in row.mix] == [("success", 100), ("later", 40), ("failed", 10)]
    assert row.mix[1].begin == pytest.approx(0.6667)
    assert row.again == "1.5"
    (unbooked,) = tables.partner_rows([replace(partner, booked=0, statuses={})])
    assert (unbooked.again, unbooked.mix) == (ABSENT, ())


def test_a_story_is_laid_along_its_own_time() -> None:
    assert tables.placed([(10.0, "a"), (15.0, "b"), (20.0, "c")]) == ((10.0, "a", 0), (15.0, "b", 0.5), (20.0, "c", 1))
    assert tables.placed([(10.0, "a")]) == ((10.0, "a", 0),)
    assert len(tables.placed([(float(n), "x") for n in range(5_000)])) == tables.DOTS_MAX


def test_changes_are_better_or_worse_by_what_is_wanted() -> None:
    told = {delta.name: delta for delta in baseline.deltas(samples.capacity(), samples.broken())}
    assert told["complete, p99"].tone == "good"
    assert told["completed at most"].tone == "good"
    assert told["lost"].tone == "good"
    assert (told["engine CPU an event"].change, told["engine CPU an event"].tone) == ("the same", "plain")
    assert (told["capacity"].before, told["capacity"].change) == (ABSENT, ABSENT)
    back = {delta.name: delta.tone for delta in baseline.deltas(samples.broken(), samples.capacity())}
    assert {back[name] for name in ("complete, p99", "completed at most", "lost")} == {"bad"}


def test_runs_that_are_not_alike_are_told_so() -> None:
    held = samples.held()
    assert baseline.unlike(held, held) == ()
    assert baseline.unlike(held, samples.invalid()) == (
        "profile",
        "number of messages offered",
        "verdict of the baseline: invalid",
    )
    elsewhere = replace(held, run=replace(held.run, machine="64 cores, 256 GiB", virtual=True))
    assert baseline.unlike(held, elsewhere) == ("machine", "kind of time")
