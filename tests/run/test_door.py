"""Commands at the engine's door: each is answered in words and in bounded time, whatever the store says."""

import asyncio
from typing import Any

import pytest

from engine.errors import StoreAway, StoreFull
from engine.model import Fact
from engine.run import commands
from engine.run.claim import Ports
from engine.run.commands import Commands
from engine.run.live import Live, none_kept
from engine.store.verbs import SqlStore

MOVE = {"event": 1, "action": "release", "by": "ada", "reason": "fine", "latest": None, "due_at": 0}
FULL = StoreFull("the store is full")
AWAY = StoreAway("the connection was lost")


class Door:
    """The door of an engine whose store says `answer` to all; None: it says nothing, ever."""

    def __init__(self, answer: str | Exception | None) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.facts: list[Fact] = []
        self.woken = 0
        anything: Any = self
        live = Live({}, {}, none_kept, lambda _: None)
        ports = Ports(SqlStore(), anything, anything, live, anything, anything, self.facts.append, wake=self.wake)
        self.commands = Commands("here", ports, self.newest, self.force)

    def now(self) -> int:
        return 1

    def wake(self) -> None:
        self.woken += 1

    async def newest(self) -> None:
        self.asked.append("tables")

    async def submit(self, _verb: object, item: Any) -> str:
        self.asked.append(item)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return str(self.answer)

    async def force(self, gate: str, forced: str) -> None:
        await self.submit(None, (gate, forced))

    def ask(self, **request: Any) -> Any:
        return asyncio.run(self.commands.carry_out({"store": "here", **request}))


def test_what_means_another_store_is_not_for_us() -> None:
    door = Door("")
    assert door.ask(store="there", moves=[dict(MOVE)]) == {"elsewhere": "here"}
    assert not door.asked


def test_a_move_is_carried_out_with_the_newest_tables_and_told() -> None:
    door = Door("")
    assert door.ask(moves=[dict(MOVE)]) == {"answers": [""]}
    assert door.asked[0] == "tables"
    assert [fact.name for fact in door.facts] == ["released"]
    assert door.woken == 1


def test_what_the_store_refuses_is_said_and_not_told_as_done() -> None:
    door = Door("it is done already")
    assert door.ask(moves=[dict(MOVE)]) == {"answers": ["it is done already"]}
    assert door.facts == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (FULL, "nothing was changed: the store is full; make room"),
        (AWAY, "the store is away (the connection was lost), and nobody knows yet"),
        (None, "the store does not answer, and nobody knows yet"),
    ],
)
def test_a_store_that_is_full_away_or_silent_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None, said: str
) -> None:
    monkeypatch.setattr(commands, "ANSWER_S", 0.01)
    for request in ({"moves": [dict(MOVE), dict(MOVE)]}, {"gates": [["erp", "open"], ["wms", ""]]}):
        answers = Door(answer).ask(**request)["answers"]
        assert [text[: len(said)] for text in answers] == [said, said]
