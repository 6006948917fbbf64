"""Opens a store by its URL: the one place that knows that there are two kinds of them.

`sqlite:///…` and `postgresql://…` give the same: an open store for an engine, a reader for commands, and a way to carry
out a command's decisions where no engine does it. The driver of PostgreSQL is an extra of the install, so what needs it
is imported when such a URL is met.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import StoreFull, UserError
from engine.store import backup as embedded_backup
from engine.store import files
from engine.store.database import Database
from engine.store.embedded import EmbeddedStore
from engine.store.files import Lock, StoreAddress, open_writer
from engine.store.head import Head, count_group
from engine.store.opened import OpenStore, Surroundings
from engine.store.postgres.address import PostgresAddress, parse_postgres_url
from engine.store.settle import settle_group
from engine.store.verify import Verified

if TYPE_CHECKING:
    from types import ModuleType

Address = StoreAddress | PostgresAddress
SCHEMES = ("postgresql://", "postgres://")


def store_address(root: Path, url: str | None) -> Address:
    """Where the store of a workspace is: `--store`, else events.db in the workspace's own folder."""
    if url is not None and url.startswith(SCHEMES):
        return parse_postgres_url(url)
    return files.store_address(root, url)


def postgres(module: str) -> "ModuleType":
    """A module of the room that needs the driver. Raises UserError where it is not installed."""
    from importlib import import_module

    try:
        return import_module(f"engine.store.postgres.{module}")
    except ImportError as error:
        if "psycopg" not in f"{error.name} {error}":  # it is named too where only its library is missing
            raise
        raise UserError("a postgresql:// store needs its driver: pip install 'waybill[postgresql]'") from None


def open_store(address: Address, surroundings: Surroundings) -> OpenStore:
    """Opens a store for an engine, in its loop. Raises UserError, StoreBroken."""
    if isinstance(address, StoreAddress):
        return EmbeddedStore(address, surroundings)
    opened: OpenStore = postgres("engine").PostgresStore(address, surroundings)
    return opened


def open_reader(address: Address) -> Any:
    """A `Database` for people's commands that changes nothing, to be closed; engines may be writing meanwhile."""
    if isinstance(address, StoreAddress):
        return files.open_reader(address.path)
    return postgres("reader").PostgresReader(address.url)


@contextlib.contextmanager
def reading(address: Address) -> Iterator[Database]:
    """The same, closed with its block."""
    reader = open_reader(address)
    try:
        yield reader
    finally:
        reader.close()


def commit_here(address: Address, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Carries out a command's verbs in one transaction, without an engine: under its lock, where a store has one."""
    if not isinstance(address, StoreAddress):
        results: list[Any] = postgres("engine").commit_here(address, entries)
        return results
    if not address.path.exists():
        raise UserError(f"there is no store at {address.shown}; say which with --store")
    lock = Lock(address.path)
    try:
        connection = open_writer(address)
        try:
            *answers, number = settle_group(connection, [*entries, (count_group, None)])
            refused = next((answer for answer in (*answers, number) if isinstance(answer, StoreFull)), None)
            if refused is not None:
                raise UserError(f"{address.shown}: {refused}; make room on its disk, or raise its max_size")
            head = Head(address.path)
            head.write(number)
            head.close()
        finally:
            connection.close()
    finally:
        lock.release()
    return answers


# ── keeping and restoring ────────────────────────────────────────────────────────────────────────────────────────────


def backup(address: Address, target: Path) -> Verified:
    """Writes a verified copy of a store, beside whatever engines run. Raises UserError, StoreBroken."""
    if isinstance(address, StoreAddress):
        return embedded_backup.backup(address, target)
    found: Verified = postgres("archive").backup(address, target)
    return found


def restore(source: Path, address: Address) -> Verified:
    """Puts a backup in the place of a store that is not there yet. Raises UserError, StoreBroken."""
    with source.open("rb") as file:
        embedded = file.read(len(embedded_backup.MAGIC)) == embedded_backup.MAGIC
    if isinstance(address, StoreAddress):
        if not embedded:
            raise UserError(
                f"{source} is no backup of an embedded store; one of PostgreSQL goes to a postgresql:// store"
            )
        return embedded_backup.restore(source, address)
    if embedded:
        raise UserError(f"{source} is a backup of an embedded store; it goes to a sqlite:/// store")
    found: Verified = postgres("archive").restore(source, address)
    return found


def verify(address: Address) -> Verified:
    """Reads all of a store. Raises StoreBroken where it cannot be read."""
    if isinstance(address, StoreAddress):
        return embedded_backup.verify(address)
    found: Verified = postgres("archive").verify(address)
    return found


def accept_loss(address: Address) -> int:
    """Takes a store as it is, although its head says that more was answered; how many groups are given up."""
    if isinstance(address, StoreAddress):
        return embedded_backup.accept_loss(address)
    raise UserError("only an embedded store has a head to be told so; what PostgreSQL lost its own logs tell")
