"""One request of the intake: its head checked, its body gathered within bounds, handed on whole, answered once.

What is not HTTP we take is refused here, before anything else sees it: 400, 408, 413, 415, 417, and 503 when there is
too much at once. Nothing here waits: a body that came with its head, as most do, is handed on in the call that brought
it, and the answer is written by whoever has it. (It was a coroutine and a task for each request once; they cost more
than all that was done in them.) This file refuses to verify, to decode JSON and to log: whoever sends decides what is
in a request.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import StreamReader
from aiohttp.http import HttpVersion10, RawRequestMessage
from msgspec import Struct

from engine.wire.answers import TOO_MANY, Answer, Inbound, Refused, Reply, problem
from engine.wire.headers import lowered
from engine.wire.inflate import ENCODINGS, Broken, TooLarge, inflate

Handle = Callable[[Inbound, Reply], Answer | Coroutine[Any, Any, Answer] | None]
"""Gives the answer at once, or a coroutine that gives it, or None: then it calls the `Reply` when it has one."""


class ServerLimits(Struct, frozen=True):
    """The bounds of a server.

    `bytes_max` holds for a body as sent and again inflated. `bodies_bytes_max` bounds all bodies in memory together,
    `connections_max` and `requests_max` (handed on, not yet answered) how many there are; past them the answer is 503
    with Retry-After. `header_s` and `body_s` are the time a request's head and body may take to arrive, `answer_s` the
    time a peer may take to accept an answer. `idle_s` is how long a connection may rest between requests, `linger_s`
    how long the rest of a refused body is read and dropped so that the answer survives.
    """

    bytes_max: int = 1024 * 1024
    bodies_bytes_max: int = 64 * 1024 * 1024
    connections_max: int = 900
    requests_max: int = 512
    header_s: float = 10
    body_s: float = 10
    answer_s: float = 10
    idle_s: float = 75
    linger_s: float = 2
    line_bytes_max: int = 8 * 1024
    fields_max: int = 128


_TYPES_MAX = 64


class Desk:
    """What the requests of one server share: the handler, the limits, and what is under way.

    `serving` counts the requests whose head has come and whose answer is not written; `quiet` is set when there is
    none.
    """

    def __init__(
        self,
        handle: Handle,
        limits: ServerLimits,
        accepts: Callable[[str], bool],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.handle = handle
        self.limits = limits
        self.accepts = accepts
        self.on_error = on_error
        self.bodies_bytes = 0
        self.handled = 0
        self.serving = 0
        self.quiet = asyncio.Event()
        self.work: set[asyncio.Task[Answer]] = set()
        self._taken: dict[str, bool] = {}

    def takes(self, content_type: str) -> bool:
        """Whether a body of this type is taken; said once for each of the few that are sent."""
        taken = self._taken.get(content_type)
        if taken is None:
            if len(self._taken) >= _TYPES_MAX:
                self._taken.clear()
            media_type = content_type.partition(";")[0].strip().lower()
            taken = self._taken[content_type] = self.accepts(media_type)
        return taken


class Answering(Protocol):
    """What a request needs of its connection."""

    def write_answer(self, answer: Answer, *, keep: bool, bare: bool) -> None:
        """Ends the request under way with its answer, and goes on to the next one if `keep`. A peer that has left is
        nobody's fault. Raises ValueError, and does nothing, where the answer cannot be written."""

    def ask_for_body(self) -> None:
        """Tells a peer that waits to be told (100-continue) to go on."""


