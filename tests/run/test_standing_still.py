"""Claims of a running engine: what it has in hand it is not given a second time."""

import asyncio

from run.stage import CREATED, SECOND, Stage

from engine.model import Outcome, Request
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
