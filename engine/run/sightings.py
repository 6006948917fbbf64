"""Fields that no contract knows: counted in memory, written down every few seconds.

Partners' additions come with every event. A row written for each would double what an event costs the store, so the
counts of a few seconds are added up here and written as one item, beside whatever else is being committed. A crash
loses the counts of those seconds, never an event. What ends an event (missing rows, missing fields) does not come this
way: it is counted in the record that ends it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

from engine.errors import StoreFull
from engine.model import Fact, Sighted, Sighting
from engine.ports import Clock, Committer, Observer
from engine.store import Store, Tally

PATHS_MAX = 1_000
"""Distinct paths of one contract between two writings; more are counted as `*` below the field they were found in."""
SHAPES_MAX = 256
"""Sets of fields that are counted together, before each is counted alone."""
WRITE_EVERY_S = 5.0
LOOKED_INTO_MAX = 1_000
"""Events of one contract between two writings whose fields are compared with it: all of them at 200 a second, in a
storm the first. To compare costs each a thirtieth of all it costs, and a partner's events have the same fields."""


class Count:
    """How often a path was seen, first and last when, and in which event."""

    __slots__ = ("count", "event", "first_at", "last_at")

    def __init__(self, count: int, first_at: int, last_at: int, event: int) -> None:
        self.count, self.first_at, self.last_at, self.event = count, first_at, last_at, event


class Sightings:
    """What was seen since it was last taken: contract → path → Count, and what came `together`."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, Count]] = {}
        self.together: dict[tuple[str, tuple[str, ...]], Count] = {}
        self.looked_into: Counter[str] = Counter()

    def wants(self, contract: str) -> bool:
        """Whether one more event of a contract is to be looked into."""
        self.looked_into[contract] += 1
        return self.looked_into[contract] <= LOOKED_INTO_MAX

    def add(self, contract: str, paths: Iterable[str], event: int, now: int) -> None:
        """Counts the unknown fields of one event. A partner's events lack the same ones all day: so they are counted
        together first, and each alone when they are taken."""
        shape = (contract, tuple(paths))
        found = self.together.get(shape)
        if found is None:
            if len(self.together) >= SHAPES_MAX:
                self.spread()
            found = self.together[shape] = Count(0, now, now, event)
        found.count += 1
        found.last_at, found.event = now, event

    def spread(self) -> None:
        """Counts by path what was counted together."""
        for (contract, paths), each in self.together.items():
            counts = self.seen.setdefault(contract, {})
            for path in paths:
                self.count(counts, path, each.count, each.first_at, each.last_at, each.event)
        self.together = {}

    def count(self, counts: dict[str, Count], path: str, times: int, first_at: int, last_at: int, event: int) -> None:
        found = counts.get(path)
        if found is None and len(counts) >= PATHS_MAX:
            above, _, _ = path.rpartition(".")
            path = f"{above}.*" if above else "*"
            found = counts.get(path)
        if found is None:
            counts[path] = Count(times, first_at, last_at, event)
        else:
            found.count += times
            found.first_at = min(found.first_at, first_at)
            found.last_at, found.event = max((found.last_at, found.event), (last_at, event))

    def take(self) -> tuple[Tally, ...]:
        """All of it; counting begins anew."""
        self.spread()
        self.looked_into.clear()
        taken = [
            Tally(Sighting(Sighted.UNKNOWN_FIELD, contract, path), each.count, each.first_at, each.last_at, each.event)
            for contract, counts in self.seen.items()
            for path, each in counts.items()
        ]
        self.seen = {}
        return tuple(taken)

    def give_back(self, tallies: Iterable[Tally]) -> None:
        """Puts back what could not be written, before what was seen since."""
        since = self.take()
        for tally in (*tallies, *since):
            counts = self.seen.setdefault(tally.sighting.place, {})
            self.count(counts, tally.sighting.name, tally.count, tally.first_at, tally.last_at, tally.event)


def times_by_place(tallies: Iterable[Tally]) -> dict[str, int]:
    """How much was counted of each contract."""
    times: dict[str, int] = {}
    for tally in tallies:
        times[tally.sighting.place] = times.get(tally.sighting.place, 0) + tally.count
    return times


class SightingsWriter:
    """Writes down what was counted, now and then."""

    def __init__(
        self, sightings: Sightings, store: Store, committer: Committer, clock: Clock, observe: Observer
    ) -> None:
        self.sightings = sightings
        self.store = store
        self.committer = committer
        self.clock = clock
        self.observe = observe

    async def run(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was counted in memory; a full store puts it off."""
        tallies = self.sightings.take()
        if not tallies:
            return
        try:
            await self.committer.submit(self.store.tally, tallies)
        except StoreFull:
            self.sightings.give_back(tallies)
            return
        for contract, times in times_by_place(tallies).items():
            data: dict[str, str | float | None] = {
                "kind": Sighted.UNKNOWN_FIELD.value,
                "place": contract,
                "times": times,
            }
            self.observe(Fact("sighted", self.clock.now(), data))
