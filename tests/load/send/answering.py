"""A server of the tests, in a thread of its own: it answers what it is told to, and stands still when it is told to."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self, cast

from harness.load.model import Message

Answers = Callable[[int], bytes | None]
"""Number of a request on this server → the bytes of its answer; None closes the connection, b"" never answers."""


def message(body: bytes = b"{}") -> Message:
    raw = b"POST /hooks HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    return Message("orders", raw, ("e",), ("k",))


def accepted(number: int) -> bytes:
    body = b'{"status": "accepted", "event": "evt-%d"}' % number
    return b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Peer(asyncio.Protocol):
    def __init__(self, server: "Server") -> None:
        self.server = server
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.connections += 1
        self.server.peers.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.server.peers.discard(self)

    def data_received(self, data: bytes) -> None:
        self.got += data
        while (end := self.got.find(b"\r\n\r\n")) >= 0:
            length = int(self.got[:end].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self.got) < end + 4 + length:
                return
            self.got = self.got[end + 4 + length :]
            self.server.requests += 1
            answer = self.server.answers(self.server.requests)
            if answer is None:
                self.transport.abort()
            elif answer:
                self.transport.write(answer)


class Server:
    """`stalls`: (seconds after the beginning, seconds it stands still). The beginning is said by `begin`."""

    def __init__(self, answers: Answers = accepted, stalls: Sequence[tuple[float, float]] = ()) -> None:
        self.answers = answers
        self.stalls = stalls
        self.connections = 0
        self.requests = 0
        self.stood_still: list[tuple[int, int]] = []
        self.peers: set[Peer] = set()
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        async def listen() -> asyncio.Server:
            server = await self._loop.create_server(lambda: Peer(self), "127.0.0.1", 0, backlog=512)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            return server

        server = self._loop.run_until_complete(listen())
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.sleep(0.05))  # who was just let in is made a peer before it closes
        server.close()
        for peer in [*self.peers]:
            peer.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def begin(self, begin_ns: int) -> None:
        """The moment that the stalls are counted from, on CLOCK_MONOTONIC."""
        for after_s, for_s in self.stalls:
            delay_s = (begin_ns - time.monotonic_ns()) / 1e9 + after_s
            self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, self._stand_still, for_s)

    def _stand_still(self, for_s: float) -> None:
        stopped_ns = time.monotonic_ns()
        time.sleep(for_s)
        self.stood_still.append((stopped_ns, time.monotonic_ns()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
