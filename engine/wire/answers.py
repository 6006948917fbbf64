"""What the intake is given and what it answers, as values, and how an answer looks on the wire.

This file refuses to touch a socket: `Serializer` gives bytes, others send them.
"""

import json
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus

from msgspec import Struct

from engine.wire.headers import is_safe


class Inbound(Struct, frozen=True):
    """One request, read whole and bounded.

    `path` is decoded text without the query. `headers` has lower-case names, repeated fields joined with ", ".
    `query` is decoded; of a repeated name the first value stands. `body` is inflated, at most `bytes_max` bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class Answer(Struct, frozen=True):
    """An HTTP answer; `Content-Length`, `Date` and `Connection` are added on the wire, not here in `headers`."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Reply = Callable[[Answer | BaseException], None]
"""Takes the answer to one request, in the loop and without waiting; further ones are dropped. An exception is answered
500 and reported. Whether the peer is still there makes no difference to who replies."""


class Refused(Exception):
    """The request ends here with `answer`; `close` says that nothing more of this connection can be trusted or read."""

    def __init__(self, answer: Answer, *, close: bool = False) -> None:
        super().__init__(answer.status)
        self.answer = answer
        self.close = close


def problem(status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An RFC 9457 problem. `detail` is shown to strangers: no internals, nothing of what they sent."""
    body = {"type": "about:blank", "title": _PHRASES[status], "status": status, "detail": detail}
    return Answer(status, json.dumps(body).encode(), "application/problem+json", headers)


class Serializer:
    """Answers as HTTP/1.1. A head is made once for all answers alike until the Date changes: most are alike, and making
    one costs as much as a third of parsing a request."""

    def __init__(self) -> None:
        self._date = ""
        self._heads: dict[tuple[object, ...], bytes] = {}

    def tell_time(self, now_s: int) -> None:
        """Sets the Date of the answers to come, in seconds since 1970."""
        self._date = formatdate(now_s, usegmt=True)
        self._heads.clear()

    def __call__(self, answer: Answer, *, keep: bool, bare: bool = False) -> bytes:
        """`keep`: the connection goes on, `bare`: the head alone, as HEAD asks.

        Raises ValueError for a header that would end its line: our own mistake, better loud than split in two answers.
        """
        alike = (answer.status, answer.content_type, answer.headers, len(answer.body), keep)
        head = self._heads.get(alike)
        if head is None:
            if len(self._heads) >= _HEADS_MAX:
                self._heads.clear()
            head = self._heads[alike] = _head(answer, self._date, keep=keep)
        return head if bare or answer.status in _BODILESS else head + answer.body


def _head(answer: Answer, date: str, *, keep: bool) -> bytes:
    fields = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
    if not answer.content_type.isprintable() or not all(is_safe(name, value) for name, value in answer.headers):
        raise ValueError("a header of the answer holds a control character")
    if answer.status not in _BODILESS:
        fields += f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
    return (
        f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}\r\n"
        f"{fields}Date: {date}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode()


_HEADS_MAX = 256

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

_BODILESS = frozenset({204, 304})
"""RFC 9110 §15: these end with their head, and 204 must not carry a length."""

TOO_MANY = problem(503, "too many requests at once, try again", (("Retry-After", "1"),))
