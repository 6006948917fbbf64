"""The search for a capacity, against engines that are a few lines of arithmetic."""

from collections.abc import Callable
from typing import Any

import pytest
from load.results import worked

from engine.errors import UserError
from harness.load.judge.capacity import Found, Trial, find
from harness.load.model import GateWork, KeyWork, Measures, Second, Work


class Fake:
    """An engine that completes `per_s` messages a second and not one more, and whose bucket lets `burst` through at
    once. `made` are its other words for `Work`, from the share of its capacity that is used; `grows` a backlog that it
    cannot have, `limit` a generator that sends no more."""

    def __init__(
        self,
        per_s: float,
        burst: float = 0.0,
        made: Callable[[float, float, float], dict[str, Any]] = lambda *_: {},
        *,
        live_per_s: float = 2_000.0,
        sends: float = 1e9,
    ) -> None:
        self.per_s, self.burst, self.made = per_s, burst, made
        self.live_per_s, self.sends = live_per_s, sends
        self.trials: list[Trial] = []

    def __call__(self, trial: Trial) -> Measures:
        self.trials.append(trial)
        tokens, backlog, total, seconds = self.burst, 0.0, 0.0, []
        warm, hold = int(trial.warm_up_s), int(trial.hold_s)
        for at in range(warm + hold):
            due = trial.rate_per_s + (trial.extra / warm if at < warm else 0.0)
            backlog += min(due, self.sends)
            can = min(self.per_s + tokens, self.live_per_s)
            done = min(backlog, can)
            tokens = min(self.burst, max(0.0, tokens + self.per_s - done))
            backlog -= done
            before, total = round(total), total + done
            seconds.append(Second(at_s=at, sent=round(due), completed=round(total) - before, backlog=round(backlog)))
        begin, end = warm + hold / 3, float(warm + hold)
        span = round(end) - round(begin)
        done = sum(second.completed for second in seconds if round(begin) <= second.at_s)
        rate = done / span
        given: dict[str, Any] = {
            "completed": done,
            "messages": done,
            "workers": 64,
            "engine_cpu": rate / self.live_per_s,
            "integrations": {"orders": done},
        }
        work = Work(begin_s=round(begin), end_s=end, **(given | self.made(rate, span, done)))
        drained = backlog / self.per_s <= trial.drain_s
        return worked(
            work=work if done else None,
            seconds=tuple(seconds),
            completed=done,
            drain_s=backlog / self.per_s if drained else None,
            generator_held=trial.rate_per_s <= self.sends,
        )


def quota(per_s: float, burst: int = 0) -> Callable[[float, float, float], dict[str, Any]]:
    return lambda _rate, _span, done: {
        "gates": (
            GateWork(
                gate="erp", calls=round(done), call_ms=20, idle_call_ms=20, rate_per_s=per_s, burst=burst, places=32
            ),
        )
    }


def found(fake: Fake) -> Found:
    return find(fake)


def test_a_quota_is_saturated_once_and_confirmed_on_both_sides() -> None:
    fake = Fake(50, 100, quota(50, 100))
    capacity = found(fake).capacity
    assert capacity.per_minute == pytest.approx(3_000, rel=0.02)
    assert capacity.low == pytest.approx(2_850, rel=0.02)
    assert capacity.high == pytest.approx(3_150, rel=0.02)
    assert (capacity.limiting.stage, capacity.limiting.name) == ("quota", "erp")
    assert capacity.next_limit is not None
    assert [trial.purpose for trial in fake.trials] == ["look", "saturate", "confirm", "confirm"]
    assert not capacity.virtual
    assert [probe.held for probe in capacity.probes] == [False, True, False]


def test_without_its_bursts_spent_a_quota_would_seem_larger() -> None:
    fake = Fake(50, 100, quota(50, 100))
    found(fake)
    confirm = fake.trials[-1]
    assert confirm.extra == pytest.approx(100)
    fake.trials.clear()
    measures = fake(Trial(purpose="confirm", rate_per_s=confirm.rate_per_s, hold_s=confirm.hold_s))
    assert measures.work is not None
    assert measures.seconds[-1].backlog < measures.seconds[5].backlog + 10  # what it would have looked like


def test_a_slow_quota_is_met_in_virtual_time_and_says_so() -> None:
    fake = Fake(2, 2, quota(2, 2), live_per_s=500)
    told: list[str] = []
    capacity = find(fake, told.append).capacity
    assert capacity.per_minute == pytest.approx(120, rel=0.05)
    assert capacity.virtual
    assert [trial.virtual for trial in fake.trials] == [False, True, True, True]
    assert fake.trials[1].latencies_ms == {"erp": 20}
    assert any("virtual time" in line for line in told)
    assert capacity.next_limit is not None
    assert capacity.next_limit.stage == "cpu"  # as the look measured it: virtual time knows nothing of it


