"""Undoes gzip and deflate within a bound, for both sides of the wire.

aiohttp inflates by itself, and reports a broken stream in ways that become a 500 on one side and an exception with the
peer's data on the other; here it is switched off and the body, already read and bounded, is inflated in one call that
never holds more than the bound. This file refuses to guess an encoding.
"""

import zlib

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""Content codings of RFC 9110 §8.4.1 that are undone here."""

MEMBERS_MAX = 16
"""A gzip file may be several joined (RFC 1952 §2.2); thousands of empty ones would cost a copy of the rest each."""


class Broken(Exception):
    """The bytes are not what their encoding says; the text is fit for the peer."""


class TooLarge(Exception):
    """The bytes inflate to more than the bound."""


def inflate(raw: bytes, encoding: str, bytes_max: int) -> bytes:
    """`raw` without its `encoding` (one of ENCODINGS); raises `Broken`, or `TooLarge` past `bytes_max` bytes."""
    if not raw:
        return raw
    window_bits = _deflate_window(raw) if encoding == "deflate" else 16 + zlib.MAX_WBITS
    parts: list[bytes] = []
    left = bytes_max
    for _ in range(MEMBERS_MAX):
        stream = zlib.decompressobj(window_bits)
        try:
            # One byte more than allowed tells "too large" from "just fits"; a limit of 0 would mean none.
            part = stream.decompress(raw, left + 1)
        except zlib.error:
            raise Broken(f"it is not {encoding}") from None
        left -= len(part)
        if left < 0:
            raise TooLarge
        if not stream.eof:
            raise Broken(f"its {encoding} data breaks off")
        parts.append(part)
        raw = stream.unused_data
        if not raw:
            return b"".join(parts)
        if encoding == "deflate":
            raise Broken("something follows its deflate data")
    raise Broken(f"it has more than {MEMBERS_MAX} gzip members")


def _deflate_window(raw: bytes) -> int:
    """`deflate` means zlib (RFC 1950), yet some senders leave its header out; the header's own checksum tells."""
    if raw[0] & 0x0F == zlib.DEFLATED and int.from_bytes(raw[:2]) % 31 == 0:
        return zlib.MAX_WBITS
    return -zlib.MAX_WBITS
