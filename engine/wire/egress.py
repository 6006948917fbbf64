"""Where a call may go: judged on the address that is connected to, not on the name that led there.

A name can resolve to anything, so can a redirect or a literal; only the socket knows. `guarded_socket` is what makes
one, after resolution and before the connection. The networks are written out here since the tables of Python's
`ipaddress` change between patch releases and call 64:ff9b::/96 and 2002::/16 global, both of which reach IPv4 addresses
inside. This file refuses to resolve names and to connect.
"""

import errno
import socket
from collections.abc import Callable
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohappyeyeballs import AddrInfoType


class Reach(Enum):
    """How far an address is. `NEVER`: nobody's partner lives there, whatever the environment allows."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


class Blocked(OSError):
    """The address may not be called; an OSError, since that is what the race of addresses takes for a failed one."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)
        self.reason = reason


def reach(address: IPv4Address | IPv6Address) -> Reach:
    """Public, private (loopback, RFC 1918, RFC 6598, RFC 4193), or never: link-local, where clouds keep credentials,
    multicast, unspecified, documentation, benchmarking and reserved (RFC 6890 and the IANA registries)."""
    if isinstance(address, IPv4Address):
        return _listed(address, _PRIVATE_4, _NEVER_4)
    inner = address.ipv4_mapped
    if inner is not None:
        return reach(inner)
    if address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    inner = inner or address.sixtofour
    if inner is not None:
        # A gateway leads on to the IPv4 address inside; which gateway, and where it stands, we cannot see.
        return Reach.NEVER if reach(inner) is Reach.NEVER else Reach.PRIVATE
    if address not in _GLOBAL_6:
        return Reach.PRIVATE if any(address in network for network in _PRIVATE_6) else Reach.NEVER
    return _listed(address, (), _NEVER_6)


def guarded_socket(*, private_networks: bool, encrypted: bool) -> Callable[[AddrInfoType], socket.socket]:
    """A factory of sockets that raises `Blocked` for an address that may not be called.

    Private addresses need `private_networks`; without TLS nothing but they may be called at all.
    """

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = info
        distance = reach(ip_address(str(target[0])))
        if distance is Reach.NEVER:
            raise Blocked("the address is link-local, multicast or reserved and is never called")
        if distance is Reach.PRIVATE and not private_networks:
            raise Blocked("the address is private and this environment does not allow private_networks")
        if distance is Reach.PUBLIC and not encrypted:
            raise Blocked("the address is public and base_url is not https")
        return socket.socket(family, kind, protocol)

    return make


def _listed(
    address: IPv4Address | IPv6Address,
    private: tuple[IPv4Network | IPv6Network, ...],
    never: tuple[IPv4Network | IPv6Network, ...],
) -> Reach:
    if any(address in network for network in never):
        return Reach.NEVER
    return Reach.PRIVATE if any(address in network for network in private) else Reach.PUBLIC


_PRIVATE_4 = tuple(
    IPv4Network(network)
    for network in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_NEVER_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_PRIVATE_6 = tuple(IPv6Network(network) for network in ("::1/128", "fc00::/7", "64:ff9b:1::/48"))
_NEVER_6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "3fff::/20"))