def test_a_deep_bucket_is_met_in_virtual_time() -> None:
    capacity = found(Fake(50, 200_000, quota(50, 200_000), live_per_s=400)).capacity
    assert capacity.virtual


def test_a_cpu_that_costs_less_a_message_under_load_is_found_by_raising_the_rate() -> None:
    def dear(rate: float, _span: float, _done: float) -> dict[str, Any]:
        return {"engine_cpu": 0.99 if rate > 890 else rate * 0.004}

    fake = Fake(900, made=dear, live_per_s=900)
    capacity = found(fake).capacity
    assert capacity.per_minute == pytest.approx(54_000, rel=0.02)
    assert capacity.limiting.stage == "cpu"
    assert [trial.purpose for trial in fake.trials].count("saturate") > 1


def test_a_bracket_is_narrowed_where_the_saturated_run_promised_too_much() -> None:
    class Tired(Fake):
        """What it completes when it is flooded, it does not complete steadily."""

        def __call__(self, trial: Trial) -> Measures:
            self.per_s = 60 if trial.purpose == "saturate" else 50
            return super().__call__(trial)

    capacity = found(Tired(50, 0, quota(60))).capacity
    assert capacity.low <= 3_000 <= capacity.high * 1.001
    assert capacity.high / capacity.low < 1.12
    assert capacity.low < capacity.per_minute < capacity.high
    assert len(capacity.probes) > 3


def test_a_bracket_is_narrowed_where_it_promised_too_little() -> None:
    class Shy(Fake):
        def __call__(self, trial: Trial) -> Measures:
            self.per_s = 40 if trial.purpose == "saturate" else 50
            return super().__call__(trial)

    capacity = found(Shy(50, 0, quota(40))).capacity
    assert capacity.low / 1.025 <= 3_000 <= capacity.high  # so much less is still within what counts as keeping up
    assert capacity.high / capacity.low < 1.12


def test_a_generator_that_gives_first_is_what_limits_and_the_answer_is_at_least() -> None:
    capacity = found(
        Fake(5_000, live_per_s=5_000, made=lambda rate, *_: {"engine_cpu": rate / 1_000}, sends=900)
    ).capacity
    assert capacity.limiting.stage == "generator"
    assert capacity.next_limit is not None
    assert capacity.per_minute == pytest.approx(54_000, rel=0.01)
    assert capacity.low < capacity.per_minute <= capacity.high


def test_events_of_several_integrations_count_by_the_one_that_is_behind() -> None:
    """Each order is also a parcel, and parcels are slower: orders that are done do not make up for them."""

    def made(rate: float, span: float, done: float) -> dict[str, Any]:
        parcels = min(done, 30 * span)
        return {
            "completed": round(done + parcels),
            "integrations": {"orders": round(done), "parcels": round(parcels)},
            "gates": (GateWork(gate="carrier", calls=round(parcels), call_ms=20, rate_per_s=30, places=32),),
        }

    class Behind(Fake):
        def __call__(self, trial: Trial) -> Measures:
            from msgspec.structs import replace

            measures = super().__call__(trial)
            behind = max(0.0, trial.rate_per_s - 30)
            seconds = tuple(replace(each, backlog=round(behind * each.at_s)) for each in measures.seconds)
            return replace(measures, seconds=seconds, drain_s=measures.drain_s if behind < 1 else None)

    capacity = found(Behind(300, made=made, live_per_s=300)).capacity
    assert capacity.per_minute == pytest.approx(1_800, rel=0.05)
    assert (capacity.limiting.stage, capacity.limiting.name) == ("quota", "carrier")


def test_a_quota_of_a_few_a_minute_is_looked_at_in_virtual_time_too() -> None:
    fake = Fake(0.1, 1, quota(0.1, 1))
    capacity = found(fake).capacity
    assert capacity.per_minute == pytest.approx(6, rel=0.1)
    assert [(trial.purpose, trial.virtual) for trial in fake.trials[:3]] == [
        ("look", False),
        ("look", True),
        ("saturate", True),
    ]


def test_where_nothing_is_completed_there_is_no_answer() -> None:
    with pytest.raises(UserError, match="hardly one was completed") as raised:
        found(Fake(0.0001, made=lambda *_: {"key": KeyWork(integration="orders", completed=0, serial_ms=0)}))
    assert raised.value.exit_code == 3


def test_a_trial_sends_evenly_and_its_bursts_in_the_warm_up() -> None:
    profile = Trial(purpose="confirm", rate_per_s=20, hold_s=10, warm_up_s=4, extra=40).profile()
    assert [(phase.name, phase.due, phase.warm_up) for phase in profile.phases] == [
        ("warm-up", 120.0, True),
        ("steady", 200.0, False),
    ]
    assert profile.arrivals == "even"
