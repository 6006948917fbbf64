"""One connection to a partner: the bytes of a request out, one answer in, a deadline for it.

aiohttp's C parser reads the answers, within its bounds for lines and fields; its session, which makes a task's worth of
objects for each request and may send one twice, cost three times what parsing and posting do. An answer is over where
its framing says so: what comes behind it is never taken for the next one, for such a connection is not used again, and
each call has a parser of its own. This file refuses to connect, to retry and to know what an answer means.
"""

import asyncio
import socket
from typing import Protocol, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpResponseParser, RawResponseMessage
from msgspec import Struct

from engine.model import Failure
from engine.wire.headers import lowered

LINE_BYTES_MAX = 8 * 1024
FIELDS_MAX = 128
INTERIM_MAX = 16
"""Answers of the kind 1xx before the one that counts; a hint or two is what partners send."""

PARSED_BYTES_MAX = 64 * 1024
"""The most that is parsed at once: thousands of answers in one read would be thousands of objects."""


class Heard(Struct):
    """An answer as read: its body still encoded, None where it is larger than allowed."""

    status: int
    headers: dict[str, str]
    body: bytes | None


class Lost(Exception):
    """No answer to a request will come. `sent`: it went out, wholly or in part, as far as anybody knows. `reason` is
    for people."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason
        self.sent = True


class Owner(Protocol):
    """What a connection needs of the pool it belongs to."""

    def post(self, connection: "PartnerConnection", message: bytes) -> None:
        """Has the connection write this, before the loop's next turn is over."""

    def freed(self, connection: "PartnerConnection", rest_s: float | None) -> None:
        """The connection may carry another request. `rest_s`: how long the partner said it keeps it."""

    def gone(self, connection: "PartnerConnection") -> None:
        """The connection has ended; said once."""


