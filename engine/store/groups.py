"""Groups: what is handed in while one group is written becomes the next one; the loop's half of every committer.

One group is in flight at a time. So a quiet engine commits at once and a busy one shares one commit among many. Only
where many came together a moment ago and few have come yet, those wait for the others, unless a sender waits for one of
them: a commit costs as much as what is written for twenty. The loop hands a whole group over and gets a whole group
back: one switch of threads for each, not for each row (measured: a switch for each event cost a third of the
throughput). How a group gets onto a disk is each committer's own.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from engine.ports import Item, Result, Verb
from engine.store import Turn, turn_of

Entry = tuple[Any, Any, Callable[[Any], None]]
"""(verb, item, who is told)."""
GROUP_MAX = 512
CROWD = 16
"""After a group of so many the next one is worth a wait."""
GATHER_S = 0.003
"""Less than a group takes; measured: a fifth fewer commits for each event under load."""


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
    """A `Committer` whose groups are written by a thread: `write_group` is what a store brings. `on_failure` is told,
    in the loop, of an error after which nothing can be written."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self.on_failure = on_failure
        self.loop = asyncio.get_running_loop()
        self.pending: list[Entry] = []
        self.flying: list[Entry] = []
        self.in_flight = False
        self.crowd = 0  # so many were in the last group
        self.failed: BaseException | None = None
        self.commits = 0
        self.commit_s = 0.0  # how long the writer waited for disk or database to take its groups, in all
        self.groups: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self.writer = threading.Thread(target=self.write, name="waybill-writer", daemon=True)

    # ── in the loop ──────────────────────────────────────────────────────────────────────────────────────────────────

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
        """Hands over what is pending; a little later where it is only the first of what is coming: far fewer than the
        many of the last group. An arrival is not kept waiting: its sender is."""
        few = self.crowd >= CROWD and 2 * len(self.pending) < self.crowd
        if few and not any(turn_of(verb) is Turn.ACCEPT for verb, _, _ in self.pending):
            self.loop.call_later(GATHER_S, self.gathered)
        else:
            self.hand_over()

    def gathered(self) -> None:
        if self.failed is None:
            self.hand_over()

    def hand_over(self) -> None:
        """Gives the writer a group."""
        self.flying, self.pending = self.pending[:GROUP_MAX], self.pending[GROUP_MAX:]
        self.crowd = len(self.flying)
        self.groups.put(self.flying)

    def answer(self, group: list[Entry], outcome: list[Any] | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self.fail(outcome, [*group, *self.pending])
            return
        if self.pending:
            self.begin_group()  # first, so that the writer works while the answers go out
        else:
            self.in_flight = False
        self.tell(group, outcome)

    def fail(self, error: BaseException, entries: list[Entry]) -> None:
        self.failed = error
        self.pending = []
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
        """Commits what is pending, then ends the thread."""
        while self.in_flight and self.failed is None:
            await asyncio.sleep(0.005)
        self.groups.put(None)
        await asyncio.to_thread(self.writer.join)

    # ── in the writer's thread ───────────────────────────────────────────────────────────────────────────────────────

    def write(self) -> None:
        while (group := self.groups.get()) is not None:
            outcome: list[Any] | BaseException
            try:
                outcome = self.write_group([(verb, item) for verb, item, _ in group])
            except BaseException as error:  # noqa: BLE001 — whatever it was, the loop must hear of it
                outcome = error
            self.written()
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for the answer
                self.loop.call_soon_threadsafe(self.answer, group, outcome)

    def write_group(self, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Commits a group. A result may be an exception, to be raised where its entry was submitted; what is raised
        here ends the committer."""
        raise NotImplementedError

    def written(self) -> None:
        """A group has ended, one way or the other; the loop is about to hear of it."""
