"""What is drawn: bounded however long the run, the worst of joined seconds kept, no curve beyond its samples."""

import pytest
from load.tell import samples
from msgspec.structs import replace

from harness.load.model import Latency, Second
from harness.load.tell.report import series
from harness.load.tell.report.series import POINTS_MAX, Chart, Line, drawn


def chart(charts: tuple[Chart, ...], name: str) -> Chart:
    return next(one for one in charts if one.id == name)


def line(one: Chart, label: str) -> Line:
    return next(found for found in one.lines if found.label == label)


def with_seconds(seconds: tuple[Second, ...]) -> tuple[Chart, ...]:
    result = samples.held()
    return drawn(replace(result, measures=replace(result.measures, seconds=seconds)), None).charts


def test_every_line_has_a_value_for_each_x_of_its_chart() -> None:
    drawings = [drawn(make(), samples.broken()) for make in samples.SAMPLES.values()]
    lines = [(one, found) for drawing in drawings for one in drawing.charts for found in one.lines]
    assert len(lines) > 60
    assert all(len(found.values) == len(one.x) for one, found in lines)
    assert all(one.x == sorted(one.x) for one, _ in lines)


def test_a_long_run_is_joined_and_keeps_its_worst_second() -> None:
    seconds = tuple(
        Second(at_s=at, due=10, completed=10, backlog=5_000 if at == 40_001 else 3, complete_max_ms=20.0)
        for at in range(86_400)
    )
    flow = chart(with_seconds(seconds), "flow")
    assert len(flow.x) <= POINTS_MAX
    assert "Each point is 96 seconds." in flow.says
    assert max(value or 0 for value in line(flow, "backlog").values) == 5_000
    assert set(line(flow, "offered").values) == {600.0}


def test_the_last_point_of_joined_seconds_is_the_mean_of_those_it_has() -> None:
    flow = chart(with_seconds(tuple(Second(at_s=at, due=7) for at in range(POINTS_MAX + 1))), "flow")
    assert set(line(flow, "offered").values) == {420.0}


def test_the_worst_ten_seconds_are_shaded_where_latency_is_drawn() -> None:
    latency = chart(drawn(samples.held(), None).charts, "latency")
    assert latency.zone == (40, 50)
    assert "The band is the worst ten seconds of shopify-orders-to-erp." in latency.says


def test_seconds_that_were_not_counted_stretch_no_chart() -> None:
    flow = chart(with_seconds((Second(at_s=0, due=1), Second(at_s=10**15, due=1))), "flow")
    assert len(flow.x) == 2


def test_a_line_on_which_there_is_nothing_to_see_is_left_out() -> None:
    charts = with_seconds((Second(at_s=0, due=1, sent=1), Second(at_s=1, due=1, sent=1)))
    assert [one.id for one in charts] == ["flow", "nines"]
    assert [found.label for found in chart(charts, "flow").lines] == ["backlog", "accepted", "offered", "completed"]


def test_of_what_partners_answered_the_most_frequent_refusals_are_drawn() -> None:
    statuses = {"erp 201": 900, **{f"erp {status}": status for status in (400, 404, 409, 429, 500, 502, 503)}}
    calls = chart(with_seconds((Second(at_s=0, calls=5, statuses=statuses),)), "calls")
    assert [found.label for found in calls.lines] == ["calls", "erp 503", "erp 502", "erp 500", "erp 429", "erp 409"]


def test_a_curve_ends_where_ten_samples_lie_beyond() -> None:
    points = series.percentiles(samples.latency([float(n) for n in range(1, 2_001)]))
    assert max(points) == pytest.approx(0.995, abs=0.001)
    assert points[0.99] == pytest.approx(1_980, rel=0.002)


@pytest.mark.parametrize(
    "text", ["", "AAAA", "not base64!", "HISTFAAAACJ4nJ", "é", "x" * (series.HISTOGRAM_BYTES_MAX + 1)]
)
def test_a_histogram_that_cannot_be_read_leaves_the_quantiles(text: str) -> None:
    told = Latency(count=5_000, mean_ms=1, max_ms=9, quantiles_ms={"0.5": 2.0, "0.99": 8.0}, histogram=text)
    assert series.percentiles(told) == {0.5: 2.0, 0.99: 8.0}


def test_a_baseline_is_drawn_beside_the_percentiles() -> None:
    alone, beside = (chart(drawn(samples.held(), b).charts, "nines") for b in (None, samples.broken()))
    labels = {found.label for found in beside.lines} - {found.label for found in alone.lines}
    assert labels == {"complete, baseline", "accept, baseline"}


def test_probes_are_told_apart_by_outcome_and_kind_of_time() -> None:
    real = chart(drawn(samples.capacity(), None).charts, "curve")
    assert [found.label for found in real.lines] == ["all of it", "held", "not held", "p99 of complete"]
    assert line(real, "not held").values == [None, None, None, 5_690, 5_690]
    assert real.zone == (5_400, 5_985)
    virtual = chart(drawn(samples.virtual(), None).charts, "curve")
    assert {found.label for found in virtual.lines} >= {"held, in virtual time", "not held, in virtual time"}
