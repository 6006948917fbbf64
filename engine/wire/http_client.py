"""The way out: sends one request to a partner and says what came of it.

The answer to "did anything go out?" decides whether the engine may send again, so it is taken from what this room saw
happen, never guessed: `NOT_SENT` only while nothing was written, `UNKNOWN` from the first byte that may have left,
`ANSWERED` once an answer was read. A call gets one connection and writes to it once. Redirects are answers, cookies and
proxies from the environment do not exist. aiohttp's session stood here before; a call through it cost three times the
CPU, and what it repeats by itself (a request on a kept connection that breaks) had to be forbidden from outside. Its
parser is kept. This file refuses to retry, to raise for the network, and to repeat in a reason what a partner or a
library said, since that may quote addresses and contents.
"""

import asyncio
from collections.abc import Mapping

from msgspec import Struct
from yarl import URL

from engine.contract.body import encode_json
from engine.errors import UserError
from engine.model import Failure, Outcome, Request, Sent
from engine.ports import Clock
from engine.wire.dial import Dialer, NotConnected
from engine.wire.exchange import ANSWER_BYTES_MAX, Heading, Unreadable, Unsendable, base_url_faults, decoded
from engine.wire.partner import Heard, Lost
from engine.wire.pool import Pool
from engine.wire.sign_in import Auth, auth_faults, auth_fields


class SystemAddress(Struct, frozen=True):
    """How a partner is reached.

    `timeout_s` bounds every call, whatever its caller allows. `connections_max` bounds those open at once.
    `answer_bytes_max` (at most 5 MiB) bounds an answer as sent and again inflated. `private_networks` lets calls reach
    private and loopback addresses, and these alone without TLS.
    """

    base_url: str
    auth: Auth = None
    timeout_s: float = 10
    private_networks: bool = False
    connections_max: int = 32
    answer_bytes_max: int = ANSWER_BYTES_MAX


class HttpClient:
    """`engine.ports.HttpOut` over HTTP/1.1; one pool of connections for each system.

    The addresses are those of the moment it was made: where they change, make another and close this one once its
    calls have ended. Raises UserError with every fault of every address at once.
    """

    def __init__(self, systems: Mapping[str, SystemAddress], clock: Clock) -> None:
        faults = [f"system {name}: {fault}" for name, system in systems.items() for fault in address_faults(system)]
        if faults:
            raise UserError("\n".join(faults))
        self._partners = {name: _Partner(system, clock) for name, system in systems.items()}
        self._now = clock.monotonic

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        """One call, at most `timeout_s` seconds from here to the last byte of the answer."""
        started = self._now()
        partner = self._partners.get(request.system)
        if partner is None:
            return self._failed(started, Sent.NOT_SENT, None, "the system has no address at the moment")
        timeout_s = min(timeout_s, partner.system.timeout_s)
        try:
            heard = await self._heard(partner, request, timeout_s, started)
        except Unsendable as unsendable:
            return self._failed(started, Sent.NOT_SENT, Failure.UNSENDABLE, str(unsendable))
        except NotConnected as error:
            return self._failed(started, Sent.NOT_SENT, error.failure, error.reason)
        except TimeoutError:
            return self._failed(started, Sent.NOT_SENT, Failure.TIMEOUT_BEFORE, f"no connection in {timeout_s:g} s")
        except Lost as lost:
            late = lost.failure is Failure.TIMEOUT_AFTER
            if not lost.sent:
                failure = Failure.TIMEOUT_BEFORE if late else Failure.CONNECT
                reason = f"not sent in {timeout_s:g} s" if late else "the connection broke before the request was sent"
                return self._failed(started, Sent.NOT_SENT, failure, reason)
            reason = f"no answer in {timeout_s:g} s" if late else lost.reason
            return self._failed(started, Sent.UNKNOWN, lost.failure, reason)
        return self._answered(started, heard, request.read, partner.system.answer_bytes_max)

    async def close(self) -> None:
        """Closes every connection; a call under way ends `UNKNOWN`, a later one is `NOT_SENT`."""
        for partner in self._partners.values():
            partner.pool.close()

    async def _heard(self, partner: "_Partner", request: Request, timeout_s: float, started: float) -> Heard:
        message = partner.message(request)
        connection = partner.pool.take_resting()
        left_s = timeout_s
        if connection is None:
            async with asyncio.timeout(timeout_s):
                connection = await partner.pool.take()
            left_s = max(0.0, timeout_s - (self._now() - started))
        bytes_max = partner.system.answer_bytes_max
        answer = connection.exchange(message, left_s, bytes_max, bare=request.method == "HEAD")
        try:
            return await answer
        except asyncio.CancelledError:
            connection.give_up(answer)
            raise

    def _answered(self, started: float, heard: Heard, read: str, bytes_max: int) -> Outcome:
        body, malformed = None, ""
        if heard.body is None:
            malformed = f"the answer has more than {bytes_max} bytes"
        else:
            try:
                body = decoded(heard.body, heard.headers, heard.status, read, bytes_max)
            except Unreadable as unreadable:
                malformed = str(unreadable)
        return Outcome(
            Sent.ANSWERED,
            status=heard.status,
            headers=heard.headers,
            body=body,
            malformed=malformed,
            took_us=self._took_us(started),
            failure=Failure.MALFORMED if malformed else None,
        )

    def _failed(self, started: float, sent: Sent, failure: Failure | None, reason: str) -> Outcome:
        return Outcome(sent, reason, took_us=self._took_us(started), failure=failure)

    def _took_us(self, started: float) -> int:
        return int((self._now() - started) * 1_000_000)


class _Partner:
    """A system as this client holds it: what stands above its requests, and its connections."""

    def __init__(self, system: SystemAddress, clock: Clock) -> None:
        url = URL(system.base_url, encoded=True)
        encrypted = url.scheme == "https"
        assert url.raw_host is not None
        assert url.port is not None
        dialer = Dialer(
            url.raw_host, url.port, encrypted=encrypted, private_networks=system.private_networks, clock=clock
        )
        self.system = system
        self.heading = Heading(system.base_url, auth_fields(system.auth))
        self.pool = Pool(dialer, system.connections_max, clock)

    def message(self, request: Request) -> bytes:
        """The request as it goes out; raises `Unsendable`."""
        if request.body is None:
            return self.heading.over(request, None)
        try:
            body = encode_json(request.body) if request.written is None else request.written
        except ValueError:  # its text may quote the body
            raise Unsendable("the body of the request cannot be written as JSON") from None
        return self.heading.over(request, body) + body


def address_faults(system: SystemAddress) -> list[str]:
    """What is wrong with an address, without its values."""
    faults = base_url_faults(system.base_url)
    faults += auth_faults(system.auth)
    if system.timeout_s <= 0 or system.connections_max < 1:
        faults.append("timeout_s and connections_max must be above zero")
    if not 0 < system.answer_bytes_max <= ANSWER_BYTES_MAX:
        faults.append(f"answer_bytes_max must be between 1 and {ANSWER_BYTES_MAX}")
    return faults
