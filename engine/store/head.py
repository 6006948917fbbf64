"""The head of the embedded store's sequence, kept apart from it: what makes a lost tail of the log seen.

A flipped byte in SQLite's log, or a log cut short, makes SQLite drop that commit and every later one without a word: the
file that is left is sound, only older. So each group raises a number in its own transaction, and after the commit, before
anybody is answered, the number is also written into a small file beside the store. A store that stands below its head
has lost groups that were answered.

What it promises. After a crash of the process both are in the kernel's hands and the head is at most one group behind
the store: any loss is seen. After a power cut the head may be older still, for it is not synced; the store never is, for
it was synced before. So a loss may go unseen then, by as many groups as the head lost, and an alarm is never false. A
head that is missing or unreadable (it was new, or the store was copied without it) says nothing, and nothing is said.
"""

import contextlib
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from engine.errors import StoreBroken
from engine.store import Turn, turn
from engine.store.database import Database

HEAD = ".head"
LENGTH = 64
"""One write within one sector: it is there or not, never half."""
LINE = re.compile(rb"waybill head ([0-9]{20}) ([0-9a-f]{16}) *\n")


@turn(Turn.RECORD)
def count_group(database: Database, items: Sequence[None]) -> Sequence[int]:
    """The verb that raises the number; every group of an embedded store ends with it."""
    return [
        number
        for _ in items
        for (number,) in database.rows(
            "INSERT INTO meta (name, value) VALUES ('sequence', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
        )
    ]


def sequence_of(database: Database) -> int:
    """The number of groups this store has had."""
    rows = database.rows("SELECT value FROM meta WHERE name = 'sequence'")
    return int(rows[0][0]) if rows else 0


def head_path(store: Path) -> Path:
    return store.with_name(store.name + HEAD)


def line(number: int) -> bytes:
    text = f"{number:020}"
    check = sha256(text.encode()).hexdigest()[:16]
    return f"waybill head {text} {check}".ljust(LENGTH - 1).encode() + b"\n"


def read_head(store: Path) -> int | None:
    """The number in the head; None where there is none that can be read."""
    try:
        raw = head_path(store).read_bytes()
    except OSError:
        return None
    found = LINE.fullmatch(raw)
    if found is None or line(int(found[1])) != raw:
        return None
    return int(found[1])


class Head:
    """The file, open to be written after each group."""

    def __init__(self, store: Path) -> None:
        self.descriptor = os.open(head_path(store), os.O_RDWR | os.O_CREAT, 0o600)

    def write(self, number: int) -> None:
        """Says that so many groups were answered. Where that fails the head stays behind, which is no alarm."""
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, line(number), 0)

    def close(self) -> None:
        os.close(self.descriptor)


def missing_groups(database: Database, store: Path) -> int:
    """How many groups that were answered the store has lost."""
    head = read_head(store)
    return 0 if head is None else max(0, head - sequence_of(database))


def check_head(database: Database, store: Path) -> None:
    """Raises StoreBroken where the store stands below its head."""
    missing = missing_groups(database, store)
    if missing:
        raise StoreBroken(
            f"{store} has lost {said(missing)}: what was answered last is not in it (its log was damaged or cut, or an"
            " older copy was put in its place). Restore a backup or the right file; senders and partners know what"
            " else happened since. `waybill store verify` tells more, and with --accept-loss goes on without them"
        )


def check_new(store: Path) -> None:
    """Raises StoreBroken where a store would begin anew beside the head of one that is gone: an empty store in the place
    of a lost one is the longest lost tail of all."""
    head = read_head(store)
    if head:
        raise StoreBroken(
            f"there is no store at {store}, but the head beside it stands at group {head} of the commits that were"
            f" answered. Put the file back or restore a backup; to begin anew move {head_path(store).name} away too"
        )


def said(groups: int) -> str:
    return "the last group of commits" if groups == 1 else f"the last {groups} groups of commits"
