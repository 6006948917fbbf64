"""PostgreSQL as a store is opened: its address, its schema, readers and commands."""

import threading
from typing import Any

import psycopg
import pytest
from conformance import HOUR, arrival
from drivers import PostgresDriver, wait_until
from postgres_server import a_database

from engine.cli import main
from engine.errors import StoreAway, StoreBroken, UserError
from engine.store.open import commit_here, reading, store_address
from engine.store.options import Keep
from engine.store.postgres import connect as connecting
from engine.store.postgres import partitions
from engine.store.postgres.address import PostgresAddress, parse_postgres_url, without_password
from engine.store.postgres.connect import connect, migrate, open_first, schema_version
from engine.store.postgres.reader import PostgresReader


@pytest.mark.parametrize(
    ("url", "driver_url", "keep"),
    [
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db", Keep()),
        (
            "postgresql://me@a,b/db?target_session_attrs=read-write&keep=30d",
            "postgresql://me@a,b/db?target_session_attrs=read-write",
            Keep(30 * 24 * HOUR),
        ),
        (
            "postgresql:///db?host=/run/pg&keep_effects=1000d",
            "postgresql:///db?host=/run/pg",
            Keep(effects_us=1000 * 24 * HOUR),
        ),
        ("postgres://host/db", "postgres://host/db", Keep()),
    ],
)
def test_urls(url: str, driver_url: str, keep: Keep, tmp_path: Any) -> None:
    assert store_address(tmp_path, url) == PostgresAddress(driver_url, keep)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://host", "names no database"),
        ("postgresql://[::1/db", "not a URL"),
        ("postgresql://host/db?keep=soon", "keep=30d"),
    ],
)
def test_wrong_urls_say_what_to_write(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_postgres_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@127.0.0.1:1/db",
        "postgresql://me:hu%73h@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=hush",
        "postgresql://me@127.0.0.1:1/db?sslpassword=hush",
    ],
)
def test_a_password_is_shown_nowhere(url: str) -> None:
    address = parse_postgres_url(url)
    with pytest.raises(UserError) as caught:
        open_first(address.url)
    for text in (address.shown, repr(address), str(caught.value), without_password(url)):
        assert "hush" not in text
        assert "hu%73h" not in text
        assert "me@127.0.0.1:1/db" in text


def test_a_database_that_no_engine_has_prepared_is_told(postgres_url: str) -> None:
    with pytest.raises(UserError, match="start the engine once to migrate it"), reading(PostgresAddress(postgres_url)):
        pass
    with pytest.raises(UserError, match="start the engine once to migrate it"):
        commit_here(PostgresAddress(postgres_url), [])


def test_a_newer_schema_is_refused(postgres_url: str) -> None:
    with connect(postgres_url) as connection:
        migrate(connection)
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'schema'")
        with pytest.raises(StoreBroken, match="newer than this Waybill"):
            migrate(connection)


def test_engines_that_start_together_migrate_one_after_the_other(postgres_url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with connect(postgres_url) as connection:
                migrate(connection)
                partitions.make_ahead(connection)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    with connect(postgres_url) as connection:
        assert schema_version(connection) == connecting.SCHEMA_VERSION


def test_a_reader_changes_nothing_and_outlives_a_lost_connection(emptied: str, driver: PostgresDriver) -> None:
    driver.commit(driver.store.accept, arrival())
    reader = PostgresReader(emptied)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        PostgresReader.__mro__[1].run(reader, "DELETE FROM event")  # type: ignore[attr-defined]
    driver.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waybill reader'"
    )
    assert reader.rows("SELECT count(*) FROM event") == [(1,)]
    reader.close()


def test_a_reader_says_when_there_is_no_server(postgres_server_url: str) -> None:
    with a_database(postgres_server_url) as url:
        with connect(url) as connection:
            migrate(connection)
        reader = PostgresReader(url, 0.2)
    with pytest.raises(StoreAway, match="cannot be read"):
        reader.rows("SELECT 1")
    reader.close()


def test_commands_read_and_leave_nothing_open(
    emptied: str, driver: PostgresDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    driver.commit(driver.store.accept, arrival())
    (row,) = driver.rows()
    assert main(["events", "--store", emptied]) == 0
    assert main(["event", f"evt-{row.event}", "--store", emptied]) == 0
    assert main(["events", "--missing", "--store", emptied]) == 0
    assert main(["redrive", "--status", "dead", "--latest", "--store", emptied]) == 0
    assert main(["release", f"evt-{row.event}", "--by", "ada", "--reason", "why", "--store", emptied]) == 1
    assert "it is accepted; release is for held, quarantined" in capsys.readouterr().out
    still = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
    wait_until(lambda: driver.connection.execute(still).fetchone() == (0,))
