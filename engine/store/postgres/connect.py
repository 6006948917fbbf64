"""Opens connections to PostgreSQL: how long anything may take, what a commit means, and which schema is there.

A connection that does not answer must become an error in bounded time, on both sides: here by keep-alives and time-outs,
at the server by its own limits, so that an engine that was stopped in the middle of a transaction does not keep its
locks. Nothing here prints an address with its password.
"""

import re
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import psycopg
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from engine.errors import StoreBroken, UserError
from engine.store.postgres.address import without_password
from engine.store.postgres.errors import said

SCHEMA_VERSION = 1
"""The number of the newest migration; kept in table `meta`."""
SERVER_VERSION_MIN = 140_000
CONNECT_S = 5
STATEMENT_MS = 30_000
LOCK_MS = 10_000
IDLE_IN_TRANSACTION_MS = 5_000
"""Shorter than the silence after which a node is dead: a stopped one must not keep the locks of its keys."""
MIGRATION_LOCK = 0x57415942
"""The number of the advisory lock under which schemas change: `WAYB`."""

SETTINGS = f"""
SET statement_timeout = {STATEMENT_MS};
SET lock_timeout = {LOCK_MS};
SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS};
SET timezone = 'UTC';
SET client_min_messages = error;
"""
DURABLE = ("on", "remote_apply")
"""Values of synchronous_commit under which an answered commit is on disk here, and on the standby where one is set."""

ALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, name: str = "waybill", **more: Any) -> Connection:
    """A connection in autocommit: transactions are begun and ended in so many words. Raises psycopg.Error."""
    found = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S, application_name=name, **{**ALIVE, **more})
    try:
        found.execute(SETTINGS)
        (commits,) = found.execute("SHOW synchronous_commit").fetchone() or ("",)
        if commits not in DURABLE:
            found.execute("SET synchronous_commit = on")
    except BaseException:
        found.close()
        raise
    found.prepare_threshold = 2
    # One type for each Python type, whatever the value: the server plans a statement once, not for each mixture.
    for kind in (int, bool):
        found.adapters.register_dumper(kind, Int8BinaryDumper)
    found.adapters.register_dumper(str, StrBinaryDumper)
    return found


def open_first(url: str, name: str = "waybill") -> Connection:
    """The first connection of a process: what is wrong with the address is told to whoever wrote it."""
    try:
        found = connect(url, name)
    except psycopg.Error as error:
        raise UserError(f"cannot open {without_password(url)}: {hidden(said(error), url)}") from None
    if found.info.server_version < SERVER_VERSION_MIN:
        found.close()
        raise UserError(
            f"{without_password(url)} is PostgreSQL {found.info.server_version // 10_000}; 14 is the oldest that will do"
        )
    return found


def hidden(text: str, url: str) -> str:
    """A message of the driver without the password, should it ever quote one."""
    parts = urlsplit(url)
    given = [value for name, value in parse_qsl(parts.query) if "pass" in name.lower()]
    for secret in {*given, parts.password or "", unquote(parts.password or ""), quote(parts.password or "")} - {""}:
        text = text.replace(secret, "***")
    return text


def read_only(connection: Connection) -> Connection:
    """Whatever is sent through it changes nothing."""
    connection.execute("SET default_transaction_read_only = on")
    return connection


def schema_version(connection: Connection) -> int:
    """The number of the newest migration this database has had; 0: none."""
    if connection.execute("SELECT to_regclass('meta')").fetchone() == (None,):
        return 0
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return 0 if row is None else int(row[0])


def migrate(connection: Connection) -> None:
    """Runs the numbered migrations that this database has not had, each in a transaction, one engine at a time."""
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = 0")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        version = schema_version(connection)
        check_version(version, newer_only=True)
        for number in range(version + 1, SCHEMA_VERSION + 1):
            text = files("engine.store.postgres").joinpath("migrations", f"{number:04}.sql").read_text()
            connection.execute(re.sub(r"^--.*$", "", text, flags=re.MULTILINE))
            connection.execute(
                "INSERT INTO meta (name, value) VALUES ('schema', %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (number,),
            )


def check_version(version: int, *, newer_only: bool = False) -> None:
    """Raises where this Waybill must not touch a database of that schema."""
    if version > SCHEMA_VERSION:
        raise StoreBroken(
            f"the store has schema {version}, newer than this Waybill's {SCHEMA_VERSION}; install the newer Waybill"
        )
    if version < SCHEMA_VERSION and not newer_only:
        raise UserError(
            f"the database has schema {version}, this Waybill reads {SCHEMA_VERSION}; start the engine once to migrate it"
        )


def column_types(connection: Connection) -> dict[str, dict[str, str]]:
    """Table → column → type, as the adapter sends values."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema()"
    ):
        found.setdefault(table, {})[column] = kind
    return found
