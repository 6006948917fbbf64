"""One connection of the intake: aiohttp's HTTP/1.1 protocol, with the deadlines and the answers it lacks.

aiohttp keeps no deadline for a request's head, answers bad HTTP in plain text that quotes what was sent, and logs it.
Here a head that dawdles is answered 408, bad HTTP a problem without internals, and nothing is logged. Answers are
serialized once and written straight to the transport: aiohttp's own response objects cost more than reading the
request. This file refuses to know what a request means.
"""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from msgspec import Struct

from engine.ports import Clock
from engine.wire.answers import Answer, problem, serialized

TOO_MANY_FIELDS = "Too many headers received"
"""What aiohttp says of them; it has no class of its own for this error."""


class ServerLimits(Struct, frozen=True):
    """The bounds of a server.

    `bytes_max` holds for a body as sent and again inflated. `bodies_bytes_max` bounds all bodies in memory together,
    `connections_max` and `requests_max` (handed on, not yet answered) how many there are; past them the answer is 503
    with Retry-After. `header_s` and `body_s` are the time a request's head and body may take to arrive, `answer_s` the
    time a peer may take to accept an answer. `idle_s` is how long a connection may rest between requests, `linger_s`
    how long the rest of a refused body is read and dropped so that the answer survives.
    """

    bytes_max: int = 1024 * 1024
    bodies_bytes_max: int = 64 * 1024 * 1024
    connections_max: int = 900
    requests_max: int = 512
    header_s: float = 10
    body_s: float = 10
    answer_s: float = 10
    idle_s: float = 75
    linger_s: float = 2
    line_bytes_max: int = 8 * 1024
    fields_max: int = 128


class Listener(web.Server):
    """Makes a `Connection` for each peer, sweeps those whose head dawdles, and keeps the text of the Date header."""

    def __init__(
        self,
        serve: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        limits: ServerLimits,
        clock: Clock,
        on_error: Callable[[BaseException], None],
    ) -> None:
        super().__init__(serve)
        self.limits = limits
        self.date = ""
        self.draining = False
        self.on_error = on_error
        self.now = asyncio.get_running_loop().time
        self._clock = clock
        self._sweeps: asyncio.TimerHandle | None = None
        self._sweep()

    def __call__(self) -> "Connection":
        return Connection(self)

    def drain(self) -> None:
        """Closes what is idle; what is busy closes with its answer. aiohttp's `pre_shutdown` leaves idle ones open."""
        self.draining = True
        if self._sweeps is not None:
            self._sweeps.cancel()
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.leave()

    def _sweep(self) -> None:
        # One timer for all: a timer per request would cost each of them what only the slow ones need.
        self.date = formatdate(self._clock.now() // 1_000_000, usegmt=True)
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.close_if_dawdling(self.now())
        period_s = min(1.0, self.limits.header_s / 4)
        self._sweeps = asyncio.get_running_loop().call_later(period_s, self._sweep)


class Connection(web.RequestHandler):
    """A peer. `_since` is when it began to owe us a request's head, None while it owes nothing.

    `awaited` is the body being read, if any.
    """

    __slots__ = ("_busy", "_heard", "_listener", "_since", "awaited")

    def __init__(self, listener: Listener) -> None:
        limits = listener.limits
        super().__init__(
            listener,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # documented: None switches it off
            keepalive_timeout=limits.idle_s,
            lingering_time=limits.linger_s,
            max_line_size=limits.line_bytes_max,
            max_field_size=limits.line_bytes_max,
            max_headers=limits.fields_max,
            read_bufsize=64 * 1024,
            auto_decompress=False,
        )
        self._listener = listener
        self._busy = False
        self._heard = False
        self._since: float | None = None
        self.awaited: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._listener.connections) >= self._listener.limits.connections_max:
            surplus = cast("asyncio.Transport", transport)  # uvloop's transports are none by inheritance
            surplus.write(self._serialized(BUSY, keep=False, bare=False))
            surplus.close()
            return
        super().connection_made(transport)
        self._since = self._listener.now()

    def data_received(self, data: bytes) -> None:
        # While a request is being answered what arrives is its body, which has its own deadline, or the next one,
        # which waits for us and not we for it.
        if data and not self._busy:
            self._heard = True
            if self._since is None:
                self._since = self._listener.now()
        super().data_received(data)
        # aiohttp queues the error behind the request whose body it spoiled, which then waits in vain. Nothing else can
        # be queued before a body has ended, so whatever is there tells.
        if self.awaited is not None and self._messages and not self.awaited.is_eof():
            self.awaited.set_exception(web.RequestPayloadError())

    def begin(self) -> None:
        """A request's head has come."""
        self._busy = True

    def end(self) -> None:
        """The request is answered; the next head is owed once its first byte arrives, until then we are only idle."""
        self._busy = self._heard = False
        self._since = None

    def leave(self) -> None:
        if self._busy:
            self.close()
        else:
            self.force_close()

    def close_if_dawdling(self, now: float) -> None:
        if self._busy or self._since is None or now - self._since < self._listener.limits.header_s:
            return
        if self._heard and self.transport is not None:
            late = problem(408, "the request's headers took too long to arrive")
            self.transport.write(self._serialized(late, keep=False, bare=False))
        self.force_close()

    async def answer(self, request: web.BaseRequest, answer: Answer, *, keep: bool) -> web.StreamResponse:
        """Writes the answer and gives what aiohttp has to know of it; a peer that has left is nobody's fault."""
        transport = self.transport
        if transport is None:
            return CLOSE
        keep = keep and not self._listener.draining
        transport.write(self._serialized(answer, keep=keep, bare=request.method == "HEAD"))
        if self.writing_paused:
            # The peer asks and asks and takes no answer; what it does not take is kept in memory.
            try:
                async with asyncio.timeout(self._listener.limits.answer_s):
                    await request.writer.drain()
            except TimeoutError:
                transport.abort()
                return CLOSE
        return KEEP if keep else CLOSE

    def _serialized(self, answer: Answer, *, keep: bool, bare: bool) -> bytes:
        return serialized(answer, self._listener.date, keep=keep, bare=bare)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What aiohttp could not parse; its message quotes the peer, so it is not shown."""
        if isinstance(exc, LineTooLong) or message == TOO_MANY_FIELDS:
            answer = problem(431, "the request's line or headers are too large")
        elif isinstance(exc, HttpProcessingError):
            answer = problem(400, "this is not valid HTTP/1.1")
        else:
            answer = problem(500, "the request could not be handled")
            if exc is not None:
                self._listener.on_error(exc)
        if self.transport is not None:
            self.transport.write(self._serialized(answer, keep=False, bare=False))
        return CLOSE

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp calls this for what it did not expect; the texts in `args` may quote the peer."""
        error = kw.get("exc_info")
        if not isinstance(error, BaseException):
            error = RuntimeError("aiohttp reported a failure without an exception")
        if not isinstance(error, web.RequestPayloadError | OSError):  # those two are the peer's doing
            self._listener.on_error(error)


class _Written(web.StreamResponse):
    """Stands for an answer that is already on the wire; tells aiohttp only whether the connection goes on."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__()
        self._keep = keep

    @property
    def keep_alive(self) -> bool:
        return self._keep

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


KEEP = _Written(keep=True)
CLOSE = _Written(keep=False)
BUSY = problem(503, "too many requests at once, try again", (("Retry-After", "1"),))
