"""Decisions of people on PostgreSQL where no engine of the workspace runs: carried out, hinted, and told truly."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from conformance import arrival
from drivers import PostgresDriver

from engine.errors import UserError
from engine.store.open import commit_here
from engine.store.postgres import engine as postgres_engine
from engine.store.postgres import node
from engine.store.postgres.address import PostgresAddress
from engine.store.postgres.connect import open_first
from engine.store.verbs import SqlStore


@pytest.fixture
def driver(emptied: str) -> Iterator[PostgresDriver]:
    one = PostgresDriver(emptied)
    yield one
    one.close()


def test_a_command_carries_out_its_decision_and_tells_the_nodes(emptied: str, driver: PostgresDriver) -> None:
    with psycopg.connect(emptied, autocommit=True) as listener:
        listener.execute(f"LISTEN {node.CHANNEL}")
        store = SqlStore()
        (receipt,) = commit_here(PostgresAddress(emptied), [(store.accept, arrival())])
        assert receipt.verdict == "accepted"
        assert len(list(listener.notifies(timeout=10, stop_after=1))) == 1
    assert len(driver.rows()) == 1


@pytest.mark.parametrize(
    ("lost_at", "said", "stored"),
    [("INSERT", "nothing was changed", 0), ("before COMMIT", "nobody knows", 0), ("after COMMIT", "nobody knows", 1)],
)
def test_a_command_whose_commit_is_lost_says_that_nobody_knows(
    emptied: str, driver: PostgresDriver, monkeypatch: pytest.MonkeyPatch, lost_at: str, said: str, stored: int
) -> None:
    """Before the commit nothing has happened, and after it nothing can be told: the first is said, and the second."""

    def opened(url: str, name: str) -> Any:
        connection: Any = open_first(url, name)
        execute = connection.execute

        def losing(statement: str, *given: Any) -> Any:
            if statement == "COMMIT":
                if lost_at == "after COMMIT":
                    execute("COMMIT")
                connection.close()
            return execute(statement, *given)

        connection.execute = losing
        return connection

    def ended(database: Any, items: list[Any]) -> list[Any]:
        results: list[Any] = driver.store.accept(database, items)
        if lost_at == "INSERT":
            database.rows("SELECT pg_terminate_backend(pg_backend_pid())")
        return results

    monkeypatch.setattr(postgres_engine, "open_first", opened)
    with pytest.raises(UserError, match=said):
        commit_here(PostgresAddress(emptied), [(ended, arrival())])
    assert len(driver.rows()) == stored


def test_a_hint_that_does_not_get_through_is_no_failure_of_the_command(
    emptied: str, driver: PostgresDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_connection: Any) -> None:
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(postgres_engine, "hint", lost)
    (receipt,) = commit_here(PostgresAddress(emptied), [(driver.store.accept, arrival())])
    assert receipt.verdict == "accepted"
