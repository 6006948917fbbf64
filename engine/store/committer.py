"""The writer thread: verbs of the store in transactions, grouped, each answered only after its commit is on disk.

One group is in flight at a time; what arrives meanwhile becomes the next one. So a quiet engine commits at once and a
busy one shares one fsync among many, without a timer. The loop hands a whole group over and gets a whole group back:
one switch of threads for each, not for each row (measured: a switch for each event cost a third of the throughput).
While the group is written the loop lends the writer the interpreter, and they work side by side while the disk is
waited for (`hand_over`).

Checkpoints run on a thread and a connection of their own, because an automatic one inside a commit is a long pause for
everybody who waits.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import apsw

from engine.errors import StoreBroken, StoreFull
from engine.ports import Item, Result, Verb
from engine.store.files import BUSY_WAIT_S, PAGE_BYTES

Entry = tuple[Any, Any, Callable[[Any], None]]
GROUP_MAX = 512
CHECKPOINT_EVERY_S = 0.05
"""Seldom enough that its own fsync rarely meets a commit's."""
LEND_S = 0.002
"""A hundred arrivals are written in this time; a group that takes longer no longer holds up the loop."""
WAL_RESTART_BYTES = 128 << 20
"""To begin the log anew is the longest pause an ack can meet, ten milliseconds: well under one in a hundred meets it."""
LEFT_MAX = 1024
"""Pages that the writer may move itself then."""

RANKS = ("record", "begin", "move", "tally", "keep_plans", "recover", "accept", "claim")
"""Within a group outcomes go first and claims last, so that a claim sees all that the group made due."""


def rank(verb: Any) -> int:
    name = getattr(verb, "__name__", "")
    return RANKS.index(name) if name in RANKS else 0


def run_group(
    connection: apsw.Connection, entries: Sequence[tuple[Any, Any]], committing: Callable[[], None] = lambda: None
) -> list[Any]:
    """Runs one group in one transaction; results in the order of the entries. Raises what a verb raised, rolled back.

    `committing` is called when all is written and only the disk is waited for.
    """
    by_verb: dict[Any, list[int]] = {}
    for place, (verb, _) in enumerate(entries):
        by_verb.setdefault(verb, []).append(place)
    results: list[Any] = [None] * len(entries)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for verb in sorted(by_verb, key=rank):
            places = by_verb[verb]
            for place, result in zip(places, verb(connection, [entries[place][1] for place in places]), strict=True):
                results[place] = result
        committing()
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself (disk full); a second rollback is then an error of no interest.
        with contextlib.suppress(apsw.SQLError):
            connection.execute("ROLLBACK")
        raise
    return results


def settle_group(
    connection: apsw.Connection, entries: Sequence[tuple[Any, Any]], committing: Callable[[], None] = lambda: None
) -> list[Any]:
    """As `run_group`, but a full store or disk refuses new arrivals alone: outcomes are tried again without them.

    A result may be an exception, to be raised where the entry was submitted.
    """
    try:
        return run_group(connection, entries, committing)
    except apsw.FullError:
        arrivals = {place for place, (verb, _) in enumerate(entries) if getattr(verb, "__name__", "") == "accept"}
        rest = [place for place in range(len(entries)) if place not in arrivals]
        results: list[Any] = [StoreFull("the store is full") for _ in entries]
        if rest and arrivals:
            for place, result in zip(
                rest, settle_group(connection, [entries[place] for place in rest], committing), strict=True
            ):
                results[place] = result
        return results
    except apsw.IOError as error:
        raise disk_failed(error) from error
    except apsw.BusyError as error:
        raise StoreBroken(
            f"another process has held the store's file for {BUSY_WAIT_S} s; end it, then start the engine again"
        ) from error


def disk_failed(error: apsw.IOError) -> StoreBroken:
    return StoreBroken(
        f"the disk failed under the store ({error}); nothing more is written until a restart has checked it"
    )


def settle(future: "asyncio.Future[Any]", result: Any) -> None:
    """Ends the wait of whoever submitted; one that has given up is not told."""
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
        future.exception()  # seen: where nobody waits any more, nobody need be warned
    else:
        future.set_result(result)


