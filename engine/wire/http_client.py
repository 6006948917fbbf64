"""The way out: sends one request to a partner and says what came of it.

The answer to "did anything go out?" decides whether the engine may send again, so it is taken from what this file saw
happen, never guessed: `NOT_SENT` only while no connection was made, `UNKNOWN` from the first byte that may have left,
`ANSWERED` once an answer was read. aiohttp sends some requests again by itself when a kept-alive connection breaks,
although the partner may have acted on the first: here a call gets one connection, and a second is refused.
Redirects are answers, cookies and proxies from the environment do not exist. This file refuses to retry, to raise for
the network, and to repeat in a reason what a partner or a library said, since that may quote addresses and contents.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Literal

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from msgspec import Struct
from msgspec.structs import replace
from multidict import CIMultiDict
from yarl import URL

from engine.contract.body import encode_json
from engine.errors import UserError
from engine.model import Outcome, Request, Sent
from engine.ports import Clock
from engine.wire.egress import guarded_socket
from engine.wire.exchange import (
    ANSWER_BYTES_MAX,
    Unreadable,
    Unsendable,
    base_url_faults,
    decoded,
    failure,
    fields_fault,
    target,
)
from engine.wire.headers import lowered
from engine.wire.sign_in import Auth, auth_faults, auth_fields


class SystemAddress(Struct, frozen=True):
    """How a partner is reached.

    `timeout_s` bounds every call, whatever its caller allows. `connections_max` bounds those open at once.
    `answer_bytes_max` (at most 5 MiB) bounds an answer as sent and again inflated. `read` says what an answer's body
    is: `json`, or `text` for what is read elsewhere. `private_networks` lets calls reach private and loopback
    addresses, and these alone without TLS.
    """

    base_url: str
    auth: Auth = None
    timeout_s: float = 10
    private_networks: bool = False
    connections_max: int = 32
    answer_bytes_max: int = ANSWER_BYTES_MAX
    read: Literal["json", "text"] = "json"


class HttpClient:
    """`engine.ports.HttpOut` over aiohttp; one pool of connections for each system.

    The addresses are those of the moment it was made: where they change, make another and close this one once its
    calls have ended. Raises UserError with every fault of every address at once.
    """

    def __init__(self, systems: Mapping[str, SystemAddress], clock: Clock) -> None:
        faults = [f"system {name}: {fault}" for name, system in systems.items() for fault in _faults(system)]
        if faults:
            raise UserError("\n".join(faults))
        self._systems = dict(systems)
        self._clock = clock
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._closed = False

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        """One call, at most `timeout_s` seconds from here to the last byte of the answer."""
        started = self._clock.monotonic()
        outcome = await self._sent(request, min(timeout_s, self._systems[request.system].timeout_s))
        return replace(outcome, took_us=int((self._clock.monotonic() - started) * 1_000_000))

    async def close(self) -> None:
        """Closes every connection; a call under way ends `UNKNOWN`, a later one is `NOT_SENT`."""
        self._closed = True
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def _sent(self, request: Request, timeout_s: float) -> Outcome:
        system = self._systems[request.system]
        if self._closed:
            return Outcome(Sent.NOT_SENT, "the engine is stopping")
        fault = fields_fault(request.headers)
        if fault:
            return Outcome(Sent.NOT_SENT, fault)
        try:
            url = target(system.base_url, request)
        except Unsendable as unsendable:
            return Outcome(Sent.NOT_SENT, str(unsendable))
        try:
            body = None if request.body is None else encode_json(request.body)
        except ValueError:  # its text may quote the body
            return Outcome(Sent.NOT_SENT, "the body of the request cannot be written as JSON")
        call = _Call()
        _CALL.set(call)
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                return await self._exchange(system, request, url, body)
        except TimeoutError:
            what = "connection" if call.connecting else "answer"
            # The kernel gives up on a connection with a TimeoutError of its own.
            return call.failed(f"no {what} in {timeout_s:g} s" if deadline.expired() else "the connection timed out")
        except (aiohttp.ClientError, OSError) as error:
            return call.failed(failure(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return call.failed("the engine is stopping")  # not us: aiohttp cancels what waits for a pool being closed

    async def _exchange(self, system: SystemAddress, request: Request, url: URL, body: bytes | None) -> Outcome:
        headers = CIMultiDict(_FIELDS)
        if body is not None:
            headers["Content-Type"] = "application/json"
        for name, value in (*request.headers, *auth_fields(system.auth)):
            headers[name] = value  # the sign-in last: nothing an event holds replaces it
        session = self._session(request.system)
        async with session.request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
            plain = lowered(answer.headers.items())
            outcome = Outcome(Sent.ANSWERED, status=answer.status, headers=plain)
            try:
                raw = await _read(answer, system.answer_bytes_max)
                return replace(outcome, body=decoded(raw, plain, answer.status, system.read, system.answer_bytes_max))
            except Unreadable as unreadable:
                return replace(outcome, malformed=str(unreadable))

    def _session(self, name: str) -> aiohttp.ClientSession:
        # Made at the first call, since aiohttp wants the running loop.
        session = self._sessions.get(name)
        if session is None:
            system = self._systems[name]
            guard = guarded_socket(
                private_networks=system.private_networks, encrypted=system.base_url.startswith("https:")
            )
            session = self._sessions[name] = aiohttp.ClientSession(
                connector=_OneConnection(limit=system.connections_max, socket_factory=guard),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # the whole call has one deadline, in `_sent`
                auto_decompress=False,
                trust_env=False,
            )
        return session


class _Call:
    """What is known of the call under way: whether it asked for its connection, and whether it has it."""

    __slots__ = ("connecting", "connections")

    def __init__(self) -> None:
        self.connecting = False
        self.connections = 0

    def failed(self, reason: str) -> Outcome:
        return Outcome(Sent.NOT_SENT if self.connecting else Sent.UNKNOWN, reason)


_CALL: ContextVar[_Call] = ContextVar("_CALL")


class _Again(aiohttp.ClientError):
    """aiohttp wants to send a request a second time."""


class _OneConnection(aiohttp.TCPConnector):
    """Gives a call its connection once, and knows whether a failed call ever got it.

    It is made so that a change in aiohttp errs on the safe side: were `connect` no longer called, every failure would
    be `UNKNOWN`. Setting the session's private `_retry_connection` would do for the retry alone, and silently stop
    doing so once it is renamed.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 — the library's own signature
    ) -> Connection:
        call = _CALL.get()
        if call.connections:
            raise _Again
        call.connections += 1
        call.connecting = True
        connection = await super().connect(req, traces, timeout)
        call.connecting = False
        return connection


async def _read(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await answer.content.readany():
        size += len(part)
        if size > bytes_max:
            answer.close()  # the rest is not worth reading for the sake of the connection
            raise Unreadable(f"the answer has more than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


def _faults(system: SystemAddress) -> list[str]:
    faults = base_url_faults(system.base_url)
    faults += auth_faults(system.auth)
    if system.timeout_s <= 0 or system.connections_max < 1:
        faults.append("timeout_s and connections_max must be above zero")
    if not 0 < system.answer_bytes_max <= ANSWER_BYTES_MAX:
        faults.append(f"answer_bytes_max must be between 1 and {ANSWER_BYTES_MAX}")
    return faults


_FIELDS = (("Accept", "application/json, */*;q=0.5"), ("Accept-Encoding", "gzip, deflate"), ("User-Agent", "waybill"))
