"""One connection of the intake: bytes to requests, one at a time and in order; answers to bytes; a deadline for each.

aiohttp's C parser reads the requests; its protocol, which starts a task for each, and its response objects cost more
than reading the request, and it has no deadline for a head. Everything here happens in the loop's own callbacks: data,
timers, answers. A head that dawdles is answered 408, bad HTTP a problem without internals, and nothing is logged. This
file refuses to know what a request means.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import cast

from aiohttp import EMPTY_PAYLOAD, StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong

from engine.ports import Clock
from engine.wire.answers import TOO_MANY, Answer, Serializer, problem
from engine.wire.server_request import Desk, ServerRequest

TOO_MANY_FIELDS = "Too many headers received"
"""What aiohttp says of them; it has no class of its own for this error."""

AHEAD_MAX = 32
"""Requests that a peer may send ahead and that are parsed; what lies behind them stays bytes."""

PARSED_BYTES_MAX = 64 * 1024
"""The most that is parsed at once: a thousand requests or ten thousand chunks in one read would hold up the loop."""


class Listener:
    """What the connections of one server share: who they are, the text of the Date header, and one timer.

    A timer for each request would cost each of them what only the slow ones need, so one sweep looks at all.
    """

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self.limits = desk.limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self.deserted = asyncio.Event()
        self.serialize = Serializer()
        self.draining = False
        self.now = clock.monotonic
        self._clock = clock
        self._period_s = min(1.0, self.limits.header_s / 4, self.limits.idle_s / 4)
        self._sweep()

    def __call__(self) -> "Connection":
        return Connection(self)

    def drain(self) -> None:
        """Closes what is idle; what is busy closes with its answer."""
        self.draining = True
        for connection in list(self.connections):
            connection.leave()

    async def close(self, within_s: float) -> None:
        """Closes every connection, whatever it is at; after `within_s` seconds without taking leave."""
        self._sweeps.cancel()
        for connection in list(self.connections):
            connection.close()
        try:
            async with asyncio.timeout(within_s):
                while self.connections:
                    self.deserted.clear()
                    await self.deserted.wait()
        except TimeoutError:
            for connection in list(self.connections):
                connection.abort()

    def _sweep(self) -> None:
        self.serialize.tell_time(self._clock.now() // 1_000_000)
        now = self.now()
        for connection in list(self.connections):
            connection.close_if_dawdling(now)
        self._sweeps = self.loop.call_later(self._period_s, self._sweep)


class State(Enum):
    """What a connection is at: `FREE` (a head is owed, or nothing), `BODY` (a request's body is coming), `BUSY` (a
    request is being answered, or its answer taken), `DROPPING` (the rest of a refused body), `OVER`."""

    FREE = 0
    BODY = 1
    BUSY = 2
    DROPPING = 3
    OVER = 4


FREE, BODY, BUSY, DROPPING, OVER = State


class Connection(asyncio.Protocol):
    """A peer.

    `_request` is under way and `_content` its body. `_messages` were sent ahead and are parsed; `_ahead` and, if
    `_unparsed`, the parser hold what comes behind them; `_parked`: no more is read meanwhile; `_pumping`: the loop will
    come back for all of it. `_due` is when the sweep closes the connection if it is free, `_heard` whether part of a
    head has come, so that closing needs a word. `_choked`: the peer takes nothing for the moment; `_keep`: the
    connection goes on once it has taken the answer.
    """

    __slots__ = (
        "_ahead",
        "_choked",
        "_content",
        "_due",
        "_heard",
        "_keep",
        "_listener",
        "_messages",
        "_parked",
        "_parser",
        "_pumping",
        "_request",
        "_state",
        "_timer",
        "_transport",
        "_unparsed",
    )

    def __init__(self, listener: Listener) -> None:
        limits = listener.limits
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._parser: HttpRequestParser = HttpRequestParser(
            cast("BaseProtocol", self),  # of which its bodies know `pause_reading` and `resume_reading`
            listener.loop,
            PARSED_BYTES_MAX,
            max_line_size=limits.line_bytes_max,
            max_field_size=limits.line_bytes_max,
            max_headers=limits.fields_max,
            auto_decompress=False,
            max_msg_queue_size=AHEAD_MAX,
        )
        self._state = FREE
        self._request: ServerRequest | None = None
        self._content: StreamReader = EMPTY_PAYLOAD
        self._messages: deque[tuple[RawRequestMessage, StreamReader]] = deque()
        self._ahead = b""
        self._unparsed = False
        self._pumping = False
        self._parked = False
        self._choked = False
        self._keep = False
        self._heard = False
        self._due = listener.now() + limits.header_s
        self._timer: asyncio.TimerHandle | None = None

    # ── what the loop says ───────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are none by inheritance
        if len(self._listener.connections) >= self._listener.limits.connections_max:
            self._say(TOO_MANY)
        else:
            self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._request is not None:
            self._request.lose()
        self._state = OVER
        self._set_timer(0, None)
        self._messages.clear()
        self._ahead = b""
        del self._parser  # it holds on to us
        self._listener.connections.discard(self)
        if not self._listener.connections:
            self._listener.deserted.set()

    def data_received(self, data: bytes) -> None:
        if self._state is BUSY or self._pumping:
            # The next requests: they wait for us and not we for them. What they are is not asked before their turn.
            self._ahead += data
            self._parked = True
            if self._transport is not None:
                self._transport.pause_reading()
        elif self._state is not OVER:
            self._take(data)

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        if self._state is BUSY and self._request is None:
            self._set_timer(0, None)
            self._go_on()

    # ── what the parser's bodies say to the protocol they belong to ──────────────────────────────────────────────────

    def pause_reading(self) -> None:
        """A body has grown larger than its reader is wont to hold; what is fed is taken out of it at once."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """A body was read; nothing was paused."""

    # ── what the server says ─────────────────────────────────────────────────────────────────────────────────────────

    def leave(self) -> None:
        """The server drains: who is idle may go."""
        if self._state is FREE and not self._pumping:
            self.close()

    def close(self) -> None:
        """Closes once what is written is taken; a peer that takes nothing is let go after a while."""
        if self._transport is None or self._state is OVER:
            return
        self._state = OVER
        self._transport.close()
        self._set_timer(self._listener.limits.answer_s, self.abort)

    def abort(self) -> None:
        """Closes now, whatever is written and not taken."""
        self._state = OVER
        if self._transport is not None:
            self._transport.abort()

    def close_if_dawdling(self, now: float) -> None:
        if self._state is not FREE or now < self._due or self._pumping:
            return
        if self._heard:
            self._say(problem(408, "the request's headers took too long to arrive"))
        else:
            self.close()

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, data: bytes) -> None:
        """Parses what came and acts on it, on one request at most."""
        try:
            if not self._messages:
                self._parse(data)
            if self._state is BODY:
                self._gather()
            elif self._state is DROPPING:
                self._drop()
            elif self._messages:
                self._begin()
            elif data and not self._heard:
                self._heard = True
                self._due = self._listener.now() + self._listener.limits.header_s
        except HttpProcessingError as error:
            self._spoilt(error)
        except Exception as error:  # noqa: BLE001 — a fault of ours or of the parser's: told, and this peer alone let go
            self._listener.desk.on_error(error)
            self.abort()
        if self._messages or self._ahead or self._unparsed:
            self._pump_soon()
        elif self._parked and self._transport is not None:
            self._parked = False
            self._transport.resume_reading()

    def _parse(self, data: bytes) -> None:
        if len(data) > PARSED_BYTES_MAX:
            data, self._ahead = data[:PARSED_BYTES_MAX], data[PARSED_BYTES_MAX:]
        messages, _, _ = self._parser.feed_data(data)
        if messages:
            self._messages.extend(messages)
            # The parser stops behind so many; the body that was coming may have ended with one more.
            self._unparsed = len(messages) >= AHEAD_MAX - 1

    def _pump_soon(self) -> None:
        """Comes back for what was sent ahead, once others had their turn. While an answer is owed, that will."""
        if self._state not in (BUSY, OVER) and not self._pumping:
            self._pumping = True
            self._listener.loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._state is OVER:
            return
        data = b""
        if not self._messages:
            data, self._ahead, self._unparsed = self._ahead, b"", False
        self._take(data)

    def _begin(self) -> None:
        """Takes up the next request."""
        message, self._content = self._messages.popleft()
        self._state = BUSY
        request = self._request = ServerRequest(self._listener.desk, self, message)
        if request.begin(message, self._content):
            self._parser.message_consumed()
        else:
            self._state = BODY
            self._set_timer(self._listener.limits.body_s, self._late)

    def _gather(self) -> None:
        assert self._request is not None
        if self._request.gather(self._content):
            self._parser.message_consumed()
            if self._state is BODY:  # and not answered yet
                self._state = BUSY
                self._set_timer(0, None)

    def _drop(self) -> None:
        self._content.read_nowait()
        if self._content.is_eof():
            self.close()

    def _late(self) -> None:
        if self._request is not None:
            self._request.refuse(problem(408, "the request's body took too long to arrive"))

    def _spoilt(self, error: HttpProcessingError) -> None:
        """What could not be parsed. aiohttp's message quotes the peer, so it is not shown."""
        self._content = EMPTY_PAYLOAD  # there is no rest to be read: nothing more of it would be understood
        self._ahead = b""
        if self._state is DROPPING:
            self.close()
        elif self._state is BODY and self._request is not None:
            self._request.refuse(problem(400, "the request's body is not valid HTTP/1.1"))
        elif isinstance(error, LineTooLong) or error.message == TOO_MANY_FIELDS:
            self._say(problem(431, "the request's line or headers are too large"))
        else:
            self._say(problem(400, "this is not valid HTTP/1.1"))

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask_for_body(self) -> None:
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def write_answer(self, answer: Answer, *, keep: bool, bare: bool) -> None:
        """Writes the answer of the request under way; then the next one, the rest of its body, or the end."""
        if self._transport is None:
            return
        listener = self._listener
        self._keep = keep and not listener.draining
        self._transport.write(listener.serialize(answer, keep=self._keep, bare=bare))
        self._request = None
        if self._timer is not None:
            self._set_timer(0, None)
        if self._choked:
            # The peer asks and asks and takes no answer; what it does not take is kept in memory.
            self._state = BUSY
            self._set_timer(listener.limits.answer_s, self.abort)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """An answer is written and taken."""
        if self._keep:
            self._state = FREE
            self._heard = False
            self._due = self._listener.now() + self._listener.limits.idle_s
            if self._messages or self._ahead or self._unparsed:
                self._pump_soon()
        elif self._content.is_eof():
            self.close()
        else:
            self._state = DROPPING
            self._set_timer(self._listener.limits.linger_s, self.close)

    def _say(self, answer: Answer) -> None:
        """An answer to what is no request, and the end."""
        if self._transport is not None:
            self._transport.write(self._listener.serialize(answer, keep=False))
            self.close()

    def _set_timer(self, delay_s: float, call: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if call is None else self._listener.loop.call_later(delay_s, call)
