"""The embedded store, open for the one engine that has it: its lock, writer, readers and disk."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.clock import SystemClock
from engine.store.committer import ProcessCommitter
from engine.store.database import Database
from engine.store.files import Lock, StoreAddress, disk_free_bytes, open_reader
from engine.store.opened import Health, Read, Surroundings
from engine.store.upkeep import forget
from engine.store.verbs import SqlStore

DISK_RESERVE_BYTES = 32 << 20
LOOK_EVERY_S = 1.0
PINNED_S = 5.0
PINNED_BYTES = 4 << 20
"""A reader that holds on to the log for longer, while it grows beyond this, is told of."""
TELL_EVERY_S = 60.0


class EmbeddedStore:
    """See `engine.store.opened.OpenStore`. Made in the loop; raises UserError, StoreBroken."""

    node = 0

    def __init__(self, address: StoreAddress, surroundings: Surroundings) -> None:
        self.address = address
        self.surroundings = surroundings
        self.shown = address.shown
        with contextlib.ExitStack() as undo:
            self.lock = Lock(address.path)
            undo.callback(self.lock.release)
            log_bytes_max = None if address.bytes_max is None else address.bytes_max // 4
            self.committer = ProcessCommitter(address, surroundings.failed, self.lock.descriptor, log_bytes_max)
            undo.callback(self.committer.drop)
            self.reader = open_reader(address.path)
            undo.callback(self.reader.close)
            self.counter = open_reader(address.path)
            self.store = SqlStore()
            undo.pop_all()

    def count(self, read: Callable[[Database], Read]) -> Read:
        """See `OpenStore.count`."""
        return read(self.counter)

    def health(self) -> Health:
        """See `OpenStore.health`."""
        sizes = {part: size_of(path) for part, path in parts(self.address.path)}
        committer = self.committer
        return Health(
            bytes=sizes,
            commits=committer.commits,
            commit_s=committer.commit_s,
            oldest_transaction_s=round(committer.pinned_s, 3),
        )

    async def watch(self) -> None:
        """See `OpenStore.watch`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.watch_disk())
            group.create_task(forget(self.committer, self.store, self.address.keep, lambda: 0))

    async def watch_disk(self) -> None:
        """Near a full disk the intake answers 503, so that outcomes still find room. A reader that pins the log makes it
        grow without end: that is told, how long and how large."""
        clock, told_at = SystemClock(), -TELL_EVERY_S
        while True:
            self.committer.disk_low = disk_free_bytes(self.address.path) < DISK_RESERVE_BYTES
            pinned_s, now = self.committer.pinned_s, clock.monotonic()
            log_bytes = size_of(self.address.path.with_name(self.address.path.name + "-wal"))
            if pinned_s > PINNED_S and log_bytes > PINNED_BYTES and now - told_at > TELL_EVERY_S:
                told_at = now
                self.surroundings.tell(
                    "log_pinned",
                    {"seconds": round(pinned_s, 1), "bytes": log_bytes, "reason": "a reader holds on to an old state"},
                )
            await asyncio.sleep(LOOK_EVERY_S)

    async def close(self) -> None:
        """See `OpenStore.close`."""
        await self.committer.close()
        self.reader.close()
        self.counter.close()
        self.lock.release()


def parts(path: Path) -> Iterator[tuple[str, Path]]:
    yield "file", path
    yield "log", path.with_name(path.name + "-wal")


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
