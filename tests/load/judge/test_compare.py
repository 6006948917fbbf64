"""A regression is what is sure and worth it; what is not alike is not compared."""

import random
from collections import Counter

import pytest
from load.results import invalid, measures, result, with_capacity
from msgspec.structs import replace

from harness.load.compare_command import told
from harness.load.judge.compare import alike, compare, probability_slower, timed
from harness.load.model import Latency, Slo

BUCKETS = {}


def drawn(times: float, count: int = 12_000, seed: int = 1) -> Latency:
    """A latency with the histogram of an exponential distribution, its mean 10 ms times `times`."""
    chance = random.Random(seed)
    values = sorted(round(chance.expovariate(1 / (10 * times)), 1) for _ in range(count))
    name = f"{times} {count} {seed}"
    BUCKETS[name] = sorted(Counter(values).items())
    quantiles = {str(q): values[int(q * count)] for q in (0.5, 0.95, 0.99)}
    return Latency(count, sum(values) / count, values[-1], quantiles, name)


def run(**changes):
    return result(measures=measures(**{"accept": drawn(1.0), "complete": drawn(1.0), **changes}))


def rows(before, after, tolerance: float = 0.1):
    return {row.name: row for row in compare(before, after, decode=BUCKETS.__getitem__, tolerance=tolerance).rows}


def test_two_runs_of_the_same_are_the_same():
    found = compare(run(), run(accept=drawn(1.0, seed=2)), decode=BUCKETS.__getitem__)
    assert not found.regressed
    assert {row.verdict for row in found.rows} == {"same"}


