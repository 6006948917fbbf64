"""Makes a connection to a partner: its name resolved, its addresses tried, the one connected to judged, TLS verified.

Whatever fails here, nothing of a request has gone out. `aiohappyeyeballs` races the addresses (RFC 8305), as it does
inside aiohttp; `egress.py` says of each socket whether it may be made. This file refuses to send, and to keep what it
connected.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address

from aiohappyeyeballs import AddrInfoType, start_connection

from engine.model import Failure
from engine.ports import Clock
from engine.wire.egress import Blocked, guarded_socket
from engine.wire.partner import PartnerConnection

RESOLVED_S = 10.0
"""How long the addresses of a name are used before it is looked up again."""

NEXT_ADDRESS_S = 0.25
"""How long an address may take before the next one is tried beside it."""

Make = Callable[[socket.socket], PartnerConnection]


class NotConnected(Exception):
    """There is no connection, so nothing has gone out. `reason` is for people and quotes nobody."""

    def __init__(self, failure: Failure | None, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


@cache
def tls_context() -> ssl.SSLContext:
    """Verifies certificate and name against the authorities of this machine (or SSL_CERT_FILE); made once, since
    reading them takes a while."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    return context


class Dialer:
    """How one partner is connected to; keeps the addresses of its name for a while."""

    def __init__(self, host: str, port: int, *, encrypted: bool, private_networks: bool, clock: Clock) -> None:
        self._host = host
        self._port = port
        self._tls = tls_context() if encrypted else None
        self._socket = guarded_socket(private_networks=private_networks, encrypted=encrypted)
        self._now = clock.monotonic
        self._known: list[AddrInfoType] = []
        self._known_until = 0.0
        self._lookup: asyncio.Task[list[AddrInfoType] | NotConnected] | None = None

    async def connect(self, make: Make) -> PartnerConnection:
        """A connection ready for a request, or `NotConnected`. As long as it takes: the caller has the deadline."""
        addresses = await self._addresses()
        while True:
            try:
                connected = await start_connection(
                    addresses, happy_eyeballs_delay=NEXT_ADDRESS_S, socket_factory=self._socket
                )
            except (OSError, RuntimeError) as error:  # uvloop has RuntimeErrors for addresses it cannot use
                self._known_until = 0.0  # the partner may have moved
                raise _unconnected(error) from None
            peer = _peer(connected)
            try:
                return await self._set_up(connected, make)
            except OSError as error:
                connected.close()
                addresses = [address for address in addresses if peer and address[4] != peer]
                if not addresses:
                    raise self._not_set_up(error) from None
            except BaseException:
                connected.close()
                raise

    async def _set_up(self, connected: socket.socket, make: Make) -> PartnerConnection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: make(connected),
            sock=connected,
            ssl=self._tls,
            server_hostname=None if self._tls is None else self._host.rstrip("."),
        )
        return connection

    def _not_set_up(self, error: OSError) -> NotConnected:
        if self._tls is None:
            return NotConnected(Failure.CONNECT, "connection reset while connecting")
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = "the partner's TLS certificate is not valid for its name, or not trusted"
            return NotConnected(Failure.TLS, reason)
        return NotConnected(Failure.TLS, "the TLS handshake failed")

    async def _addresses(self) -> list[AddrInfoType]:
        """Where the partner is, best first; each time another of several begins, so that all of them are used."""
        literal = _literal(self._host, self._port)
        if literal is not None:
            return [literal]
        if self._now() < self._known_until:
            self._known = [*self._known[1:], self._known[0]]
            return self._known
        if self._lookup is None:
            self._lookup = asyncio.get_running_loop().create_task(self._look_up())
        # One look-up serves all who wait; it holds a thread until the resolver answers, whoever has given up by then.
        found = await asyncio.shield(self._lookup)
        if isinstance(found, NotConnected):
            raise NotConnected(found.failure, found.reason)
        return found

    async def _look_up(self) -> list[AddrInfoType] | NotConnected:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except (OSError, UnicodeError):  # UnicodeError: a label too long for the name system
            return NotConnected(Failure.DNS, "the partner's name does not resolve")
        finally:
            self._lookup = None
        self._known, self._known_until = list(found), self._now() + RESOLVED_S
        return self._known


def _literal(host: str, port: int) -> AddrInfoType | None:
    """An address written in the URL; None for a name.

    Forms such as 2130706433 or 127.1, which the resolver takes for addresses, are refused: nobody reads them as one.
    """
    if ":" not in host and not host.replace(".", "").isdigit():
        return None
    try:
        address = ip_address(host)
    except ValueError:
        raise NotConnected(
            Failure.UNSENDABLE, "the partner's address is written in a form that is not called"
        ) from None
    if address.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)


def _peer(connected: socket.socket) -> object:
    """The address a socket is connected to; None where it is so no more."""
    try:
        return connected.getpeername()
    except OSError:
        return None


def _unconnected(error: Exception) -> NotConnected:
    """Of the exception only its class and errno are used, its text may quote the request."""
    if isinstance(error, Blocked):
        return NotConnected(Failure.UNSENDABLE, error.reason)
    number = error.errno if isinstance(error, OSError) else None
    return NotConnected(Failure.CONNECT, _CONNECT.get(number or 0, "no connection"))


_CONNECT = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset while connecting",
    errno.ETIMEDOUT: "the connection timed out",
    errno.EHOSTUNREACH: "no route to the partner",
    errno.ENETUNREACH: "no route to the partner",
}
