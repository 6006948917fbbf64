"""HOW MANY A MINUTE, AND WHAT GIVES FIRST: saturated once, confirmed on both sides of what that gave.

A search by halves from nothing would need a dozen runs, and none of them says why. So four do: a *look* at a low rate
tells what a message takes of everything, and on paper about where the first limit is; one run beyond it *saturates*,
and what is then completed steadily is the capacity; at 0.95 of it everything must keep up, at 1.05 a backlog must
grow, both from a clean start with even arrivals. Only where these disagree the bracket is narrowed. A limit too slow to
be met in half a minute (two calls a second, a bucket of thousands) is met in virtual time, and the answer says so.

What a run is, is the caller's: `run` gives the measures of a trial. This file refuses to start anything.
"""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.errors import UserError
from harness.load.judge.limits import Stage, first_of, per_minute, span_s, stages
from harness.load.measure.steady import STEADY, slope
from harness.load.model import SECOND_US, Capacity, Limiting, Measures, Probe, Second, Work
from harness.load.numbers import share, whole
from harness.load.send.profile import Phase, Piece, Profile

LOOK_PER_S: Final = 10.0
LOOK_S: Final = 8.0
SLOW_LOOK_PER_S: Final = 1.0
SLOW_LOOK_S: Final = 900.0
"""In virtual time, where a limit lets hardly anything through: twenty an hour are five in it."""
WARM_UP_S: Final = 3.0
HOLD_S: Final = 10.0
HOLD_MAX_S: Final = 30.0
"""A limit that needs longer to be seen is looked for in virtual time."""
COMPLETED_WANTED: Final = 200
"""Messages completed within a hold: fewer, and one more or less is a percent."""
VIRTUAL_COMPLETED: Final = 400
DRAIN_S: Final = 15.0
LEFT_S: Final = 2.0
"""After a run that was saturated nobody waits for what is left."""
BEYOND: Final = 1.6
"""So far beyond the first limit on paper, that it is surely passed; much further only costs the engine its time."""
BEYOND_CPU: Final = 2.5
"""A message costs more CPU at a low rate than when many share a commit."""
RAISES_MAX: Final = 4
NARROWINGS_MAX: Final = 5
BELOW: Final = 0.95
ABOVE: Final = 1.05
WIDE: Final = 1.115
"""A bracket wider than from 0.95 to 1.05 is narrowed."""
GROWTH_MAX: Final = 0.025
"""A backlog that grows by so much of what arrives: half-way between keeping up and being five percent short."""
INCONCLUSIVE: Final = 3

Purpose = Literal["look", "saturate", "confirm"]


class Trial(Struct, frozen=True, kw_only=True):
    """One rate, in messages a second, from a clean start. `extra` messages come in the warm-up beside the rate: they
    spend what quotas let through at once, so that the hold sees the rate alone. `latencies_ms` are those of calls, by
    gate, for virtual time."""

    purpose: Purpose
    rate_per_s: float
    hold_s: float
    warm_up_s: float = WARM_UP_S
    drain_s: float = DRAIN_S
    extra: float = 0.0
    virtual: bool = False
    latencies_ms: Mapping[str, float] = {}

    def profile(self) -> Profile:
        """The trial as arrivals: even ones, since chance would need a longer hold for the same answer."""
        warm = self.rate_per_s + (self.extra / self.warm_up_s if self.warm_up_s else 0.0)
        parts = (("warm-up", self.warm_up_s, warm, True), (STEADY, self.hold_s, self.rate_per_s, False))
        return Profile(
            name=self.purpose,
            arrivals="even",
            drain_s=self.drain_s,
            phases=tuple(
                Phase(name, (Piece(round(length_s * SECOND_US), rate, rate),), warm_up=warms)
                for name, length_s, rate, warms in parts
                if length_s
            ),
        )


Run = Callable[[Trial], Measures]


class Found(Struct, frozen=True):
    """The answer, and the measures of the highest rate that held; their `work` is of the run that was saturated."""

    capacity: Capacity
    measures: Measures


def find(run: Run, tell: Callable[[str], None] = lambda _: None) -> Found:
    """The capacity. Raises UserError (exit code 3) where no trial could be believed, or nothing was completed."""
    return Search(run, tell).find()


