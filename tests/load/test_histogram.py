"""Histograms: bucket by bucket, byte by byte and quantile by quantile those of HdrHistogram, but never above the
greatest value, and silent where too few samples were taken."""

from random import Random
from statistics import quantiles

import pytest
from hdrh.histogram import HdrHistogram

from harness.load.histogram import HIGHEST_US, Histogram, PerSecond, samples_least
from harness.load.model import Latency

EDGES = (0, 1, 2, 2046, 2047, 2048, 2049, 4095, 4096, 4097, 10**6, 2**30 - 1, 2**30, 60 * 10**6, HIGHEST_US)


def drawn(seed: int, count: int) -> list[int]:
    random = Random(seed)
    return [int(random.lognormvariate(8, 2.5)) for _ in range(count)]


def filled(values: list[int], digits: int = 3) -> Histogram:
    found = Histogram(digits)
    for value in values:
        found.record_us(value)
    return found


def theirs(values: list[int], digits: int = 3) -> HdrHistogram:
    found = HdrHistogram(1, HIGHEST_US, digits)
    for value in values:
        found.record_value(value)
    return found


@pytest.mark.parametrize("digits", [2, 3])
@pytest.mark.parametrize("values", [[*EDGES], drawn(1, 30_000), [5], [0, 0]], ids=["edges", "drawn", "one", "zeros"])
def test_the_text_is_the_librarys_byte_for_byte(values: list[int], digits: int) -> None:
    mine = filled(values, digits).encode()
    assert mine == theirs(values, digits).encode().decode()
    assert Histogram.decode(mine).encode() == mine


def test_large_counts_are_written_as_the_library_writes_them() -> None:
    mine, other = Histogram(), HdrHistogram(1, HIGHEST_US, 3)
    for power in (0, 6, 7, 13, 14, 31, 40, 60):
        mine.record_us(100 + power, 2**power)
        other.record_value(100 + power, 2**power)
    assert mine.encode() == other.encode().decode()
    assert (
        Histogram.decode(mine.encode()).count == mine.count == sum(2**power for power in (0, 6, 7, 13, 14, 31, 40, 60))
    )


def test_quantiles_are_the_librarys_and_no_more_than_the_greatest_value() -> None:
    values = drawn(2, 50_000)
    mine, other = filled(values), theirs(values)
    for share in (0.5, 0.75, 0.9, 0.95, 0.99, 0.999):
        assert mine.quantile_us(share) == min(other.get_value_at_percentile(share * 100), max(values))
    exact = quantiles(values, n=100)
    assert mine.quantile_us(0.99) == pytest.approx(exact[98], rel=0.002)
    assert mine.latency().max_ms == max(values) / 1000
    assert mine.latency().mean_ms == pytest.approx(sum(values) / len(values) / 1000)
    alike = filled([4_097_001] * 1000)
    assert alike.quantile_us(0.99) == 4_097_001


@pytest.mark.parametrize(("quantile", "least"), [(0.5, 20), (0.9, 200), (0.95, 200), (0.99, 1_000), (0.999, 10_000)])
def test_a_quantile_of_too_few_samples_is_not_told(quantile: float, least: int) -> None:
    assert filled([7] * (least - 1)).quantile_us(quantile) is None
    assert str(quantile) not in filled([7] * (least - 1)).latency().quantiles_ms
    assert filled([7] * least).quantile_us(quantile) == 7
    assert filled([7] * least).latency().quantiles_ms[str(quantile)] == 0.007


def test_a_quantile_that_is_not_written_down_needs_ten_samples_beyond_it() -> None:
    assert samples_least(0.98) == pytest.approx(501, abs=1)
    assert samples_least(1.0) > 10**9


def test_what_is_out_of_range_counts_at_its_ends() -> None:
    found = filled([-5, HIGHEST_US * 3])
    assert (found.count, found.max_us, found.sum_us) == (2, HIGHEST_US, HIGHEST_US)
    assert next(iter(found.values())) == (0, 1)


def test_two_histograms_add_up_to_the_one_of_all() -> None:
    first, second = drawn(3, 5_000), [*drawn(4, 5_000), 10**9]
    added = filled(first)
    added.add(filled(second))
    whole = filled([*first, *second])
    assert added.latency() == whole.latency()
    with pytest.raises(ValueError, match="digits"):
        added.add(Histogram(digits=2))


def test_what_a_result_tells_can_be_added_again() -> None:
    told = filled(drawn(5, 20_000)).latency()
    again = Histogram.of(told)
    assert again.latency() == told
    assert Histogram.of(Latency(0, 0.0, 0.0, {})).count == 0


def test_samples_above_a_limit_are_counted() -> None:
    assert filled([10, 250_000, 260_000, 10**7]).above(250_500) == 2


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", filled([1, 10**6]).encode()[:-8], "HISTFAAAAAA="])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — of base64, zlib and ours
        Histogram.decode(text)


def test_a_text_of_another_range_is_refused() -> None:
    with pytest.raises(ValueError, match="24 h"):
        Histogram.decode(HdrHistogram(1, 1000, 3).encode().decode())


def test_a_text_that_asks_for_much_memory_is_refused() -> None:
    huge = Histogram()
    huge._counts.frombytes(bytes(8 * (29 << 10)))
    huge._counts[-1] = 1
    with pytest.raises(ValueError, match="more buckets"):
        Histogram.decode(huge.encode())


def test_seconds_are_kept_apart() -> None:
    found = PerSecond()
    for second in (0, 0, 7, 319):
        found.record_us(second, 1000 * (second + 1))
    assert [(at, each.count) for at, each in found.stretches()] == [(0, 2), (7, 1), (319, 1)]
    assert found.step_s == 1
    assert found.at(7) is not None
    assert found.at(8) is None


def test_a_longer_run_has_longer_stretches_and_loses_nothing() -> None:
    found = PerSecond(stretches_max=10)
    for second in range(35):
        found.record_us(second, second)
    assert found.step_s == 4
    assert [(at, each.count) for at, each in found.stretches()] == [*((at, 4) for at in range(0, 32, 4)), (32, 3)]
    found.record_us(0, 1)  # what belongs to long ago still does
    assert next(found.stretches())[1].count == 5


def test_windows_slide_over_the_run() -> None:
    found = PerSecond()
    for second in range(30):
        for _ in range(2):
            found.record_us(second, 10 if second < 20 else 5000)
    windows = [*found.windows(10)]
    assert [(first, end) for first, end, _ in windows][:2] == [(0, 10), (1, 11)]
    assert windows[-1][:2] == (20, 30)
    assert {each.count for _, _, each in windows} == {20}
    assert max(windows, key=lambda window: window[2].quantile_us(0.5) or 0)[0] >= 15
    assert next(PerSecond().windows(10))[2].count == 0


def test_processes_are_merged_second_by_second() -> None:
    one, other = PerSecond(stretches_max=10), PerSecond(stretches_max=10)
    for second in range(25):
        one.record_us(second, 10)
        other.record_us(second % 5, 20)
    other.add(one)
    merged = PerSecond.decode(other.encode())
    assert merged.step_s == 4
    assert sum(each.count for _, each in merged.stretches()) == 50
    first = merged.at(0)
    assert first is not None
    assert first.count == 20 + 4
