"""All partners of a load run in one process: each on its own port, with the quotas and latencies that are declared.

    python -m harness.load.stage.partners WORKSPACE SYSTEM… --seed 7 --latency erp=50ms --faults slow=0.1

prints one JSON line, `{"partners": {SYSTEM: PORT}, "admin_port"}`, and serves until SIGTERM or SIGINT. A partner here
counts what arrives against its own bucket, generous by nothing, and answers 429 with Retry-After past it: an engine
that sends more than it may is told so as it would be in production. Whatever it books it keeps with the digest of the
request, as the engine's ledger has it, so that the two can be held against one another effect by effect.

On the admin port: `/_book?system=NAME`, `/_counts`, `/_seconds?since=UNIX_S` (what was answered in each second). This
file refuses to judge, and to be more patient than the file of a system says.
"""

import argparse
import asyncio
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from engine.clock import SystemClock
from engine.contract.body import BodyError, decode_body, encode_json, sorted_json
from engine.errors import UserError
from engine.ports import Chance, Clock
from engine.rules.calls import DIGEST_BYTES
from engine.spec import shape
from engine.spec.leaves import duration_us
from harness.counting import declared
from harness.faults import Faults, parse_faults, seeded
from harness.load.model import SECOND_US
from harness.partner import Partner, PartnerAnswer, Received, text_of
from harness.recordings.exchange import Exchange
from harness.recordings.read import read_all
from harness.served import Listeners, ServedPartner, fault, load_partners, run_loop, stopping, told

LATENCY_S: Final = 0.005
"""Where nobody says otherwise."""
LATENCIES_MAX: Final = 10_000
"""Observed answer times kept of one operation."""
SECONDS_MAX: Final = 90_000
"""Seconds of which the answers are counted: a day, and some."""
REQUESTS_MAX: Final = 2_000_000
"""Requests that are told apart by one partner; past them its book says that it does not know all."""

Latencies = Mapping[str, tuple[float, ...]]
"""`system.operation` or `system` → seconds, of which one is drawn for each call."""


class Answers:
    """What was answered in each second, by system and status; in a memory that has an end."""

    def __init__(self) -> None:
        self.seconds: dict[int, Counter[str]] = {}

    def count(self, at_s: int, system: str, status: int) -> None:
        counts = self.seconds.get(at_s)
        if counts is None:
            if len(self.seconds) >= SECONDS_MAX:
                del self.seconds[min(self.seconds)]
            counts = self.seconds[at_s] = Counter()
        counts[f"{system} {status or 'none'}"] += 1


