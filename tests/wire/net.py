"""Raw sockets for tests of the wire: what a partner or a stranger really sends, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.clock import SystemClock
from engine.wire.http_server import Answer, Inbound, IntakeServer, Reply, ServerLimits, accepts_data

WAIT_S = 20  # a test that hangs fails; nothing here measures time


@dataclass
class Got:
    """One answer as read from the socket."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Intake:
    """A running intake and what it did."""

    server: IntakeServer
    port: int
    handled: list[Inbound] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def intake(
    handle: Callable[[Inbound], Awaitable[Answer]] | None = None,
    limits: ServerLimits | None = None,
    accepts: Callable[[str], bool] = accepts_data,
) -> AsyncIterator[Intake]:
    """An intake on a free port of the loopback; without `handle` it answers 202 to everything."""
    handled: list[Inbound] = []
    errors: list[BaseException] = []

    async def answer(inbound: Inbound, _reply: Reply) -> Answer:
        handled.append(inbound)
        return await handle(inbound) if handle else Answer(202, b'{"status": "accepted"}')

    server = IntakeServer(answer, limits or ServerLimits(linger_s=0.05), SystemClock(), errors.append, accepts)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Intake(server, port, handled, errors)
    finally:
        await server.stop(1)


class Peer:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *parts: bytes) -> None:
        """Each part in a segment of its own; the peer of a closed connection is not surprised."""
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(0.02)
            try:
                self.writer.write(part)
                await self.writer.drain()
            except ConnectionError:
                return

    async def answer(self, *, bare: bool = False) -> Got:
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = 0 if bare else int(headers.get("content-length", "0"))
            return Got(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def rest(self) -> bytes:
        """What comes until the other side closes."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def peer(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


@dataclass
class Partner:
    """A scripted server: the requests it got, whole, in order."""

    port: int
    requests: list[bytes] = field(default_factory=list)


Script = Callable[[Partner, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def partner(script: Script) -> AsyncIterator[Partner]:
    """Runs the script for each connection; the connection is closed when the script ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(it, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    it = Partner(server.sockets[0].getsockname()[1])
    try:
        yield it
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(it: Partner, reader: asyncio.StreamReader) -> bytes:
    """The next request with its body, noted in `it.requests`."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    whole = head + await reader.readexactly(length)
    it.requests.append(whole)
    return whole


def answering(raw: bytes) -> Script:
    """A partner that gives the same answer to every request of a connection."""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(it, reader)
            writer.write(raw)
            await writer.drain()

    return script


def closing(raw: bytes) -> Script:
    """A partner that answers one request, whatever of it there is, and closes."""

    async def script(it: Partner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(it, reader)
        writer.write(raw)
        await writer.drain()

    return script
