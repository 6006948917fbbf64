"""A SCENARIO THAT FAILS → THE SHORTEST ONE THAT STILL DOES: fewer messages, faults and crashes, and plainer ones.

Greedy and deterministic: a part is left out, or made plainer, whenever the same property of the same integration is
still broken at the same step. Hypothesis shrinks what it drew; this also shrinks what was not drawn, and knows which
of two scenarios people find plainer. It refuses to run for ever.
"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from harness.simulation.scenario import Scenario

Fails = Callable[[Scenario], bool]


def shrink(scenario: Scenario, fails: Fails, runs_max: int) -> Scenario:
    """The plainest scenario found in so many runs."""
    runs = 0
    found = True
    while found:
        found = False
        for plainer in simpler(scenario):
            if runs >= runs_max:
                return scenario
            runs += 1
            if fails(plainer):
                scenario, found = plainer, True
                break
    return scenario


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with one part less, or one part plainer; the greatest steps first."""
    for name in ("sendings", "faults", "crashes"):
        parts = getattr(scenario, name)
        if len(parts) > 3:  # halves first: of forty messages two matter
            half = len(parts) // 2
            for kept in (parts[:half], parts[half:]):
                yield replace(scenario, **{name: kept})
        for index in range(len(parts)):
            if name != "sendings" or len(parts) > 1:
                yield replace(scenario, **{name: (*parts[:index], *parts[index + 1 :])})
    if scenario.permute:
        yield replace(scenario, permute=False)
    if scenario.seed:
        yield replace(scenario, seed=0)
    for index, fault in enumerate(scenario.faults):
        plainer = [replace(fault, nth=0)] if fault.nth else []
        plainer += [replace(fault, kind=PLAINER[fault.kind], seconds=0.0)] if fault.kind in PLAINER else []
        for other in plainer:
            yield replace(scenario, faults=(*scenario.faults[:index], other, *scenario.faults[index + 1 :]))
    for index, crash in enumerate(scenario.crashes):
        if crash.nth:
            other_crash = replace(crash, nth=crash.nth - 1)
            yield replace(scenario, crashes=(*scenario.crashes[:index], other_crash, *scenario.crashes[index + 1 :]))
    earliest = min((each.at_us for each in scenario.sendings), default=0)
    if earliest:
        moved = tuple(replace(each, at_us=each.at_us - earliest) for each in scenario.sendings)
        yield replace(scenario, sendings=moved)


PLAINER = {"cut_after": "silence_after", "error_after": "silence_after", "truncated": "silence_after", "dns": "refuse"}
"""What stands for the same in a story, and is more easily understood."""
