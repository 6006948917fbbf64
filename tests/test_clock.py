"""The real clock and chance keep what the ports promise of them."""

from datetime import UTC, datetime

from engine.clock import SystemChance, SystemClock
from engine.ports import Chance, Clock


def test_now_counts_microseconds_since_1970() -> None:
    clock: Clock = SystemClock()
    before, now, after = datetime.now(UTC).timestamp(), clock.now(), datetime.now(UTC).timestamp()
    assert before - 1 <= now / 1_000_000 <= after + 1


def test_monotonic_never_goes_back() -> None:
    clock: Clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)


def test_chance_lies_between_zero_and_one_and_varies() -> None:
    chance: Chance = SystemChance()
    draws = [chance.uniform() for _ in range(1000)]
    assert all(0 <= draw < 1 for draw in draws)
    assert len(set(draws)) > 990


def test_a_seed_repeats_chance() -> None:
    first, again, other = (SystemChance(seed) for seed in (1, 1, 2))
    draws = [first.uniform() for _ in range(10)]
    assert [again.uniform() for _ in range(10)] == draws
    assert [other.uniform() for _ in range(10)] != draws
