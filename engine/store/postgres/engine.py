"""A store on PostgreSQL, open for one engine among others: its node, heartbeat, keeper, writer and readers."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from msgspec.structs import replace

from engine.errors import StoreBroken, UserError
from engine.store.database import Database
from engine.store.groups import run_verbs
from engine.store.opened import Health, Read, Surroundings
from engine.store.postgres.address import PostgresAddress
from engine.store.postgres.committer import PostgresCommitter
from engine.store.postgres.connect import check_version, column_types, migrate, open_first, schema_version
from engine.store.postgres.database import PostgresDatabase
from engine.store.postgres.errors import Trouble, said, trouble_of
from engine.store.postgres.keeper import Keeper, measure
from engine.store.postgres.node import Heartbeat, hint, register
from engine.store.postgres.partitions import make_ahead
from engine.store.postgres.reader import PostgresReader
from engine.store.upkeep import forget
from engine.store.verbs import SqlStore

TRIES_MAX = 5
UNCHANGED = "nothing was changed"
UNSURE = (
    "this was while the change was being committed, so nobody knows whether it was made: look at what is stored before"
    " you ask again"
)


class PostgresStore:
    """See `engine.store.opened.OpenStore`. Made in the loop; raises UserError, StoreBroken."""

    def __init__(self, address: PostgresAddress, surroundings: Surroundings) -> None:
        self.address = address
        self.shown = address.shown
        self.loop = asyncio.get_running_loop()
        self.node = prepare(address, surroundings)
        self.store = SqlStore()
        tell = self.in_loop(surroundings.tell)
        with contextlib.ExitStack() as undo:
            self.reader = PostgresReader(address.url)
            undo.callback(self.reader.close)
            self.counter = PostgresReader(address.url, 0.5)
            undo.pop_all()
        self.heartbeat = Heartbeat(address.url, self.node, self.in_loop(surroundings.wake), tell)
        self.keeper = Keeper(address.url, self.node, tell)
        self.committer = PostgresCommitter(
            address.url, self.node, surroundings.failed, surroundings.tell, self.heartbeat.work.set
        )
        self.heartbeat.thread.start()
        self.keeper.thread.start()

    def in_loop(self, call: Callable[..., None]) -> Callable[..., None]:
        """The same for a thread."""

        def called(*given: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone
                self.loop.call_soon_threadsafe(call, *given)

        return called

    def count(self, read: Callable[[Database], Read]) -> Read:
        """See `OpenStore.count`."""
        return read(self.counter)

    def health(self) -> Health:
        """See `OpenStore.health`."""
        committer = self.committer
        return replace(measure(self.counter), commits=committer.commits, commit_s=committer.commit_s)

    async def watch(self) -> None:
        """See `OpenStore.watch`."""
        await forget(self.committer, self.store, self.address.keep, lambda: self.keeper.rows_from)

    async def close(self) -> None:
        """See `OpenStore.close`."""
        await self.committer.close()
        await asyncio.to_thread(self.keeper.stop)
        await asyncio.to_thread(self.heartbeat.stop)
        self.reader.close()
        self.counter.close()


def prepare(address: PostgresAddress, surroundings: Surroundings) -> int:
    """Schema, partitions, a number for this node."""
    with open_first(address.url, "waybill start") as connection:
        try:
            migrate(connection)
            make_ahead(connection)
            if connection.execute("SHOW fsync").fetchone() == ("off",):
                reason = "the server runs with fsync off: what it answered may be lost with its machine"
                surroundings.tell("store_not_durable", {"reason": reason})
            return register(connection)
        except psycopg.Error as error:
            if trouble_of(error, connection) is Trouble.BROKEN:
                raise StoreBroken(f"the database is damaged: {said(error)}; restore a backup") from error
            raise UserError(f"{address.shown} cannot be prepared: {said(error)}") from error


def commit_here(address: PostgresAddress, entries: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Runs verbs in one transaction of a command's own, beside whatever engines run, and tells them. Raises UserError,
    which says whether anything was changed, or that nobody knows."""
    with open_first(address.url, "waybill command") as connection:
        check_version(schema_version(connection))
        database = PostgresDatabase(connection, column_types(connection))
        for left in reversed(range(TRIES_MAX)):
            sent = False
            try:
                connection.execute("BEGIN")
                results = run_verbs(database, entries)
                sent = True
                connection.execute("COMMIT")
            except psycopg.Error as error:
                with contextlib.suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                    sent = False  # the same session answers, so it is known what became of the transaction: nothing
                if not sent and left and trouble_of(error, connection) is Trouble.AGAIN:
                    continue
                raise UserError(f"{address.shown}: {said(error)}; {UNSURE if sent else UNCHANGED}") from error
            with contextlib.suppress(psycopg.Error):  # engines look by themselves, too
                hint(connection)
            return results
    raise AssertionError
