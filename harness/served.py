"""A simulated partner behind real HTTP, in a process of its own, with the faults that partners have.

    python -m harness.served WORKSPACE SYSTEM --port 0 --seed 7 --faults slow=0.2,cut_after=0.05

prints one JSON line, `{"system", "port", "admin_port"}`, and serves until SIGTERM or SIGINT. Killing an engine never
touches it, so its book is the witness of what happened: `GET /_book` on the admin port gives every effect that stands
with its place in the sequence and its time, `GET /_counts` the counts alone. This file refuses to know what a request
means.
"""

import argparse
import asyncio
import signal
import socket
import struct
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from msgspec import Struct

from engine.clock import SystemClock
from engine.contract.body import BodyError, decode_body, encode_json
from engine.errors import FaultyWorkspace, UserError
from engine.language import Resources
from engine.ports import Clock
from engine.run.load import check
from engine.spec import shape
from engine.wire.files import find_zone, read_files
from engine.wire.headers import lowered
from engine.wire.loop import loop_factory
from harness.faults import BROKEN, Fate, Faults, draw, parse_faults, seeded
from harness.partner import Partner, PartnerAnswer, Received, Row

BODY_BYTES_MAX = 5 << 20
CONNECTIONS_MAX = 1_000
REPEATS_TOLD_APART_MAX = 1_000_000
"""Effects whose repeats are counted; what comes past them meets its first fate again and again."""

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

NO_FAULTS = Faults()
NO_FATE = Fate()

NO_LINGER = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST and drops what was not sent."""


class Entry(Struct, frozen=True):
    """One effect as the served book tells it: `sequence` counts from 1 over all operations, `at` is microseconds."""

    sequence: int
    at: int
    operation: str
    row: Row


class Listeners:
    """Ports that are listened on, and closed together."""

    def __init__(self) -> None:
        self._runners: list[web.ServerRunner] = []

    async def open(self, serve: Serve, host: str, port: int) -> int:
        """Listens; 0 is any free port. Raises UserError where it cannot, and closes all."""
        server = web.Server(serve, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port, backlog=CONNECTIONS_MAX)
        try:
            await site.start()
        except OSError as error:
            await self.close()
            raise UserError(f"cannot listen on {host} port {port}: {error.strerror}; choose another port") from None
        return site.port

    async def close(self) -> None:
        """A request under way is cut off."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()


class ServedPartner:
    """One partner on one port, its book and counts on another. `start` gives (port, admin port)."""

    def __init__(self, partner: Partner, faults: Faults, seed: int, clock: Clock) -> None:
        self.partner = partner
        self.faults = faults
        self.seed = seed
        self.clock = clock
        self.entries: dict[int, Entry] = {}
        self.counts: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._listeners = Listeners()

    async def start(self, host: str, port: int, admin_port: int) -> tuple[int, int]:
        """Listens on both; 0 is any free port. Raises UserError where it cannot."""
        return await self._listeners.open(self.serve, host, port), await self._listeners.open(
            self._admin, host, admin_port
        )

    async def stop(self) -> None:
        """Closes both; a request under way is cut off."""
        await self._listeners.close()

    # ── the partner ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, as it comes."""
        self.counts["requests"] += 1
        raw = await read_body(request.content, BODY_BYTES_MAX)
        if raw is None:
            return fault(413, f"a request has at most {BODY_BYTES_MAX} bytes")
        try:
            received = as_received(request, decode_body(raw) if raw else None)
        except BodyError as error:
            return fault(400, error.message)
        return await self.respond(request, received, raw)

    async def respond(self, request: web.BaseRequest, received: Received, raw: bytes) -> web.StreamResponse:
        """One request that can be read, with what its fate does to it; `raw` is its body as it came."""
        fate = self._fate(received)
        if fate.delay_s:
            self.counts["slow"] += 1
            await asyncio.sleep(fate.delay_s / 2)
        if fate.kind:
            self.counts[fate.kind] += 1
        if fate.kind == "silence_before":
            await asyncio.sleep(self.faults.silence_s)
        if fate.kind in ("cut_before", "silence_before"):
            return cut(request, reset=fate.reset)
        if fate.kind in ("throttle", "error_before"):
            headers = {"Retry-After": str(fate.retry_after_s)} if fate.retry_after_s else None
            return fault(fate.status, "too many requests" if fate.kind == "throttle" else "out of order", headers)
        answer = self.ask(request, received, raw)
        if fate.delay_s:
            await asyncio.sleep(fate.delay_s / 2)
        if fate.kind == "silence_after":
            await asyncio.sleep(self.faults.silence_s)
        if fate.kind in ("cut_after", "silence_after"):
            return cut(request, reset=fate.reset)
        if fate.kind == "error_after":
            return fault(fate.status, "out of order")
        if fate.kind == "truncated":
            return await break_off(request, answer)
        if fate.kind == "invalid":
            return sent(answer.status, BROKEN, {**answer.headers, "content-type": "application/json"})
        return sent(answer.status, answer.raw(), answer.headers)

    def _fate(self, received: Received) -> Fate:
        if self.faults == NO_FAULTS:
            return NO_FATE
        asked = self.partner.recognise(received)
        if asked in self._asked or len(self._asked) < REPEATS_TOLD_APART_MAX:
            self._asked[asked] += 1
        times = self._asked[asked] or 1
        return draw(self.faults, seeded(self.seed, self.partner.name, asked, str(times)), times)

    def ask(self, request: web.BaseRequest, received: Received, raw: bytes) -> PartnerAnswer:  # noqa: ARG002 — for heirs
        """What the partner does and says; its effect is entered in the book."""
        answer = self.partner.answer(received)
        if answer.booked and answer.row is not None:
            self.counts["booked"] += 1
            entry = Entry(self.counts["booked"], self.clock.now(), answer.operation, answer.row)
            self.entries[id(answer.row)] = entry
            if answer.struck is not None:
                self.counts["struck"] += 1
                del self.entries[id(answer.struck)]
        elif answer.row is not None:
            self.counts["repeated"] += 1
        elif not answer.operation:
            self.counts["faulted"] += 1
        return answer

    # ── its book ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _admin(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_counts":
            return told(200, {"system": self.partner.name, **self.counts}, {})
        if request.path != "/_book":
            return fault(404, "there is /_book and /_counts")
        rows = [
            {"sequence": entry.sequence, "at": entry.at, "operation": entry.operation, **entry.row}
            for entry in self.entries.values()
        ]
        return told(200, {"system": self.partner.name, "rows": rows, "doubles": self.partner.doubles()}, {})


