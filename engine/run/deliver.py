"""Claim, and run what was claimed: keeps as many deliveries on their way as there are workers.

Each is a task of its own (`walk.py`). What may be claimed, in which order and share, is the store's to say, and what
the gates let through is theirs; this file only knows how many more there may be, and when it is worth asking again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from engine.errors import StoreFull
from engine.run.claim import FULL_WAIT_S, LEASE_US, Ports
from engine.run.walk import Walk, think_of
from engine.store import ClaimRequest

IDLE_WAIT_S = 5.0
CLAIM_MAX = 64
GATHER_S = 0.02
"""While more than half of the workers are out, the places that come free in this time are filled by one claim: claims
cost the same for one as for many, and what was claimed together goes on together, in fewer and larger groups. The other
half is at another stage meanwhile: one waits for the disk while the other is worked on."""


class Deliverer:
    """Keeps up to `workers` deliveries running; `wake` tells it that something may be due. `node` is who claims, and
    nothing is claimed while it is `paused`."""

    def __init__(self, ports: Ports, workers: int, node: int = 0) -> None:
        self.ports = replace(ports, wake=self.wake)
        self.workers = workers
        self.node = node
        self.running: Counter[str] = Counter()
        self.tasks: dict[asyncio.Task[None], Walk] = {}
        self.due = asyncio.Event()
        self.draining = False
        self.paused = False

    def wake(self) -> None:
        self.due.set()

    async def run(self) -> None:
        """Claims and starts deliveries until `drain`; an error of ours in any of them ends it."""
        async with asyncio.TaskGroup() as group:
            while not self.draining:
                self.due.clear()
                wait_s = await self.claim(group)
                if wait_s > 0 and not self.draining:
                    try:
                        async with asyncio.timeout(wait_s):
                            await self.due.wait()
                    except TimeoutError:
                        continue
                await self.gather()

    async def gather(self) -> None:
        """Lets places come free, so that one claim fills many."""
        if self.busy <= self.workers // 2:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                while self.busy > self.workers // 2 and not self.draining:
                    self.due.clear()
                    await self.due.wait()

    @property
    def busy(self) -> int:
        """How many places are taken. One is free once the record that ends its claim is on its way: a claim that is
        handed in now runs behind it, in the same commit."""
        return sum(not walk.leaving for walk in self.tasks.values())

    def drain(self) -> None:
        """Claims nothing more; `run` returns when what is under way has ended."""
        self.draining = True
        self.due.set()

    async def claim(self, group: asyncio.TaskGroup) -> float:
        """Starts what is due; the seconds until something else may be."""
        free = min(self.workers - self.busy, 2 * self.workers - len(self.tasks))
        if free <= 0 or self.paused:
            return IDLE_WAIT_S
        now = self.ports.clock.now()
        request = self.request(now, min(free, CLAIM_MAX))
        try:
            claimed = await self.ports.committer.submit(self.ports.store.claim, request)
        except StoreFull:
            return FULL_WAIT_S
        walks = [Walk(self.ports, delivery) for delivery in claimed.deliveries]
        think_of(walks)
        for walk in walks:
            integration = walk.delivery.integration
            self.running[integration] += 1
            task = group.create_task(walk.run())
            self.tasks[task] = walk
            task.add_done_callback(self.ended(integration))
        next_at = self.next_at(claimed.next_due_at, now)
        if next_at is None:
            return IDLE_WAIT_S
        if claimed.deliveries and next_at <= now:
            return 0.0 if self.busy < self.workers else IDLE_WAIT_S
        return min(IDLE_WAIT_S, max(0.001, (next_at - self.ports.clock.now()) / 1_000_000))

    def request(self, now: int, limit: int) -> ClaimRequest:
        """What this node would claim, as far as its gates let it."""
        gates = self.ports.gates
        allow = gates.allow(now) if gates else {}
        quotas = gates.quotas(now) if gates else {}
        at_work = tuple(walk.delivery.event for walk in self.tasks.values())
        return ClaimRequest(
            now,
            limit,
            now + LEASE_US,
            dict(self.running),
            allow=allow,
            quotas=quotas,
            node=self.node,
            at_work=at_work,
        )

    def next_at(self, due_at: int | None, now: int) -> int | None:
        """When something may be due: by the store, or because a breaker begins to let calls through."""
        wakes_at = self.ports.gates.wakes_at(now) if self.ports.gates else None
        times = [at for at in (due_at, wakes_at) if at is not None]
        return min(times, default=None)

    def ended(self, integration: str) -> Callable[[asyncio.Task[None]], None]:
        def done(task: asyncio.Task[None]) -> None:
            del self.tasks[task]
            self.running[integration] -= 1
            self.due.set()

        return done
