"""The embedded store's committers: verbs in transactions on one SQLite file, each answered only after its commit is on
disk.

In production a process of its own writes (`writer.py`); this is the engine's half of it. Elsewhere the caller writes, at
once.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import repeat
from typing import Any

import apsw

from engine.errors import StoreBroken
from engine.ports import Item, Result, Verb
from engine.store.channel import Inbox, framed, made_pipe, send
from engine.store.files import StoreAddress
from engine.store.groups import Entry, GroupCommitter
from engine.store.settle import settle_group
from engine.store.words import Begin, End, Group, Lost, Opened, Pinned, Written

START = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
hears, says, *sys.path[:] = sys.argv[1:]
from engine.store.writer import serve
serve(int(hears), int(says))
"""
"""Who asks all processes to end means the engine, which will tell this one. With `-P` it finds the modules that the engine
finds, and nothing beside them in the folder it is started in."""

NOTHING = memoryview(b"")


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


class ProcessCommitter(GroupCommitter):
    """The production `Committer` of an embedded store. Made in the loop; raises UserError, StoreBroken.

    `lock` is the descriptor of the file's lock, which the writer keeps until it ends. `disk_low` goes with each group.
    """

    def __init__(
        self,
        address: StoreAddress,
        on_failure: Callable[[BaseException], None],
        lock: int | None = None,
        log_bytes_max: int | None = None,
    ) -> None:
        super().__init__(on_failure)
        self.disk_low = False
        self.pinned_s = 0.0  # for how long a reader has kept the log from being moved
        self.process, self.says, self.hears = start_writer(lock)
        self.inbox = Inbox(self.hears)
        self.unsent = NOTHING
        try:
            self.open(Begin(address, log_bytes_max))
        except BaseException:
            self.drop()
            raise
        os.set_blocking(self.says, False)
        os.set_blocking(self.hears, False)
        self.loop.add_reader(self.hears, self.read)

    def open(self, begin: Begin) -> None:
        """Waits until the file is open. Raises what keeps it from that."""
        with contextlib.suppress(BrokenPipeError):  # it has ended already: what is heard of it says so
            send(self.says, begin)
        words: list[Any] = []
        while not words:
            heard = self.inbox.take()
            words = [Opened(self.gone())] if heard is None else heard
        opened, *rest = words
        if opened.error is not None:
            raise opened.error
        for word in rest:
            self.hear(word)

    def gone(self) -> StoreBroken:
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        return StoreBroken(f"the process that writes the store {how}; start the engine again, it goes on where it was")

    # ── the channel ──────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, group: list[Entry]) -> None:
        """See `GroupCommitter.send`."""
        try:
            self.unsent = framed(Group([(verb.__name__, item) for verb, item, _ in group], self.disk_low))
        except Exception as error:  # noqa: BLE001 — a defect, or no memory: whoever waits must hear of it
            self.answer(error)
            return
        self.write()
        if self.unsent:
            self.loop.add_writer(self.says, self.write_on)

    def write(self) -> None:
        """As much as the pipe takes at once. Where nobody is there any more, reading says so."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while self.unsent:
                self.unsent = self.unsent[os.write(self.says, self.unsent) :]
        self.unsent = self.unsent or NOTHING  # else its empty end would keep the whole

    def write_on(self) -> None:
        self.write()
        if not self.unsent:
            self.loop.remove_writer(self.says)

    def read(self) -> None:
        try:
            words = self.inbox.take()
        except BlockingIOError:
            return
        except Exception as error:  # noqa: BLE001 — what came cannot be read: a defect, or no memory
            self.leave_loop()
            self.answer(error)
            return
        if words is not None:
            for word in words:
                self.hear(word)
            return
        self.leave_loop()
        if self.flying or self.failed is None:
            self.answer(self.gone())

    def hear(self, word: object) -> None:
        if isinstance(word, Written):
            if isinstance(word.outcome, list):
                self.commits += 1
                self.commit_s += word.took_s
            self.answer(word.outcome)
        elif isinstance(word, Pinned):
            self.pinned_s = word.seconds
        elif isinstance(word, Lost):
            self.fail(word.error)

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def close(self) -> None:
        """Commits what is pending, then ends the process. Whoever waits for a group of which a failed store has not
        told, waits no longer."""
        await super().close()
        whole = self.failed is None
        self.failed = self.failed or StoreBroken("the store is closed")
        self.leave_loop()
        if whole:
            with contextlib.suppress(BrokenPipeError):
                send(self.says, End())
        else:
            self.hang_up()
            self.tell(self.flying, repeat(self.failed, len(self.flying)))
        await asyncio.to_thread(self.process.wait)
        if whole:
            self.hang_up()

    def drop(self) -> None:
        """Ends the process at once."""
        self.leave_loop()
        self.hang_up()
        self.process.wait()

    def leave_loop(self) -> None:
        self.loop.remove_reader(self.hears)
        self.loop.remove_writer(self.says)

    def hang_up(self) -> None:
        os.close(self.says)
        os.close(self.hears)


def start_writer(lock: int | None) -> tuple["subprocess.Popen[bytes]", int, int]:
    """(the process, the end of the pipe that it hears, the end of the one it answers on). Raises StoreBroken."""
    ends: list[int] = []
    try:
        ends += made_pipe()
        ends += made_pipe()
        hears, says, answered, answers = ends
        process = subprocess.Popen(  # noqa: S603 — ourselves
            [sys.executable, "-P", "-c", START, str(hears), str(answers), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(hears, answers) if lock is None else (hears, answers, lock),
            process_group=0,  # Ctrl-C is the engine's, which tells it what to do
        )
    except OSError as error:
        for end in ends:
            os.close(end)
        raise StoreBroken(f"the process that writes the store cannot be started: {error}") from error
    os.close(hears)
    os.close(answers)
    return process, says, answered
