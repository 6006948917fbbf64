"""The simulated shop and its payment provider: they sign, send, and try again until they are told 2xx.

What they were told is remembered, for the verdict is about what was acknowledged and nothing else. An answer's time
counts from when the attempt was due, not from when a connection was free. This file refuses to decide what is sent.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping

import aiohttp

from engine.ports import Chance, Clock
from engine.rules.signature import Verification, sign
from harness.demo.script import Announcement, Chain, Promise

REQUESTS_MAX = 64
"""Requests under way at once."""
ANSWER_S = 5.0
"""How long a provider waits for an answer; Shopify's own limit."""
ATTEMPTS_MAX = 80
WAIT_FIRST_S, WAIT_MOST_S = 0.25, 1.5
"""Providers wait for minutes before they try again; this story is short."""
TIMES_KEPT = 200_000


class Shop:
    """Sends chains to one engine.

    `told` counts answers by what they said: accepted, duplicate, again (503, no connection, no answer), refused.
    `acknowledged` holds ids of events that were answered 2xx, `promises` every effect that was sent, and whether one
    of its announcements was acknowledged. `held` holds the engine's names of events that a person has to release.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        signing: Mapping[str, Verification],
        clock: Clock,
        chance: Chance,
    ) -> None:
        self.session = session
        self.url = url
        self.signing = signing
        self.clock = clock
        self.chance = chance
        self.told: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.promises: dict[Promise, bool] = {}
        self.refusals: list[str] = []
        self.held: list[str] = []
        self.times_s: list[float] = []
        self.under_way = 0
        self._lines = asyncio.Semaphore(REQUESTS_MAX)

    async def play(self, chains: Iterable[Chain], began_s: float) -> None:
        """Sends every chain at its time after `began_s` (monotonic); ends when each is acknowledged or given up."""
        async with asyncio.TaskGroup() as group:
            for chain in chains:
                await asyncio.sleep(max(0.0, began_s + chain.at_s - self.clock.monotonic()))
                group.create_task(self.tell(chain, began_s + chain.at_s))

    async def tell(self, chain: Chain, due_s: float) -> None:
        """One chain, from when it is due (monotonic)."""
        if chain.in_order:
            for announcement in chain.announcements:
                await self.announce(announcement, max(due_s, self.clock.monotonic()))
            return
        async with asyncio.TaskGroup() as group:
            for announcement in chain.announcements:
                group.create_task(self.announce(announcement, due_s + announcement.after_s))

    async def announce(self, announcement: Announcement, due_s: float) -> None:
        """One webhook: at its time, and again until it is acknowledged, refused, or given up."""
        self.promises.setdefault(announcement.promise, False)
        self.under_way += 1
        try:
            for attempt in range(ATTEMPTS_MAX):
                await asyncio.sleep(max(0.0, due_s - self.clock.monotonic()))
                async with self._lines:
                    said = await self.post(announcement)
                self.told[said] += 1
                if said != "again":
                    self.note(announcement, said, self.clock.monotonic() - due_s)
                    return
                wait_s = min(WAIT_MOST_S, WAIT_FIRST_S * 2 ** min(attempt, 10))
                due_s = self.clock.monotonic() + wait_s * (0.5 + self.chance.uniform() / 2)
        finally:
            self.under_way -= 1

    def note(self, announcement: Announcement, said: str, took_s: float) -> None:
        if said == "refused":
            return
        self.acknowledged.add(announcement.id)
        self.promises[announcement.promise] = True
        if len(self.times_s) < TIMES_KEPT:
            self.times_s.append(took_s)

    async def post(self, announcement: Announcement) -> str:
        """Signs and sends once; what was said."""
        signed = sign(self.signing[announcement.provider], announcement.body, self.clock.now())
        headers = {**dict(announcement.headers), **signed}
        try:
            async with self.session.post(
                self.url + announcement.path, data=announcement.body, headers=headers
            ) as answer:
                if answer.status in (200, 202):
                    said = await answer.json()
                    if announcement.held and said["event"] not in self.held:
                        self.held.append(said["event"])
                    return str(said["status"])
                if answer.status in (429, 503):
                    return "again"
                self.refusals.append(f"{announcement.promise.what}: answered {answer.status}")
                return "refused"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "again"

    def percentiles_ms(self) -> tuple[float, float]:
        """p50 and p99 of the time to a 2xx, in milliseconds; zeros before the first."""
        if not self.times_s:
            return 0.0, 0.0
        times = sorted(self.times_s)
        return times[len(times) // 2] * 1000, times[min(len(times) - 1, len(times) * 99 // 100)] * 1000
