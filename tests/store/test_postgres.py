"""What the store on PostgreSQL promises beside the suite of all stores: partitions, its adapter."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from conformance import HOUR, T0, arrival, claim, record
from drivers import PostgresDriver, wait_until

from engine.model import Status
from engine.store.postgres import partitions
from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.keeper import Keeper, measure
from engine.store.postgres.reader import PostgresReader
from engine.store.retention import Retention

# ── the adapter ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_no_text_of_postgresql_can_hold_is_shown_and_stops_nothing(driver: PostgresDriver) -> None:
    (first,) = driver.commit(driver.store.accept, arrival("a\0b", "k\0", b'{"\\u0000": "\0"}'))
    (again,) = driver.commit(driver.store.accept, arrival("a\0b", "k\0", b'{"\\u0000": "\0"}'))
    (other,) = driver.commit(driver.store.accept, arrival("a\u2400b", "k\0"))
    assert (again.verdict, again.event, other.verdict) == ("duplicate", first.event, "accepted")
    (delivery, *_) = claim(driver)
    assert (delivery.id, delivery.key, delivery.body) == ("a\u2400b", "k\u2400", b'{"\\u0000": "\0"}')
    driver.commit(driver.store.record, record(delivery, Status.HELD, reason="it said \0"))
    assert driver.rows()[0].reason == "it said \u2400"


def test_values_of_every_kind_come_back_as_they_went_in_whatever_the_column_holds(driver: PostgresDriver) -> None:
    driver.connection.execute("CREATE TEMP TABLE kinds (k bigint, t text, b bytea)")
    driver.database.types["kinds"] = {"k": "bigint", "t": "text", "b": "bytea"}
    rows = [
        (1, "ü{\"',\\}", b"\0\xff\\"),
        (2, None, None),
        (-(1 << 63), "", b""),
        ((1 << 63) - 1, "NULL", b"NULL"),
        (0, "␀", b"x" * 100_000),
    ]
    driver.database.insert("kinds", "k, t, b", rows)
    driver.database.insert("kinds", "k, t, b", [(None, None, None)])
    assert driver.database.rows("SELECT k, t, b FROM kinds WHERE k IS NOT NULL") == rows
    driver.database.update("kinds", "k", "t, b", [(1, None, b"new"), (2, "two", None)])
    inside, values = driver.database.among("k", [1, 2])
    assert driver.database.rows(f"SELECT t, b FROM kinds WHERE {inside} ORDER BY k", values) == [
        (None, b"new"),
        ("two", None),
    ]
    given, values = driver.database.each(["b", "a"])
    assert driver.database.rows(f"SELECT value FROM {given} AS one ORDER BY 1", values) == [("a",), ("b",)]
    assert driver.database.run("UPDATE kinds SET t = ? WHERE k > ?", ("x", True)) == 2
    driver.connection.execute("DROP TABLE kinds")


def test_a_statement_is_planned_once_whatever_the_number_of_rows(driver: PostgresDriver) -> None:
    for count in (1, 2, 3, 5, 8, 13, 21):
        many = [arrival(f"{count}-{n}", None if n % 3 else "k", reason="odd" if n % 3 else "") for n in range(count)]
        driver.commit(driver.store.accept, *many)
    prepared = driver.connection.execute(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO event %'"
    ).fetchone()
    assert prepared == (1,)


def test_who_decides_of_a_key_waits_for_who_does_already(emptied: str) -> None:
    one, two = PostgresDriver(emptied), PostgresDriver(emptied)
    got = threading.Event()

    def hold() -> None:
        with two.connection.transaction():
            two.database.hold([b"k" * 16])
            got.set()

    with one.connection.transaction():
        one.database.hold([b"j" * 16, b"k" * 16])
        waiting = threading.Thread(target=hold)
        waiting.start()
        wait_until(lambda: one.connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (0,))
        assert not got.is_set()
    waiting.join(20)
    assert got.is_set()
    one.close()
    two.close()


# ── partitions and upkeep ────────────────────────────────────────────────────────────────────────────────────────────

SMALL = 10


@pytest.fixture
def small(postgres_url: str) -> Iterator[PostgresDriver]:
    """A store whose partitions hold ten events each."""
    with connect(postgres_url) as connection:
        migrate(connection)
        partitions.make_ahead(connection, SMALL)
    one = PostgresDriver(postgres_url)
    yield one
    one.close()


def bring(driver: PostgresDriver, count: int, status: Status = Status.DONE) -> None:
    """Events one after the other, each at its end."""
    for _ in range(count):
        (receipt,) = driver.commit(driver.store.accept, arrival(f"{time.monotonic_ns()}", f"{time.monotonic_ns()}"))
        (delivery,) = claim(driver, limit=1)
        driver.commit(driver.store.record, record(delivery, status))
        partitions.make_ahead(driver.connection, SMALL)
        assert receipt.event == delivery.event


def numbers(driver: PostgresDriver, table: str = "event") -> list[int]:
    return sorted(partitions.partitions(driver.connection, table))


def test_partitions_are_there_before_their_events_are(small: PostgresDriver) -> None:
    assert numbers(small) == [0]
    bring(small, 6)
    assert numbers(small) == numbers(small, "line") == [0, 1]
    bring(small, 20)
    assert numbers(small) == [0, 1, 2, 3]


def test_a_partition_of_which_nothing_is_needed_is_dropped_and_no_other(small: PostgresDriver) -> None:
    bring(small, 12)
    bring(small, 1, Status.DEAD)
    bring(small, 14)
    later = Retention(T0 + HOUR, T0 + HOUR, 0, partitions.first_open(small.connection, SMALL))
    small.commit(small.store.retain, later)
    assert len(small.rows()) == 1, "the dead one"
    assert partitions.drop_forgotten(small.connection, SMALL) == [0]
    assert numbers(small) == numbers(small, "line") == [1, 2, 3]
    assert [row.status for row in small.rows()] == [Status.DEAD]
    left = small.connection.execute("SELECT count(*) FROM event_1").fetchone()
    assert left == (1,), "of a partition that stays for one event the rows of the others go"
    assert small.connection.execute("SELECT to_regclass('event_0')").fetchone() == (None,)


def test_the_newest_partitions_are_never_dropped_though_they_are_empty(small: PostgresDriver) -> None:
    bring(small, 6)
    small.commit(small.store.retain, Retention(T0 + HOUR, T0 + HOUR, 0, 0))
    assert partitions.drop_forgotten(small.connection, SMALL) == []
    assert numbers(small) == [0, 1]


def test_a_detachment_that_was_interrupted_is_finished(small: PostgresDriver) -> None:
    bring(small, 22)
    small.commit(small.store.retain, Retention(T0 + HOUR, T0 + HOUR, 0, 20))
    # Whoever reads an old state keeps the second half of it waiting; the first is then there for good.
    with psycopg.connect(small.connection.info.dsn) as reader:
        reader.execute("SELECT count(*) FROM event")
        small.connection.execute("SET statement_timeout = 300")
        with pytest.raises(psycopg.errors.QueryCanceled):
            partitions.drop_forgotten(small.connection, SMALL)
    small.connection.execute("SET statement_timeout = 0")
    assert partitions.partitions(small.connection, "event")[0] is True
    assert partitions.drop_forgotten(small.connection, SMALL) == [0]


def test_a_transaction_that_is_open_for_long_is_told(
    emptied: str, driver: PostgresDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: list[Any] = []
    keeper = Keeper(emptied, 1, lambda name, data: facts.append((name, data)))
    keeper.look_for_pins(driver.connection)
    assert facts == []
    monkeypatch.setattr("engine.store.postgres.keeper.PINNED_S", 0.05)
    with psycopg.connect(emptied, application_name="a report") as reader:
        reader.execute("SELECT 1")
        time.sleep(0.1)
        keeper.look_for_pins(driver.connection)
    assert [name for name, _ in facts] == ["transaction_pinned"]
    assert "`a report`" in facts[0][1]["reason"]


def test_health_tells_sizes_dead_rows_and_what_keeps_them(emptied: str, driver: PostgresDriver) -> None:
    driver.commit(driver.store.accept, *(arrival(f"{n}", f"{n}") for n in range(50)))
    reader = PostgresReader(emptied)
    with psycopg.connect(emptied) as other:
        other.execute("SELECT txid_current()")
        health = measure(reader)
    reader.close()
    assert health.bytes["event"] > 0
    assert health.bytes["log"] > 0
    assert set(health.dead_rows) >= {"event", "delivery", "line"}
    assert health.partitions == 1
    assert health.oldest_transaction_s > 0
