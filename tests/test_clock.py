"""The real clock and chance keep what the ports promise of them."""

from datetime import UTC, datetime

import pytest

from engine.clock import LOOKED_EVERY_US, SteadyClock, SystemChance, SystemClock
from engine.ports import Chance, Clock


def test_now_counts_microseconds_since_1970() -> None:
    clock: Clock = SystemClock()
    before, now, after = datetime.now(UTC).timestamp(), clock.now(), datetime.now(UTC).timestamp()
    assert before - 1 <= now / 1_000_000 <= after + 1


def test_monotonic_never_goes_back() -> None:
    clock: Clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)


class SetClock:
    """A clock that can be set, and that stops when it is told to."""

    def __init__(self) -> None:
        self.wall, self.passed, self.stops = 1_800_000_000_000_000, 0, 0

    def now(self) -> int:
        self.passed += self.stops
        self.wall += self.stops
        self.stops = 0
        return self.wall

    def monotonic(self) -> float:
        return self.passed / 1_000_000

    def go_on(self, microseconds: int) -> None:
        self.wall += microseconds
        self.passed += microseconds


HOUR = 3_600_000_000
LOOK = LOOKED_EVERY_US


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_is_set_does_not_jump_until_it_is_followed(jump: int) -> None:
    machine, told = SetClock(), list[int]()
    clock = SteadyClock(machine, told.append)
    began = clock.now()
    machine.go_on(LOOK)
    machine.wall += jump
    assert clock.now() == began + LOOK
    machine.go_on(LOOK)
    assert clock.now() == began + 2 * LOOK
    assert told == [jump]
    clock.follow(jump)
    assert clock.now() == machine.wall
    machine.go_on(LOOK)
    machine.wall -= jump
    assert clock.now() == began + 3 * LOOK + jump
    assert told == [jump, -jump]


def test_small_steps_of_a_clock_are_followed_and_not_told() -> None:
    machine, told = SetClock(), list[int]()
    clock = SteadyClock(machine, told.append)
    for step in (1_000_000, -1_500_000, 1_900_000):
        machine.go_on(LOOK)
        machine.wall += step
        assert clock.now() == machine.wall
    assert told == []


def test_a_process_that_is_stopped_between_two_readings_is_no_clock_that_is_set() -> None:
    machine, told = SetClock(), list[int]()
    machine.stops = HOUR
    clock = SteadyClock(machine, told.append)
    assert clock.now() == machine.wall
    machine.go_on(LOOK)
    machine.stops = HOUR
    clock.now()
    machine.go_on(LOOK)
    assert clock.now() == machine.wall
    assert told == []


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
