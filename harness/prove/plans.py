"""Hypothesis strategies → scenarios: several things at once, and several things that go wrong.

Everything is drawn so that less is smaller and plainer is smaller: few messages before many, a thing once before
twice, in order before out of order, no fault before one. The schedule's seed is not drawn: it has no size, so that
shrinking it says nothing; a few fixed ones are tried instead. Hypothesis is an extra of the wheel, imported when
scenarios are drawn.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from harness.prove.attacks import FAULTS, MINUTE_US, SECOND_US, Attack, Attacks
from harness.prove.labels import label
from harness.prove.news import Sample
from harness.prove.profiles import Profile
from harness.prove.promises import Operation
from harness.simulation.scenario import Crash, Fault, Scenario, Sending

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

WHEN_US = (0, SECOND_US, 10 * SECOND_US, 5 * MINUTE_US, 4 * 60 * MINUTE_US, 26 * 60 * MINUTE_US)
SEEDS = (0, 1, 2)
POINTS = ("send", "record", "claim", "begin", "accept", "recover")
NTH_MAX = 3
CRASH_NTH_MAX = 6


def drawn(attacks: Attacks, profile: Profile, breaks: Callable[[Scenario], bool]) -> Iterator[Attack]:
    """Scenarios that break something new, each as short as Hypothesis finds it; at most one for each search.

    `breaks` runs a scenario. What was found is given back, to be noted; the search then goes on for the rest.
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import NoSuchExample

    left = profile.drawn
    while left > 0:
        tried = 0

        def breaking(scenario: Scenario) -> bool:
            nonlocal tried
            tried += 1
            return breaks(scenario)

        how = settings(
            max_examples=left,
            database=None,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        try:
            found = find(scenarios(attacks, profile), breaking, settings=how)
        except NoSuchExample:
            return
        yield Attack("drawn", found)
        left -= max(tried, 1)


def scenarios(attacks: Attacks, profile: Profile) -> "SearchStrategy[Scenario]":
    """Scenarios of one integration."""
    from hypothesis import strategies as st

    sendings = news(attacks, profile)
    operations = sorted({operation for each in attacks.chosen for operation in attacks.own(each)})
    looked = sorted({other for operation in operations for other in attacks.asked_after(operation)})
    faults = st.lists(fault(attacks, [*operations, *looked]), max_size=profile.faults) if operations else st.just([])
    crashes = st.lists(
        st.builds(
            Crash,
            point=st.sampled_from([f"{side} {point}" for point in POINTS for side in ("after", "before")]),
            nth=st.integers(0, CRASH_NTH_MAX),
        ),
        max_size=profile.crashes,
    )

    @st.composite
    def draw_scenario(draw: "DrawFn") -> Scenario:
        made = attacks.scenario(draw(sendings), draw(faults), draw(crashes))
        return replace(made, seed=made.seed + draw(st.sampled_from(SEEDS)), permute=draw(st.booleans()))

    return draw_scenario()


def news(attacks: Attacks, profile: Profile) -> "SearchStrategy[list[Sending]]":
    """Messages of a few things: some with later states, some more than once, in any order."""
    from hypothesis import strategies as st

    study, teller = attacks.study, attacks.study.teller
    samples = attacks.chosen

    @st.composite
    def draw_news(draw: "DrawFn") -> list[Sending]:
        told: list[Sending] = []
        seen: set[object] = set()
        whose: dict[str, Sample] = {}
        for number in range(draw(st.integers(1, profile.things))):
            studied = samples[draw(st.integers(0, len(samples) - 1))]
            document = teller.unlike(teller.as_thing(studied.sample, number, wide=True), seen)
            if document is None or not study.its_own(studied.sample, document, whose):
                continue
            states = [document]
            if number == 0 and studied.chains and draw(st.booleans()):
                states = list(studied.chains[draw(st.integers(0, len(studied.chains) - 1))][:2])
            for state, made in enumerate(states):
                said = label(study.noun, number, state)
                for again in range(draw(st.integers(1, 2))):
                    at_us = draw(st.sampled_from(WHEN_US))
                    told.append(
                        study.sending(teller.again(studied.sample, made, again) if again else made, said, at_us)
                    )
        return told or [attacks.one(samples[0])]

    return draw_news()


def fault(attacks: Attacks, operations: list[Operation]) -> "SearchStrategy[Fault]":
    from hypothesis import strategies as st

    def build(operation: Operation, kind: tuple[str, float], nth: int) -> Fault:
        return Fault(kind[0], *operation, nth, kind[1])

    parted = [operation for operation in operations if attacks.lists(operation)]
    kinds = [each for each in FAULTS if each[0] != "partial" or parted]
    drawn_ = st.builds(build, st.sampled_from(operations), st.sampled_from(kinds), st.integers(0, NTH_MAX))
    # Another operation of the same integration may not say what it took.
    return drawn_.filter(lambda made: made.kind != "partial" or (made.system, made.operation) in parted)
