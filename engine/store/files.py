"""Opens the embedded store's file: lock, version of SQLite, integrity, schema, settings.

A store that cannot be trusted is not opened. Only one engine may have it: the second is refused by a lock beside the
file, because two engines would lease the same deliveries.
"""

import fcntl
import os
import threading
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import apsw

from engine.clock import SystemClock
from engine.errors import StoreBroken, UserError
from engine.store.head import HEAD, check_head, check_new
from engine.store.options import STANDARD, Keep, read_keep, read_size, take_options
from engine.store.sqlite import SqliteDatabase

SCHEMA_VERSION = 3
"""The number of the newest migration; kept in the file as `user_version`."""

RESET_DEFECT = ((3, 7, 0), (3, 51, 2))
"""The range of SQLite versions whose WAL can be reset under a reader and corrupt the file (fixed in 3.51.3)."""
RESET_DEFECT_MENDED = ((3, 44, 6), (3, 50, 7))
"""Older lines that got the same fix: from this patch on, within their minor version."""

PAGE_BYTES = 4096
BUSY_WAIT_S = 30
"""So long the engine waits for whoever holds the file, and its senders with it."""
ENDING_S = 10.0
"""What wrote for an engine that is gone ends at once, unless the disk lets it not."""
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A parsed store URL: where the file is, how large it may grow (None: as the disk allows), what it keeps how long."""

    path: Path
    bytes_max: int | None
    keep: Keep = STANDARD

    @property
    def shown(self) -> str:
        """For messages."""
        return str(self.path)


def store_address(root: Path, url: str | None) -> StoreAddress:
    """Where the store of a workspace is: `--store`, else events.db in the workspace's own folder."""
    return parse_store_url(url) if url else StoreAddress((root / ".waybill" / "events.db").resolve(), None)


