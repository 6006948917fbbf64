"""The parts that recorders write in many ways: addresses, headers, times, encoded bodies.

Each function takes whatever stands there and gives what it means, or the emptiest value of its type: a recording with a
part missing is still a recording. None of them raises.
"""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from engine.language.times import micros
from engine.wire.inflate import ENCODINGS, Broken, TooLarge, inflate
from harness.recordings.exchange import BODY_BYTES_MAX

_PATH_SAFE = "/%:@!$&'()*+,;=-._~"


NUMBER_MAX: Final = 10**15
STATUS_MAX: Final = 999
MOMENT_MAX: Final = 7_258_118_400_000_000
"""The year 2200: what is said to come later, or before 1970, is no time."""


def text(value: object) -> str:
    """A text; what is none is empty. Halves of surrogate pairs, which nobody could write out again, become U+FFFD."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def whole(value: object, times: int = 1) -> int:
    """A number, so many times, as an int that is not negative; what is none, or beyond all bounds, is 0."""
    try:
        number = int(value) if isinstance(value, str) else value
        if not isinstance(number, int | float | Decimal) or not 0 <= number <= NUMBER_MAX:
            return 0  # before `int`, which would write out every zero of 1e400000000
        return int(number * times)
    except (ValueError, ArithmeticError):
        return 0


def status(value: object) -> int:
    """An HTTP status; 0, no answer, for what is none."""
    number = whole(value)
    return number if number <= STATUS_MAX else 0


def address(url: object) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """(host with its port, path, query) of a URL. Who signs in within it is left out."""
    try:
        parts = urlsplit(text(url))
        query = tuple(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=1_000))
    except ValueError:
        return "", "/", ()
    host = parts.netloc.rpartition("@")[2].lower()
    return host, quote(parts.path or "/", safe=_PATH_SAFE), query


def headers_of(value: object) -> dict[str, str]:
    """Headers as lower-case names and joined values: from `{NAME: value or values}`, or from `[{name, value}]`."""
    found: dict[str, list[str]] = {}
    pairs = (
        value.items()
        if isinstance(value, dict)
        else ((mapping(one).get("name"), mapping(one).get("value")) for one in items(value))
    )
    for name, given in pairs:
        values = given if isinstance(given, list) else [given]
        if isinstance(name, str):
            found.setdefault(text(name).lower(), []).extend(_header_text(one) for one in values if one is not None)
    return {name: ", ".join(values) for name, values in found.items()}


def _header_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else text(str(value))


def moment(value: object) -> int | None:
    """Microseconds since 1970 of an ISO 8601 or HTTP date; None for what is neither, or no time of a recording."""
    if isinstance(value, datetime):
        return _sensible(micros(value if value.tzinfo else value.replace(tzinfo=UTC)))
    written = text(value)
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(written)
            return _sensible(micros(at if at.tzinfo else at.replace(tzinfo=UTC)))
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _sensible(at: int) -> int | None:
    return at if 0 <= at <= MOMENT_MAX else None


def from_base64(value: object) -> bytes:
    try:
        return b64decode(value) if isinstance(value, str | bytes) else b""
    except ValueError:
        return b""


def as_bytes(value: object, encoding: str = "utf-8") -> bytes:
    """A body as it was recorded: bytes, or a text in an encoding that may not be known here."""
    if isinstance(value, bytes):
        return value
    written = value if isinstance(value, str) else ""
    try:
        return written.encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return written.encode("utf-8", "surrogatepass")


def inflated(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A body without its content encoding. Recorders undo it and keep the header, so the bytes decide; what cannot be
    undone stays as it is."""
    for encoding in reversed(headers.get("content-encoding", "").lower().split(",")):
        name = encoding.strip()
        if name in ENCODINGS and (name == "deflate" or body.startswith(b"\x1f\x8b")):
            try:
                body = inflate(body, name, BODY_BYTES_MAX)
            except (Broken, TooLarge):
                return body
    return body
