"""Runs what `attacks` and `plans` think of, judges it, and makes each failure short: the loop of `waybill prove`.

A failure is told only after it was run again and came out the same to the last decision: one that does not is a fault
of the harness, and said to be one. This file refuses to print and to write.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from engine.contract.body import encode_json
from engine.errors import WaybillError
from engine.run.load import Loaded
from harness.prove.attacks import Attack, Attacks, Surroundings, reference_of
from harness.prove.invariants import violations
from harness.prove.plans import drawn
from harness.prove.profiles import Profile
from harness.prove.promises import Promises, promises_of, reach, siblings
from harness.prove.shrink import shrink
from harness.prove.sides import Trial, Violation
from harness.prove.story import story
from harness.prove.study import Study
from harness.simulation.scenario import Run, Scenario, simulate

STANDSTILLS_MAX = 10
"""Runs in which the engine does not come to its end: each takes as long as it may, and they all say the same."""
STANDING_SHRUNK_MAX = 8
REFERENCES_MAX = 512
"""References kept: many scenarios tell the same news."""


class Unsteady(WaybillError):
    """A scenario did not come out the same twice: the harness is wrong, and whatever it said may be."""


class Failure(Struct, frozen=True):
    """A broken property with the shortest scenario found, its trace and its story."""

    violation: Violation
    scenario: Scenario
    trace: str
    story: tuple[str, ...]


class Coverage(Struct):
    """What was tried and what of it happened. `passings`: the port calls of one event, before and after each of which
    the power was cut; `uncalled` are operations that the integration may call and nothing made it; `lonely`: of
    a recording no other thing could be made. `fired` counts by
    kind of fault or crash point; `planned` those asked for; `ends` how events ended."""

    runs: int
    events: int
    planned: Counter[str]
    fired: Counter[str]
    ends: Counter[str]
    called: Counter[str]
    passings: int = 0
    uncalled: tuple[str, ...] = ()
    lonely: bool = False

    def add(self, scenario: Scenario, run: Run) -> None:
        self.runs += 1
        self.events += len(run.events)
        self.planned.update({fault.kind for fault in scenario.faults} | {crash.point for crash in scenario.crashes})
        self.fired.update({kind: count for kind, count in run.fired.items() if count})
        self.ends.update(row.status.value for row in run.events)
        self.called.update(f"{call.system}.{call.operation}" for call in run.calls)

    @property
    def never_fired(self) -> tuple[str, ...]:
        """What was asked for and never happened: of that nothing is proved."""
        return tuple(sorted(kind for kind in self.planned if not self.fired[kind]))


class Proved(Struct, frozen=True):
    """What came of one integration."""

    integration: str
    failures: tuple[Failure, ...]
    coverage: Coverage


Tell = Callable[[str, int, int], None]
"""Called before each run with what is tried, how many were tried, and of how many (0: nobody knows yet)."""


class Judge:
    """Runs scenarios of a workspace and holds them against their references, which are run once."""

    def __init__(self, loaded: Loaded, promises: Promises | None = None) -> None:
        self.loaded = loaded
        self.promises = promises or promises_of(loaded)
        self.references: dict[bytes, Run] = {}
        self.standstills = 0
        self.coverage = Coverage(0, 0, Counter(), Counter(), Counter(), Counter())

    def reference(self, told: Scenario) -> Run:
        """The run of a reference, kept by its news."""
        news = [
            [each.integration, each.label, str(each.inbound.body), {**each.inbound.headers}] for each in told.sendings
        ]
        people = told.people and [told.people.action, str(told.people.after_s)]
        key = encode_json([news, people])
        if key not in self.references:
            if len(self.references) >= REFERENCES_MAX:
                self.references.clear()
            self.references[key] = self.run(told)
        return self.references[key]

    def run(self, scenario: Scenario) -> Run:
        run = simulate(self.loaded, scenario)
        self.standstills += bool(run.deadlock)
        self.coverage.add(scenario, run)
        return run

    def judge(self, scenario: Scenario) -> tuple[tuple[Violation, ...], Run]:
        told = reference_of(scenario)
        reference = self.reference(told)
        run = reference if scenario == told else self.run(scenario)
        return violations(Trial(self.promises, self.loaded.plans, scenario, run, reference, PLANTED)), run


def prove(
    root: Path,
    loaded: Loaded,
    integration: str,
    profile: Profile,
    seed: int,
    surroundings: Surroundings | None = None,
    tell: Tell = lambda _what, _count, _total: None,
) -> Proved:
    """Attacks one integration. Raises UserError where nothing can be told to it, Unsteady where the harness fails."""
    whole, loaded = loaded, reach(loaded, [integration])
    judge = Judge(loaded)
    tell("looking at it", 0, 0)
    study = Study(root, loaded, integration, simulate)
    attacks = Attacks(study, judge.promises, surroundings or Surroundings(), profile, seed)
    found: dict[tuple[str, str, str], Scenario] = {}
    listed = list(attacks.all())
    total = len(listed) + profile.drawn
    for count, attack in enumerate(listed):
        if judge.standstills >= STANDSTILLS_MAX:
            break
        tell(attack.name, count, total)
        note(judge, attack, found)
    tried = len(listed)

    def breaks(scenario: Scenario) -> bool:
        nonlocal tried
        tell("drawn", min(tried, total), total)
        tried += 1
        return fresh(judge, scenario, found)

    for attack in drawn(attacks, profile, breaks) if judge.standstills < STANDSTILLS_MAX else ():
        note(judge, attack, found)
    tell("told to others too", total, total)
    shared = [failure for failure in told_to_two(whole, judge, attacks) if failure.violation.identity not in found]
    tell("making it short", total, total)
    coverage = judge.coverage
    coverage.passings, coverage.lonely = attacks.passings, attacks.lonely
    coverage.uncalled = tuple(name for name in attacks.may_call() if not coverage.called[name])
    failures = [failure(judge, identity, scenario, profile.shrunk_max) for identity, scenario in found.items()]
    return Proved(integration, (*failures, *shared), coverage)


def told_to_two(whole: Loaded, judge: Judge, attacks: Attacks) -> Iterator[Failure]:
    """What breaks where an integration and another one are told the same. Nothing of it can be left out, so it is told
    as it is."""
    integration = attacks.study.integration
    for other in siblings(promises_of(whole), integration):
        both = Judge(reach(whole, [integration, other]))
        both.coverage = judge.coverage
        found: dict[tuple[str, str, str], Scenario] = {}
        for attack in attacks.told_to(other):
            note(both, attack, found)
        yield from (failure(both, identity, scenario, 0) for identity, scenario in found.items())


PLANTED = ("-of-decent-length",)
"""What every secret of a simulated world has in it."""


def note(judge: Judge, attack: Attack, found: dict[tuple[str, str, str], Scenario]) -> None:
    """Keeps the first scenario of everything that a run breaks."""
    broken, _ = judge.judge(attack.scenario)
    for violation in broken:
        found.setdefault(violation.identity, attack.scenario)


def fresh(judge: Judge, scenario: Scenario, found: dict[tuple[str, str, str], Scenario]) -> bool:
    """Whether a scenario breaks what nothing has broken so far."""
    broken, _ = judge.judge(scenario)
    return any(violation.identity not in found for violation in broken)


def failure(judge: Judge, identity: tuple[str, str, str], scenario: Scenario, shrunk_max: int) -> Failure:
    """The shortest scenario that breaks this, run once more to see that it always does."""

    def fails(tried: Scenario) -> bool:
        return any(violation.identity == identity for violation in judge.judge(tried)[0])

    stands = judge.standstills >= STANDSTILLS_MAX
    shortest = shrink(scenario, fails, min(shrunk_max, STANDING_SHRUNK_MAX) if stands else shrunk_max)
    broken, run = judge.judge(shortest)
    again = judge.run(shortest)
    if again.trace != run.trace:
        raise Unsteady(f"{identity[1]}: a scenario that breaks {identity[0]} did not come out the same twice")
    violation = next(each for each in broken if each.identity == identity)
    return Failure(violation, shortest, run.trace, story(run, violation))
