"""A PROFILE and A SEED → WHEN EACH MESSAGE IS DUE, decided before the first is sent: an open model.

Whoever sends does not wait for an answer before the next one, so that a stall of the engine meets all that was due in
it. The times are found by inversion: unit gaps (even, or exponential of mean one) are laid on the count of messages due
by a moment, whose inverse has a formula, since rates are straight pieces. Thinning, the other way, draws more often
than it sends and another number of times at another rate; here message 1,000 is the same draw in a profile twice as
high, and an even schedule is the same formula without chance. Each concern has a stream of chance of its own.

What was decided is exact: counts, order and times are the same for one profile and seed everywhere. This file refuses
to know the clock, messages and integrations.
"""

from array import array
from collections.abc import Iterator
from heapq import heappop, heappush
from math import sqrt
from random import Random
from typing import Final

from harness.load.model import SECOND_US, Arrival, PhaseSpan
from harness.load.send.profile import Piece, Profile

AGAIN_LEAST_US: Final = 200_000
AGAIN_MOST_US: Final = 5_000_000
"""When a sender that heard no answer delivers again. Real ladders begin later; a run would not see them."""


def schedule(profile: Profile, seed: int) -> tuple[list[Arrival], tuple[PhaseSpan, ...]]:
    """All arrivals in the order they are due, and the phases they fall into."""
    return list(arrivals(profile, seed)), spans(profile)


def spans(profile: Profile) -> tuple[PhaseSpan, ...]:
    found, begin_us = [], 0
    for phase in profile.phases:
        end_us = begin_us + phase.length_us
        found.append(
            PhaseSpan(
                phase.name, begin_us / SECOND_US, end_us / SECOND_US, counted=not phase.warm_up, outage=phase.outage
            )
        )
        begin_us = end_us
    return tuple(found)


def arrivals(profile: Profile, seed: int) -> Iterator[Arrival]:
    """The same one by one, for soaks: what is kept meanwhile are the second deliveries of a few seconds, and what an
    outage holds back."""
    steps = _with_agains(profile, seed)
    upcoming = next(steps, None)
    held = array("q")
    begin_us = 0
    for place, phase in enumerate(profile.phases):
        end_us = begin_us + phase.length_us
        late = iter(()) if phase.outage else _caught_up(profile, seed, place, held, begin_us, phase.length_us)
        if phase.outage:
            known = set(held)
        else:
            held = array("q")
        overdue = next(late, None)
        while upcoming is not None and upcoming[0] < end_us:
            due_us, message, again = upcoming
            if phase.outage:
                if message not in known:  # what is due twice in an outage is made up for once
                    known.add(message)
                    held.append(message)
            else:
                while overdue is not None and overdue[0] <= due_us:
                    yield Arrival(overdue[0], overdue[1], place, again=True)
                    overdue = next(late, None)
                yield Arrival(due_us, message, place, again)
            upcoming = next(steps, None)
        while overdue is not None:
            yield Arrival(overdue[0], overdue[1], place, again=True)
            overdue = next(late, None)
        begin_us = end_us


def due_times(profile: Profile, seed: int) -> Iterator[int]:
    """When each message is due for the first time, in whole microseconds; message 0 first."""
    exponential = Random(f"{seed}:arrivals").expovariate  # noqa: S311 — drawn again from the seed, no secret
    even = profile.arrivals == "even"
    passed, begin_us = 0.0, 0
    wanted = 0.5 if even else exponential(1.0)
    for phase in profile.phases:
        for piece in phase.pieces:
            until = passed + piece.due
            while wanted <= until:
                yield begin_us + min(moment_in(piece, wanted - passed), piece.length_us - 1)
                wanted += 1.0 if even else exponential(1.0)
            passed, begin_us = until, begin_us + piece.length_us


def moment_in(piece: Piece, count: float) -> int:
    """When in a piece its `count`th message is due, in microseconds from its beginning."""
    if count <= 0:
        return 0
    slope = (piece.end - piece.begin) * SECOND_US / piece.length_us  # messages a second, each second
    # The root of begin·t + slope·t²/2 = count in a form that is stable where the slope is small, or none.
    root = sqrt(max(0.0, piece.begin * piece.begin + 2 * slope * count))
    return int(2 * count / (piece.begin + root) * SECOND_US)


def _with_agains(profile: Profile, seed: int) -> Iterator[tuple[int, int, bool]]:
    """(due, message, whether it was due before), with the second deliveries, in order."""
    chance = Random(f"{seed}:again").random  # noqa: S311
    share, end_us = profile.again, sum(phase.length_us for phase in profile.phases)
    waiting: list[tuple[int, int]] = []
    for message, due_us in enumerate(due_times(profile, seed)):
        while waiting and waiting[0][0] <= due_us:
            yield *heappop(waiting), True
        yield due_us, message, False
        if share and chance() < share:
            least = min(AGAIN_LEAST_US, end_us - due_us - 1)
            most = min(AGAIN_MOST_US, end_us - due_us - 1)
            heappush(waiting, (due_us + least + int(chance() * (most - least)), message))
    while waiting:
        yield *heappop(waiting), True


def _caught_up(
    profile: Profile, seed: int, place: int, held: "array[int]", begin_us: int, length_us: int
) -> Iterator[tuple[int, int]]:
    """(due, message) of what was held back, in its own order, over the whole of this phase. Drawn as the least of what
    is left of as many independent moments, so that it is sorted as it is drawn."""
    chance = Random(f"{seed}:catch-up:{place}").random  # noqa: S311
    count, left = len(held), 1.0
    for number, message in enumerate(held):
        if profile.arrivals == "even":
            at = (number + 0.5) / count
        else:
            left *= chance() ** (1 / (count - number))
            at = 1 - left
        yield begin_us + min(int(at * length_us), length_us - 1), message
