"""Backup, restore and verification of the embedded store, beside a running engine where it only reads.

A backup is a store's file of its own, made by `VACUUM INTO` within one read transaction and verified before it gets its
name: what lies there under that name was whole. While it is made the log cannot begin anew.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
from msgspec.structs import replace

from engine.errors import StoreBroken, UserError
from engine.store.files import Lock, StoreAddress, holds_anything, open_reader, sync_folder
from engine.store.head import Head, missing_groups, read_head, sequence_of
from engine.store.sqlite import SqliteDatabase
from engine.store.verify import Verified, count_rows, find_problems

MAGIC = b"SQLite format 3\0"


def backup(address: StoreAddress, target: Path) -> Verified:
    """Writes a verified copy of the store as it is now."""
    refuse_existing(target)
    if not target.parent.is_dir():
        raise UserError(f"there is no folder {target.parent}")
    part = target.with_name(target.name + ".part")
    reader = open_reader(address.path)
    try:
        with unfinished(part):
            part.touch(mode=0o600)
            reader.execute("VACUUM INTO ?", (str(part),))
            found = verify_file(part)
            if found.damage:
                raise StoreBroken(f"the backup is not whole ({found.damage[0]}); the store itself may be damaged")
            put(part, target)
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError) as error:
        raise UserError(f"the backup could not be written to {target} ({error})") from error
    finally:
        reader.close()
    return found


def restore(source: Path, address: StoreAddress) -> Verified:
    """Puts a backup in the place of a store, where there is none.

    The head goes first: a crash in between leaves it without a store, which the next start tells. The other way round
    it would leave the head of the store that was there before, and a false alarm over the one that was restored.
    """
    refuse_store(address.path)
    lock = Lock(address.path)
    part = address.path.with_name(address.path.name + ".part")
    try:
        refuse_store(address.path)  # once more: an engine may have begun one meanwhile
        with unfinished(part):
            shutil.copyfile(source, part)
            part.chmod(0o600)
            found = verify_file(part)
            if found.damage:
                raise StoreBroken(f"{source} is not whole ({found.damage[0]}); it was not restored")
            set_head(address.path, found.groups or 0)
            put(part, address.path)
    except OSError as error:
        raise UserError(f"{source} could not be restored to {address.shown} ({error.strerror})") from error
    finally:
        lock.release()
    return found


def verify(address: StoreAddress) -> Verified:
    """Reads all of the store, and compares it with its head. Raises StoreBroken where it cannot be read."""
    reader = open_reader(address.path)
    try:
        found = verify_open(reader)
        head = read_head(address.path)
        missing = None if head is None else missing_groups(reader, address.path)
    finally:
        reader.close()
    return replace(found, missing=missing)


def accept_loss(address: StoreAddress) -> int:
    """From now on the store is taken as it is; how many groups are given up."""
    lock = Lock(address.path)
    try:
        reader = open_reader(address.path)
        try:
            missing, stands_at = missing_groups(reader, address.path), sequence_of(reader)
        finally:
            reader.close()
        set_head(address.path, stands_at)
    finally:
        lock.release()
    return missing


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def verify_file(path: Path) -> Verified:
    """Reads all of a store's file that nobody uses."""
    reader = open_reader(path)
    try:
        return verify_open(reader)
    finally:
        reader.close()
        for more in ("-wal", "-shm"):
            path.with_name(path.name + more).unlink(missing_ok=True)


def verify_open(reader: SqliteDatabase) -> Verified:
    try:
        damage = tuple(str(text) for (text,) in reader.execute("PRAGMA integrity_check(20)") if text != "ok")
        if damage:
            return Verified((), {}, damage=damage)
        return Verified(find_problems(reader), count_rows(reader), sequence_of(reader))
    except apsw.CorruptError as error:
        return Verified((), {}, damage=(str(error),))


def set_head(path: Path, number: int) -> None:
    head = Head(path)
    head.write(number)
    os.fsync(head.descriptor)
    head.close()


def refuse_existing(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path} exists; nothing is written over: move it away, or name another")


def refuse_store(path: Path) -> None:
    """Nothing is written over, but a file without a byte, which holds nothing."""
    for part in (path, path.with_name(path.name + "-wal")):
        if holds_anything(part):
            refuse_existing(part)


@contextlib.contextmanager
def unfinished(part: Path) -> Iterator[None]:
    """A file that is not whole does not stay behind."""
    part.unlink(missing_ok=True)
    try:
        yield
    finally:
        part.unlink(missing_ok=True)


def put(part: Path, target: Path) -> None:
    """Gives a written file its name, on disk."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.rename(target)
    sync_folder(target.parent)
