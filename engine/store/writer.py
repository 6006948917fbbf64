"""The process that writes an embedded store: it takes groups from the engine and answers each once it is on disk.

A process, because whatever writes the store and the loop that does the work would else take turns at one interpreter,
and half of a second core would lie idle (measured: `benchmarks/test_end_to_end.py`). It opens the file, writes group
after group, each in one transaction, and moves the log into the file beside that: on a thread and a connection of
their own, because an automatic checkpoint inside a commit is a long pause for everybody who waits.

It ends when the engine says so, and at once when the engine is gone, in the middle of a group too: nobody has been told
of that one, and it is there whole or not at all. Until then it keeps the engine's lock on the file with it, so that no
other engine begins beside a write that the disk has not answered yet. It decides nothing: what goes into a group, and
who is told, is the engine's matter (`committer.py`).
"""

import contextlib
import os
import select
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from engine.clock import SystemClock
from engine.errors import StatementFailed, WaybillError
from engine.store.channel import Inbox, framed, send, unframed
from engine.store.files import PAGE_BYTES, open_writer
from engine.store.garbage import freeze_garbage
from engine.store.head import Head, count_group
from engine.store.settle import disk_failed, settle_group
from engine.store.verbs import SqlStore
from engine.store.words import Begin, End, Group, Lost, Opened, Pinned, Written

CHECKPOINT_EVERY_S = 0.05
"""Seldom enough that its own fsync rarely meets a commit's."""
CHECKPOINT_PAGES = 500
CHECKPOINT_TURNS_MAX = 4
"""With fewer pages to move it waits for more, so many turns long: pages that every group writes are then moved once for
many groups. More at once would be a pause for those whose commit meets its fsync."""
WAL_RESTART_BYTES = 128 << 20
"""To begin the log anew is the longest pause an ack can meet, ten milliseconds: well under one in a hundred meets it."""
LEFT_MAX = 1024
"""Pages that the writer may move itself then."""


class Writer:
    """Writes groups, and has the log moved beside. `say` takes what is to be told of that, on its thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        say: Callable[[Pinned | Lost], None],
        log_bytes_max: int | None = None,
    ) -> None:
        self.connection = connection
        self.path = path
        self.say = say
        self.log_bytes_max = min(log_bytes_max or WAL_RESTART_BYTES, WAL_RESTART_BYTES)
        # The log is written over in place: to cut it and to let it grow again costs a commit of 20 ms each time.
        connection.pragma("journal_size_limit", 2 * self.log_bytes_max)
        self.stopping = threading.Event()
        self.checkpointer = threading.Thread(target=self.checkpoint, name="waybill-checkpoint", daemon=True)
        self.restart_wal = False
        self.log_pages = 0
        connection.set_wal_hook(self.log_grew)
        self.head = Head(path)
        self.clock = SystemClock()
        self.commit_began_s = self.clock.monotonic()
        self.pinned_s = 0.0  # for how long a reader has kept the log from being moved

    def start(self) -> None:
        """From here on the log is moved."""
        self.checkpointer.start()

    def commit_begins(self) -> None:
        """From here on the disk is waited for."""
        self.commit_began_s = self.clock.monotonic()

    def write_group(self, entries: Sequence[tuple[Any, Any]]) -> tuple[list[Any], float]:
        """Commits a group; the results (see `settle_group`), and the seconds that the disk took. Raises what ends the
        store."""
        self.commit_began_s = self.clock.monotonic()
        *results, number = settle_group(self.connection, [*entries, (count_group, None)], self.commit_begins)
        took_s = self.clock.monotonic() - self.commit_began_s
        if isinstance(number, int):
            self.head.write(number)
        self.restart_log()
        return results, took_s

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
                    self.say(Lost(disk_failed(error)))
                    return
                except apsw.Error:
                    continue  # busy, or the disk is full: the log simply grows until the next turn
                # All that was there a turn ago is moved by now, but for what a reader still needs the file without.
                if moved >= there or frames < there:
                    caught_up_at = self.clock.monotonic()
                there = frames
                self.tell_pinned(self.clock.monotonic() - caught_up_at)
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

    def tell_pinned(self, seconds: float) -> None:
        """Seldom: once a second while it lasts, and when it is over."""
        if int(seconds) != int(self.pinned_s):
            self.say(Pinned(seconds))
        self.pinned_s = seconds

    def close(self) -> None:
        """Ends the thread and closes the file."""
        self.stopping.set()
        self.checkpointer.join()
        self.connection.close()
        self.head.close()


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────────


def serve(hears: int, says: int) -> None:
    """Writes the groups that come on one pipe and answers on another, until the engine says that it was all."""
    saying = threading.Lock()

    def say(word: Opened | Written | Pinned | Lost) -> None:
        with saying, contextlib.suppress(BrokenPipeError):  # nobody is there any more
            send(says, word)

    threading.Thread(target=end_with, args=(hears,), name="waybill-engine-watch", daemon=True).start()
    words = Inbox(hears).values()
    begin: Begin = next(words)
    try:
        connection = open_writer(begin.address)
        writer = Writer(connection, begin.address.path, say, begin.log_bytes_max)
    except Exception as error:  # noqa: BLE001 — the engine says it, or stops loudly
        say(Opened(told(error)))
        return
    store = SqlStore()
    freeze_garbage()
    say(Opened())
    writer.start()
    word: Group | End
    for word in words:
        if isinstance(word, End):
            writer.close()
            return
        store.disk_low = word.disk_low
        try:
            results, took_s = writer.write_group([(getattr(store, name), item) for name, item in word.entries])
            say(Written(results, took_s))
        except Exception as error:  # noqa: BLE001 — whatever it was, the engine must hear of it
            say(Written(told(error)))


def end_with(hears: int) -> None:
    """Ends this process where the engine is there no more: no other start is to wait for a store that is being opened,
    or for a file that somebody holds."""
    watched = select.poll()
    watched.register(hears, 0)  # of nothing but that it was hung up
    watched.poll()
    os._exit(0)


def told(error: Exception) -> Exception:
    """An error as it is told to the engine: what is not said in a sentence carries where it came from."""
    if not isinstance(error, WaybillError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        unframed(framed(error))
    except Exception:  # noqa: BLE001 — its words then, in ours
        return StatementFailed("".join(traceback.format_exception(error)))
    return error
