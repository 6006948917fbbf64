"""The bare pair: what completing an event costs where nobody checks, maps, claims or remembers anything.

Each event is five rows like the engine's (event, identity, delivery, effect, line; same schema, same settings of the
connection), inserted in groups with one fsync each, and one POST of a prepared body: by a plain aiohttp client, or by the barest
one there can be (`raw`), a socket on which a prepared request is written and an answer waited for. There is no intake, no
signature, no look-up before an insert, no update after it. It shares no code of the engine but the schema and the
settings, so that a faster engine does not make a faster baseline.

Run as a process: `python -m benchmarks.pair CLIENT PORT BODY HEADERS PAYLOAD STORE EVENTS ROWS` with the paths of three
files (the body to post, the headers and the body of a webhook to store), the store: a path for a new file of SQLite, or the
URL of an empty database of PostgreSQL; and which rows are inserted: `all`, or those of `completing` (delivery, effect,
line). It prints one line of JSON: `events`, `seconds`, `cpu_s` (of this process), `rows`, `commits`.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import aiohttp
import apsw
import uvloop

from benchmarks.blast import answered
from engine.store import files
from engine.store.postgres.connect import connect, migrate
from engine.store.postgres.partitions import make_ahead

AT_ONCE = 64
CHECKPOINT_PAGES = 4000
PLAN, KEY_DIGEST_BYTES, AT = "0" * 64, 16, 1_800_000_000_000_000

Rows = tuple[Any, ...]
"""Of one event: the values of each insert."""

INSERTS: tuple[tuple[str, str], ...] = (
    (
        "event (event, integration, id, key, received_at, headers, query, body)",
        "{0}, 'shopify-orders-to-erp', {1}, {2}, {3}, {4}, {5}, {6}",
    ),
    ("identity (digest, event, expires_at)", "{0}, {1}, {2}"),
    (
        "delivery (event, integration, plan, key_digest, status, ready, due_at, token, attempts, number, step, finished_at)",
        "{0}, 'shopify-orders-to-erp', {1}, {2}, 'done', 0, {3}, 1, 1, 1, 'erp', {4}",
    ),
    (
        "effect (digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts, result)",
        "{0}, 'erp', 'create_order', {1}, {2}, 'erp', 'done', {3}, {4}, 1, {5}",
    ),
    (
        "line (event, number, step, kind, at, operation, once, verdict, status, took_us, reason, ended, result)",
        "{0}, 0, 'erp', 'call', {1}, 'erp.create_order', {2}, 'done', 201, 1000, 'answered 201', 1, {3}",
    ),
)
"""(table and columns, values); the first two are written before a webhook is answered."""
OF = {"all": slice(None), "completing": slice(2, None)}
"""Which of them are inserted."""
MARKS = [f"?{number}" for number in range(1, 10)]
GIVEN = {int: "%t::bigint[]", str: "%t::text[]", bytes: "%b::bytea[]"}


class Store(Protocol):
    """What the rows go into."""

    def write(self, inserts: Sequence[tuple[str, str]], groups: Sequence[Sequence[Rows]]) -> None:
        """Inserts a group of rows by each, in one transaction, on disk when it returns."""

    def count(self) -> tuple[int, int]:
        """How many events are there, and how many rows were written for them."""

    def close(self) -> None: ...


class SqliteStore:
    """A file with the engine's schema and settings; each row is bound to a prepared statement."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))
        files.configure(self.connection)
        files.migrate(self.connection)
        self.connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        self.rows_before = self.connection.total_changes()

    def write(self, inserts: Sequence[tuple[str, str]], groups: Sequence[Sequence[Rows]]) -> None:
        with self.connection:
            for (into, values), rows in zip(inserts, groups, strict=True):
                self.connection.executemany(f"INSERT INTO {into} VALUES ({values.format(*MARKS)})", rows)

    def count(self) -> tuple[int, int]:
        return self.connection.execute(
            "SELECT count(*) FROM line"
        ).get, self.connection.total_changes() - self.rows_before

    def close(self) -> None:
        self.connection.close()


