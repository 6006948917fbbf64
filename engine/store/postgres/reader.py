"""Reads of a store on PostgreSQL, outside any transaction: as the verbs' `Database`, but it changes nothing.

A server that goes away between two reads is waited for a little: whoever reads has no other way to go on.
"""

import contextlib
import threading
from collections.abc import Sequence

import psycopg

from engine.errors import StoreAway
from engine.store.database import Row, Value
from engine.store.postgres.connect import check_version, connect, open_first, read_only, schema_version
from engine.store.postgres.database import PostgresDatabase
from engine.store.postgres.errors import Trouble, said, trouble_of

PAUSE_S = 0.1


class PostgresReader(PostgresDatabase):
    """See `engine.store.database.Database`; the server refuses whatever would change something."""

    lock = ""
    skip_locked = ""

    def __init__(self, url: str, wait_s: float = 5.0) -> None:
        self.url = url
        self.wait_s = wait_s
        self.resting = threading.Event()  # set by nobody
        first = open_first(url, "waybill reader")
        with contextlib.ExitStack() as undo:
            undo.callback(first.close)
            check_version(schema_version(first))
            super().__init__(read_only(first), {})
            undo.pop_all()

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of a SELECT. Raises StoreAway where there is no server for so long."""
        until = self.clock.monotonic() + self.wait_s
        while True:
            try:
                if self.connection.closed:
                    super().__init__(read_only(connect(self.url, "waybill reader")), {})
                return super().rows(statement, values)
            except psycopg.Error as error:
                if trouble_of(error, self.connection) is Trouble.DEFECT:
                    raise
                self.connection.close()
                if self.clock.monotonic() > until:
                    raise StoreAway(f"the database cannot be read: {said(error)}") from None
            self.resting.wait(PAUSE_S)

    def close(self) -> None:
        self.connection.close()
