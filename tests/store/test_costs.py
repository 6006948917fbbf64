"""What a verb costs beside time: statements of a group, however large it is, rows of an event, and no index in vain.

Statements are round trips on PostgreSQL and switches of threads on SQLite; rows and index entries are pages of the log.
An fsync is one for each group, which is the committer's.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from conformance import HOUR, T0, arrival, intent, record
from drivers import PostgresDriver, SqliteDriver
from msgspec.structs import replace

from engine.model import Delivery, EffectState, Status, effect_digest
from engine.store import ClaimRequest, Line, Record, Settled
from engine.store.files import open_memory

COUNTED = ("rows", "run", "insert", "update", "numbers", "hold")
STATEMENTS = {"accept": 5, "claim": 6, "begin": 4, "record": 5}
FOR_OTHERS = {"accept": 1, "claim": 0, "begin": 1, "record": 2}
"""What more it takes where others write too: keys are held, and read before they can be."""
ROWS = {"accept": 3, "claim": 1, "begin": 2, "record": 3}
"""Of one event with one call: event, identity, delivery; delivery; effect, delivery; delivery, line, effect."""


class Counting:
    """A database that counts the statements it is given."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.database, name)
        if name not in COUNTED:
            return found

        def counted(*given: Any) -> Any:
            if name == "hold":
                self.statements += bool(self.database.lock)
            elif name in ("rows", "run", "numbers") or given[-2 if name == "insert" and len(given) == 4 else -1]:
                self.statements += 1
            return found(*given)

        return counted


def finished(delivery: Delivery) -> Record:
    once = str(delivery.id)
    line = Line("erp", "call", T0, "erp.create_order", once, "done", 201, 9, "", ended=True, result="so-1")
    digest = effect_digest("erp", "create_order", once)
    return record(delivery, Status.DONE, lines=(line,), settled=Settled(digest, EffectState.DONE, "so-1"))


def group(driver: Any, verb: str, count: int) -> list[Any]:
    """The items of a group, one call an event; what comes before it is done."""
    arrivals = [arrival(f"{verb}-{n}", f"{verb}-{n}") for n in range(count)]
    if verb == "accept":
        return arrivals
    driver.commit(driver.store.accept, *arrivals)
    request = ClaimRequest(T0, count, T0 + HOUR)
    if verb == "claim":
        return [request]
    (claimed,) = driver.commit(driver.store.claim, request)
    assert len(claimed.deliveries) == count
    intents = [replace(intent(one, once=str(one.id)), lease_until=T0 + HOUR) for one in claimed.deliveries]
    if verb == "begin":
        return intents
    driver.commit(driver.store.begin, *intents)
    return [finished(one) for one in claimed.deliveries]


def statements(driver: Any, verb: str, items: Sequence[Any]) -> int:
    counting = Counting(driver.database)
    driver.commit(lambda _, batch: getattr(driver.store, verb)(counting, batch), *items)
    return counting.statements


class Costs:
    """Subclasses give the `driver` fixture."""

    @pytest.mark.parametrize("count", [2, 64])
    @pytest.mark.parametrize("verb", STATEMENTS)
    def test_a_group_takes_the_same_few_statements_however_large_it_is(
        self, driver: Any, verb: str, count: int
    ) -> None:
        extra = FOR_OTHERS[verb] if driver.database.lock else 0
        assert statements(driver, verb, group(driver, verb, count)) == STATEMENTS[verb] + extra


class TestSqlite(Costs):
    @pytest.fixture
    def driver(self) -> SqliteDriver:
        return SqliteDriver(open_memory())

    @pytest.mark.parametrize("verb", ROWS)
    def test_of_an_event_as_many_rows_are_written_as_change(self, driver: SqliteDriver, verb: str) -> None:
        items = group(driver, verb, 50)
        before = driver.connection.total_changes()
        driver.commit(getattr(driver.store, verb), *items)
        assert driver.connection.total_changes() - before == 50 * ROWS[verb]

    def test_an_intent_rewrites_no_index_of_deliveries(self, driver: SqliteDriver) -> None:
        assert self.indexes_written(driver, "begin") == set()
        assert "delivery_ready" in self.indexes_written(driver, "claim")

    def test_a_retry_that_waits_leaves_the_index_of_keys_alone(self, driver: SqliteDriver) -> None:
        driver.commit(driver.store.accept, arrival())
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR))
        waits = record(claimed.deliveries[0], Status.WAITING, due_at=T0 + 5)
        assert "in_way" not in " ".join(self.texts(driver, "record", [waits]))

    def test_a_retry_that_waits_looks_for_its_own_key_alone(self, driver: SqliteDriver) -> None:
        driver.commit(driver.store.accept, arrival())
        (claimed,) = driver.commit(driver.store.claim, ClaimRequest(T0, 1, T0 + HOUR))
        waits = record(claimed.deliveries[0], Status.WAITING, due_at=T0 + 5)
        asked = [text for text in self.texts(driver, "record", [waits], "SELECT") if "delivery older" in text]
        plans = [
            detail
            for text in asked
            for *_, detail in driver.connection.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?"))
        ]
        assert any(detail.startswith("SEARCH has") for detail in plans)

    def indexes_written(self, driver: SqliteDriver, verb: str) -> set[str]:
        """The indexes that a verb's statements open for writing, as SQLite explains them."""
        pages = dict(
            driver.connection.execute("SELECT rootpage, name FROM sqlite_schema WHERE type = 'index'").fetchall()
        )
        return {
            pages[page]
            for text in self.texts(driver, verb, group(driver, verb, 3))
            for _, opcode, _, page, *_ in driver.connection.execute(f"EXPLAIN {text}", (None,) * text.count("?"))
            if opcode == "OpenWrite" and page in pages
        }

    def texts(self, driver: SqliteDriver, verb: str, items: Sequence[Any], kind: str = "UPDATE delivery") -> list[str]:
        """What a verb runs of a kind, by default what changes rows of deliveries."""
        seen: list[str] = []

        def trace(_: Any, text: str, __: Any) -> bool:
            seen.append(text)
            return True

        driver.connection.exec_trace = trace
        driver.commit(getattr(driver.store, verb), *items)
        driver.connection.exec_trace = None
        return [text for text in seen if text.startswith(kind)]


class TestPostgres(Costs):
    @pytest.fixture
    def driver(self, emptied: str) -> Iterator[PostgresDriver]:
        driver = PostgresDriver(emptied)
        yield driver
        driver.close()
