"""Looks after a database beside the engine: partitions, dead nodes, and whatever keeps old rows from being cleaned up.

All of it happens on a thread and a connection of its own. What only one node need do, the living one with the lowest
number does: should two believe it of themselves for a moment, each step is harmless twice.
"""

import threading

import psycopg

from engine.clock import SystemClock
from engine.store.opened import Health, TellFact
from engine.store.postgres.connect import Connection, connect
from engine.store.postgres.database import NODE_SILENT_US, NOW
from engine.store.postgres.errors import said
from engine.store.postgres.node import forget_dead
from engine.store.postgres.partitions import drop_forgotten, first_open, make_ahead
from engine.store.postgres.reader import PostgresReader

LOOK_EVERY_S = 5.0
KEEP_EVERY_LOOKS = 12
PINNED_S = 60.0
"""A transaction that is open for longer is told of: nothing that became old since can be cleaned up."""

OLDEST = """
SELECT extract(epoch FROM clock_timestamp() - xact_start)::double precision, application_name FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND backend_type = 'client backend' AND pid != pg_backend_pid()
ORDER BY xact_start LIMIT 1
"""
OLDEST_VERSION = """
SELECT coalesce(max(age), 0) FROM (
  SELECT age(backend_xmin) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL
  UNION ALL SELECT age(xmin) FROM pg_replication_slots WHERE xmin IS NOT NULL
  UNION ALL SELECT age(transaction) FROM pg_prepared_xacts) AS held (age)
"""
TABLES = """
SELECT regexp_replace(relname, '_[0-9]+$', ''), sum(pg_total_relation_size(relid))::bigint, sum(n_dead_tup)::bigint
FROM pg_stat_user_tables WHERE schemaname = current_schema() GROUP BY 1
"""
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
LOG = "SELECT sum(size)::bigint FROM pg_ls_waldir() WHERE has_function_privilege('pg_ls_waldir()', 'execute')"


class Keeper:
    """Runs until it is stopped. `rows_from` is for retention: None while another node does it."""

    def __init__(self, url: str, node: int, tell: TellFact) -> None:
        self.url = url
        self.node = node
        self.tell = tell
        self.rows_from: int | None = None
        self.clock = SystemClock()
        self.stopping = threading.Event()
        self.connection: Connection | None = None
        self.looks = 0
        self.pinned_told_at = -PINNED_S
        self.thread = threading.Thread(target=self.run, name="waybill-keeper", daemon=True)

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                if self.connection is None:
                    self.connection = connect(self.url, "waybill keeper")
                    self.connection.execute("SET statement_timeout = 0")
                self.look(self.connection)
            except psycopg.Error as error:
                self.drop(error)
            self.stopping.wait(LOOK_EVERY_S)
        self.drop(None)

    def look(self, connection: Connection) -> None:
        make_ahead(connection)
        row = connection.execute(f"SELECT min(node) FROM node WHERE seen_at > {NOW} - {NODE_SILENT_US}").fetchone()
        leads = row == (self.node,)
        self.rows_from = first_open(connection) if leads else None
        self.look_for_pins(connection)
        if leads and self.looks % KEEP_EVERY_LOOKS == 0:
            drop_forgotten(connection)
            forget_dead(connection)
        self.looks += 1

    def look_for_pins(self, connection: Connection) -> None:
        row = connection.execute(OLDEST).fetchone()
        now = self.clock.monotonic()
        if row is not None and row[0] > PINNED_S and now - self.pinned_told_at >= PINNED_S:
            self.pinned_told_at = now
            reason = f"a transaction of `{row[1][:60]}` is open for so long; rows cannot be cleaned up until it ends"
            self.tell("transaction_pinned", {"seconds": round(row[0], 1), "reason": reason})

    def drop(self, error: psycopg.Error | None) -> None:
        """Begins anew with the next look; a server that is away is told of by the committer."""
        if error is not None and self.connection is not None and not self.connection.closed:
            self.tell("upkeep_failed", {"reason": said(error)})
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def stop(self) -> None:
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()


def measure(reader: PostgresReader) -> Health:
    """See `OpenStore.health`."""
    tables = reader.rows(TABLES)
    oldest = reader.rows(OLDEST)
    (version_age,) = reader.rows(OLDEST_VERSION)[0]
    sizes = {str(name): int(size) for name, size, _ in tables}
    try:
        (log,) = reader.rows(LOG)[0]
    except psycopg.errors.InsufficientPrivilege:  # a right that many an owner of a database does not have
        log = None
    return Health(
        bytes=sizes if log is None else {**sizes, "log": int(log)},
        dead_rows={str(name): int(dead) for name, _, dead in tables},
        partitions=int(reader.rows(PARTITIONS)[0][0]),
        oldest_transaction_s=round(float(oldest[0][0]), 3) if oldest else 0.0,
        oldest_version_age=int(version_age),
    )