class InlineCommitter:
    """Runs each verb at once, in the caller: for `waybill try`, examples and the simulated world."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def hand_in(self, verb: Verb[Item, Result], item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """See `Committer.hand_in`."""
        (result,) = settle_group(self.connection, [(verb, item)])
        done(result)

    async def submit(self, verb: Verb[Item, Result], item: Item) -> Result:
        """See `Committer.submit`."""
        results: list[Any] = []
        self.hand_in(verb, item, results.append)
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0]  # type: ignore[no-any-return]


class ThreadCommitter:
    """The production `Committer`. `on_failure` is told, in the loop, of an error after which nothing can be written."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        on_failure: Callable[[BaseException], None],
        log_bytes_max: int = WAL_RESTART_BYTES,
    ) -> None:
        self.connection = connection
        self.path = path
        self.log_bytes_max = min(log_bytes_max, WAL_RESTART_BYTES)
        # The log is written over in place: to cut it and to let it grow again costs a commit of 20 ms each time.
        connection.pragma("journal_size_limit", 2 * self.log_bytes_max)
        self.on_failure = on_failure
        self.loop = asyncio.get_running_loop()
        self.pending: list[Entry] = []
        self.in_flight = False
        self.failed: BaseException | None = None
        self.groups: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self.lent = threading.Lock()  # held while the writer has the interpreter
        self.stopping = threading.Event()
        self.writer = threading.Thread(target=self.write, name="waybill-writer", daemon=True)
        self.checkpointer = threading.Thread(target=self.checkpoint, name="waybill-checkpoint", daemon=True)
        self.restart_wal = False
        self.pinned_bytes = 0
        """So much of the log cannot be moved, because somebody still reads what was there before it."""
        self.writer.start()
        self.checkpointer.start()

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
            self.loop.call_soon(self.hand_over)

    def hand_over(self) -> None:
        """Gives the writer a group, and the interpreter for as long as it writes, but LEND_S at most.

        SQLite lets go of the interpreter at every statement. Beside a busy loop the writer then got it back only when
        the loop ran out of work, and each waited for the other in turn (measured: a tenth more CPU for each event, and
        a shorter switch interval cost more than it gave). Waiting here costs the loop only what it would have lost.
        """
        group, self.pending = self.pending[:GROUP_MAX], self.pending[GROUP_MAX:]
        self.lent.acquire(blocking=False)
        self.groups.put(group)
        self.lent.acquire(timeout=LEND_S)

    def give_back(self) -> None:
        """The writer's: what is left to do needs no interpreter. Said twice, where a full disk made it try again."""
        if self.lent.locked():
            self.lent.release()

    def write(self) -> None:
        while (group := self.groups.get()) is not None:
            outcome: list[Any] | BaseException
            try:
                outcome = settle_group(self.connection, [(verb, item) for verb, item, _ in group], self.give_back)
                self.restart_log()
            except BaseException as error:  # noqa: BLE001 — whatever it was, the loop must hear of it
                outcome = error
            self.give_back()
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits for the answer
                self.loop.call_soon_threadsafe(self.answer, group, outcome)

    def restart_log(self) -> None:
        """Between two groups, where little is left to move: the next write then starts the log anew.

        The checkpoint thread may be at it this moment (`BusyError`), or the disk be full: the next turn will do, and
        the group that was just committed stands either way.
        """
        if self.restart_wal:
            self.restart_wal = False
            with contextlib.suppress(apsw.BusyError, apsw.FullError):
                self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def answer(self, group: list[Entry], outcome: list[Any] | BaseException) -> None:
        if isinstance(outcome, BaseException):
            self.fail(outcome, [*group, *self.pending])
            return
        if self.pending:
            self.hand_over()  # first, so that the writer works while the answers go out
        else:
            self.in_flight = False
        self.tell(group, outcome)

    def fail(self, error: BaseException, entries: list[Entry]) -> None:
        self.failed = error
        self.pending = []
        self.on_failure(error)
        self.tell(entries, repeat(error, len(entries)))

    def lose_disk(self, error: BaseException) -> None:
        self.fail(error, self.pending)

    def tell(self, entries: list[Entry], results: Iterable[Any]) -> None:
        """Everybody, though somebody's fault be found by being told: that one is ours, and loud."""
        for (_, _, done), result in zip(entries, results, strict=True):
            try:
                done(result)
            except Exception as error:  # noqa: BLE001
                self.on_failure(error)

    def checkpoint(self) -> None:
        """Moves pages from the log into the file, beside the writer. Passive: it never makes anybody wait."""
        connection = apsw.Connection(str(self.path))
        connection.pragma("user_version")  # until it has read once, a connection knows of no log and moves nothing
        before, wait_s = 0, CHECKPOINT_EVERY_S
        try:
            while not self.stopping.wait(wait_s):
                try:
                    frames, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                except apsw.IOError as error:
                    # What an fsync has failed to write may be gone, and the next fsync says that all is well.
                    self.loop.call_soon_threadsafe(self.lose_disk, disk_failed(error))
                    return
                except apsw.Error:
                    continue  # busy, or the disk is full: the log simply grows until the next turn
                self.pinned_bytes = (frames - moved) * PAGE_BYTES if moved == before else 0
                few = moved - before if moved >= before else moved  # fewer than before: it has begun anew
                before = moved
                log_bytes = frames * PAGE_BYTES if frames - moved < LEFT_MAX else 0  # a reader holds on to the rest
                # Where little came meanwhile the writer finishes it between two groups, and its next write starts the
                # log anew. Else once more at once: what came in this turn would be a long pause, but not for ever.
                long = log_bytes > self.log_bytes_max
                self.restart_wal = long and (few < LEFT_MAX or log_bytes > 2 * self.log_bytes_max)
                wait_s = 0 if long and not self.restart_wal else CHECKPOINT_EVERY_S
        finally:
            connection.close()

    async def close(self) -> None:
        """Commits what is pending, then ends both threads and closes the connection."""
        while self.in_flight and self.failed is None:
            await asyncio.sleep(0.005)
        self.stopping.set()
        self.groups.put(None)
        await asyncio.to_thread(self.writer.join)
        await asyncio.to_thread(self.checkpointer.join)
        self.connection.close()