class PartnerConnection(asyncio.Protocol):
    """One request at a time. `_waiter` is who waits for the answer of the one under way, `_posted` while nothing of it
    was written yet."""

    __slots__ = (
        "_bytes_max",
        "_content",
        "_ended",
        "_head",
        "_interim",
        "_loop",
        "_owner",
        "_parser",
        "_parts",
        "_posted",
        "_size",
        "_socket",
        "_timer",
        "_transport",
        "_waiter",
        "rested_from",
        "rests_until",
    )

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, connected: socket.socket) -> None:
        self._owner = owner
        self._loop = loop
        self._socket = connected
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self._waiter: asyncio.Future[Heard] | None = None
        self._posted = False
        self.rested_from = 0.0
        self.rests_until = 0.0
        """Kept by the pool: since when nobody uses it, and when it is ended if nobody has by then."""

    # ── what the pool asks ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def ended(self) -> bool:
        return self._ended or self._transport is None or self._transport.is_closing()

    def stale(self) -> bool:
        """Whether bytes or the end have come since the last answer, also if the loop has not told of them yet.

        It tells once it looks at its sockets, which under load is a turn too late: a request written to a connection
        that the partner has closed is lost, and nobody knows whether it was read.
        """
        if self.ended:
            return True
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def end(self, reason: str = "") -> None:
        """Ends the connection at once, and with it the call under way, if any."""
        self._fail(Lost(Failure.LOST, reason))
        self._leave()

    # ── a call ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def exchange(self, message: bytes, timeout_s: float, bytes_max: int, *, bare: bool) -> "asyncio.Future[Heard]":
        """Posts a request; the future gives the answer, or raises `Lost`. `bare`: its answer has no body (HEAD)."""
        assert self._transport is not None
        assert self._waiter is None
        self._parser = HttpResponseParser(
            cast("BaseProtocol", self),  # of which its bodies know `pause_reading` and `resume_reading`
            self._loop,
            PARSED_BYTES_MAX,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            max_headers=FIELDS_MAX,
            response_with_body=not bare,
            read_until_eof=True,
            auto_decompress=False,
        )
        self._head: RawResponseMessage | None = None
        self._content: StreamReader = EMPTY_PAYLOAD
        self._parts: list[bytes] = []
        self._size = 0
        self._interim = 0
        self._bytes_max = bytes_max
        self._timer = self._loop.call_later(timeout_s, self._late)
        waiter = self._waiter = self._loop.create_future()
        self._posted = True
        self._owner.post(self, message)
        return waiter

    def write(self, message: bytes) -> None:
        """Writes what was posted, unless the connection has ended. From here on the request counts as sent, whatever of
        it leaves this machine."""
        if self._posted and not self.ended:
            assert self._transport is not None
            self._posted = False
            self._transport.write(message)

    def give_up(self, waiter: "asyncio.Future[Heard]") -> None:
        """Nobody waits for this answer any more; it must not be read as that of another request."""
        if self._waiter is waiter:
            self._leave()

    # ── what the loop says ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are none by inheritance

    def data_received(self, data: bytes) -> None:
        try:
            for at in range(0, len(data), PARSED_BYTES_MAX):
                if self._waiter is None:  # nothing was asked, or the answer is whole: this belongs to nobody
                    self._leave()
                    return
                if self._posted:
                    self._fail(Lost(Failure.MALFORMED, "the partner answered before it was asked"))
                    return
                self._take(data[at : at + PARSED_BYTES_MAX] if len(data) > PARSED_BYTES_MAX else data)
        except HttpProcessingError:  # its text quotes the partner
            self._fail(Lost(Failure.MALFORMED, "the answer is not valid HTTP"))
        except Exception as error:  # noqa: BLE001 — a fault of ours or of the parser's is raised where the call waits
            self._fail(error)

    def eof_received(self) -> None:
        self._break(clean=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(clean=exc is None)
        self._transport = None

    # ── what the parser's bodies say to the protocol they belong to ──────────────────────────────────────────────────

    def pause_reading(self) -> None:
        """A body has grown larger than its reader is wont to hold; what is fed is taken out of it at once."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """A body was read; nothing was paused."""

    # ── an answer ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, data: bytes) -> None:
        messages, upgraded, _ = self._parser.feed_data(data)
        for head, content in messages:
            if self._head is not None:
                break
            if 100 <= head.code < 200 and head.code != 101:
                self._interim += 1
                if self._interim > INTERIM_MAX:
                    raise HttpProcessingError(message="too many answers of the kind 1xx")
                continue
            self._head, self._content = head, content
        if self._head is None:
            return
        part = self._content.read_nowait()
        self._size += len(part)
        if self._size > self._bytes_max:
            self._answer(self._head, None, keep=False)  # the rest is not worth reading for the sake of the connection
            return
        self._parts.append(part)
        if self._content.is_eof():
            # The parser has begun another message where bytes came behind this one.
            last = not messages or messages[-1][0] is self._head
            alone = last and not upgraded and self._parser.feed_eof() is None
            self._answer(self._head, b"".join(self._parts), keep=alone)

    def _break(self, *, clean: bool) -> None:
        """The partner has ended the connection; `clean`: by an orderly close."""
        if self._waiter is not None:
            head = self._head
            if head is None:
                self._fail(Lost(Failure.LOST, "the connection broke before an answer"))
            elif clean and self._reaches_to_the_end():
                self._answer(head, b"".join(self._parts), keep=False)
            else:
                self._fail(Lost(Failure.LOST, "the answer broke off"))
        self._leave()

    def _reaches_to_the_end(self) -> bool:
        """Whether the answer under way is one without a length, which the end of the connection makes whole."""
        try:
            self._parser.feed_eof()
        except HttpProcessingError:
            return False
        return self._content.is_eof()

    def _answer(self, head: RawResponseMessage, body: bytes | None, *, keep: bool) -> None:
        headers = lowered(head.headers.items())
        waiter = self._settle()
        if waiter is not None and not waiter.done():
            waiter.set_result(Heard(head.code, headers, body))
        assert self._transport is not None
        # What is not written yet belongs to a request that was answered before it was read.
        if keep and not head.should_close and not self._transport.get_write_buffer_size():
            self._owner.freed(self, _rest_s(headers.get("keep-alive", "")))
        else:
            self._leave()

    def _late(self) -> None:
        self._fail(Lost(Failure.TIMEOUT_AFTER, "no answer in time"))

    def _fail(self, error: Exception) -> None:
        if isinstance(error, Lost):
            error.sent = not self._posted
        waiter = self._settle()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self._leave()

    def _settle(self) -> "asyncio.Future[Heard] | None":
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._timer.cancel()
            del self._parser  # it holds on to us
            self._content, self._parts = EMPTY_PAYLOAD, []
        return waiter

    def _leave(self) -> None:
        """Ends the connection; nothing that is still to be written or read matters to anybody."""
        if self._ended:
            return
        self._ended = True
        self._settle()
        if self._transport is not None:
            self._transport.abort()
        self._owner.gone(self)


def _rest_s(keep_alive: str) -> float | None:
    """The seconds that a partner says it keeps a resting connection, as in `timeout=5, max=100`."""
    for part in keep_alive.split(","):
        name, _, seconds = part.strip().partition("=")
        if name.lower() == "timeout" and seconds.isascii() and seconds.isdigit() and len(seconds) < 6:
            return float(seconds)
    return None
