"""Claims of a running engine: what it has in hand it is not given a second time."""

import asyncio

import pytest
from run.stage import CREATED, SECOND, Stage

from engine.errors import StoreFull
from engine.model import Outcome, Request
from engine.run import claim
from engine.run.deliver import Deliverer

HOUR = 3600 * SECOND


class Stopped(Stage):
    """The engine stands still for an hour while each call is out, and looks for work before it hears the answer."""

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        self.at += HOUR
        self.deliverer.wake()
        await asyncio.sleep(0.01)
        self.deliverer.drain()
        return await super().send(request, timeout_s)

    def deliver(self) -> None:
        self.deliverer = Deliverer(self.ports, 4)
        asyncio.run(self.deliverer.run())


def test_an_engine_that_stood_still_keeps_what_it_is_at_work_on() -> None:
    stage = Stopped(CREATED)
    stage.arrive()
    stage.deliver()
    assert (stage.status(), len(stage.sent)) == ("done", 1)
    assert [fact.name for fact in stage.facts if fact.name == "lease_lost"] == []
    assert stage.deliverer.tasks == {}


def test_an_outcome_that_waits_for_room_for_longer_than_its_lease_is_written_once_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Claims are refused to nobody meanwhile: what counts is that this event is not given out a second time."""
    monkeypatch.setattr(claim, "FULL_WAIT_S", 0.001)
    stage = Stage(CREATED)
    stage.arrive()
    deliverer = Deliverer(stage.ports, 4)
    submit, left, claims = stage.committer.submit, [HOUR] * 5, []

    async def full(verb: object, item: object) -> object:
        name = getattr(verb, "__name__", "")
        if name == "claim":
            claims.append(stage.at)
        if name == "record" and left:
            stage.at += left.pop()
            deliverer.wake()
            raise StoreFull
        if name == "record":
            deliverer.drain()
        return await submit(verb, item)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.committer, "submit", full)
    asyncio.run(deliverer.run())
    assert (stage.status(), len(stage.sent)) == ("done", 1)
    assert len(claims) > 2, "the engine asked for work after the lease had ended"
    assert [fact.name for fact in stage.facts if fact.name == "lease_lost"] == []