def parse_store_url(url: str) -> StoreAddress:
    """`sqlite:///path/events.db?max_size=64MiB&keep=30d` → address. Raises UserError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or not parts.path.strip("/"):
        raise UserError(
            f"`{(parts.scheme or url)[:40]}` is not a store URL; write sqlite:///path/events.db or"
            " postgresql://user@host/database, or leave --store out"
        )
    options, _ = take_options(parts.query, {"max_size": "64MiB", "keep": "90d", "keep_effects": "400d"})
    bytes_max = read_size(options["max_size"]) if "max_size" in options else None
    # sqlite:///relative would be ambiguous: three slashes are an absolute path, as in every other tool's URLs.
    return StoreAddress(Path("/" + parts.path.lstrip("/")), bytes_max, read_keep(options))


def is_defective(version: tuple[int, int, int]) -> bool:
    """Does this SQLite have the WAL-reset defect?"""
    first, last = RESET_DEFECT
    if not first <= version <= last:
        return False
    return not any(version[:2] == mended[:2] and version >= mended for mended in RESET_DEFECT_MENDED)


class Lock:
    """Holds `<file>.lock` for as long as the engine lives, and the process that writes for it; the operating system gives
    it back when both have ended."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        clock, pause = SystemClock(), threading.Event()
        began_s = clock.monotonic()
        while not is_locked(self.descriptor):
            holder = os.pread(self.descriptor, 20, 0).decode(errors="replace").strip()
            lives = is_alive(holder)
            if lives or clock.monotonic() - began_s > ENDING_S:
                os.close(self.descriptor)
                raise UserError(refusal(path, holder, lives=lives))
            pause.wait(LOOK_EVERY_S)
        os.ftruncate(self.descriptor, 0)
        os.write(self.descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        os.close(self.descriptor)


def is_locked(descriptor: int) -> bool:
    """Takes the lock, if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_alive(process: str) -> bool:
    """Is there a process of this id that has not ended? Whoever has not said its own yet, has just begun."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # it has just ended, or there is no /proc to ask
        return not Path("/proc/self").exists()


def refusal(path: Path, holder: str, *, lives: bool) -> str:
    if lives:
        return f"another engine (process {holder or 'unknown'}) has {path}; stop it first, or use another --store"
    return (
        f"the engine that has {path} (process {holder}) is gone, or runs where it cannot be seen from here, as in another"
        f" container: stop it there. If it is gone, what wrote for it waits for a disk that has not answered in"
        f" {ENDING_S:.0f} s"
    )


def open_writer(address: StoreAddress) -> SqliteDatabase:
    """Opens the one connection that writes. Raises StoreBroken where the file or the library cannot be trusted."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if is_defective(version):  # type: ignore[arg-type]
        raise StoreBroken(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt its log (the WAL-reset defect); install apsw 3.51.3 or newer"
        )
    fresh = not holds_anything(address.path)
    if fresh:
        check_new(address.path)
        address.path.parent.mkdir(parents=True, exist_ok=True)
        address.path.touch(mode=0o600)
    try:
        connection = SqliteDatabase(str(address.path))
        configure(connection)
        verdict = connection.execute("PRAGMA quick_check(1)").get
        if verdict != "ok":
            raise StoreBroken(f"{address.path} is damaged ({verdict}); restore a backup")
        migrate(connection)
        check_head(connection, address.path)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreBroken(
            f"{address.path} is not a sound store ({error}); restore a backup, or move the file away to begin anew, and"
            f" what lies beside it with it ({', '.join(beside(address.path))})"
        ) from error
    if address.bytes_max is not None:
        connection.pragma("max_page_count", address.bytes_max // PAGE_BYTES)
    if fresh:
        sync_folder(address.path.parent)
    return connection


def holds_anything(path: Path) -> bool:
    """Is there a store, or what was one? A file without a byte is none: a start that came no further leaves it."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def beside(path: Path) -> list[str]:
    """The files that belong to a store and are there."""
    return [name for more in ("-wal", "-shm", HEAD) if path.with_name(name := path.name + more).exists()]


def configure(connection: apsw.Connection) -> None:
    """Durable before fast: WAL with an fsync at every commit. Checkpoints are the writer's matter."""
    connection.set_busy_timeout(BUSY_WAIT_S * 1_000)
    connection.pragma("page_size", PAGE_BYTES)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("trusted_schema", value=False)
    connection.pragma("cache_size", -32_000)
    connection.pragma("temp_store", "memory")


def open_memory() -> SqliteDatabase:
    """A store in memory with the same schema, for `waybill try`, examples and tests."""
    connection = SqliteDatabase(":memory:")
    migrate(connection)
    return connection


def open_reader(path: Path) -> SqliteDatabase:
    """A read-only connection for people's commands; the engine may be writing meanwhile."""
    if not path.exists():
        raise UserError(f"there is no store at {path}; run `waybill run` first, or say which with --store")
    try:
        connection = SqliteDatabase(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(5_000)
        version = connection.pragma("user_version")
    except (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError, apsw.IOError) as error:
        raise StoreBroken(f"{path} is not a store that can be read ({error})") from error
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema {version}, this Waybill reads {SCHEMA_VERSION}; start the engine once to migrate it"
        )
    return connection


def migrate(connection: apsw.Connection) -> None:
    """Runs the numbered migrations the file has not had, each in a transaction of its own."""
    version = connection.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise StoreBroken(
            f"the store has schema {version}, newer than this Waybill's {SCHEMA_VERSION}; install the newer Waybill"
        )
    for number in range(version + 1, SCHEMA_VERSION + 1):
        text = files("engine.store").joinpath("migrations", f"{number:04}.sql").read_text()
        connection.execute(f"BEGIN IMMEDIATE; {text}; PRAGMA user_version = {number}; COMMIT")


def sync_folder(folder: Path) -> None:
    """A new file is only there after a crash once its folder is on disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_free_bytes(path: Path) -> int:
    """What the disk under the store still holds for us."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize
