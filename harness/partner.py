"""A partner made from a system's `operations` alone: what `try`, the tests, the demo and the load talk to.

It answers as its description says it would and keeps a book of what it did, in which a doubled effect shows and what
was taken back no longer stands. An answer of 400 or more did nothing, and books nothing. It judges nobody: credentials
are not looked at, idempotency keys expire when somebody with a clock says so. This file refuses to open a socket, to
read a clock, to draw chance and to invent a fault; `served.py` puts a partner behind real HTTP and adds those."""

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict
from urllib.parse import quote, unquote

from msgspec import Struct

from engine.contract.body import canonical_json, encode_json
from engine.language import LanguageError, Resources, compile_template, compile_value, names_used, variables_used
from engine.language.template_parser import parse_template
from engine.language.template_tree import Body, Choice
from engine.model import Request
from engine.rules.classify import result_of
from engine.rules.truth import truth
from engine.spec import shape
from engine.spec.bind import bind, expression
from engine.spec.plan import Bound
from engine.spec.value import to_value
from engine.wire.exchange import document

ROWS_MAX = 1_000_000
"""Rows of one book; past it the partner answers 507, so that a loop somewhere ends loudly and not by memory."""

NOTHING_DONE = 400
"""From this status on an answer says that nothing was done."""

_HOLE = "[^/]+"

Fill = Callable[[Mapping[str, object]], object]


class Answered(TypedDict):
    """An answer as a row keeps it; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: object


class Row(TypedDict):
    """One effect in a book. `result` is what the operation's `result` gives of the answer."""

    identity: object
    result: object
    answer: Answered


