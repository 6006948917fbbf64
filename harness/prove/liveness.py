"""A RUN → WHAT STANDS STILL: what comes to no end, what nobody wakes, what waits for the trouble of another key.

An event may wait: for a partner, for a person, for its turn behind an earlier one of its key. This file refuses to call
it a violation where somebody is told of it, and to judge what an event does once it moves.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from engine.model import Status
from engine.store import EventRow
from harness.prove.promises import step_id
from harness.prove.sides import FOR_A_PERSON, Trial, Violation
from harness.simulation.scenario import Moment

WOKEN_WITHIN_US = 60_000_000
BEGUN_WITHIN_US = 30_000_000
"""An engine that missed every hint finds its work within five seconds; the rest is for what its workers are at."""


def liveness(trial: Trial) -> Iterator[Violation]:
    """Once nothing goes wrong any more, every event comes to an end or to a person."""
    first = trial.scenario.sendings[0].integration if trial.scenario.sendings else ""
    if trial.run.deadlock:
        yield Violation("liveness", first, "", f"the engine stands still: {trial.run.deadlock}")
    if trial.run.failure:
        yield Violation("liveness", first, "", f"the engine stops with an error of its own: {trial.run.failure}")
    for row in trial.run.events:
        spec = trial.promises.specs.get(row.integration)
        if spec is not None and row.status.active and not trial.run.failure and not waits_behind(trial, row):
            label = trial.run.labels.get(row.event, "an event")
            endless = step_id(row.step) in spec.endless
            why = (
                "waits for an event that nobody sends, and its step has no `expires`"
                if endless
                else f"is still {row.status}"
            )
            yield Violation("liveness", row.integration, row.step, f"{label} {why}")
    yield from never_woken(trial)
    yield from kept_by_others(trial)


def never_woken(trial: Trial) -> Iterator[Violation]:
    """What waits for an event goes on soon after that has come, if it goes on where that is there before it; asked only
    where nothing goes wrong that might delay it."""
    scenario = trial.scenario
    if scenario.faults or scenario.crashes or scenario.limits:
        return
    acted = acts(trial)
    for row in trial.run.events:
        spec, thing = trial.promises.specs.get(row.integration), trial.news(row)[0]
        if spec is None or trial.then.ends(thing, row.integration) != {Status.DONE}:
            continue
        for waits, goes_on in pairwise(acted[row.event]):
            topic = spec.waits.get(step_id(waits.step)) if waits.detail == Status.WAITING else None
            came = [told for told in trial.run.told if (told.topic, told.key) == (topic, row.key)]
            if any(waits.at_us <= told.at_us < goes_on.at_us - WOKEN_WITHIN_US for told in came):
                words = f"{trial.run.labels.get(row.event)} goes on waiting for an event that has come"
                yield Violation("liveness", row.integration, waits.step, words)


def waits_behind(trial: Trial, row: EventRow) -> bool:
    """Whether an event waits for an earlier one of its key, or one that has an effect of its own in hand, at which
    somebody has to decide first."""
    spec, owner = trial.promises.specs[row.integration], trial.now.events.get(trial.run.behind.get(row.event, 0))
    if owner is not None and owner.status in FOR_A_PERSON:
        return True
    return any(
        other.key == row.key and other.event < row.event and other.status in FOR_A_PERSON
        for other in trial.run.events
        if (known := trial.promises.specs.get(other.integration)) and known.blocks and known.space == spec.space
    )


def kept_by_others(trial: Trial) -> Iterator[Violation]:
    """What is accepted is begun soon, whatever an event of another key meets: those of its own key are before it, and
    nobody else. Partners that refuse and quotas that are spent are met by whoever has begun; that a dead engine begins
    nothing is no question of keys."""
    if trial.scenario.crashes:
        return
    acted = acts(trial)
    through_us: dict[tuple[str, str], int] = {}
    for row in trial.run.events:
        spec, own = trial.promises.specs.get(row.integration), acted.get(row.event)
        if spec is None or row.key is None or not own:
            continue
        accepted_us = row.received_at - trial.scenario.begin_at
        key = spec.space, row.key
        since_us = max(accepted_us, through_us.get(key, 0))
        until_us = since_us + BEGUN_WITHIN_US
        if own[0].at_us > until_us and any(at_us > until_us for one, at_us in through_us.items() if one != key):
            label = trial.run.labels.get(row.event)
            words = f"{label} is not begun as long as an earlier event of another key is not through"
            yield Violation("liveness", row.integration, "", words)
        through_us[key] = max(since_us, own[-1].at_us)


def acts(trial: Trial) -> dict[int, list[Moment]]:
    """Event → what was done for it: it was called for, or stands somewhere else."""
    acted: dict[int, list[Moment]] = defaultdict(list)
    for moment in trial.run.moments:
        if moment.kind in ("recorded", "call"):
            acted[moment.event].append(moment)
    return acted
