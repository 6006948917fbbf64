"""The intake: listens, drains, and hands every request to one handler.

It has a connection of its own on aiohttp's parser (`connection.py`), since aiohttp's server routes, wraps, starts a
task and builds a response at the price of the work itself; paths, methods, 404 and 405 are the handler's. What is not
HTTP we take is answered before the handler sees it (`server_request.py`). This file refuses to verify, to decode JSON
and to log: whoever sends decides what is in a request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import http_parser

from engine.errors import UserError, WaybillError
from engine.ports import Clock
from engine.wire.answers import Answer, Inbound, Reply, problem
from engine.wire.connection import Listener
from engine.wire.server_request import Desk, Handle, ServerLimits

__all__ = [
    "Answer",
    "Handle",
    "Inbound",
    "IntakeServer",
    "Reply",
    "ServerLimits",
    "accepts_data",
    "admin_server",
    "problem",
]

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

    `handle` gets every request and gives its answer (see `Handle`); what it raises is answered 500 and handed to
    `on_error`, which also gets the parser's own failures, and must not raise. `accepts` says of a media type
    (lower-case, without parameters, empty if absent) whether a body of it is taken.
    """

    def __init__(
        self,
        handle: Handle,
        limits: ServerLimits,
        clock: Clock,
        on_error: Callable[[BaseException], None],
        accepts: Callable[[str], bool] = accepts_data,
    ) -> None:
        self._desk = Desk(handle, limits, accepts, on_error)
        self._clock = clock
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; gives the port, which the system chooses where `port` is 0. Raises UserError where it cannot."""
        require_strict_parser()
        self._listener = Listener(self._desk, self._clock)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._listener, host, port, backlog=self._desk.limits.connections_max
            )
        except OSError as error:
            await self.stop(0)
            reason = error.strerror or type(error).__name__
            raise UserError(
                f"cannot listen on {host} port {port}: {reason}; choose another port or free this one"
            ) from None
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, drain_s: float) -> None:
        """Stops listening at once, lets requests end for `drain_s` seconds, then cancels what is left."""
        if self._listener is None:
            return
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(GRACE_S)
        self._listener.drain()
        desk = self._desk
        try:
            async with asyncio.timeout(drain_s):
                while desk.serving:
                    desk.quiet.clear()
                    await desk.quiet.wait()
        except TimeoutError:
            for task in desk.work:
                task.cancel()
            await asyncio.gather(*desk.work, return_exceptions=True)
        await self._listener.close(FORCED_STOP_S)
        self._listener = self._server = None


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

    async def handle(inbound: Inbound, _reply: Reply) -> Answer:
        route = routes.get(inbound.path)
        if route is None:
            return problem(404, "there is nothing at this path")
        if inbound.method not in {"GET", "HEAD"}:
            return problem(405, "this path is only read", (("Allow", "GET, HEAD"),))
        return await route()

    server = IntakeServer(handle, ADMIN_LIMITS, clock, on_error)
    return server, await server.start(host, port)