class Received(Struct, frozen=True):
    """A request as the partner gets it: what an operation's `identity` and `answer` see.

    `path` holds the decoded segments after the base URL, `headers` lower-case names, `body` decoded JSON or None.
    """

    method: str
    path: Sequence[str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: object = None


def received_of(request: Request) -> Received:
    """A request of the engine as it arrives, its body as it is."""
    return Received(
        method=request.method,
        path=[unquote(part) for part in request.path.strip("/").split("/")],
        query=dict(request.query),
        headers={name.lower(): value for name, value in request.headers},
        body=request.body,
    )


class PartnerAnswer(Struct, frozen=True):
    """What the partner says. `operation` is empty for a fault, whose body is `{fault: TEXT}`.

    `booked` tells a new row from a repeat; `row` is the row written or repeated, None for what changes nothing.
    `struck` is the row that was taken back. `body` is what the caller reads of it; `read` is `json`, or how the body
    travels else.
    """

    status: int
    headers: Mapping[str, str]
    body: object
    operation: str = ""
    booked: bool = False
    row: Row | None = None
    struck: Row | None = None
    read: str = "json"

    def raw(self) -> bytes:
        """The body as it travels."""
        if self.body is None:
            return b""
        if self.read == "base64":
            assert isinstance(self.body, dict)
            return b64decode(self.body["base64"])
        return str(self.body).encode() if self.read == "text" else encode_json(self.body)


class UnansweredError(Exception):
    """The description has no answer to this request; it is told as a fault."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Book:
    """The effects of one operation that stand, in order, and what a repeat is recognised by. `count` is of all that
    were ever written, so that a number is not given twice."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self.count = 0
        self._rows: dict[int, Row] = {}
        self._by_identity: dict[str, list[Row]] = {}
        self._by_name: dict[str, list[Row]] = {}
        self.by_key: dict[str, tuple[bytes, Row]] = {}

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def write(self, row: Row, identity: str, key: str | None, body: bytes) -> None:
        """Adds a row. The first row of a key stays the one that is found by it."""
        self.count += 1
        self._rows[id(row)] = row
        self._by_identity.setdefault(identity, []).append(row)
        if key is not None:
            self.by_key.setdefault(key, (body, row))
        for name in names(row):
            self._by_name.setdefault(name, []).append(row)

    def strike(self, row: Row) -> None:
        """Takes a row back. A key still finds it: a partner answers a repeat of that call as it did."""
        del self._rows[id(row)]
        for index in (self._by_identity, self._by_name):
            for name in names(row):
                if name in index:
                    index[name] = [one for one in index[name] if one is not row]

    def of_identity(self, identity: str) -> Row | None:
        """The first row of an identity."""
        return next(iter(self._by_identity.get(identity, ())), None)

    def named(self, name: str) -> Row | None:
        """The newest row that has this identity, result, or field of its result: how it stands now."""
        return next(reversed(self._by_name.get(name, ())), None)


def names(row: Row) -> set[str]:
    """What a row is found by."""
    result = row["result"]
    fields = result.values() if isinstance(result, dict) else ()
    return {name for name in map(text_of, (row["identity"], result, *fields)) if name is not None}


class Saying(Struct, frozen=True):
    """One entry of an operation's `answer`, bound. `knows`: its `when` reads `known`."""

    when: Bound | None
    knows: bool
    status: int
    headers: Fill
    body: Fill


class Offer(Struct, frozen=True):
    """One operation as the partner offers it. `holes` counts the variable parts of its path.

    `book` is None where the operation changes nothing; `reads` are the books of the operations that look up or are
    undone with it.
    """

    name: str
    method: str
    path: "re.Pattern[str]"
    holes: int
    identity: Bound | None
    sayings: tuple[Saying, ...]
    result: Bound | None
    repeats: bool
    read: str
    book: Book | None
    reads: tuple[Book, ...]


class Partner:
    """A simulated partner. `answer` takes one request; not to be shared between threads.

    An operation without `answer` says 200 with an empty object. Faults are answers too: 404 where no operation fits
    the request or none of its answers holds, 400 where the description cannot be evaluated over it or gives an effect
    no identity, 422 for an idempotency key that comes with another body. A fault books nothing.
    """

    def __init__(self, system: shape.System, resources: Resources) -> None:
        self.name = system.system
        self._key_header = system.idempotency.header.lower() if system.idempotency else None
        effecting = (name for name, operation in system.operations.items() if operation.effect != "none")
        self._books = {name: Book() for name in effecting}
        self._asked: Counter[str] = Counter()
        self._offers = [
            self._offer(name, operation, system, resources) for name, operation in system.operations.items()
        ]

    def answer(self, received: Received) -> PartnerAnswer:
        """The answer to one request, with what it did to the book."""
        scope = _scope(received)
        try:
            offer = self._find(received, scope)
            if offer.book is None:
                return self._look(offer, scope)
            return self._effect(offer, offer.book, received, scope)
        except UnansweredError as fault:
            return PartnerAnswer(fault.status, {}, {"fault": str(fault)})

    def recognise(self, received: Received) -> str:
        """What the request is about, as text: operation and identity, or method and path where no operation fits."""
        operation, identity = self.about(received)
        return f"{operation} {identity}" if operation else f"{received.method} /{'/'.join(received.path)}"

    def identity_of(self, received: Received) -> str:
        """The identity a request carries, as text; empty where it has none."""
        return self.about(received)[1] or ""

    def about(self, received: Received) -> tuple[str, str | None]:
        """(the operation that a request is for, its identity as text): empty and None where there is none."""
        scope = _scope(received)
        try:
            offer = self._find(received, scope)
        except UnansweredError:
            return "", None
        return offer.name, _identity(offer, scope)[1]

    def forget_key(self, operation: str, key: str) -> None:
        """An idempotency key is over: who sends it again is taken for somebody new."""
        self._books[operation].by_key.pop(key, None)

    def number_from(self, count: int) -> None:
        """Goes on as if it had booked so many before: what it gives away next has the number after."""
        for book in self._books.values():
            book.count = count

    def clear(self) -> None:
        """Begins anew, with empty books and nothing asked."""
        self._asked.clear()
        for book in self._books.values():
            book.clear()

    def book(self) -> dict[str, list[Row]]:
        """Operation → the rows of its book, in the order of the effects."""
        return {name: book.rows() for name, book in self._books.items()}

    def doubles(self) -> dict[str, list[str]]:
        """Operation → the identities, as text, that its book has more than once; operations without any left out."""
        found = {}
        for name, book in self._books.items():
            seen: dict[str, int] = {}
            for row in book.rows():
                identity = text_of(row["identity"]) or ""
                seen[identity] = seen.get(identity, 0) + 1
            twice = [identity for identity, count in seen.items() if count > 1]
            if twice:
                found[name] = twice
        return found

    # ── the description, bound ───────────────────────────────────────────────────────────────────────────────────────

    def _offer(self, name: str, operation: shape.Operation, system: shape.System, resources: Resources) -> Offer:
        body, _, problems = parse_template(operation.request.path.text)
        assert not problems  # a workspace with such a fault is not made into partners
        callers = (caller for caller, other in system.operations.items() if name in helpers(other))
        return Offer(
            name=name,
            method=operation.request.method,
            path=re.compile(_pattern(body)),
            holes=sum(not isinstance(piece, str) for piece in body),
            identity=None if operation.identity is None else expression(operation.identity),
            sayings=tuple(_saying(answer) for answer in operation.answer),
            result=None if operation.result is None else _bound(operation.result, resources),
            repeats=operation.effect == "idempotent",
            read=operation.request.read,
            book=self._books.get(name),
            reads=tuple(self._books[caller] for caller in callers if caller in self._books),
        )

    # ── one request ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self, received: Received, scope: Mapping[str, object]) -> Offer:
        """The operation meant: by method and path, the plainest path first; among equals by the identity."""
        path = "/" + "/".join(quote(segment, safe="") for segment in received.path)
        fitting = [offer for offer in self._offers if offer.method == received.method and offer.path.fullmatch(path)]
        fewest = min((offer.holes for offer in fitting), default=0)
        fitting = [offer for offer in fitting if offer.holes == fewest]
        if len(fitting) > 1:
            fitting = [offer for offer in fitting if _identity(offer, scope)[1] is not None]
        if not fitting:
            raise UnansweredError(404, f"no operation of {self.name} fits this request")
        return fitting[0]

    def _look(self, offer: Offer, scope: dict[str, object]) -> PartnerAnswer:
        """An operation that changes nothing; one that a look-up calls reads the book of its caller. One that has no
        book to count numbers what it is asked: a partner that names its answers gives no name twice."""
        known = self._known(offer, scope)
        if not offer.reads:
            self._asked[offer.name] += 1
        count = sum(book.count for book in offer.reads) if offer.reads else self._asked[offer.name]
        said, _ = self._say(offer, scope, known[1] if known else None, count)
        return _told(offer, said)

    def _known(self, offer: Offer, scope: dict[str, object]) -> tuple[Book, Row] | None:
        """The row that a look-up or an undoing is about, and its book."""
        _, identity = _identity(offer, scope)
        found = ((book, book.named(identity)) for book in offer.reads) if identity is not None else ()
        return next(((book, row) for book, row in found if row is not None), None)

    def _effect(self, offer: Offer, book: Book, received: Received, scope: dict[str, object]) -> PartnerAnswer:
        value, identity = _identity(offer, scope)
        if identity is None:
            raise UnansweredError(400, f"identity of {self.name}.{offer.name} gives no value for this request")
        key = self._key(received)
        body = canonical_json(received.body)
        repeated = self._repeated(offer, book, identity, key, body)
        undone = self._known(offer, scope)
        known = (undone[1] if undone else None) if offer.reads else repeated or book.of_identity(identity)
        if repeated is not None:
            said, knows = self._say(offer, scope, known, book.count)
            said = said if knows else repeated["answer"]
            return _told(offer, said, row=repeated)
        if book.count >= ROWS_MAX:
            raise UnansweredError(507, f"the book of {self.name}.{offer.name} is full")
        said, _ = self._say(offer, scope, known, book.count + 1)
        if said["status"] >= NOTHING_DONE:
            return _told(offer, said)
        row = Row(identity=value, result=_result(offer, said), answer=said)
        book.write(row, identity, key, body)
        if undone is not None:
            undone[0].strike(undone[1])
        return _told(offer, said, row=row, booked=True, struck=undone[1] if undone else None)

    def _key(self, received: Received) -> str | None:
        return received.headers.get(self._key_header) if self._key_header else None

    def _repeated(self, offer: Offer, book: Book, identity: str, key: str | None, body: bytes) -> Row | None:
        """The row that this request repeats, None where it is an effect of its own."""
        if not offer.repeats:
            return None
        if self._key_header is None:
            return book.of_identity(identity)
        if key is None or key not in book.by_key:
            return None
        first, row = book.by_key[key]
        if first != body:
            raise UnansweredError(422, "this idempotency key came before with another body")
        return row

    def _say(self, offer: Offer, scope: dict[str, object], known: Row | None, count: int) -> tuple[Answered, bool]:
        """(the first answer that holds, whether it holds for what is known). `count` numbers this request."""
        if not offer.sayings:
            return Answered(status=200, headers={}, body={}), False
        told = {**scope, "known": known, "n": count}
        try:
            for saying in offer.sayings:
                if saying.when is None or truth(saying.when(told)):
                    headers = saying.headers(told)
                    assert isinstance(headers, dict)
                    texts = {name.lower(): text_of(value) or "" for name, value in headers.items()}
                    body = _read(offer, saying.status, texts, saying.body(told))
                    return Answered(status=saying.status, headers=texts, body=body), saying.knows
        except LanguageError as error:
            raise UnansweredError(400, f"answer of {self.name}.{offer.name}: {error.message}") from None
        raise UnansweredError(404, f"no answer of {self.name}.{offer.name} holds for this request")


def helpers(operation: shape.Operation) -> set[str]:
    """The operations that it is looked up and undone with."""
    return {helper.call for helper in (operation.lookup, operation.undo) if helper}


def text_of(value: object) -> str | None:
    """An identity as text, so that 17 in a body is "17" in a path; null and empty text are none."""
    if value is None or isinstance(value, str):
        return value or None
    return canonical_json(value).decode()


def _read(offer: Offer, status: int, headers: Mapping[str, str], body: object) -> object:
    """What the caller reads of a body. Of a document it is described by the text, or by `{base64: TEXT}`."""
    if offer.read != "base64" or not _is_good(status) or body is None:
        return body
    try:
        raw = body.encode() if isinstance(body, str) else b64decode(body["base64"], validate=True)  # type: ignore[index]
    except (ValueError, TypeError, KeyError):
        raise UnansweredError(400, f"answer of {offer.name}: a document is a text or {{base64: TEXT}}") from None
    return document(raw, headers.get("content-type", ""))


def _told(
    offer: Offer, said: Answered, *, row: Row | None = None, booked: bool = False, struck: Row | None = None
) -> PartnerAnswer:
    read = offer.read if _is_good(said["status"]) else "json"
    return PartnerAnswer(said["status"], said["headers"], said["body"], offer.name, booked, row, struck, read)


def _is_good(status: int) -> bool:
    """Under another status even an operation that reads documents reads JSON."""
    return 200 <= status < 300


def _scope(received: Received) -> dict[str, object]:
    return {
        "method": received.method,
        "path": list(received.path),
        "query": dict(received.query),
        "headers": dict(received.headers),
        "body": received.body,
    }


def _identity(offer: Offer, scope: Mapping[str, object]) -> tuple[object, str | None]:
    """(the identity's value, its text); one that cannot be evaluated over this request gives none."""
    if offer.identity is None:
        return None, None
    try:
        value = offer.identity(scope)
    except LanguageError:
        return None, None
    return value, text_of(value)


def _result(offer: Offer, said: Answered) -> object:
    """What the caller will take for the result; of `input` and `once` the partner knows nothing."""
    scope = {"input": None, "once": None, "status": said["status"], "headers": said["headers"], "body": said["body"]}
    return result_of(offer.result, scope)


def _bound(value: shape.Value, resources: Resources) -> Bound:
    """As a plan binds it: a bare expression may give null, a value with converters says itself what null means."""
    return expression(value) if isinstance(value, shape.Expression) else bind(compile_value(to_value(value), resources))


def _saying(answer: shape.Answer) -> Saying:
    when = answer.when
    return Saying(
        when=None if when is None else expression(when),
        knows=when is not None and "known" in names_used(when.text) | variables_used(when.text),
        status=answer.status,
        headers=_filling(answer.headers.value if answer.headers else {}),
        body=_filling(answer.body.value if answer.body else None),
    )


def _filling(literal: object) -> Fill:
    """Literal data whose texts may have holes → a function of the scope. A filled text stays a text."""
    if isinstance(literal, str):
        template = compile_template(literal)
        return lambda scope: template(scope, {})
    if isinstance(literal, dict):
        fields = [(name, _filling(value)) for name, value in literal.items()]
        return lambda scope: {name: fill(scope) for name, fill in fields}
    if isinstance(literal, list):
        items = [_filling(item) for item in literal]
        return lambda scope: [fill(scope) for fill in items]
    return lambda _scope: literal


def _pattern(body: Body) -> str:
    """A path template as a regular expression over percent-encoded paths; a hole is some of one segment."""
    return "".join(_piece(piece) for piece in body)


def _piece(piece: object) -> str:
    if isinstance(piece, str):
        return re.escape(_encoded(piece))
    if isinstance(piece, Choice):
        return f"(?:{'|'.join(_alternatives(piece))})"
    return _HOLE


def _alternatives(choice: Choice) -> Iterable[str]:
    yield from (_pattern(body) for _, body in choice.branches)
    yield _pattern(choice.otherwise)


def _encoded(path: str) -> str:
    """One spelling for one path: every character but the unreserved ones of RFC 3986 percent-encoded, slashes kept."""
    return "/".join(quote(unquote(segment), safe="") for segment in path.split("/"))
