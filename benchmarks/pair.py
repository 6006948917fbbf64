"""The bare pair: what completing an event costs where nobody checks, maps, claims or remembers anything.

Each event is five rows like the engine's (event, identity, delivery, effect, line; same schema, same settings of the
connection), inserted in groups with one fsync each, and one POST of a prepared body: by a plain aiohttp client, or by the barest
one there can be (`raw`), a socket on which a prepared request is written and an answer waited for. There is no intake, no signature, no look-up before an insert, no update after it. It shares no code of the engine but the schema
and the settings, so that a faster engine does not make a faster baseline.

Run as a process: `python -m benchmarks.pair CLIENT PORT BODY HEADERS PAYLOAD FOLDER EVENTS` with the paths of three
files (the body to post, the headers and the body of a webhook to store) and of a folder for the store. It prints one
line of JSON: `events`, `seconds`, `cpu_s` (of this process), `rows`, `commits`.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import apsw
import uvloop

from benchmarks.blast import answered
from engine.store.files import configure, migrate

AT_ONCE = 64
CHECKPOINT_PAGES = 4000
PLAN, KEY_DIGEST_BYTES, AT = "0" * 64, 16, 1_800_000_000_000_000

INSERTS = (
    "INSERT INTO event (event, integration, id, key, received_at, headers, query, body) VALUES (?, 'shopify-orders-to-erp', ?, ?, ?, ?, '{}', ?)",
    "INSERT INTO identity (digest, event, expires_at) VALUES (?, ?, ?)",
    """INSERT INTO delivery
       (event, integration, plan, key_digest, status, ready, due_at, token, attempts, number, step, finished_at)
       VALUES (?, 'shopify-orders-to-erp', ?, ?, 'done', 0, ?, 1, 1, 1, 'erp', ?)""",
    """INSERT INTO effect
       (digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts, result)
       VALUES (?, 'erp', 'create_order', ?, ?, 'erp', 'done', ?, ?, 1, '"so-1"')""",
    """INSERT INTO line
       (event, number, step, kind, at, operation, once, verdict, status, took_us, reason, ended, result)
       VALUES (?, 0, 'erp', 'call', ?, 'erp.create_order', ?, 'done', 201, 1000, 'answered 201', 1, '"so-1"')""",
)


class Writer:
    """Inserts in groups on a thread; what comes while one group is under way is the next."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.thread = ThreadPoolExecutor(1)
        self.waiting: list[tuple[tuple[Any, ...], asyncio.Future[None]]] = []
        self.busy = False
        self.commits = 0

    def insert(self, rows: tuple[Any, ...]) -> "asyncio.Future[None]":
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

    def write(self, group: list[tuple[Any, ...]]) -> None:
        self.commits += 1
        with self.connection:
            for statement, rows in zip(INSERTS, zip(*group, strict=True), strict=True):
                self.connection.executemany(statement, rows)

    def end(self, done: "asyncio.Future[None]", futures: "list[asyncio.Future[None]]") -> None:
        done.result()
        for future in futures:
            future.set_result(None)
        if self.waiting:
            self.start()
        else:
            self.busy = False


def rows_of(event: int, headers: bytes, payload: bytes) -> tuple[Any, ...]:
    """One row for each statement, its digests random as real ones are."""
    key = str(6_000_000_000 + event)
    once = f"shopify-{key}"
    return (
        (event, f"bench-{event}", key, AT, headers, payload),
        (os.urandom(16), event, AT),
        (event, PLAN, os.urandom(KEY_DIGEST_BYTES), AT, AT),
        (os.urandom(32), once, event, os.urandom(16), AT),
        (event, AT, once),
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


async def run(client: str, port: int, body: bytes, headers: bytes, payload: bytes, folder: Path, events: int) -> None:
    connection = apsw.Connection(str(folder / "pair.db"))
    configure(connection)
    migrate(connection)
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    rows_before = connection.total_changes()
    writer = Writer(connection)
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
    stored = connection.execute("SELECT count(*) FROM line").get
    rows = connection.total_changes() - rows_before
    writer.thread.shutdown()
    connection.close()
    found = {"events": stored, "seconds": took_s, "cpu_s": cpu_s, "rows": rows, "commits": writer.commits}
    print(json.dumps(found))


if __name__ == "__main__":
    client, port, body, headers, payload, folder, events = sys.argv[1:]
    given = [Path(path).read_bytes() for path in (body, headers, payload)]
    uvloop.run(run(client, int(port), given[0], given[1], given[2], Path(folder), int(events)))
