"""Undoing gzip and deflate: damaged streams are told apart, and no stream costs more than the bound."""

import gzip
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.inflate import ENCODINGS, MEMBERS_MAX, Broken, TooLarge, inflate

MIB = 1024 * 1024
TEXT = b'{"id": 1}' * 50
GZIP = gzip.compress(TEXT, mtime=0)
ZLIB = zlib.compress(TEXT)
RAW = ZLIB[2:-4]


def flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :]


TAKEN = {
    "gzip": (GZIP, "gzip", TEXT),
    "gzip under its old name": (GZIP, "x-gzip", TEXT),
    "gzip of nothing": (gzip.compress(b""), "gzip", b""),
    "no bytes at all": (b"", "gzip", b""),
    "gzip that names its file": (GZIP[:3] + b"\x08" + GZIP[4:10] + b"a.json\x00" + GZIP[10:], "gzip", TEXT),
    "two members": (GZIP + GZIP, "gzip", TEXT * 2),
    "as many members as may be": (GZIP * MEMBERS_MAX, "gzip", TEXT * MEMBERS_MAX),
    "zlib": (ZLIB, "deflate", TEXT),
    "deflate without a header": (RAW, "deflate", TEXT),
    "gzip in gzip": (gzip.compress(GZIP), "gzip", GZIP),
}


@pytest.mark.parametrize(("raw", "encoding", "text"), TAKEN.values(), ids=TAKEN)
def test_it_inflates(raw: bytes, encoding: str, text: bytes) -> None:
    assert inflate(raw, encoding, MIB) == text


DAMAGED = {
    "no gzip": (b"hello", "gzip", "it is not gzip"),
    "zlib called gzip": (ZLIB, "gzip", "it is not gzip"),
    "another method": (flipped(GZIP, 2), "gzip", "it is not gzip"),
    "a damaged middle": (flipped(GZIP, 14), "gzip", "it is not gzip"),
    "a wrong checksum": (flipped(GZIP, len(GZIP) - 6), "gzip", "it is not gzip"),
    "a wrong length": (flipped(GZIP, len(GZIP) - 2), "gzip", "it is not gzip"),
    "only a head": (GZIP[:10], "gzip", "its gzip data breaks off"),
    "half of a head": (GZIP[:5], "gzip", "its gzip data breaks off"),
    "no checksum": (GZIP[:-8], "gzip", "its gzip data breaks off"),
    "the last byte missing": (GZIP[:-1], "gzip", "its gzip data breaks off"),
    "text after it": (GZIP + b"tail", "gzip", "it is not gzip"),
    "zeros after it": (GZIP + bytes(512), "gzip", "it is not gzip"),
    "half of a second member": (GZIP + GZIP[:20], "gzip", "its gzip data breaks off"),
    "one member too many": (GZIP * (MEMBERS_MAX + 1), "gzip", f"it has more than {MEMBERS_MAX} gzip members"),
    "100,000 empty members": (gzip.compress(b"") * 50_000, "gzip", f"it has more than {MEMBERS_MAX} gzip members"),
    "no deflate": (b"hello", "deflate", "it is not deflate"),
    "gzip called deflate": (GZIP, "deflate", "it is not deflate"),
    "a wrong Adler checksum": (flipped(ZLIB, len(ZLIB) - 1), "deflate", "it is not deflate"),
    "deflate that breaks off": (ZLIB[:-5], "deflate", "its deflate data breaks off"),
    "deflate without a header that breaks off": (RAW[:-3], "deflate", "its deflate data breaks off"),
    "something after deflate": (ZLIB + b"x", "deflate", "something follows its deflate data"),
    "a dictionary that nobody has": (b"\x78\xbb\x00\x00\x00\x01" + RAW, "deflate", "it is not deflate"),
}


@pytest.mark.parametrize(("raw", "encoding", "why"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_is_said_to_be(raw: bytes, encoding: str, why: str) -> None:
    with pytest.raises(Broken) as broken:
        inflate(raw, encoding, MIB)
    assert str(broken.value) == why


def bomb(size: int, wbits: int = 31) -> bytes:
    """Zeros, packed a thousand to one."""
    stream = zlib.compressobj(9, wbits=wbits)
    return b"".join(stream.compress(bytes(MIB)) for _ in range(size // MIB)) + stream.flush()


BOMBS = {
    "a thousand to one": (bomb(64 * MIB), "gzip"),
    "a thousand to one, by deflate": (bomb(64 * MIB, 15), "deflate"),
    "a thousand to one, by deflate without a header": (bomb(64 * MIB, -15), "deflate"),
    "in the last member": (GZIP * (MEMBERS_MAX - 1) + bomb(64 * MIB), "gzip"),
    "each member within the bound, together beyond": (bomb(MIB) * MEMBERS_MAX, "gzip"),
    "one byte too many": (gzip.compress(bytes(MIB + 1)), "gzip"),
}


@pytest.mark.parametrize(("raw", "encoding"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_and_costs_what_the_bound_says(raw: bytes, encoding: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflate(raw, encoding, MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB + 2 * len(raw)
    finally:
        tracemalloc.stop()


def test_a_bomb_in_a_bomb_is_undone_once() -> None:
    """What an encoding says is undone, and nothing that the content may look like."""
    inner = bomb(64 * MIB)
    assert inflate(gzip.compress(inner), "gzip", MIB) == inner


def test_the_bound_itself_is_taken() -> None:
    assert len(inflate(gzip.compress(bytes(MIB)), "gzip", MIB)) == MIB


@given(st.binary(max_size=64), st.sampled_from(sorted(ENCODINGS)), st.integers(0, 500), st.booleans())
def test_whatever_the_bytes_it_ends_in_bytes_or_one_of_two_errors(
    noise: bytes, encoding: str, place: int, begins_well: bool
) -> None:
    good = ZLIB if encoding == "deflate" else GZIP
    raw = good[:place] + noise + good[place:] if begins_well else noise
    with suppress(Broken, TooLarge):
        assert len(inflate(raw, encoding, 1000)) <= 1000
