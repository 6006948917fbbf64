"""The thinking half of the client: a request to the bytes of its head, an answer to data.

This file refuses to open anything, and to put into a reason what a partner, a library or an event said.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import quote, unquote, urlencode

from yarl import URL

from engine.contract.body import BodyError, BodyLimits, decode_body
from engine.model import Request
from engine.wire.headers import HOP_BY_HOP, is_safe
from engine.wire.inflate import ENCODINGS, Broken, TooLarge, inflate

ANSWER_BYTES_MAX = BodyLimits().bytes_max
"""The most an answer may have: what the JSON reader takes."""

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_METHOD = re.compile(r"[A-Z]{1,16}")
_WITHOUT_BODY = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
"""Methods that say nothing of a body they do not have; the others announce one of 0 bytes (RFC 9110 §8.6)."""


class Unreadable(Exception):
    """The body of an answer cannot be read as declared; the text says why, without its contents."""


class Unsendable(ValueError):
    """A request cannot be put on the wire; the text is fit for a reason."""


def base_url_faults(base_url: str) -> list[str]:
    """What is wrong with the address of a system; the address itself is not repeated, it may hold a password.

    Whether plain http may be called is settled by the address that is connected to (`egress.py`), call by call.
    """
    if not re.fullmatch(r"https?://[!-~]+", base_url):
        return ["base_url is no http or https URL: write for example https://erp.example"]
    try:
        url = URL(base_url, encoded=True)
        port = url.port
    except ValueError:
        return ["base_url is no http or https URL: write for example https://erp.example"]
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


class Heading:
    """What stands above every request to one system: where its paths begin, its host, its sign-in."""

    __slots__ = ("_base", "_fields", "_host", "_sign_in")

    def __init__(self, base_url: str, sign_in: Iterable[tuple[str, str]]) -> None:
        url = URL(base_url, encoded=True)
        self._base = url.raw_path.removesuffix("/")
        self._host = url.host_port_subcomponent or ""
        self._fields = _lines(_FIELDS)
        self._sign_in = _lines(sign_in)

    def over(self, request: Request, body: bytes | None) -> bytes:
        """The line and the header fields of a request, to the empty line; raises `Unsendable`."""
        fields = dict(self._fields)
        if body is not None:
            fields["content-type"] = "Content-Type: application/json\r\n"
        if request.headers:
            fault = fields_fault(request.headers)
            if fault:
                raise Unsendable(fault)
            fields.update(_lines(request.headers))
        fields.update(self._sign_in)  # last: nothing an event holds replaces it
        length = ""
        if body is not None or request.method not in _WITHOUT_BODY:
            length = f"Content-Length: {len(body or b'')}\r\n"
        line = f"{request.method} {self._base}{target(request)} HTTP/1.1\r\nHost: {self._host}\r\n"
        return f"{line}{''.join(fields.values())}{length}\r\n".encode()


def fields_fault(fields: Iterable[tuple[str, str]]) -> str:
    """Why the header fields of a request cannot be sent, or ""."""
    for name, value in fields:
        if not is_safe(name, value):
            return "a header of the request holds a line break or another character that headers cannot carry"
        if name.lower() in HOP_BY_HOP:
            return f"the header {name.lower()} belongs to the connection and cannot be set by an operation"
    return ""


def target(request: Request) -> str:
    """Path and query of a request, below the address of its system; raises `Unsendable`.

    A hole of a path is percent-encoded where it is filled, which leaves `.` and `..` as they are: they would climb
    out of the operation's path at partners that resolve them.
    """
    if not _METHOD.fullmatch(request.method):
        raise Unsendable("the method of the request is no word of capital letters")
    if not _is_plain_path(request.path):
        raise Unsendable("the path of the request is not percent-encoded, or has a segment . or ..")
    if not request.query:
        return request.path
    try:
        return f"{request.path}?{urlencode(request.query, quote_via=quote)}"
    except UnicodeEncodeError:
        raise Unsendable("the query of the request holds half of a character") from None


def _is_plain_path(path: str) -> bool:
    if _PATH.fullmatch(path) is None:
        return False
    if "." not in path and "%" not in path:
        return True
    return not any(unquote(part) in {".", ".."} for part in path.split("/"))


def _lines(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): f"{name}: {value}\r\n" for name, value in fields}


def decoded(raw: bytes, headers: Mapping[str, str], status: int, read: str, bytes_max: int) -> object:
    """The body of an answer as data; None where there is none. Raises `Unreadable`.

    `read: json` takes JSON types (application/json, text/json, …+json) and answers that declare no type. Another type
    is unreadable under a 2xx, where a result was promised; under other statuses, where a proxy's page of HTML is what
    to expect, it is no body. `read: text` takes UTF-8, ASCII and Latin-1 as declared. `read: base64` takes whatever a
    2xx carries as a document; errors stay JSON, so that an operation's `outcomes` can look at them.
    """
    encoding = headers.get("content-encoding")
    if encoding is not None:
        raw = _inflated(raw, encoding.lower(), bytes_max)
    content_type = headers.get("content-type", "")
    if read == "base64" and 200 <= status < 300:
        return document(raw, content_type) if raw else None
    if not raw or raw.isspace():
        return None
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
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


def document(raw: bytes, content_type: str) -> dict[str, object]:
    """A binary document as data, with what it takes to see later whether one was kept whole."""
    return {
        "content_type": content_type or "application/octet-stream",
        "base64": b64encode(raw).decode(),
        "bytes": len(raw),
        "sha256": sha256(raw).hexdigest(),
    }


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


_FIELDS = (("Accept", "application/json, */*;q=0.5"), ("Accept-Encoding", "gzip, deflate"), ("User-Agent", "waybill"))
