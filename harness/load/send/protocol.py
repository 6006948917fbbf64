"""ONE CONNECTION OF A GENERATOR: a request out, its answer in, the next one.

A bare protocol: an HTTP client's objects cost more than the server's work, and whoever sends late measures himself. It
understands answers that carry a Content-Length, or need none, which is how the engine answers; anything else ends the
connection and counts as no answer. This file refuses redirects, TLS, retries and to know when anything is due.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from harness.load.model import Arrival

HEAD_BYTES_MAX: Final = 64 << 10
ANSWER_BYTES_MAX: Final = 4 << 20
_BODILESS: Final = (204, 304)


class Answered:
    """What is read of an answer: its status, how long it is with its head, and whether the connection goes on."""

    __slots__ = ("keeps", "length", "status")

    def __init__(self, status: int, length: int, *, keeps: bool) -> None:
        self.status = status
        self.length = length
        self.keeps = keeps


def read_head(got: bytes) -> Answered | None:
    """The head of an answer; None while it has not come whole. Raises ValueError for what is none that we take."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        if len(got) > HEAD_BYTES_MAX:
            raise ValueError("a head without end")
        return None
    if not got.startswith(b"HTTP/1."):
        raise ValueError("no HTTP/1 answer")
    status = int(got[9:12])
    head = got[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0 and status not in _BODILESS:
        raise ValueError("an answer without its length")
    length = int(head[at + 17 :].partition(b"\r\n")[0]) if at >= 0 else 0
    if not 0 <= length <= ANSWER_BYTES_MAX:
        raise ValueError("an answer too long")
    return Answered(status, end + 4 + length, keeps=b"\r\nconnection: close" not in head)


def event_in(body: bytes) -> int:
    """The engine's number of the event in an answer; 0 where it names none."""
    at = body.find(b'"evt-')
    if at < 0:
        return 0
    digits = body[at + 5 : at + 25].partition(b'"')[0]
    return int(digits) if digits.isdigit() else 0


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way.

    `answered(connection, status, event)` is called once for each request, with status 0 where no answer came; after it
    the connection is free unless it is `gone`.
    """

    __slots__ = ("_answered", "_got", "_transport", "arrival", "gone", "sent_us")

    def __init__(self, answered: "Callable[[Connection, int, int], None]") -> None:
        self._answered = answered
        self._got = b""
        self._transport: asyncio.Transport | None = None
        self.arrival: Arrival | None = None
        self.sent_us = 0
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def send(self, arrival: Arrival, raw: bytes, sent_us: int) -> None:
        assert self._transport is not None
        self.arrival = arrival
        self.sent_us = sent_us
        self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        if self.arrival is None:  # nobody asked for it
            self.abort()
            return
        got = self._got + data if self._got else data
        try:
            answer = read_head(got)
        except ValueError:
            self._end(0, 0)
            return
        if answer is None or len(got) < answer.length:
            self._got = got
            return
        self._got = b""
        self.gone = self.gone or not answer.keeps or len(got) > answer.length
        status, event = answer.status, event_in(got)
        if self.gone and self._transport is not None:
            self._transport.abort()
        self._answered(self, status, event)

    def abort(self) -> None:
        """Gives up what is under way, and the connection."""
        self._end(0, 0)

    def connection_lost(self, _: Exception | None) -> None:
        self._end(0, 0)

    def _end(self, status: int, event: int) -> None:
        self.gone = True
        if self._transport is not None:
            self._transport.abort()
        if self.arrival is not None:
            self._answered(self, status, event)
