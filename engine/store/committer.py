"""The embedded store's committers: verbs in transactions on one SQLite file, each answered only after its commit is on
disk.

While a group is written the loop lends the writer the interpreter, and they work side by side while the disk is waited
for (`hand_over`). Checkpoints run on a thread and a connection of their own, because an automatic one inside a commit is
a long pause for everybody who waits.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from engine.clock import SystemClock
from engine.errors import StoreBroken, StoreFull
from engine.ports import Item, Result, Verb
from engine.store import Turn, turn_of
from engine.store.files import BUSY_WAIT_S, PAGE_BYTES
from engine.store.groups import GroupCommitter, run_verbs
from engine.store.head import Head, count_group

CHECKPOINT_EVERY_S = 0.05
"""Seldom enough that its own fsync rarely meets a commit's."""
CHECKPOINT_PAGES = 500
CHECKPOINT_TURNS_MAX = 4
"""With fewer pages to move it waits for more, so many turns long: pages that every group writes are then moved once for
many groups. More at once would be a pause for those whose commit meets its fsync."""
LEND_S = 0.005
"""What 64 events need, claimed, announced and recorded together, is written in this time; a group that takes longer no
longer holds up the loop."""
WAL_RESTART_BYTES = 128 << 20
"""To begin the log anew is the longest pause an ack can meet, ten milliseconds: well under one in a hundred meets it."""
LEFT_MAX = 1024
"""Pages that the writer may move itself then."""


def run_group(
    connection: apsw.Connection, entries: Sequence[tuple[Any, Any]], committing: Callable[[], None] = lambda: None
) -> list[Any]:
    """Runs one group in one transaction; results in the order of the entries. Raises what a verb raised, rolled back.

    `committing` is called when all is written and only the disk is waited for.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = run_verbs(connection, entries)
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
        arrivals = {place for place, (verb, _) in enumerate(entries) if turn_of(verb) is Turn.ACCEPT}
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


class ThreadCommitter(GroupCommitter):
    """The production `Committer` of an embedded store."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        on_failure: Callable[[BaseException], None],
        log_bytes_max: int = WAL_RESTART_BYTES,
    ) -> None:
        super().__init__(on_failure)
        self.connection = connection
        self.path = path
        self.log_bytes_max = min(log_bytes_max, WAL_RESTART_BYTES)
        # The log is written over in place: to cut it and to let it grow again costs a commit of 20 ms each time.
        connection.pragma("journal_size_limit", 2 * self.log_bytes_max)
        self.lent = threading.Lock()  # held while the writer has the interpreter
        self.stopping = threading.Event()
        self.checkpointer = threading.Thread(target=self.checkpoint, name="waybill-checkpoint", daemon=True)
        self.restart_wal = False
        self.log_pages = 0
        connection.set_wal_hook(self.log_grew)
        self.head = Head(path)
        self.clock = SystemClock()
        self.commit_began_s = self.clock.monotonic()
        self.pinned_s = 0.0  # for how long a reader has kept the log from being moved
        self.writer.start()
        self.checkpointer.start()

    def hand_over(self) -> None:
        """Gives the writer a group, and the interpreter for as long as it writes, but LEND_S at most.

        SQLite lets go of the interpreter at every statement. Beside a busy loop the writer then got it back only when
        the loop ran out of work, and each waited for the other in turn (measured: a tenth more CPU for each event, and
        a shorter switch interval cost more than it gave). Waiting here costs the loop only what it would have lost.
        """
        self.lent.acquire(blocking=False)
        super().hand_over()
        self.lent.acquire(timeout=LEND_S)

    def commit_begins(self) -> None:
        """The writer's: from here on it waits for the disk."""
        self.commit_began_s = self.clock.monotonic()
        self.give_back()

    def give_back(self) -> None:
        """The writer's: what is left to do needs no interpreter. Said twice, where a full disk made it try again."""
        if self.lent.locked():
            self.lent.release()

    def write_group(self, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
        """See `GroupCommitter.write_group`."""
        *results, number = settle_group(self.connection, [*entries, (count_group, None)], self.commit_begins)
        self.commits += 1
        self.commit_s += self.clock.monotonic() - self.commit_began_s
        if isinstance(number, int):
            self.head.write(number)
        self.restart_log()
        return results

    def written(self) -> None:
        """See `GroupCommitter.written`."""
        self.give_back()

    def log_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """SQLite tells after each commit how long its log is."""
        self.log_pages = pages
        return apsw.SQLITE_OK

    def restart_log(self) -> None:
        """Between two groups, where little is left to move: the next write then starts the log anew.

        The checkpoint thread may be at it this moment (`BusyError`), or the disk be full: the next turn will do, and
        the group that was just committed stands either way.
        """
        if self.restart_wal:
            self.restart_wal = False
            with contextlib.suppress(apsw.BusyError, apsw.FullError):
                self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def lose_disk(self, error: BaseException) -> None:
        self.fail(error, self.pending)

    def checkpoint(self) -> None:
        """Moves pages from the log into the file, beside the writer. Passive: it never makes anybody wait."""
        connection = apsw.Connection(str(self.path))
        connection.pragma("user_version")  # until it has read once, a connection knows of no log and moves nothing
        before, wait_s = 0, CHECKPOINT_EVERY_S
        there, caught_up_at = 0, self.clock.monotonic()
        turns = 0
        try:
            while not self.stopping.wait(wait_s):
                turns += 1
                if wait_s and turns < CHECKPOINT_TURNS_MAX and 0 <= self.log_pages - before < CHECKPOINT_PAGES:
                    continue
                turns = 0
                try:
                    frames, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                except apsw.IOError as error:
                    # What an fsync has failed to write may be gone, and the next fsync says that all is well.
                    self.loop.call_soon_threadsafe(self.lose_disk, disk_failed(error))
                    return
                except apsw.Error:
                    continue  # busy, or the disk is full: the log simply grows until the next turn
                # All that was there a turn ago is moved by now, but for what a reader still needs the file without.
                if moved >= there or frames < there:
                    caught_up_at = self.clock.monotonic()
                there, self.pinned_s = frames, self.clock.monotonic() - caught_up_at
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
        await super().close()
        self.stopping.set()
        await asyncio.to_thread(self.checkpointer.join)
        self.connection.close()
        self.head.close()
