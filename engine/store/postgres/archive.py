"""Backup and restore of a store on PostgreSQL: one archive, taken from one snapshot beside running engines.

The archive is a zip: each table as the server's own binary COPY, and a manifest with rows and SHA-256 of each. It is
complete without the server's own tools, and goes into any empty database of the same or a newer schema. It is not a
replica: whoever may lose no second of commits also has a standby.
"""

import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from engine.clock import SystemClock
from engine.errors import StoreBroken, UserError
from engine.store.backup import put, refuse_existing, unfinished
from engine.store.postgres.address import PostgresAddress
from engine.store.postgres.connect import (
    SCHEMA_VERSION,
    Connection,
    check_version,
    column_types,
    migrate,
    open_first,
    schema_version,
)
from engine.store.postgres.errors import said
from engine.store.postgres.partitions import make, make_ahead, partitions
from engine.store.postgres.reader import PostgresReader
from engine.store.verify import Verified, count_rows, find_problems

KIND = "waybill postgresql backup"
MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 1 << 20
KEPT = (
    *("meta", "node", "plan", "event", "line", "envelope", "identity", "delivery", "effect", "item"),
    *("message", "message_id", "newest", "gate", "tally"),
)
"""The tables of a store. Left out: `node_group`, which belongs to engines that run, and what is not ours: many a server
has views of its extensions among our tables."""
SEQUENCES = ("event_number", "message_number", "node_number", "effect_number_seq")
CHUNK_BYTES = 1 << 20


def backup(address: PostgresAddress, target: Path) -> Verified:
    """Writes an archive of the store as it is now, and reads it again."""
    refuse_existing(target)
    part = target.with_name(target.name + ".part")
    with open_first(address.url, "waybill backup") as connection:
        check_version(schema_version(connection))
        try:
            with unfinished(part):
                part.touch(mode=0o600)
                connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                rows = write_archive(connection, part)
                connection.execute("COMMIT")
                check_archive(part)
                put(part, target)
        except psycopg.Error as error:
            raise UserError(f"{address.shown} could not be backed up: {said(error)}") from error
        except OSError as error:
            raise UserError(f"the backup could not be written to {target} ({error.strerror})") from error
    return Verified((), rows)


def write_archive(connection: Connection, path: Path) -> dict[str, int]:
    """Each table, then the manifest; rows by table."""
    tables = kept_tables(connection)
    written: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for table, columns in tables.items():
            digest = sha256()
            listed = ", ".join(columns)
            with archive.open(table, "w", force_zip64=True) as entry, connection.cursor() as cursor:
                with cursor.copy(f"COPY (SELECT {listed} FROM {table}) TO STDOUT (FORMAT binary)") as copied:
                    for chunk in copied:
                        digest.update(chunk)
                        entry.write(chunk)
                rows = cursor.rowcount
            written[table] = {"columns": columns, "rows": rows, "sha256": digest.hexdigest()}
        manifest = {
            "kind": KIND,
            "schema": SCHEMA_VERSION,
            "made_at": SystemClock().now(),
            "partitions": sorted(partitions(connection, "event")),
            "sequences": {name: last_of(connection, name) for name in SEQUENCES},
            "tables": written,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return {table: int(told["rows"]) for table, told in written.items()}


def kept_tables(connection: Connection) -> dict[str, list[str]]:
    """Tables and their columns; of a partitioned one only itself."""
    found = column_types(connection)
    return {table: sorted(found[table]) for table in sorted(KEPT)}


def last_of(connection: Connection, sequence: str) -> int:
    row = connection.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}").fetchone()
    return 0 if row is None else int(row[0])


# ── archives ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_archive(path: Path, take: "Callable[[str, bytes], None] | None" = None) -> dict[str, Any]:
    """Reads an archive whole; `take` gets each table's chunks, then an empty one. Raises StoreBroken where it is not what
    was written."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(MANIFEST).file_size > MANIFEST_BYTES_MAX:
                raise StoreBroken(f"{path}: its manifest is too large")
            manifest = json.loads(archive.read(MANIFEST))
            if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
                raise UserError(f"{path} is not a backup of a store on PostgreSQL")
            for table, told in manifest["tables"].items():
                digest = sha256()
                with archive.open(table) as entry:
                    while chunk := entry.read(CHUNK_BYTES):
                        digest.update(chunk)
                        if take is not None:
                            take(table, chunk)
                if take is not None:
                    take(table, b"")
                if digest.hexdigest() != told["sha256"]:
                    raise StoreBroken(f"{path} is damaged: {table} is not as it was written")
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise StoreBroken(f"{path} is damaged, or no backup: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from error
    return manifest


def restore(source: Path, address: PostgresAddress) -> Verified:
    """Puts an archive into an empty database: all of it in one transaction, or nothing."""
    manifest = check_archive(source)
    if manifest["schema"] > SCHEMA_VERSION:
        raise StoreBroken(
            f"{source} has schema {manifest['schema']}, newer than this Waybill's; install the newer Waybill"
        )
    with open_first(address.url, "waybill restore") as connection:
        if schema_version(connection):
            raise UserError(f"{address.shown} holds a store already; nothing is written over: make an empty database")
        try:
            connection.execute("SET statement_timeout = 0")
            with connection.transaction():
                migrate(connection)
                make(connection, manifest["partitions"])
                fill(connection, source, manifest)
                make_ahead(connection)
        except psycopg.Error as error:
            raise UserError(f"{source} could not be restored to {address.shown}: {said(error)}") from error
    return verify(address)


def fill(connection: Connection, source: Path, manifest: dict[str, Any]) -> None:
    """Rows as they were, but that no engine of then lives: what they had leased is given back."""
    there = kept_tables(connection)
    cursor = connection.cursor()
    copying: list[Any] = []

    def take(table: str, chunk: bytes) -> None:
        if not copying:
            columns = manifest["tables"][table]["columns"]
            if table not in there or set(columns) - set(there[table]):
                raise StoreBroken(f"{source} has a table `{table[:40]}` that this Waybill does not know")
            connection.execute(f"DELETE FROM {table}")
            context = cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)")
            copying.extend((context, context.__enter__()))
        if chunk:
            copying[1].write(chunk)
        else:
            copying[0].__exit__(None, None, None)
            copying.clear()
            if cursor.rowcount != manifest["tables"][table]["rows"]:
                raise StoreBroken(f"{source} is damaged: {table} has {cursor.rowcount} rows")

    check_archive(source, take)
    connection.execute("UPDATE node SET seen_at = 0")
    for sequence in SEQUENCES:
        last = int(manifest["sequences"].get(sequence, 0))
        if last:
            connection.execute("SELECT setval(%s::regclass, %s)", (sequence, last))


def verify(address: PostgresAddress) -> Verified:
    """Reads every row, and asks what must fit together."""
    reader = PostgresReader(address.url)
    try:
        reader.connection.execute("SET statement_timeout = 0")
        return Verified(find_problems(reader), count_rows(reader))
    finally:
        reader.close()
