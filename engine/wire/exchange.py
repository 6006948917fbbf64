"""The thinking half of the client: a request to a URL, an answer to data, an exception to a reason.

This file refuses to open anything, and to put into a reason what a partner, a library or an event said.
"""

import errno
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlencode

import aiohttp
from yarl import URL

from engine.contract.body import BodyError, BodyLimits, decode_body
from engine.model import Request
from engine.wire.egress import Blocked
from engine.wire.headers import HOP_BY_HOP, is_safe
from engine.wire.inflate import ENCODINGS, Broken, TooLarge, inflate

ANSWER_BYTES_MAX = BodyLimits().bytes_max
"""The most an answer may have: what the JSON reader takes."""

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_METHOD = re.compile(r"[A-Z]{1,16}")


class Unreadable(Exception):
    """The body of an answer cannot be read as declared; the text says why, without its contents."""


class Unsendable(ValueError):
    """A request cannot be put on the wire; the text is fit for a reason."""


def base_url_faults(base_url: str) -> list[str]:
    """What is wrong with the address of a system; the address itself is not repeated, it may hold a password.

    Whether plain http may be called is settled by the address that is connected to (`egress.py`), call by call.
    """
    if not re.fullmatch(r"https?://[!-~]+", base_url):
        return ["base_url is no http or https URL"]
    try:
        url = URL(base_url, encoded=True)
        port = url.port
    except ValueError:
        return ["base_url is no http or https URL"]
    faults = []
    if not url.raw_host or not port:
        faults.append("base_url names no host")
    if url.raw_user is not None or url.raw_password is not None:
        faults.append("base_url holds a user or a password: write them under `auth`, with {secret: NAME}")
    if "?" in base_url or "#" in base_url:
        faults.append("base_url holds a query or a fragment: write them with the operation")
    if not _is_plain_path(url.raw_path or "/"):
        faults.append("the path of base_url holds a character to be percent-encoded, or a segment . or ..")
    return faults


def fields_fault(fields: Iterable[tuple[str, str]]) -> str:
    """Why the header fields of a request cannot be sent, or ""."""
    for name, value in fields:
        if not is_safe(name, value):
            return "a header of the request holds a line break or another character that headers cannot carry"
        if name.lower() in HOP_BY_HOP:
            return f"the header {name.lower()} belongs to the connection and cannot be set by an operation"
    return ""


def target(base_url: str, request: Request) -> URL:
    """The URL of a request; raises `Unsendable`.

    A hole of a path is percent-encoded where it is filled, which leaves `.` and `..` as they are: they would climb
    out of the operation's path at partners that resolve them.
    """
    if not _METHOD.fullmatch(request.method):
        raise Unsendable("the method of the request is no word of capital letters")
    if not _is_plain_path(request.path):
        raise Unsendable("the path of the request is not percent-encoded, or has a segment . or ..")
    text = base_url.removesuffix("/") + request.path
    if request.query:
        try:
            text += "?" + urlencode(request.query, quote_via=quote)
        except UnicodeEncodeError:
            raise Unsendable("the query of the request holds half of a character") from None
    return URL(text, encoded=True)


def _is_plain_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and not any(unquote(part) in {".", ".."} for part in path.split("/"))


def decoded(raw: bytes, headers: Mapping[str, str], status: int, read: str, bytes_max: int) -> object:
    """The body of an answer as data; None where there is none. Raises `Unreadable`.

    `read: json` takes JSON types (application/json, text/json, …+json) and answers that declare no type. Another type
    is unreadable under a 2xx, where a result was promised; under other statuses, where a proxy's page of HTML is what
    to expect, it is no body. `read: text` takes UTF-8, ASCII and Latin-1 as declared.
    """
    raw = _inflated(raw, headers.get("content-encoding", "identity").lower(), bytes_max)
    media_type, _, parameters = headers.get("content-type", "").lower().partition(";")
    media_type = media_type.strip()
    if not raw or raw.isspace():
        return None
    if read == "text":
        return _text(raw, parameters)
    if media_type not in {"", "application/json", "text/json"} and not media_type.endswith("+json"):
        if 200 <= status < 300:
            raise Unreadable("the answer declares a type that is not JSON")
        return None
    try:
        return decode_body(raw)
    except BodyError as error:
        raise Unreadable(error.message) from None


def _inflated(raw: bytes, encoding: str, bytes_max: int) -> bytes:
    if encoding in {"identity", ""}:
        return raw
    if encoding not in ENCODINGS:
        raise Unreadable("the answer has a content encoding that was not asked for")
    try:
        return inflate(raw, encoding, bytes_max)
    except TooLarge:
        raise Unreadable(f"the answer inflates to more than {bytes_max} bytes") from None
    except Broken as broken:
        raise Unreadable(f"the answer cannot be inflated: {broken}") from None


def _text(raw: bytes, parameters: str) -> str:
    declared = re.search(r"charset=\"?([a-z0-9_-]+)", parameters)
    charset = declared[1] if declared else "utf-8"
    # Python knows a hundred codecs, some of which cost a square of their input.
    if charset not in {"utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252"}:
        raise Unreadable("the answer declares a charset that is not read here")
    try:
        return raw.decode(charset)
    except UnicodeDecodeError:
        raise Unreadable("the answer is not text in the charset it declares") from None


def failure(error: BaseException) -> str:
    """A reason for people; of the exception only its class and errno are used, its text may quote the request."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the partner's name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the partner's TLS certificate is not valid for its name, or not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "the TLS handshake failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        return cause.reason if isinstance(cause, Blocked) else _CONNECT.get(cause.errno or 0, "no connection")
    if isinstance(error, aiohttp.InvalidURL):
        return "the partner's address is written in a form that is not called"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not valid HTTP"
    return "the connection broke before an answer"


_CONNECT = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset while connecting",
    errno.ETIMEDOUT: "connection timed out",
    errno.EHOSTUNREACH: "no route to the partner",
    errno.ENETUNREACH: "no route to the partner",
}