class Search:
    """One search; what the look told is known to every later trial."""

    def __init__(self, run: Run, tell: Callable[[str], None]) -> None:
        self.run = run
        self.tell = tell
        self.probes: list[Probe] = []
        self.shares: dict[str, float] = {}
        self.idle_ms: dict[str, float] = {}
        self.paper: tuple[Stage, ...] = ()
        self.looked: Work | None = None
        self.held: Measures | None = None
        self.bursts = 0.0
        self.hold_s = HOLD_S
        self.warm_up_s = WARM_UP_S
        self.virtual = False
        self.unsent = ""

    def find(self) -> Found:
        self.look()
        rate, measures = self.saturate()
        work = self.whole(measures)
        first, after = limits_of(work)
        if self.unsent:
            first, after = Limiting("generator", "", round(rate, 1), self.unsent), first
        low, high = self.confirm(rate)
        if not low <= rate <= high:
            rate = sqrt(low * high)
        return Found(
            Capacity(
                per_minute=round(rate, 1),
                low=round(low, 1),
                high=round(high, 1),
                limiting=replace(first, per_minute=round(rate, 1)),
                next_limit=after,
                probes=tuple(self.probes),
                virtual=self.virtual,
            ),
            replace(self.held or measures, work=work),
        )

    # ── what a message takes ─────────────────────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """A low rate: what a message takes, and where the first limit is on paper."""
        self.tell(f"looking at {LOOK_PER_S:g} messages a second")
        measures = self.run(Trial(purpose="look", rate_per_s=LOOK_PER_S, hold_s=LOOK_S, warm_up_s=1.0))
        if measures.accepted and not is_enough(measures):
            self.tell("hardly anything was completed meanwhile: looking once more, in virtual time")
            measures = self.run(
                Trial(purpose="look", rate_per_s=SLOW_LOOK_PER_S, hold_s=SLOW_LOOK_S, warm_up_s=1.0, virtual=True)
            )
        work = measures.work
        self.paper = () if work is None else stages(work)
        if work is None or not self.paper:
            raise UserError(
                f"of {measures.accepted} messages hardly one was completed ({ends(measures)}): that is too little to"
                " reckon from; run a profile and look at what they wait for",
                exit_code=INCONCLUSIVE,
            )
        self.looked = work
        self.idle_ms = {gate.gate: gate.call_ms for gate in work.gates}
        if measures.drain_s is not None:  # else what is missing has only not come yet
            self.shares = {name: count / work.messages for name, count in work.integrations.items()}
        slowest = self.paper[0]
        full = [
            stage for stage in self.paper if stage.stage == "quota" and stage.per_minute < BEYOND * slowest.per_minute
        ]
        bursts = {gate.gate: gate.burst * work.messages / gate.calls for gate in work.gates if gate.burst}
        self.bursts = max((bursts.get(stage.name, 0.0) for stage in full), default=0.0)
        self.choose(slowest)

    def choose(self, slowest: Stage) -> None:
        """Whether the first limit can be met live: within a hold, behind the bursts of its quota."""
        per_s = slowest.per_minute / 60
        needed_s = COMPLETED_WANTED / per_s
        others = [stage.per_minute / 60 for stage in self.paper if stage.stage != "quota"]
        spent_s = self.bursts / max(0.1, min(others, default=per_s) - per_s) if self.bursts else 0.0
        self.virtual = slowest.stage not in ("cpu", "store") and needed_s + spent_s > HOLD_MAX_S
        wanted = VIRTUAL_COMPLETED / per_s if self.virtual else min(needed_s, HOLD_MAX_S)
        self.hold_s = max(HOLD_S, wanted)
        self.warm_up_s = max(WARM_UP_S, spent_s + 1)
        if self.virtual:
            self.tell(
                f"{told(slowest)} gives at about {whole(slowest.per_minute)}/min, too slow to be met live:"
                " it is looked for in virtual time"
            )

    # ── saturated ────────────────────────────────────────────────────────────────────────────────────────────────────

    def saturate(self) -> tuple[float, Measures]:
        """(messages completed a minute, the measures) of a rate that was beyond what is possible."""
        rate = min(
            stage.per_minute * (BEYOND_CPU if stage.stage in ("cpu", "store") else BEYOND) for stage in self.paper
        )
        before = 0.0
        for _ in range(RAISES_MAX):
            self.tell(f"saturating with {whole(rate)} messages a minute")
            trial = self.trial("saturate", rate)
            measures = self.run(trial)
            completed = self.completed(measures)
            kept_up, why = self.judged(measures, trial)
            self.note(trial, measures, completed, held=kept_up, why=why)
            if not measures.generator.held and measures.work and not self.grew(measures, measures.work, trial):
                self.unsent = why
                return max(before, completed), measures
            if not kept_up and completed > 0:
                return completed, measures
            before, rate = completed, 2 * rate
        raise UserError(
            f"even {whole(rate / 2)} messages a minute did not saturate it: {why or 'it kept up'}",
            exit_code=INCONCLUSIVE,
        )

    def whole(self, measures: Measures) -> Work:
        """What the saturated run took, with what calls took before; in virtual time, with the CPU and the disk that the
        look says a message takes."""
        work, looked = measures.work, self.looked
        assert work is not None
        assert looked is not None
        gates = tuple(replace(gate, idle_call_ms=self.idle_ms.get(gate.gate, 0.0)) for gate in work.gates)
        work = replace(work, gates=gates)
        if not self.virtual:
            return work
        times = per_minute(work) / per_minute(looked)
        return replace(work, engine_cpu=looked.engine_cpu * times, commit_busy=looked.commit_busy * times)

    # ── confirmed ────────────────────────────────────────────────────────────────────────────────────────────────────

    def confirm(self, rate: float) -> tuple[float, float]:
        """(the highest rate that held, the lowest that did not)."""
        low, high = 0.0, float("inf")
        for each in (BELOW * rate,) if self.unsent else (BELOW * rate, ABOVE * rate):
            low, high = self.probed(each, low, high)
        for _ in range(NARROWINGS_MAX):
            if low and high < WIDE * low:
                break
            if not low:
                each = BELOW * min(high, self.probes[-1].completed_per_minute or high)
            elif high == float("inf"):
                if self.unsent:
                    break
                each = low * 1.1
            else:
                each = sqrt(low * high)
            low, high = self.probed(each, low, high)
        if not low:
            raise UserError(
                f"no rate down to {whole(high)}/min was kept up with: {self.probes[-1].why}", exit_code=INCONCLUSIVE
            )
        return low, high if high < float("inf") else max(low, rate)

    def probed(self, rate: float, low: float, high: float) -> tuple[float, float]:
        """The bracket after one more rate. What held above what did not is tried no further: the lower one counts."""
        self.tell(f"confirming {whole(rate)} messages a minute")
        trial = self.trial("confirm", rate)
        measures = self.run(trial)
        held, why = self.judged(measures, trial)
        self.note(trial, measures, self.completed(measures), held=held, why=why)
        if held:
            if rate > low:
                self.held = measures
            return (max(low, rate), high) if rate < high else (low, high)
        return (0.0 if rate <= low else low), min(high, rate)

    # ── one trial ────────────────────────────────────────────────────────────────────────────────────────────────────

    def trial(self, purpose: Purpose, per_minute_: float) -> Trial:
        return Trial(
            purpose=purpose,
            rate_per_s=per_minute_ / 60,
            hold_s=self.hold_s,
            warm_up_s=self.warm_up_s,
            drain_s=LEFT_S if purpose == "saturate" else self.hold_s if self.virtual else DRAIN_S,
            extra=self.bursts,
            virtual=self.virtual,
            latencies_ms=self.idle_ms,
        )

    def completed(self, measures: Measures) -> float:
        """Messages completed a minute in the steady part: of the integration that is furthest behind, where a message
        makes events of several."""
        work = measures.work
        if work is None:
            return 0.0
        rates = [work.integrations.get(name, 0) / share for name, share in self.shares.items() if share > 0]
        return 60 * min(rates) / span_s(work) if rates else per_minute(work)

    def judged(self, measures: Measures, trial: Trial) -> tuple[bool, str]:
        """Whether it kept up; else what did not."""
        if not measures.generator.held:
            return False, (*measures.generator.reasons, "the generator did not hold")[0]
        if measures.refused or measures.failed:
            turned = sum(measures.refused.values()) + measures.failed
            return False, f"{turned} of {measures.offered} messages were turned away"
        if measures.work is None:
            return False, "nothing was completed"
        growth = self.growth(measures, measures.work, trial)
        if growth > GROWTH_MAX:
            return False, f"the backlog grew by {share(growth)} of what arrived"
        if trial.purpose == "confirm" and measures.drain_s is None:
            return False, f"the backlog was not empty {trial.drain_s:g} s after the last message"
        return True, ""

    def growth(self, measures: Measures, work: Work, trial: Trial) -> float:
        """By which part of what arrived the backlog grew: seen by what it was and by what was completed, and the mean
        of the two, since each of them is off by a few events."""
        most = max(self.shares.values(), default=work.completed / work.messages)
        grown = growth_per_s(measures.seconds, work) / trial.rate_per_s / most
        return (grown + 1 - self.completed(measures) / 60 / trial.rate_per_s) / 2

    def grew(self, measures: Measures, work: Work, trial: Trial) -> bool:
        """Whether a backlog grew, whatever was sent of what was due."""
        return growth_per_s(measures.seconds, work) > GROWTH_MAX * trial.rate_per_s

    def note(self, trial: Trial, measures: Measures, completed: float, *, held: bool, why: str) -> None:
        work = measures.work
        self.probes.append(
            Probe(
                per_minute=round(60 * trial.rate_per_s, 1),
                held=held,
                completed_per_minute=round(completed, 1),
                backlog_slope_per_s=round(growth_per_s(measures.seconds, work), 3) if work else 0.0,
                complete_p99_ms=measures.complete.quantiles_ms.get("0.99"),
                virtual=trial.virtual,
                why=why,
            )
        )


def growth_per_s(seconds: Sequence[Second], work: Work) -> float:
    """By how many events a second the backlog grew in the part that was looked at."""
    return slope([(second.at_s, second.backlog) for second in seconds if work.begin_s <= second.at_s < work.end_s])


def limits_of(work: Work) -> tuple[Limiting, Limiting | None]:
    """(what gave, what would give next)."""
    first, *rest = first_of(work)
    return first.told(), rest[0].told() if rest else None


def is_enough(measures: Measures) -> bool:
    """Whether anything can be told from it."""
    return measures.work is not None and bool(stages(measures.work))


def ends(measures: Measures) -> str:
    """How their events stand."""
    return ", ".join(f"{count} {status}" for status, count in measures.ended.items()) or "none was accepted"


def told(stage: Stage) -> str:
    """A stage as one calls it."""
    return f"{stage.name} {stage.stage}".strip()
