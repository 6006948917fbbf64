"""Reads of a store on PostgreSQL, outside any transaction: as the verbs' `Database`, but it changes nothing.

A server that goes away between two reads is waited for a little: whoever reads has no other way to go on.
"""

import contextlib
import threading
from collections.abc import Sequence

import psycopg

from engine.clock import SystemClock
from engine.errors import StoreAway
from engine.store.database import Row, Value
from engine.store.postgres.connect import check_version, connect, open_first, read_only, schema_version
from engine.store.postgres.database import PostgresDatabase
from engine.store.postgres.errors import Trouble, said, trouble_of

PAUSE_S = 0.1


class PostgresReader:
    """See `engine.store.database.Database`; of its methods those that read."""

    lock = ""
    skip_locked = ""

    def __init__(self, url: str, wait_s: float = 5.0) -> None:
        self.url = url
        self.wait_s = wait_s
        self.clock = SystemClock()
        self.resting = threading.Event()  # set by nobody
        first = open_first(url, "waybill reader")
        with contextlib.ExitStack() as undo:
            undo.callback(first.close)
            check_version(schema_version(first))
            undo.pop_all()
        self.database: PostgresDatabase | None = PostgresDatabase(read_only(first), {})

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of a SELECT. Raises StoreAway where there is no server for so long."""
        until = self.clock.monotonic() + self.wait_s
        while True:
            try:
                if self.database is None:
                    self.database = PostgresDatabase(read_only(connect(self.url, "waybill reader")), {})
                return self.database.rows(statement, values)
            except psycopg.Error as error:
                connection = None if self.database is None else self.database.connection
                if trouble_of(error, connection) is Trouble.DEFECT:
                    raise
                if connection is not None:
                    connection.close()
                    self.database = None
                if self.clock.monotonic() > until:
                    raise StoreAway(f"the database cannot be read: {said(error)}") from None
            self.resting.wait(PAUSE_S)

    among = staticmethod(PostgresDatabase.among)
    each = staticmethod(PostgresDatabase.each)

    def close(self) -> None:
        if self.database is not None:
            self.database.connection.close()
            self.database = None