class ServerRequest:
    """A request under way; called with its answer, as the `Reply` of its handler."""

    __slots__ = ("_bare", "_connection", "_desk", "_encoding", "_head", "_keep", "_over", "_parts", "_size", "_whole")

    def __init__(self, desk: Desk, connection: Answering, message: RawRequestMessage) -> None:
        desk.serving += 1
        self._desk = desk
        self._connection = connection
        self._bare = message.method == "HEAD"
        # What comes behind an upgrade may be of another protocol, and the parser drops it: nothing is read after one.
        self._keep = not (message.should_close or message.upgrade)
        self._whole = False
        self._over = False
        self._size = 0
        """Bytes of the body that are counted in the desk's `bodies_bytes`."""

    def begin(self, message: RawRequestMessage, content: StreamReader) -> bool:
        """Checks the head and takes what has come of the body; false while more of it is to come."""
        try:
            headers = lowered(message.headers.items())
            whole = content.is_eof()
            self._encoding = self._checked(message.method, headers, whole=whole)
            self._head = (message.method, *_target(message), headers)
            if whole:
                body = content.read_nowait()
                self._count(len(body))
                self._hand_on(body)
                return True
        except Refused as refused:
            self._end(refused.answer, close=refused.close)
            return True
        self._parts: list[bytes] = []
        if "expect" in headers and message.version > HttpVersion10:
            self._connection.ask_for_body()
        return self.gather(content)

    def gather(self, content: StreamReader) -> bool:
        """Takes what has come of the body since; false while more of it is to come."""
        try:
            part = content.read_nowait()
            self._count(len(part))
            self._parts.append(part)
            if not content.is_eof():
                return False
            self._hand_on(b"".join(self._parts))
        except Refused as refused:
            self._end(refused.answer, close=refused.close)
        return True

    def refuse(self, answer: Answer) -> None:
        """Ends a request whose body came late or broken."""
        self._end(answer, close=True)

    def lose(self) -> None:
        """The peer has left: what is not whole will never be. What is handed on is done all the same."""
        if not self._whole and not self._over:
            self._settle()

    def __call__(self, answer: Answer | BaseException) -> None:
        if self._over:
            return
        self._desk.handled -= 1
        if isinstance(answer, BaseException):
            self._desk.on_error(answer)
            answer = _FAILED
        self._end(answer)

    def _end(self, answer: Answer, *, close: bool = False) -> None:
        keep = self._keep and not close
        try:
            self._connection.write_answer(answer, keep=keep, bare=self._bare)
        except ValueError as error:
            self._desk.on_error(error)
            self._connection.write_answer(_FAILED, keep=keep, bare=self._bare)
        self._settle()

    def _settle(self) -> None:
        """Gives back what the request took of the desk."""
        self._over = True
        desk = self._desk
        desk.bodies_bytes -= self._size
        desk.serving -= 1
        if not desk.serving:
            desk.quiet.set()

    def _hand_on(self, body: bytes) -> None:
        desk = self._desk
        if self._encoding:
            body = self._inflated(body)
            desk.bodies_bytes += len(body) - self._size
            self._size = len(body)
        if desk.handled >= desk.limits.requests_max:
            raise Refused(TOO_MANY)
        desk.handled += 1
        self._whole = True
        method, path, query, headers = self._head
        try:
            answer = desk.handle(Inbound(method, path, headers, query, body), self)
        except Exception as error:  # noqa: BLE001 — whatever it was, the sender gets an answer and we hear of it
            self(error)
            return
        if isinstance(answer, Answer):
            self(answer)
        elif answer is not None:
            task = asyncio.get_running_loop().create_task(answer)
            desk.work.add(task)
            task.add_done_callback(self._worked)

    def _worked(self, task: "asyncio.Task[Answer]") -> None:
        self._desk.work.discard(task)
        if task.cancelled():  # at the end of a drain: the connection is closed without a word
            self._desk.handled -= 1
            self._settle()
        else:
            self(task.exception() or task.result())

    def _checked(self, method: str, headers: Mapping[str, str], *, whole: bool) -> str:
        """Refuses by the head alone; gives the content coding to undo, or "". `whole`: the body's length is known."""
        if method == "CONNECT":
            raise Refused(problem(400, "this is no proxy"), close=True)
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding == "identity":
            encoding = ""
        elif encoding not in ENCODINGS:
            raise Refused(problem(415, "the content encoding must be gzip, deflate or identity"), close=True)
        if not self._desk.takes(headers.get("content-type", "")):
            raise Refused(problem(415, "a body of this content type is not taken here"), close=True)
        if not whole and int(headers.get("content-length", "0")) > self._desk.limits.bytes_max:
            raise Refused(self._too_large(), close=True)
        if "expect" in headers and headers["expect"].lower() != "100-continue":
            raise Refused(problem(417, "the only expectation met here is 100-continue"), close=True)
        return encoding

    def _count(self, more: int) -> None:
        """Counts a part of the body in, or refuses the request: what has come is never more than what is counted."""
        desk = self._desk
        if self._size + more > desk.limits.bytes_max:
            raise Refused(self._too_large(), close=True)
        if desk.bodies_bytes + more > desk.limits.bodies_bytes_max:
            raise Refused(TOO_MANY, close=True)
        desk.bodies_bytes += more
        self._size += more

    def _inflated(self, body: bytes) -> bytes:
        try:
            return inflate(body, self._encoding, self._desk.limits.bytes_max)
        except TooLarge:
            raise Refused(self._too_large()) from None
        except Broken as broken:
            raise Refused(problem(400, f"the body cannot be decoded: {broken}")) from None

    def _too_large(self) -> Answer:
        return problem(413, f"the body may have {self._desk.limits.bytes_max} bytes, compressed or not")


_FAILED = problem(500, "the request could not be handled")
_BAD_TARGET = problem(400, "the path or the query is not percent-encoded UTF-8 text")


def _target(message: RawRequestMessage) -> tuple[str, Mapping[str, str]]:
    """The path as text and the query as a mapping; 400 unless it is percent-encoded UTF-8 without NUL or fragment."""
    target = message.path
    if not target.startswith("/"):  # the absolute form, as for a proxy
        url = message.url
        target = f"{url.raw_path}?{url.raw_query_string}"
    path, _, query = target.partition("?")
    if not target.isascii() or "%00" in target or "#" in target:
        raise Refused(_BAD_TARGET)
    fields: dict[str, str] = {}
    try:
        if query:
            for name, value in parse_qsl(query, keep_blank_values=True, errors="strict"):
                fields.setdefault(name, value)
        return unquote(path, errors="strict") if "%" in path else path, fields
    except UnicodeDecodeError:
        raise Refused(_BAD_TARGET) from None