def test_half_as_slow_again_is_a_regression_with_its_interval():
    found = rows(run(), run(accept=drawn(1.5, seed=2)))
    for name in ("accept p50", "accept p95", "accept p99"):
        row = found[name]
        assert row.verdict == "worse"
        assert row.low is not None
        assert row.high is not None
        assert row.change is not None
        assert 0 < row.low < row.change < row.high
    # an exponential of mean 15 exceeds one of mean 10 with probability 15/25
    assert found["accept p50"].slower == pytest.approx(0.6, abs=0.01)
    assert found["complete p50"].verdict == "same"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Fifty pairs of runs of the same: at 95 % some two or three intervals of p95 miss no change."""
    missed = 0
    for seed in range(50):
        pair = drawn(1.0, 3_000, 2 * seed), drawn(1.0, 3_000, 2 * seed + 1)
        (row,) = timed("accept", pair, (1.0, 1.0), ("0.95",), BUCKETS.__getitem__, 0.1)
        assert row.low is not None
        assert row.high is not None
        missed += not row.low <= 0 <= row.high
    assert missed <= 6


def test_faster_is_better_and_no_regression():
    found = compare(run(), run(complete=drawn(0.5, seed=2)), decode=BUCKETS.__getitem__)
    assert not found.regressed
    assert {row.verdict for row in found.rows if row.name.startswith("complete p")} == {"better"}


def test_what_may_be_chance_is_unclear():
    """A fifth slower, of few samples that wait in the same queue."""
    queues = tuple(replace(second, backlog=second.at_s**2) for second in measures().seconds)
    before = run(accept=drawn(1.0, 1_000), seconds=queues)
    after = run(accept=drawn(1.2, 1_000, 2), seconds=queues)
    assert rows(before, after)["accept p99"].verdict == "unclear"


def test_less_than_a_millisecond_is_nothing():
    found = rows(run(accept=drawn(0.01)), run(accept=drawn(0.02, seed=2)))
    assert found["accept p99"].verdict == "same"


def test_a_tolerance_is_what_it_says():
    assert rows(run(), run(accept=drawn(1.5, seed=2)), 0.6)["accept p50"].verdict == "same"


@pytest.mark.parametrize("name", ["lost", "doubled", "out_of_order"])
def test_one_more_is_worse(name: str):
    found = compare(run(), replace(run(), **{name: 1}), decode=BUCKETS.__getitem__)
    assert [row.name for row in found.rows if row.verdict == "worse"] == [name.replace("_", " ")]


def test_a_promise_that_is_no_longer_kept_is_worse():
    slo = Slo(name="x accept.p99", limit="250ms", measured="10 ms", held=True)
    before = replace(run(), slo=(slo,))
    after = replace(run(), slo=(replace(slo, held=False, measured="300 ms"),))
    assert rows(before, after)["x accept.p99"].verdict == "worse"
    assert rows(after, before)["x accept.p99"].verdict == "better"


def test_what_no_longer_drains_is_worse():
    assert rows(run(), replace(run(), drain_s=None))["drain"].verdict == "worse"
    assert rows(replace(run(), drain_s=None), run())["drain"].verdict == "better"
    assert rows(run(), replace(run(), drain_s=9.0))["drain"].verdict == "unclear"


def test_fewer_completed_is_worse():
    assert rows(run(), replace(run(), completed=9_000))["completed"].verdict == "worse"


def test_capacities_are_apart_where_their_brackets_are():
    before = with_capacity()
    assert before.capacity is not None
    less = replace(before.capacity, low=4_000.0, per_minute=4_100.0, high=4_200.0)
    near = replace(before.capacity, low=5_500.0, per_minute=5_600.0, high=5_800.0)
    assert rows(before, replace(before, capacity=less))["capacity"].verdict == "worse"
    assert rows(before, replace(before, capacity=near))["capacity"].verdict == "same"
    assert rows(replace(before, capacity=less), before)["capacity"].verdict == "better"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"profile": "steps"}, "the profile differs: flash-sale against steps"),
        ({"machine": "8 cores, 32 GiB"}, "the machine differs"),
        ({"store": "postgresql"}, "the store differs"),
        ({"specs": ("x",)}, "the specs differ"),
        ({"virtual": True}, "time differs: real against virtual"),
    ],
)
def test_what_is_not_alike_is_not_compared(changed, said: str):
    before = run()
    found = compare(before, replace(before, run=replace(before.run, **changed)), decode=BUCKETS.__getitem__)
    assert found.rows == ()
    assert said in " ".join(found.unlike)
    assert next(told(found)) == ("NOT COMPARABLE",)


def test_another_load_is_not_compared():
    assert "another load" in compare(run(), run(offered=48_000), decode=BUCKETS.__getitem__).unlike[0]


def test_an_invalid_run_is_not_compared():
    assert (
        compare(run(), invalid(), decode=BUCKETS.__getitem__)
        .unlike[0]
        .startswith("B is invalid: the generator sent 72 ms")
    )


def test_what_may_be_the_reason_is_noted():
    after = replace(run(), run=replace(run().run, workspace_hash="ffff", seed=8))
    assert compare(run(), after, decode=BUCKETS.__getitem__).notes == (
        "workspace a1b2c3 before, ffff after",
        "seed 7 before, 8 after",
    )


def test_people_read_the_verdict_first():
    found = list(told(compare(run(), replace(run(accept=drawn(1.5, seed=2)), lost=1), decode=BUCKETS.__getitem__)))
    assert found[0] == ("FAIL", "4 regressions")
    assert "  ".join(found[1]).split() == ["lost", "0", "→", "1", "WORSE"]


@pytest.mark.parametrize("before", [[(1, 3), (2, 5)], [(1, 1)], [(5, 2), (9, 1)]])
@pytest.mark.parametrize("after", [[(1, 1), (2, 2), (3, 3)], [(0.5, 4)], [(9, 1)]])
def test_how_often_slower_is_counted_pair_by_pair(before, after):
    pairs = [(x, y, n * m) for x, n in before for y, m in after]
    expected = sum((y > x) * count + (y == x) * count / 2 for x, y, count in pairs) / sum(count for *_, count in pairs)
    assert probability_slower(before, after) == pytest.approx(expected)


def test_a_series_is_worth_less_the_more_alike_its_seconds_are():
    chance = random.Random(3)
    noise = [chance.gauss(0, 1) for _ in range(4_000)]
    assert alike(noise) == pytest.approx(1.0, abs=0.1)
    held, walked = 0.0, []
    for value in noise:
        held = 0.8 * held + value
        walked.append(held)
    assert alike(walked) == pytest.approx(0.2 / 1.8, rel=0.3)
    assert alike([1.0] * 50) == 1.0
    assert alike([1.0]) == 1.0