class PostgresStore:
    """An empty database, given the engine's schema; the rows of a group go in one statement for each table."""

    def __init__(self, url: str) -> None:
        self.connection = connect(url)
        migrate(self.connection)
        make_ahead(self.connection)

    def write(self, inserts: Sequence[tuple[str, str]], groups: Sequence[Sequence[Rows]]) -> None:
        with self.connection.transaction(), self.connection.pipeline():
            for (into, values), rows in zip(inserts, groups, strict=True):
                names = [f"c{number}" for number in range(len(rows[0]))]
                arrays = ", ".join(GIVEN[type(value)] for value in rows[0])
                given = f"unnest({arrays}) AS given({', '.join(names)})"
                columns = [list(column) for column in zip(*rows, strict=True)]
                statement = f"INSERT INTO {into} SELECT {values.format(*names)} FROM {given}"
                self.connection.execute(statement, columns)

    def count(self) -> tuple[int, int]:
        tables = [into.partition(" ")[0] for into, _ in INSERTS]
        counted = [self.connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
        numbers = [int(row[0]) for row in counted if row is not None]
        return numbers[-1], sum(numbers)

    def close(self) -> None:
        self.connection.close()


class Writer:
    """Inserts in groups on a thread; what comes while one group is under way is the next."""

    def __init__(self, store: Store, of: slice) -> None:
        self.store = store
        self.of = of
        self.thread = ThreadPoolExecutor(1)
        self.waiting: list[tuple[Rows, asyncio.Future[None]]] = []
        self.busy = False
        self.commits = 0

    def insert(self, rows: Rows) -> "asyncio.Future[None]":
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((rows, future))
        if not self.busy:
            self.busy = True
            asyncio.get_running_loop().call_soon(self.start)
        return future

    def start(self) -> None:
        group, self.waiting = self.waiting, []
        done = asyncio.get_running_loop().run_in_executor(self.thread, self.write, [rows for rows, _ in group])
        done.add_done_callback(lambda done: self.end(done, [future for _, future in group]))

    def write(self, group: list[Rows]) -> None:
        self.commits += 1
        self.store.write(INSERTS[self.of], list(zip(*group, strict=True))[self.of])

    def end(self, done: "asyncio.Future[None]", futures: "list[asyncio.Future[None]]") -> None:
        error = done.exception()
        for future in futures:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        if self.waiting:
            self.start()
        else:
            self.busy = False


def rows_of(event: int, headers: bytes, payload: bytes) -> Rows:
    """One row for each statement, its digests random as real ones are."""
    key = str(6_000_000_000 + event)
    once = f"shopify-{key}"
    result = b'"so-1"'
    return (
        (event, f"bench-{event}", key, AT, headers, b"{}", payload),
        (os.urandom(16), event, AT),
        (event, PLAN, os.urandom(KEY_DIGEST_BYTES), AT, AT),
        (os.urandom(32), once, event, os.urandom(16), AT, result),
        (event, AT, once, result),
    )


Post = Callable[[bytes], Awaitable[None]]


@asynccontextmanager
async def aiohttp_client(port: int) -> AsyncIterator[Callable[[], Awaitable[Post]]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def post(body: bytes) -> None:
            async with session.post(
                f"http://127.0.0.1:{port}/sales-orders", data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                assert answer.status == 201
                await answer.read()

        async def make() -> Post:
            return post

        yield make


class Wire(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.got = b""

    def data_received(self, data: bytes) -> None:
        self.got += data
        if answered(self.got):
            assert self.got.startswith(b"HTTP/1.1 201 ")
            self.got = b""
            self.answer.set_result(None)

    async def post(self, body: bytes) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        head = b"POST /sales-orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        await self.answer


@asynccontextmanager
async def raw_client(port: int) -> AsyncIterator[Callable[[], Awaitable[Post]]]:
    wires: list[Wire] = []

    async def make() -> Post:
        _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
        wires.append(wire)
        return wire.post

    yield make
    for wire in wires:
        wire.transport.close()


CLIENTS = {"aiohttp": aiohttp_client, "raw": raw_client}


async def run(
    client: str, port: int, body: bytes, headers: bytes, payload: bytes, store: Store, events: int, of: slice
) -> None:
    writer = Writer(store, of)
    numbers = iter(range(1, events + 1))
    async with CLIENTS[client](port) as make:

        async def complete(post: Post) -> None:
            for event in numbers:
                await writer.insert(rows_of(event, headers, payload))
                await post(body)

        posts = [await make() for _ in range(AT_ONCE)]
        started, cpu_s = time.perf_counter(), time.process_time()
        await asyncio.gather(*(complete(post) for post in posts))
        took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    writer.thread.shutdown()
    stored, rows = store.count()
    store.close()
    found = {"events": stored, "seconds": took_s, "cpu_s": cpu_s, "rows": rows, "commits": writer.commits}
    print(json.dumps(found))


if __name__ == "__main__":
    client, port, body, headers, payload, where, events, of = sys.argv[1:]
    given = [Path(path).read_bytes() for path in (body, headers, payload)]
    opened: Store = PostgresStore(where) if where.startswith("postgresql://") else SqliteStore(Path(where))
    uvloop.run(run(client, int(port), given[0], given[1], given[2], opened, int(events), OF[of]))
