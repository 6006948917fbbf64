"""A recording proxy: it stands in front of a partner, or of the intake, hands every request on and every answer back,
and writes down what it saw, scrubbed.

Bodies go through as they came, and are held in memory, one request's at a time. What the other side does not answer is
502 here and an exchange without an answer in the recording. This file refuses to change what it hands on, but for the
headers that are between two neighbours.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from engine.errors import UserError
from engine.ports import Clock
from engine.wire.headers import HOP_BY_HOP, lowered
from harness.recordings import parts
from harness.recordings.exchange import BODY_BYTES_MAX, Exchange
from harness.recordings.recorder import Recorder
from harness.recordings.scrub import Scrubber
from harness.served import read_body

TIMEOUT_S: Final = 60.0
CONNECTIONS_MAX: Final = 200


class Proxy:
    """Hands on to `forward`, and records. `start` gives the port it listens on."""

    def __init__(self, forward: str, recorder: Recorder, scrubber: Scrubber, clock: Clock, system: str = "") -> None:
        address = urlsplit(forward)
        if address.scheme not in ("http", "https") or not address.hostname or address.query or address.fragment:
            raise UserError("--forward is an address such as https://api.partner.example/v1, without query")
        self.forward = forward.rstrip("/")
        self.shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
        self.recorder = recorder
        self.scrubber = scrubber
        self.clock = clock
        self.system = system
        self.full = False
        self.unwritten = ""
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; 0 is any free port. Raises UserError where it cannot."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._runner = web.ServerRunner(web.Server(self.serve, access_log=None), shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise UserError(f"cannot listen on {host} port {port}: {error.strerror}; choose another port") from None
        return site.port

    async def stop(self) -> None:
        """Closes both sides; a request under way is cut off after a second."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await read_body(request.content, BODY_BYTES_MAX)
        if body is None:
            return web.Response(status=413, text=f"a request has at most {BODY_BYTES_MAX} bytes")
        url = f"{self.forward}{request.rel_url.raw_path}"
        address = f"{url}?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else url
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        sent_at, began = self.clock.now(), self.clock.monotonic()
        try:
            status, answered, raw = await self.ask(request.method, address, headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.record(request, address, body, (0, {}, b""), sent_at, began)
            return web.Response(status=502, text="whom this proxy stands in front of did not answer")
        self.record(request, address, body, (status, lowered(answered), raw), sent_at, began)
        kept = [(name, value) for name, value in answered if name.lower() not in HOP_BY_HOP]
        response = web.Response(status=status, body=raw)
        response.headers.clear()
        for name, value in kept:
            response.headers.add(name, value)
        return response

    async def ask(
        self, method: str, address: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """(status, headers, body) of the other side's answer."""
        assert self._session is not None
        skipped = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        async with self._session.request(
            method,
            URL(address, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=skipped,
        ) as answer:
            raw = await read_body(answer.content, BODY_BYTES_MAX)
            if raw is None:
                raise aiohttp.ClientError("the answer is too long")
            return answer.status, list(answer.headers.items()), raw

    def record(
        self,
        request: web.BaseRequest,
        address: str,
        body: bytes,
        answer: tuple[int, Mapping[str, str], bytes],
        sent_at: int,
        began: float,
    ) -> None:
        host, path, query = parts.address(address)
        headers = lowered(request.headers.items())
        status, answered, raw = answer
        one = Exchange(
            file="",
            number=0,
            method=request.method,
            host=host,
            path=path,
            query=query,
            headers=headers,
            body=parts.inflated(body, headers),
            status=status,
            answer_headers=answered,
            answer_body=parts.inflated(raw, answered),
            at=sent_at,
            took_us=int((self.clock.monotonic() - began) * 1_000_000),
            system=self.system,
        )
        try:
            self.scrubber.look(one)
            self.full = not self.recorder.write(self.scrubber.scrub(one)) or self.full
        except UserError as error:  # whoever asks through a proxy is answered, whether or not it can be written down
            self.unwritten = str(error)


async def until_stopped(proxy: Proxy, host: str, port: int, tell: Callable[[int], None]) -> None:
    """Records until SIGTERM or SIGINT; the port is told once it listens."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tell(await proxy.start(host, port))
    await stop.wait()
    await proxy.stop()
