"""Groups: what is handed in while one group is written becomes the next one; the loop's half of every committer.

One group is in flight at a time. So a quiet engine commits at once and a busy one shares one commit among many; to wait
for more than has come saves commits and gains nothing (measured on both stores). The loop hands a whole group over and
gets a whole group back: one switch for each, not for each row (measured: a switch for each event cost a third of the
throughput). How a group gets onto a disk is each committer's own.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from engine.ports import Item, Result, Verb
from engine.store import turn_of

Entry = tuple[Any, Any, Callable[[Any], None]]
"""(verb, item, who is told)."""
GROUP_MAX = 512


def run_verbs(database: Any, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Runs verbs inside the caller's transaction, each once with all its items; results in the order of the entries."""
    by_verb: dict[Any, list[int]] = {}
    for place, (verb, _) in enumerate(entries):
        by_verb.setdefault(verb, []).append(place)
    results: list[Any] = [None] * len(entries)
    for verb in sorted(by_verb, key=turn_of):
        places = by_verb[verb]
        for place, result in zip(places, verb(database, [entries[place][1] for place in places]), strict=True):
            results[place] = result
    return results


def settle(future: "asyncio.Future[Any]", result: Any) -> None:
    """Ends the wait of whoever submitted; one that has given up is not told."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
        future.exception()  # seen: where nobody waits any more, nobody need be warned
    else:
        future.set_result(result)


class GroupCommitter:
    """A `Committer` whose groups are written elsewhere: `send` is what a store brings. `on_failure` is told, in the
    loop, of an error after which nothing can be written."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self.on_failure = on_failure
        self.loop = asyncio.get_running_loop()
        self.pending: list[Entry] = []
        self.flying: list[Entry] = []
        self.in_flight = False
        self.failed: BaseException | None = None
        self.commits = 0
        self.commit_s = 0.0  # how long disk or database was waited for to take its groups, in all

    def submit(self, verb: Verb[Item, Result], item: Item) -> "asyncio.Future[Result]":
        """Queues an item; the future is done once the commit that holds it is on disk."""
        future: asyncio.Future[Result] = self.loop.create_future()
        self.hand_in(verb, item, partial(settle, future))
        return future

    def hand_in(self, verb: Verb[Item, Result], item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """Queues an item; `done` is called once the commit that holds it is on disk, in one turn of the loop with its
        group: a future for each would cost the loop a turn for each."""
        if self.failed is not None:
            done(self.failed)
            return
        self.pending.append((verb, item, done))
        if not self.in_flight:
            self.in_flight = True
            self.loop.call_soon(self.begin_group)

    def begin_group(self) -> None:
        if self.failed is not None:
            return
        self.flying, self.pending = self.pending[:GROUP_MAX], self.pending[GROUP_MAX:]
        self.send(self.flying)

    def send(self, group: list[Entry]) -> None:
        """Gives a group to whoever writes it; `answer` is called in the loop with what came of it."""
        raise NotImplementedError

    def answer(self, outcome: list[Any] | BaseException) -> None:
        """The results of the group in flight, in its order: one may be an exception, to be raised where its entry was
        submitted. An exception in place of them all ends the committer."""
        group, self.flying = self.flying, []
        if isinstance(outcome, BaseException):
            self.fail(outcome, group)
            return
        if self.pending:
            self.begin_group()  # first, so that the next is written while the answers go out
        else:
            self.in_flight = False
        self.tell(group, outcome)

    def fail(self, error: BaseException, group: Sequence[Entry] = ()) -> None:
        """Nothing more is written; a group that has ended by it is told, and what is pending."""
        entries, self.pending = [*group, *self.pending], []
        self.failed = error
        self.on_failure(error)
        self.tell(entries, repeat(error, len(entries)))

    def tell(self, entries: list[Entry], results: Iterable[Any]) -> None:
        """Everybody, though somebody's fault be found by being told: that one is ours, and loud."""
        for (_, _, done), result in zip(entries, results, strict=True):
            try:
                done(result)
            except Exception as error:  # noqa: BLE001
                self.on_failure(error)

    async def close(self) -> None:
        """Returns when what is pending is committed."""
        while self.in_flight and self.failed is None:
            await asyncio.sleep(0.005)
