"""The loop's half of every committer: groups are shared, and whatever becomes of one, everybody is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import apsw
import pytest
from conformance import arrival

from engine.store.files import open_memory
from engine.store.groups import GROUP_MAX, Entry, GroupCommitter
from engine.store.settle import settle_group
from engine.store.verbs import SqlStore


class LoopCommitter(GroupCommitter):
    """Writes each group in a later turn of the loop."""

    def __init__(self, on_failure: Any) -> None:
        super().__init__(on_failure)
        self.connection = open_memory()

    def send(self, group: list[Entry]) -> None:
        self.loop.call_soon(self.write, group)

    def write(self, group: list[Entry]) -> None:
        outcome: Any
        try:
            outcome = settle_group(self.connection, [(verb, item) for verb, item, _ in group])
        except Exception as error:  # noqa: BLE001
            outcome = error
        self.answer(outcome)


def broken(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
    raise ZeroDivisionError


def run(play: Any) -> list[BaseException]:
    """Runs `play(committer)`; what the engine heard of failures."""
    failures: list[BaseException] = []

    async def whole() -> None:
        committer = LoopCommitter(failures.append)
        async with asyncio.timeout(20):
            await play(committer)
        await committer.close()

    asyncio.run(whole())
    return failures


def test_what_is_handed_in_while_a_group_is_written_is_the_next_one() -> None:
    sizes: list[int] = []

    def sized(connection: apsw.Connection, items: Sequence[Any]) -> Sequence[Any]:
        sizes.append(len(items))
        return items

    async def play(committer: LoopCommitter) -> None:
        first = committer.submit(sized, 0)
        while not committer.flying:
            await asyncio.sleep(0)
        await asyncio.gather(first, *(committer.submit(sized, n) for n in range(2 * GROUP_MAX)))

    assert run(play) == []
    assert sizes == [1, GROUP_MAX, GROUP_MAX]


def test_a_verb_that_fails_stops_everything_loudly() -> None:
    async def play(committer: LoopCommitter) -> None:
        with pytest.raises(ZeroDivisionError):
            await committer.submit(broken, None)
        with pytest.raises(ZeroDivisionError):
            await committer.submit(SqlStore().accept, arrival())

    assert [type(failure) for failure in run(play)] == [ZeroDivisionError]


def test_a_fault_in_one_who_is_told_is_loud_and_the_others_are_told() -> None:
    fault = ZeroDivisionError("in what was to be done next")

    def failing(receipt: Any) -> None:
        raise fault

    async def play(committer: LoopCommitter) -> None:
        store, told = SqlStore(), asyncio.Queue[Any]()
        for number, done in enumerate((told.put_nowait, failing, told.put_nowait)):
            committer.hand_in(store.accept, arrival(f"{number}", f"{number}"), done)
        assert [(await told.get()).event for _ in range(2)] == [1, 3]

    assert run(play) == [fault]


def test_everybody_is_told_of_a_store_that_fails_and_whoever_comes_later() -> None:
    async def play(committer: LoopCommitter) -> None:
        told = asyncio.Queue[Any]()
        for verb in (SqlStore().accept, broken):
            committer.hand_in(verb, arrival(), told.put_nowait)
        assert [type(await told.get()) for _ in range(2)] == [ZeroDivisionError] * 2
        committer.hand_in(SqlStore().accept, arrival(), told.put_nowait)
        assert type(told.get_nowait()) is ZeroDivisionError

    assert [type(failure) for failure in run(play)] == [ZeroDivisionError]


def test_nothing_is_handed_over_after_a_failure() -> None:
    """Not by a turn of the loop that was asked for before it, either."""

    async def play(committer: LoopCommitter) -> None:
        waiting = committer.submit(SqlStore().accept, arrival())
        committer.fail(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            await waiting
        sent: list[Any] = []
        committer.send = sent.append  # type: ignore[method-assign]
        await asyncio.sleep(0.01)
        assert sent == []

    assert [type(failure) for failure in run(play)] == [ZeroDivisionError]
