"""When the deliverer claims: at once where places are plenty, together for what comes free while few are."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from run.stage import CREATED
from run.stage import Stage as Scene

from engine.model import Delivery
from engine.run import deliver
from engine.run.claim import Ports
from engine.run.deliver import Deliverer
from engine.run.walk import Walk
from engine.store import Claimed, ClaimRequest
from engine.store.committer import InlineCommitter

WORKERS = 4
HOUR_S = 3600.0


def delivery(event: int) -> Delivery:
    return Delivery(event, "orders", "plan", None, None, {}, {}, b"", 0, 1, 0, 0, 0)


class Stage:
    """A store that gives out what is `due`, and walks that end when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, events: int) -> None:
        self.due = list(range(1, events + 1))
        self.limits: list[int] = []
        self.walks: dict[int, asyncio.Event] = {}
        self.told: list[tuple[str, int]] = []
        stage = self

        class Walk:
            def __init__(self, _ports: Ports, one: Delivery) -> None:
                self.delivery = one
                self.leaving = False
                self.end = stage.walks[one.event] = asyncio.Event()

            async def run(self) -> None:
                stage.told.append(("runs", self.delivery.event))
                await self.end.wait()

        def think_of(walks: list[Walk]) -> None:
            stage.told += [("is thought of", walk.delivery.event) for walk in walks]

        monkeypatch.setattr(deliver, "Walk", Walk)
        monkeypatch.setattr(deliver, "think_of", think_of)

    claim = None

    async def submit(self, _verb: object, request: ClaimRequest) -> Claimed:
        self.limits.append(request.limit)
        chosen, self.due = self.due[: request.limit], self.due[request.limit :]
        return Claimed(tuple(map(delivery, chosen)), request.now if self.due else None)

    def now(self) -> int:
        return 1_800_000_000_000_000

    def deliverer(self) -> Deliverer:
        anything: Any = self
        return Deliverer(Ports(anything, anything, anything, anything, anything, anything, lambda _fact: None), WORKERS)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_comes_free_while_few_are_is_claimed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "GATHER_S", 0.5)
    stage = Stage(monkeypatch, events=6)

    async def run() -> None:
        deliverer = stage.deliverer()
        running = asyncio.create_task(deliverer.run())
        await turns()
        stage.walks[1].set()
        await turns()
        stage.walks[2].set()
        while len(stage.walks) < 6:
            await asyncio.sleep(0.01)
        deliverer.drain()
        for walk in stage.walks.values():
            walk.set()
        await running

    asyncio.run(run())
    assert stage.limits == [4, 2]


def test_a_place_is_free_once_its_last_record_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "GATHER_S", 0.0)
    stage = Stage(monkeypatch, events=6)

    async def run() -> None:
        deliverer = stage.deliverer()
        running = asyncio.create_task(deliverer.run())
        await turns()
        for walk in deliverer.tasks.values():
            walk.leaving = walk.delivery.event == 1
        deliverer.wake()
        while len(stage.walks) < 5:
            await asyncio.sleep(0.01)
        assert not stage.walks[1].is_set()
        deliverer.drain()
        for end in stage.walks.values():
            end.set()
        await running

    asyncio.run(run())
    assert stage.limits == [4, 1]


def test_where_half_are_free_a_claim_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "GATHER_S", HOUR_S)
    stage = Stage(monkeypatch, events=2)

    async def run() -> None:
        deliverer = stage.deliverer()
        running = asyncio.create_task(deliverer.run())
        await turns()
        stage.due.append(3)
        deliverer.wake()
        await turns()
        deliverer.drain()
        for walk in stage.walks.values():
            walk.set()
        await running

    asyncio.run(run())
    assert stage.limits == [4, 2]
    assert sorted(stage.walks) == [1, 2, 3]
    assert stage.told[:4] == [("is thought of", 1), ("is thought of", 2), ("runs", 1), ("runs", 2)]


def test_a_walk_leaves_before_its_last_record_is_on_disk_and_says_so() -> None:
    stage = Scene(CREATED)
    stage.arrive()
    told: list[tuple[str, bool]] = []
    (walk,) = (
        Walk(replace(stage.ports, wake=lambda: told.append(("woken", walk.leaving))), one) for one in stage.claim()
    )

    class Watching(InlineCommitter):
        async def submit(self, verb: Any, item: Any) -> Any:
            told.append((verb.__name__, walk.leaving))
            return await super().submit(verb, item)

    walk.ports = replace(walk.ports, committer=Watching(stage.connection))
    asyncio.run(walk.run())
    assert (stage.status(), told) == ("done", [("begin", False), ("woken", True), ("record", True)])
