"""The intake: takes HTTP requests whole and within bounds, hands them on, writes the answers.

It runs on aiohttp's low-level server, since an `Application` routes, wraps and builds a response at the price of the
work itself; paths, methods, 404 and 405 are the handler's. What is not HTTP we take is answered here, before anything
else sees it: 400, 408, 413, 415, 431, and 503 when there is too much at once. This file refuses to verify, to decode
JSON and to log: whoever sends decides what is in a request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import parse_qsl, unquote

from aiohttp import http_parser, web

from engine.errors import UserError, WaybillError
from engine.ports import Clock
from engine.wire.answers import Answer, Inbound, Refused, problem
from engine.wire.connection import BUSY, CLOSE, Connection, Listener, ServerLimits
from engine.wire.headers import lowered
from engine.wire.inflate import ENCODINGS, Broken, TooLarge, inflate

__all__ = ["Answer", "Inbound", "IntakeServer", "ServerLimits", "accepts_data", "admin_server", "problem"]

Handle = Callable[[Inbound], Awaitable[Answer]]

GRACE_S = 0.02
"""After listening ends: what a sender has already put on its connection still reaches the handler."""

FORCED_STOP_S = 0.1
"""After the drain: how long a connection may take to notice that it was told to end."""


def accepts_data(media_type: str) -> bool:
    """Whether a body of this type may be a message: JSON, text, a form, or no type at all."""
    return media_type in _DATA or media_type.endswith("+json")


_DATA = frozenset({"", "application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"})


class IntakeServer:
    """An HTTP/1.1 server around one handler.

    `handle` gets every request and gives its answer; what it raises is answered 500 and handed to `on_error`, which
    also gets aiohttp's own failures, and must not raise. `accepts` says of a media type (lower-case, without
    parameters, empty if absent) whether a body of it is taken.
    """

    def __init__(
        self,
        handle: Handle,
        limits: ServerLimits,
        clock: Clock,
        on_error: Callable[[BaseException], None],
        accepts: Callable[[str], bool] = accepts_data,
    ) -> None:
        self._handle = handle
        self._limits = limits
        self._clock = clock
        self._on_error = on_error
        self._accepts = accepts
        self._listener: Listener | None = None
        self._runner: web.ServerRunner | None = None
        self._bodies_bytes = 0
        self._handled = 0
        self._serving = 0
        self._quiet = asyncio.Event()

    async def start(self, host: str, port: int) -> int:
        """Listens; gives the port, which the system chooses where `port` is 0. Raises UserError where it cannot."""
        require_strict_parser()
        self._listener = Listener(self._serve, self._limits, self._clock, self._on_error)
        self._runner = web.ServerRunner(self._listener, shutdown_timeout=FORCED_STOP_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=self._limits.connections_max)
        try:
            await site.start()
        except OSError as error:
            await self.stop(0)
            reason = error.strerror or type(error).__name__
            raise UserError(
                f"cannot listen on {host} port {port}: {reason}; choose another port or free this one"
            ) from None
        return site.port

    async def stop(self, drain_s: float) -> None:
        """Stops listening at once, lets requests end for `drain_s` seconds, then cancels what is left."""
        if self._listener is None or self._runner is None:
            return
        for site in self._runner.sites:
            await site.stop()
        await asyncio.sleep(GRACE_S)
        self._listener.drain()
        try:
            async with asyncio.timeout(drain_s):
                while self._serving:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            pass  # what is left is cancelled by the clean-up
        await self._runner.cleanup()
        self._listener = self._runner = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast("Connection", request.protocol)
        connection.begin()
        self._serving += 1
        keep = request.keep_alive
        try:
            try:
                answer = await self._answered(request)
            except Refused as refused:
                answer, keep = refused.answer, keep and not refused.close
            except OSError:
                return CLOSE  # the peer left before its request was whole
            return await connection.answer(request, answer, keep=keep)
        finally:
            connection.end()
            self._serving -= 1
            if not self._serving:
                self._quiet.set()

    async def _answered(self, request: web.BaseRequest) -> Answer:
        headers = lowered(request.headers.items())
        path, query = _target(request)
        encoding = self._checked(request.method, headers)
        body = await self._body(request, headers)
        held = len(body)
        try:
            if encoding:
                body = self._inflated(body, encoding)
                self._bodies_bytes += len(body) - held
                held = len(body)
            if self._handled >= self._limits.requests_max:
                raise Refused(BUSY)
            return await self._handed_on(Inbound(request.method, path, headers, query, body))
        finally:
            self._bodies_bytes -= held

    async def _handed_on(self, inbound: Inbound) -> Answer:
        self._handled += 1
        try:
            return await self._handle(inbound)
        except Exception as error:  # noqa: BLE001 — whatever it was, the sender gets an answer and we hear of it
            self._on_error(error)
            return problem(500, "the request could not be handled")
        finally:
            self._handled -= 1

    def _checked(self, method: str, headers: Mapping[str, str]) -> str:
        """Refuses by the head alone, without reading the body; gives the content coding to undo, or ""."""
        if method == "CONNECT":
            raise Refused(problem(400, "this is no proxy"), close=True)
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding == "identity":
            encoding = ""
        elif encoding not in ENCODINGS:
            raise Refused(problem(415, "the content encoding must be gzip, deflate or identity"), close=True)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not self._accepts(media_type):
            raise Refused(problem(415, "a body of this content type is not taken here"), close=True)
        if int(headers.get("content-length", "0")) > self._limits.bytes_max:
            raise Refused(self._too_large(), close=True)
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise Refused(problem(417, "the only expectation met here is 100-continue"), close=True)
        return encoding

    async def _body(self, request: web.BaseRequest, headers: Mapping[str, str]) -> bytes:
        """The body as sent; its length is counted in `_bodies_bytes` until the caller gives it back."""
        content = request.content
        if content.is_eof():
            # It came with its head, as most do: no deadline to set up, nothing to wait for.
            body = content.read_nowait()
            self._count(len(body), 0)
            return body
        if "expect" in headers and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection = cast("Connection", request.protocol)
        connection.awaited = content
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_s):
                while part := await content.readany():
                    self._count(len(part), size)
                    size += len(part)
                    parts.append(part)
        except BaseException as error:
            self._bodies_bytes -= size
            if isinstance(error, TimeoutError):
                raise Refused(problem(408, "the request's body took too long to arrive"), close=True) from None
            if isinstance(error, web.RequestPayloadError):
                raise Refused(problem(400, "the request's body is not valid HTTP/1.1"), close=True) from None
            raise
        finally:
            connection.awaited = None
        return b"".join(parts)

    def _count(self, more: int, before: int) -> None:
        """Counts a part of a body in, or refuses the request: what has come is never more than what is counted."""
        if before + more > self._limits.bytes_max:
            raise Refused(self._too_large(), close=True)
        if self._bodies_bytes + more > self._limits.bodies_bytes_max:
            raise Refused(BUSY, close=True)
        self._bodies_bytes += more

    def _inflated(self, body: bytes, encoding: str) -> bytes:
        try:
            return inflate(body, encoding, self._limits.bytes_max)
        except TooLarge:
            raise Refused(self._too_large()) from None
        except Broken as broken:
            raise Refused(problem(400, f"the body cannot be decoded: {broken}")) from None

    def _too_large(self) -> Answer:
        return problem(413, f"the body may have {self._limits.bytes_max} bytes, compressed or not")


def _target(request: web.BaseRequest) -> tuple[str, Mapping[str, str]]:
    """The path as text and the query as a mapping; 400 unless it is percent-encoded UTF-8 without NUL or fragment."""
    target = request.raw_path
    if not target.startswith("/"):  # the absolute form, as for a proxy
        url = request.rel_url
        target = f"{url.raw_path}?{url.raw_query_string}"
    path, _, query = target.partition("?")
    if not target.isascii() or "%00" in target or "#" in target:
        raise Refused(_BAD_TARGET)
    fields: dict[str, str] = {}
    try:
        if query:
            for name, value in parse_qsl(query, keep_blank_values=True, errors="strict"):
                fields.setdefault(name, value)
        return unquote(path, errors="strict") if "%" in path else path, fields
    except UnicodeDecodeError:
        raise Refused(_BAD_TARGET) from None


_BAD_TARGET = problem(400, "the path or the query is not percent-encoded UTF-8 text")


def require_strict_parser() -> None:
    """Raises WaybillError unless aiohttp's C parser is in use: the Python one has been fooled by smuggled requests."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise WaybillError(
            "aiohttp runs without its C parser, which the intake requires: unset AIOHTTP_NO_EXTENSIONS and install "
            "aiohttp from a wheel for this platform"
        )


ADMIN_LIMITS = ServerLimits(bytes_max=1024, bodies_bytes_max=64 * 1024, connections_max=64, requests_max=64)


async def admin_server(
    routes: Mapping[str, Callable[[], Awaitable[Answer]]],
    host: str,
    port: int,
    clock: Clock,
    on_error: Callable[[BaseException], None],
) -> tuple[IntakeServer, int]:
    """A started server for GET and HEAD on fixed paths (/health, /ready, /metrics), and its port.

    It has limits of its own, so that a flood at the intake never hides how the engine fares.
    """

    async def handle(inbound: Inbound) -> Answer:
        route = routes.get(inbound.path)
        if route is None:
            return problem(404, "there is nothing at this path")
        if inbound.method not in {"GET", "HEAD"}:
            return problem(405, "this path is only read", (("Allow", "GET, HEAD"),))
        return await route()

    server = IntakeServer(handle, ADMIN_LIMITS, clock, on_error)
    return server, await server.start(host, port)
