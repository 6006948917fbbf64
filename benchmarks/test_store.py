"""The store's verbs, a committed and fsynced group at a time, against a bare insert.

Measured: `accept`, `claim`, `begin` and `record` of the embedded store in groups of 1, 10 and 64, each group a
transaction with synchronous=FULL on a real file, over an index of 300,000 identities. Baseline: `executemany` of the
same bytes as one blob a row into a table without an index, on a connection with the same settings; the bytes are what
the verb was given for each event (for `claim`, which is given none: what it writes into the delivery's row). The log is
moved into the file before each turn, as the engine's checkpoint thread does beside the writer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from benchmarks.conftest import Clocked
from benchmarks.report import Topic
from benchmarks.rig import folder_on_disk, make_payloads
from engine.model import Arrival, Delivery, EffectState, Status, effect_digest
from engine.ports import Verb
from engine.store import ClaimRequest, Intent, Line, Record, Settled
from engine.store.committer import run_group
from engine.store.files import StoreAddress, configure, open_writer
from engine.store.verbs import SqlStore

BATCHES = (1, 10, 64)
VERBS = ("accept", "claim", "begin", "record")
ROUNDS = {1: 60, 10: 40, 64: 20}
IDENTITIES = 300_000
SECTION = "Store: events a second through one verb, a transaction and an fsync for each group"
BARE = "executemany of the same bytes into one table"
TOPICS = {(verb, batch): Topic(SECTION, f"{verb}, groups of {batch}", "/s") for verb in VERBS for batch in BATCHES}
PAYLOAD, HEADERS = make_payloads(1)[0]
T0 = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
PLAN = "0" * 64


class Shop:
    """A store and the next group for each verb; what a verb needs to have happened before it happens untimed."""

    def __init__(self, path: Path) -> None:
        self.store = SqlStore()
        self.connection = open_writer(StoreAddress(path, None))
        self.connection.execute(
            "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
            " INSERT INTO identity SELECT randomblob(16), -n, ? FROM number",
            (IDENTITIES, T0 + HOUR_US),
        )
        self.count = 0

    def commit(self, verb: Verb[Any, Any], items: list[Any]) -> list[Any]:
        results = run_group(self.connection, [(verb, item) for item in items])
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results

    def group(self, verb: str, batch: int) -> list[Any]:
        """The items of the next group of a verb; everything before it is done."""
        arrivals = [self.arrival() for _ in range(batch)]
        if verb == "accept":
            return arrivals
        self.commit(self.store.accept, arrivals)
        request = ClaimRequest(T0, batch, T0 + HOUR_US)
        if verb == "claim":
            return [request]
        (claimed,) = self.commit(self.store.claim, [request])
        assert len(claimed.deliveries) == batch
        intents = [intent(delivery) for delivery in claimed.deliveries]
        if verb == "begin":
            return intents
        self.commit(self.store.begin, intents)
        return [record(delivery) for delivery in claimed.deliveries]

    def arrival(self) -> Arrival:
        self.count += 1
        id_, key = f"bench-{self.count}", str(self.count)
        return Arrival("shopify-orders-to-erp", PLAN, id_, key, HEADERS, {}, PAYLOAD, T0, 3600)


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


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with folder_on_disk() as folder:
        shop = Shop(folder / "events.db")
        yield shop
        shop.connection.close()


@pytest.fixture(scope="module")
def table() -> Iterator[apsw.Connection]:
    """A connection with the store's settings and one table."""
    with folder_on_disk() as folder:
        connection = apsw.Connection(str(folder / "bare.db"))
        configure(connection)
        connection.execute("CREATE TABLE bare (row INTEGER PRIMARY KEY, bytes BLOB)")
        yield connection
        connection.close()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("verb", VERBS)
def test_runs_a_verb(clocked: Clocked, shop: Shop, verb: str, batch: int) -> None:
    run = getattr(shop.store, verb)
    shop.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    clocked.commit(f"{verb}, {batch}", shop.commit, lambda: (run, shop.group(verb, batch)), ROUNDS[batch])
    clocked.put(TOPICS[verb, batch], items=batch)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("verb", VERBS)
def test_inserts_the_same_bytes(clocked: Clocked, shop: Shop, table: apsw.Connection, verb: str, batch: int) -> None:
    rows = [(bytes_of(verb, item),) for item in shop.group(verb, batch)]
    rows *= batch // len(rows)
    table.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def insert() -> None:
        with table:
            table.executemany("INSERT INTO bare (bytes) VALUES (?)", rows)

    clocked.commit(f"{verb}, {batch}", insert, tuple, ROUNDS[batch])
    clocked.put(TOPICS[verb, batch], BARE, items=batch)