class LoadPartner(ServedPartner):
    """One partner under load. `requests` are the digests of what was asked of each row of its book, by the row."""

    def __init__(
        self,
        system: shape.System,
        partner: Partner,
        faults: Faults,
        seed: int,
        clock: Clock,
        latencies: Latencies,
        answers: Answers,
    ) -> None:
        super().__init__(partner, faults, seed, clock)
        self.limits = declared(system, 0.0)
        self.headers = {name: headers_of(system, name) for name in system.operations}
        self.latencies = latencies
        self.answers = answers
        self.requests: dict[int, dict[bytes, None]] = {}
        self.requests_kept = 0
        self.under_way = 0
        self.chance: Chance = seeded(seed, partner.name, "latency")

    async def listen(self, host: str, port: int) -> int:
        """Listens for requests alone; its book is told elsewhere."""
        return await self._listeners.open(self.serve, host, port)

    async def respond(self, request: web.BaseRequest, received: Received, raw: bytes) -> web.StreamResponse:
        operation = self.partner.about(received)[0]
        answer = await self.let_in(request, received, raw, operation)
        gone = request.transport is None or request.transport.is_closing()
        self.answers.count(self.clock.now() // SECOND_US, self.partner.name, 0 if gone else answer.status)
        return answer

    async def let_in(
        self, request: web.BaseRequest, received: Received, raw: bytes, operation: str
    ) -> web.StreamResponse:
        """Answers in its own time, or 429 where a limit is reached."""
        limits = [self.limits[name] for name in ("", operation) if name in self.limits]
        for limit in limits:
            wait_s = limit.refuses(self.clock.monotonic())
            if wait_s is not None:
                self.counts["throttled"] += 1
                return fault(429, "too many requests", {"Retry-After": str(max(1, math.ceil(wait_s)))})
        self.enter(1)
        for limit in limits:
            limit.under_way += 1
        try:
            latency_s = self.latency_s(operation)
            if latency_s:
                await asyncio.sleep(latency_s)
            return await super().respond(request, received, raw)
        finally:
            # Before the answer leaves: who has it may send the next call at once.
            for limit in limits:
                limit.under_way -= 1
            self.enter(-1)

    def enter(self, calls: int) -> None:
        self.under_way += calls
        self.counts["under_way_max"] = max(self.counts["under_way_max"], self.under_way)

    def latency_s(self, operation: str) -> float:
        name = self.partner.name
        seen = self.latencies.get(f"{name}.{operation}") or self.latencies.get(name)
        return seen[int(self.chance.uniform() * len(seen))] if seen else LATENCY_S

    def ask(self, request: web.BaseRequest, received: Received, raw: bytes) -> PartnerAnswer:
        answer = super().ask(request, received, raw)
        if answer.struck is not None:
            self.requests.pop(id(answer.struck), None)
        if answer.row is not None:
            known = self.requests.setdefault(id(answer.row), {})
            digest = digest_of(request, raw, self.headers.get(answer.operation, ()))
            if digest not in known and self.requests_kept < REQUESTS_MAX:
                known[digest] = None
                self.requests_kept += 1
        return answer

    def book(self) -> dict[str, object]:
        """Every effect that stands, without what was answered."""
        rows = [
            {
                "sequence": entry.sequence,
                "at": entry.at,
                "operation": entry.operation,
                "identity": text_of(entry.row["identity"]) or "",
                "requests": [digest.hex() for digest in self.requests.get(place, ())],
            }
            for place, entry in self.entries.items()
        ]
        whole = self.requests_kept < REQUESTS_MAX
        return {"system": self.partner.name, "rows": rows, "doubles": self.partner.doubles(), "whole": whole}


def headers_of(system: shape.System, operation: str) -> tuple[str, ...]:
    """The header fields that a request of an operation has of itself, in their order: the rest is the client's."""
    shaped = system.operations[operation]
    key = system.idempotency if shaped.effect != "none" else None
    return (*shaped.request.headers, *([key.header] if key else []))


def digest_of(request: web.BaseRequest, raw: bytes, headers: Sequence[str]) -> bytes:
    """The digest of a request in the engine's ledger, made of what arrived of it (`engine.rules.calls.written`)."""
    path, _, query = request.raw_path.partition("?")
    fields = [(name, request.headers[name]) for name in headers if name in request.headers]
    head = sorted_json([request.method, path, parse_qsl(query, keep_blank_values=True), fields])
    return sha256(b"%b,%b]" % (head[:-1], raw or b"null")).digest()[:DIGEST_BYTES]


# ── latencies ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_latencies(texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """`erp=50ms`, `erp.create_order=1s` → seconds. Raises UserError."""
    found: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, equals, span = text.partition("=")
        microseconds = duration_us(span) if equals else None
        if microseconds is None or not name:
            raise UserError(f"`{text}` is no latency: write SYSTEM=50ms or SYSTEM.OPERATION=50ms")
        found[name] = (microseconds / SECOND_US,)
    return found


def recorded_latencies(
    exchanges: Sequence[Exchange], partners: Sequence[tuple[shape.System, Partner]]
) -> dict[str, tuple[float, ...]]:
    """How long partners took in recordings, by operation, where these say whose answer it is."""
    found: dict[str, list[float]] = {}
    for exchange in exchanges:
        for system, partner in partners:
            hosts = {urlsplit(url).hostname for url in system.base_url.values() if isinstance(url, str)}
            if not exchange.took_us or (exchange.system != system.system and exchange.host not in hosts):
                continue
            operation = partner.about(as_received(exchange))[0]
            if operation:
                seen = found.setdefault(f"{system.system}.{operation}", [])
                if len(seen) < LATENCIES_MAX:
                    seen.append(exchange.took_us / SECOND_US)
    return {name: tuple(seen) for name, seen in found.items()}


def as_received(exchange: Exchange) -> Received:
    try:
        body = decode_body(exchange.body) if exchange.body else None
    except BodyError:
        body = None
    path = exchange.path.strip("/").split("/")
    return Received(exchange.method, path, dict(exchange.query), dict(exchange.headers), body)


# ── the process ──────────────────────────────────────────────────────────────────────────────────────────────────────


class LoadPartners:
    """All of them, and the port that tells of them."""

    def __init__(
        self,
        partners: Sequence[tuple[shape.System, Partner]],
        faults: Faults,
        seed: int,
        clock: Clock,
        latencies: Latencies,
    ) -> None:
        self.answers = Answers()
        self.served = {
            system.system: LoadPartner(system, partner, faults, seed, clock, latencies, self.answers)
            for system, partner in partners
        }
        self._listeners = Listeners()

    async def start(self, host: str, admin_port: int = 0) -> tuple[dict[str, int], int]:
        """Listens; (system → port, the admin port). Raises UserError where it cannot."""
        ports = {name: await one.listen(host, 0) for name, one in self.served.items()}
        return ports, await self._listeners.open(self.admin, host, admin_port)

    async def stop(self) -> None:
        for one in self.served.values():
            await one.stop()
        await self._listeners.close()

    async def admin(self, request: web.BaseRequest) -> web.StreamResponse:
        query = request.rel_url.query
        if request.path == "/_counts":
            return told(200, {"systems": {name: dict(one.counts) for name, one in self.served.items()}}, {})
        if request.path == "/_seconds":
            since = int(query["since"]) if query.get("since", "").isdecimal() else 0
            seconds = {str(at): dict(counts) for at, counts in self.answers.seconds.items() if at >= since}
            return told(200, {"seconds": seconds}, {})
        if request.path != "/_book":
            return fault(404, "there is /_book?system=NAME, /_counts and /_seconds?since=UNIX_S")
        one = self.served.get(query.get("system", ""))
        if one is None:
            return fault(404, f"say which: /_book?system=NAME, one of {', '.join(self.served)}")
        return told(200, one.book(), {})


async def serve(arguments: argparse.Namespace) -> None:
    partners = load_partners(arguments.workspace, arguments.systems)
    exchanges = [one for recording in read_all(arguments.recordings) for one in recording.exchanges]
    latencies = {**recorded_latencies(exchanges, partners), **read_latencies(arguments.latency)}
    for name in latencies:
        if name.partition(".")[0] not in arguments.systems:
            raise UserError(
                f"a latency is given for `{name}`, which is not served; served: {', '.join(arguments.systems)}"
            )
    served = LoadPartners(partners, parse_faults(arguments.faults), arguments.seed, SystemClock(), latencies)
    stop = stopping()
    ports, admin_port = await served.start(arguments.host, arguments.admin_port)
    sys.stdout.write(encode_json({"partners": ports, "admin_port": admin_port}).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()
    await served.stop()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m harness.load.stage.partners", description="Serves partners under load."
    )
    parser.add_argument("workspace", type=Path)
    parser.add_argument("systems", nargs="+", metavar="SYSTEM")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--admin-port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="", metavar="NAME=NUMBER,…", help=", ".join(Faults.__struct_fields__))
    parser.add_argument("--latency", action="append", default=[], metavar="SYSTEM=50ms")
    parser.add_argument("--recordings", action="append", default=[], type=Path, metavar="PATH", help="whose latencies")
    arguments = parser.parse_args(argv)
    try:
        run_loop(serve(arguments))
    except UserError as error:
        sys.stderr.write(f"harness.load.stage.partners: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
