"""The store's verbs, a committed and fsynced group at a time, against a bare insert; on SQLite and on PostgreSQL.

Measured: `accept`, `claim`, `begin` and `record`, and `complete`: the last three one after the other, all that an event
with one call costs the store after its ack. Groups of 1, 10 and 64, each group a transaction, over 300,000 identities:
SQLite with synchronous=FULL on a real file, PostgreSQL 18 over loopback with fsync. Baseline: the bytes that the verb was
given for each event, as one blob a row into a table without an index, in one statement on a connection with the same
settings (for `claim`, which is given none: what it writes into the delivery's row). SQLite's log is moved into the file
before each turn, as the engine's checkpoint thread does beside the writer.

What an event is made of (`tests/store/test_costs.py` holds it): accept 3 rows in 5 statements a group, claim 1 in 6, begin
2 in 4, record 3 in 5; an fsync for each group. So `complete` is 6 rows and 3 fsyncs against 1 row and 1 fsync.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from drivers import PostgresDriver, SqliteDriver
from postgres_server import PostgresServer

from benchmarks.conftest import Clocked
from benchmarks.report import Topic
from benchmarks.rig import folder_on_disk, make_payloads
from engine.model import Arrival, Delivery, EffectState, Status, effect_digest
from engine.store import ClaimRequest, Intent, Line, Record, Settled
from engine.store.files import StoreAddress, configure, open_writer
from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.partitions import make_ahead

BATCHES = (1, 10, 64)
VERBS = ("accept", "claim", "begin", "record", "complete")
STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
ROUNDS = {1: 40, 10: 20, 64: 10}
IDENTITIES = 300_000
SECTION = "Store on {}: events a second through one verb, a transaction and an fsync for each group"
BARE = "the same bytes, one row each, into one table"
TOPICS = {
    (store, verb, batch): Topic(SECTION.format(STORES[store]), f"{verb}, groups of {batch}", "/s")
    for store in STORES
    for verb in VERBS
    for batch in BATCHES
}
PAYLOAD, HEADERS = make_payloads(1)[0]
T0 = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
PLAN = "0" * 64


class Shop:
    """A store and the next group for each verb; what a verb needs to have happened before it happens untimed."""

    def __init__(self, driver: Any, bare: Callable[[list[bytes]], None]) -> None:
        self.driver = driver
        self.store = driver.store
        self.bare = bare
        self.numbers = count(1)

    def tidy(self) -> None:
        if isinstance(self.driver, SqliteDriver):
            self.driver.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def run(self, verb: str, items: list[Any]) -> None:
        if verb == "complete":
            (claimed,) = self.driver.commit(self.store.claim, *items)
            self.driver.commit(self.store.begin, *(intent(delivery) for delivery in claimed.deliveries))
            self.driver.commit(self.store.record, *(record(delivery) for delivery in claimed.deliveries))
        else:
            self.driver.commit(getattr(self.store, verb), *items)

    def group(self, verb: str, batch: int) -> list[Any]:
        """The items of the next group of a verb; everything before it is done."""
        arrivals = [self.arrival() for _ in range(batch)]
        if verb == "accept":
            return arrivals
        self.driver.commit(self.store.accept, *arrivals)
        request = ClaimRequest(T0, batch, T0 + HOUR_US)
        if verb in ("claim", "complete"):
            return [request]
        (claimed,) = self.driver.commit(self.store.claim, request)
        assert len(claimed.deliveries) == batch
        intents = [intent(delivery) for delivery in claimed.deliveries]
        if verb == "begin":
            return intents
        self.driver.commit(self.store.begin, *intents)
        return [record(delivery) for delivery in claimed.deliveries]

    def bytes_of(self, verb: str, batch: int) -> list[bytes]:
        """What a verb is given for each event of a group, to be inserted as it is."""
        if verb != "complete":
            rows = [bytes_of(verb, item) for item in self.group(verb, batch)]
            return rows * (batch // len(rows))
        records = self.group("record", batch)
        self.driver.commit(self.store.record, *records)
        return [bytes_of("claim", ClaimRequest(T0, 1, T0)) + 2 * bytes_of("record", one) for one in records]

    def arrival(self) -> Arrival:
        number = next(self.numbers)
        return Arrival("shopify-orders-to-erp", PLAN, f"bench-{number}", str(number), HEADERS, {}, PAYLOAD, T0, 3600)


def intent(delivery: Delivery) -> Intent:
    return Intent(
        event=delivery.event,
        token=delivery.token,
        step="erp",
        system="erp",
        operation="create_order",
        once=f"shopify-{delivery.key}",
        request_digest=b"0123456789abcdef",
        at=T0,
        lease_until=T0 + HOUR_US,
    )


def record(delivery: Delivery) -> Record:
    """An answered call and the end of the event."""
    once = f"shopify-{delivery.key}"
    called = Line("erp", "call", T0, "erp.create_order", once, "done", 201, 1500, "answered 201", True, "so-1")
    digest = effect_digest("erp", "create_order", once)
    return Record(
        event=delivery.event,
        token=delivery.token,
        at=T0,
        status=Status.DONE,
        attempts=1,
        lines=(called,),
        settled=Settled(digest, EffectState.DONE, "so-1"),
    )


def bytes_of(verb: str, item: Any) -> bytes:
    """What a verb is given for one event, to be inserted as it is."""
    if verb == "accept":
        return PAYLOAD + msgspec.json.encode([item.integration, item.plan, item.id, item.key, item.headers, item.query])
    if verb == "claim":
        return msgspec.json.encode([item.now, "running", 0, 1, item.lease_until])
    return msgspec.json.encode(item)


@contextmanager
def on_sqlite(folder: Path) -> Iterator[Shop]:
    driver = SqliteDriver(open_writer(StoreAddress(folder / "events.db", None)))
    driver.connection.execute(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
        " INSERT INTO identity SELECT randomblob(16), -n, ? FROM number",
        (IDENTITIES, T0 + HOUR_US),
    )
    connection = apsw.Connection(str(folder / "bare.db"))
    configure(connection)
    connection.execute("CREATE TABLE bare (row INTEGER PRIMARY KEY, bytes BLOB)")

    def insert(rows: list[bytes]) -> None:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        with connection:
            connection.execute(f"INSERT INTO bare (bytes) VALUES {','.join(['(?)'] * len(rows))}", rows)

    yield Shop(driver, insert)
    driver.close()
    connection.close()


@contextmanager
def on_postgres(url: str) -> Iterator[Shop]:
    with connect(url) as connection:
        migrate(connection)
        make_ahead(connection)
        connection.execute(
            "INSERT INTO identity SELECT decode(md5(n::text), 'hex'), -n, %s FROM generate_series(1, %s) AS n",
            (T0 + HOUR_US, IDENTITIES),
        )
        connection.execute("CREATE TABLE bare (bytes bytea)")
        connection.execute("VACUUM ANALYZE")
    bare = connect(url)

    def insert(rows: list[bytes]) -> None:
        bare.execute("INSERT INTO bare SELECT unnest(%s)", (rows,), binary=True)

    driver = PostgresDriver(url)
    yield Shop(driver, insert)
    driver.close()
    bare.close()


@pytest.fixture(scope="module")
def sqlite_shop() -> Iterator[Shop]:
    with folder_on_disk() as folder, on_sqlite(folder) as shop:
        yield shop


@pytest.fixture(scope="module")
def postgres_shop() -> Iterator[Shop]:
    with PostgresServer() as server, on_postgres(server.url()) as shop:
        yield shop


@pytest.fixture
def shop(request: pytest.FixtureRequest, store: str) -> Any:
    return request.getfixturevalue(f"{store}_shop")


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("store", STORES)
def test_runs_a_verb(clocked: Clocked, shop: Shop, store: str, verb: str, batch: int) -> None:
    shop.tidy()
    clocked.commit(f"{store}, {verb}, {batch}", shop.run, lambda: (verb, shop.group(verb, batch)), ROUNDS[batch])
    clocked.put(TOPICS[store, verb, batch], items=batch)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("store", STORES)
def test_inserts_the_same_bytes(clocked: Clocked, shop: Shop, store: str, verb: str, batch: int) -> None:
    rows = shop.bytes_of(verb, batch)
    clocked.commit(f"{store}, {verb}, {batch}", shop.bare, lambda: (rows,), ROUNDS[batch])
    clocked.put(TOPICS[store, verb, batch], BARE, items=batch)
