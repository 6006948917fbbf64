"""Which addresses may be called, as a table; the sockets themselves are tested with the client."""

import random
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from engine.wire.egress import Blocked, Reach, guarded_socket, reach

REACH = {
    Reach.PUBLIC: """
        1.1.1.1 9.255.255.255 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.167.255.255 198.17.255.255
        223.255.255.255 2606:4700:4700::1111 2a00::1 ::ffff:1.1.1.1
    """,
    Reach.PRIVATE: """
        10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.254 172.16.0.0 172.31.255.255
        192.168.0.1 ::1 fc00::1 fdff::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::101:101 64:ff9b::a00:1 64:ff9b:1::1
        2002:101:101::1 2002:7f00:1::
    """,
    Reach.NEVER: """
        0.0.0.0 0.1.2.3 169.254.169.254 192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
        239.1.1.1 240.0.0.1 255.255.255.255 :: ::2 fe80::1 fec0::1 ff02::1 100::1 2001::1 2001:db8::1 3fff::1 5f00::1
        ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: fe80::1%1
    """,
}


@pytest.mark.parametrize(("distance", "text"), [(key, text) for key, texts in REACH.items() for text in texts.split()])
def test_how_far_an_address_is(distance: Reach, text: str) -> None:
    assert reach(ip_address(text)) is distance


def test_nothing_python_calls_local_is_public() -> None:
    """Our tables against the ones of this Python, which differ between releases: ours may only be stricter."""
    chance = random.Random(4711)
    checked = 0
    for _ in range(20_000):
        for address in (IPv4Address(chance.getrandbits(32)), IPv6Address(chance.getrandbits(128))):
            if not address.is_global or address.is_multicast or address.is_reserved:
                assert reach(address) is not Reach.PUBLIC, address
                checked += 1
    assert checked > 10_000


ALLOWED = [
    ("1.1.1.1", False, True, True),
    ("1.1.1.1", True, True, True),
    ("1.1.1.1", True, False, False),
    ("127.0.0.1", False, True, False),
    ("127.0.0.1", True, True, True),
    ("127.0.0.1", True, False, True),
    ("169.254.169.254", True, True, False),
]


@pytest.mark.parametrize(("host", "private_networks", "encrypted", "allowed"), ALLOWED)
def test_a_socket_is_made_only_for_an_address_that_may_be_called(
    host: str, private_networks: bool, encrypted: bool, allowed: bool
) -> None:
    make = guarded_socket(private_networks=private_networks, encrypted=encrypted)
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, 443))
    if allowed:
        make(info).close()
    else:
        with pytest.raises(Blocked) as caught:
            make(info)
        assert host not in caught.value.reason