async def read_body(stream: aiohttp.StreamReader, bytes_max: int) -> bytes | None:
    """All of a stream, None where it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_any():
        size += len(part)
        if size > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)


def as_received(request: web.BaseRequest, body: object) -> Received:
    path = request.rel_url.raw_path.removeprefix("/")
    return Received(
        method=request.method,
        path=[unquote(segment) for segment in path.split("/")] if path else [],
        query=dict(request.rel_url.query),
        headers=lowered(request.headers.items()),
        body=body,
    )


def told(status: int, body: object, headers: Mapping[str, str]) -> web.Response:
    return sent(status, b"" if body is None else encode_json(body), headers)


def sent(status: int, raw: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=raw, headers={"content-type": "application/json", **headers})


def fault(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return told(status, {"fault": message}, headers or {})


def cut(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    """Ends the connection without an answer; what is returned is never seen."""
    transport = request.transport
    if transport is not None:
        if reset:
            peer = cast("socket.socket", transport.get_extra_info("socket"))
            with suppress(OSError):  # the caller was faster
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()
    return web.Response()


async def break_off(request: web.BaseRequest, answer: PartnerAnswer) -> web.StreamResponse:
    """Sends the head of an answer and a part of its body, then ends the connection."""
    raw = answer.raw()
    begun = web.StreamResponse(status=answer.status, headers={"content-type": "application/json", **answer.headers})
    begun.content_length = len(raw) + 1  # so that also an empty one breaks off
    await begun.prepare(request)
    await begun.write(raw[: len(raw) // 2])
    return cut(request, reset=False)


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────────


def load_partner(root: Path, system: str) -> Partner:
    """The partner that a workspace describes. Raises UserError where it cannot be read or has no such system."""
    return load_partners(root, [system])[0][1]


def load_partners(root: Path, systems: Sequence[str]) -> list[tuple[shape.System, Partner]]:
    """The same of several, in their order, each with what it was made from."""
    checked = check(read_files(root))
    if checked.faults:
        raise FaultyWorkspace(checked.faults)
    resources = Resources(tables=checked.workspace.tables, zones=find_zone)
    found = []
    for system in systems:
        document = checked.workspace.systems.get(system)
        if document is None:
            known = ", ".join(sorted(checked.workspace.systems))
            raise UserError(f"there is no system `{system}` in {root}; known: {known}")
        content: shape.System = document.content
        if not content.operations:
            raise UserError(f"system `{system}` declares no operations, so nothing can be asked of it")
        found.append((content, Partner(content, resources)))
    return found


def stopping() -> asyncio.Event:
    """Set by SIGTERM or SIGINT, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def serve(arguments: argparse.Namespace) -> None:
    partner = load_partner(arguments.workspace, arguments.system)
    served = ServedPartner(partner, parse_faults(arguments.faults), arguments.seed, SystemClock())
    stop = stopping()
    port, admin_port = await served.start(arguments.host, arguments.port, arguments.admin_port)
    if arguments.format == "json":
        told = encode_json({"system": partner.name, "port": port, "admin_port": admin_port}).decode()
    else:
        host = arguments.host
        told = f"{partner.name} answers on http://{host}:{port}, its book is http://{host}:{admin_port}/_book"
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()
    await stop.wait()
    await served.stop()


def run(arguments: argparse.Namespace) -> int:
    """`waybill partner`: serves one partner until it is told to stop."""
    run_loop(serve(arguments))
    return 0


def run_loop(serving: Coroutine[None, None, None]) -> None:
    """Runs it to its end, by the faster loop where there is one."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serving)


def main(argv: Sequence[str] | None = None) -> int:
    """The same for programs: ports are told in a line of JSON, and `waybill` need not be on the path."""
    parser = argparse.ArgumentParser(prog="python -m harness.served", description="Serves one simulated partner.")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("system")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--admin-port", type=int, default=0, help="/_book and /_counts; 0: any free one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="", metavar="NAME=NUMBER,…", help=", ".join(Faults.__struct_fields__))
    parser.set_defaults(format="json")
    try:
        return run(parser.parse_args(argv))
    except UserError as error:
        sys.stderr.write(f"harness.served: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
