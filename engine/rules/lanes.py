"""Who goes first where not all can: lanes share what is scarce 16:4:1, integrations share a lane evenly.

Places are dealt by turns. A round has 21 of them, laid out as evenly as they go (a smooth weighted round robin), and a
turn whose lane has nothing waiting is skipped: nothing is wasted while anybody waits, and whoever waits gets a place
within a round. What has to be remembered is one small number, the turn. Sharing by what each lane holds at the moment
needs none, but with eight workers the slowest lane never gets one. This file refuses to know where places come from.
"""

from collections.abc import Mapping, Sequence
from typing import Final

WEIGHTS: Final = (16, 4, 1)
"""Of urgent, normal and bulk."""


def smooth_round(weights: Sequence[int]) -> tuple[int, ...]:
    """One round of turns: each lane as often as it weighs, spread as evenly as it goes."""
    credit = [0] * len(weights)
    turns = []
    for _ in range(sum(weights)):
        credit = [had + weight for had, weight in zip(credit, weights, strict=True)]
        lane = credit.index(max(credit))
        credit[lane] -= sum(weights)
        turns.append(lane)
    return tuple(turns)


TURNS: Final = smooth_round(WEIGHTS)


def deal(places: int, waiting: Sequence[int], turn: int) -> tuple[tuple[int, ...], int]:
    """Deals places among lanes where so many wait in each: (how many each gets, the next turn)."""
    left = list(waiting)
    dealt = [0] * len(left)
    for _ in range(min(places, sum(left))):
        turn %= len(TURNS)
        while not left[TURNS[turn]]:
            turn = (turn + 1) % len(TURNS)
        lane = TURNS[turn]
        left[lane] -= 1
        dealt[lane] += 1
        turn += 1
    return tuple(dealt), turn % len(TURNS)


def share(
    waiting: Sequence[Mapping[str, Sequence[int]]], running: Mapping[str, int], places: int, turn: int = 0
) -> tuple[list[int], int]:
    """Chooses events for `places`: (the events, the next turn). `waiting` are, for each lane, the events of each
    integration in their order; `running` counts what each integration holds already. Lanes are dealt places by turns,
    and in a lane each goes to the integration that holds fewest."""
    counts = [sum(map(len, lane.values())) for lane in waiting]
    dealt, turn = deal(places, counts, turn)
    held = dict(running)
    chosen: list[int] = []
    for lane, most in zip(waiting, dealt, strict=True):
        queues = {name: list(reversed(events)) for name, events in lane.items() if events}
        for _ in range(most):
            name = min(queues, key=lambda one: (held.get(one, 0), one))
            chosen.append(queues[name].pop())
            held[name] = held.get(name, 0) + 1
            if not queues[name]:
                del queues[name]
    return chosen, turn
