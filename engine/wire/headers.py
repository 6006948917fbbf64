"""Header fields between aiohttp's multidicts and plain mappings, and the check that none smuggles a line.

This file refuses to interpret a field; it only makes them readable text, once each, under lower-case names.
"""

import re
from collections.abc import Collection

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110 §5.6.2."""

UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""What a field's value may not hold: control characters but the tab, and half characters that have no encoding."""


HOP_BY_HOP = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te"}
    | {"trailer", "transfer-encoding", "upgrade"}
)
"""Fields that frame or route a message; one that came from outside would let its author write a second message."""


def lowered(fields: Collection[tuple[str, str]]) -> dict[str, str]:
    """Fields under lower-case names; a repeated one is joined with ", " in the order received (RFC 9110 §5.3).

    aiohttp decodes UTF-8 and leaves other bytes as lone surrogates, which no JSON or database takes later: such a
    value is read again as Latin-1, the older rule, in which every byte is a character.
    """
    plain = {name.lower(): value for name, value in fields}
    if len(plain) == len(fields) and "".join(plain.values()).isascii():
        return plain  # as nearly all are: no name twice, nothing to read again
    plain = {}
    for name, value in fields:
        key = name.lower()
        text = value if value.isascii() else _text(value)
        plain[key] = f"{plain[key]}, {text}" if key in plain else text
    return plain


def is_safe(name: str, value: str) -> bool:
    """Whether a field may be written as it stands: it ends no line and can be encoded."""
    return NAME.fullmatch(name) is not None and UNSAFE.search(value) is None


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("latin-1") if UNSAFE.search(value) else value
