"""RECORDED ANSWERS → a partner: `HttpOut` that answers what was answered when the recording was made.

A request finds its answer by what it is about, not by how many came before it: by the event that makes it, the
operation, the identity in the partner's book (or else the path), and then by occurrence. A cassette of one story is a
*lane*: the first event that finds something in it keeps it to itself. Nothing is answered twice but a 401: that hangs
on credentials, and a replay has no others to read. What is not found is a miss, told with the nearest candidate; the
engine is told that nothing was sent. Systems that the recording knows nothing of are simulated, as everywhere.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from engine.contract.body import BodyError, decode_body
from engine.model import Failure, Outcome, Request, Sent
from engine.run.load import Loaded
from engine.wire.exchange import Unreadable, decoded
from harness.partner import Partner, Received, received_of
from harness.recordings.exchange import BODY_BYTES_MAX, Exchange
from harness.replay.semantic import Leaves, leaves, similarity
from harness.world import SimulatedHttp, base_url

COMPARED_MAX: Final = 200
"""Candidates that one request is compared with, field by field."""
UNAUTHORIZED: Final = 401
MISSED: Final = "no such exchange is left in the recording"
_LANED: Final = ("vcrpy", "ruby-vcr")


class Known(Struct):
    """One recorded exchange with what it is about here. `lane` is empty where the recording is of many events; `by` is
    the event that had its answer, 0 as long as none had."""

    exchange: Exchange
    operation: str
    identity: str
    lane: str
    content: object
    leaves: Leaves
    by: int = 0

    @property
    def kin(self) -> tuple[str, str, str]:
        """What exchanges about one thing share."""
        return self.operation, self.identity, self.lane


class Pair(Struct, frozen=True):
    """A request that was made, and the recorded one whose answer it got; None: a miss. `nearest` says what came nearest
    to a miss."""

    event: int
    operation: str
    identity: str
    effect: bool
    content: object
    known: Known | None
    nearest: str = ""


class RecordedHttp(SimulatedHttp):
    """Answers from recordings, and simulates whom they do not know. `event` is who is walking."""

    def __init__(self, loaded: Loaded, numbers_from: int = 0) -> None:
        self.partners = Partners(loaded, numbers_from)
        systems = {name: document.content for name, document in loaded.workspace.systems.items()}
        self.base_urls = {name: base_url(system, loaded.environment) for name, system in systems.items()}
        self.calls = []
        self.effects = {
            f"{name}.{operation}": shaped.effect != "none"
            for name, system in systems.items()
            for operation, shaped in system.operations.items()
        }
        self.known: list[Known] = []
        self.by_operation: dict[str, list[Known]] = {}
        self.left: dict[tuple[str, str], dict[str, list[Known]]] = {}
        self.recorded: Counter[tuple[str, str, str]] = Counter()
        self.used: Counter[tuple[str, str, str]] = Counter()
        self.systems: set[str] = set()
        self.lanes: dict[str, int] = {}
        self.event = 0
        self.pairs: list[Pair] = []
        self.simulated: Counter[str] = Counter()

    def learn(
        self, loaded: Loaded, exchanges: Iterable[tuple[Exchange, str]], systems: frozenset[str]
    ) -> list[Exchange]:
        """Takes exchanges, each with the kind of its recording; gives back those that no operation here makes.

        A system is known by its host; a host that no environment has (a sandbox) by the one system that has an
        operation of that method and path. Systems beyond `systems` are not meant.
        """
        bases = hosts(loaded)
        others: list[Exchange] = []
        for exchange, kind in exchanges:
            homes = bases.get(exchange.host) or [(name, "") for name in sorted(systems)]
            if exchange.system in loaded.workspace.systems:
                homes = [(exchange.system, base_path(loaded, exchange.system, exchange.path))]
            homes = [home for home in homes if home[0] in systems]
            found = [one for name, prefix in homes if (one := meant(self.partners[name], name, exchange, prefix))]
            if len(found) != 1:
                others.append(exchange)
                continue
            operation, identity, content, prefix = found[0]
            lane = exchange.file if kind in _LANED else ""
            known = Known(exchange, operation, identity, lane, content, frozenset(leaves(content)))
            self.known.append(known)
            self.recorded[known.kin] += 1
            self.by_operation.setdefault(operation, []).append(known)
            thing = operation, identity or clean(exchange.path.removeprefix(prefix))
            self.left.setdefault(thing, {}).setdefault(lane, []).append(known)
            self.systems.add(operation.partition(".")[0])
        return others

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        operation = f"{request.system}.{request.operation}"
        identity = self.partners[request.system].identity_of(received_of(request))
        content = asked(dict(request.query), request.body)
        effect = self.effects.get(operation, True)
        if request.system not in self.systems:
            self.simulated[request.system] += 1
            self.pairs.append(Pair(self.event, operation, identity, effect, content, None))
            return await super().send(request, timeout_s)
        found = self.find(operation, identity, request.path, content)
        if found is None and (refused := self.unauthorized(operation, identity, content)):
            return answer(refused.exchange, request.read)
        nearest = "" if found else self.nearest(operation, content)
        self.pairs.append(Pair(self.event, operation, identity, effect, content, found, nearest))
        if found is None:
            return Outcome(Sent.NOT_SENT, MISSED, failure=Failure.UNSENDABLE)
        found.by = self.event
        self.used[found.kin] += 1
        if found.lane:
            self.lanes[found.lane] = self.event
        return answer(found.exchange, request.read)

    def find(self, operation: str, identity: str, path: str, content: object) -> Known | None:
        """The exchange that is meant: in the event's own lanes, else in one that nobody has yet."""
        left = self.left.get((operation, identity or clean(path)), {})
        open_to_us = (lane for lane in left if self.lanes.get(lane, self.event) == self.event)
        fitting = list(islice((one for lane in open_to_us for one in left[lane]), COMPARED_MAX))
        own = [one for one in fitting if one.lane in self.lanes]
        asked_for = frozenset(leaves(content))
        # Of those alike the first: the order of the recording is that of occurrence.
        found = max(own or fitting, key=lambda one: similarity(one.leaves, asked_for), default=None)
        if found is not None:
            lane = left[found.lane]
            del lane[next(place for place, one in enumerate(lane) if one is found)]
            if not lane:
                del left[found.lane]
        return found

    def unauthorized(self, operation: str, identity: str, content: object) -> Known | None:
        """The 401 that the same request of this event was answered last, where it was."""
        asked_before = self.pairs[-1] if self.pairs else None
        if asked_before is None or asked_before.known is None or asked_before.known.exchange.status != UNAUTHORIZED:
            return None
        same = self.event, operation, identity, content
        before = asked_before.event, asked_before.operation, asked_before.identity, asked_before.content
        return asked_before.known if before == same else None

    def nearest(self, operation: str, content: object) -> str:
        """What a miss came nearest to, and how much of it is used up."""
        candidates = self.by_operation.get(operation, [])
        if not candidates:
            return f"the recording holds no {operation}"
        asked_for = frozenset(leaves(content))
        best = max(candidates[:COMPARED_MAX], key=lambda one: similarity(one.leaves, asked_for))
        return f"nearest is {best.exchange.place}; consumed {self.used[best.kin]} of {self.recorded[best.kin]}"


class Partners(dict[str, Partner]):
    """The partners of a workspace, each made when it is first asked: most replays ask two or three. The numbers that
    they give away begin after `numbers_from`."""

    def __init__(self, loaded: Loaded, numbers_from: int) -> None:
        super().__init__()
        self._loaded = loaded
        self._numbers_from = numbers_from

    def __missing__(self, name: str) -> Partner:
        made = self[name] = Partner(self._loaded.shape(name), self._loaded.resources)
        made.number_from(self._numbers_from)
        return made


def base_path(loaded: Loaded, system: str, path: str) -> str:
    """The path of the base URL, of whichever environment, that a recorded path begins with."""
    bases = (
        urlsplit(base).path.rstrip("/") for base in loaded.shape(system).base_url.values() if isinstance(base, str)
    )
    return max((base for base in bases if path.startswith(base)), key=len, default="")


def hosts(loaded: Loaded) -> dict[str, list[tuple[str, str]]]:
    """Host → (system, path of its base URL)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, document in loaded.workspace.systems.items():
        for base in document.content.base_url.values():
            if isinstance(base, str):
                parts = urlsplit(base)
                found.setdefault(parts.netloc.lower(), []).append((name, parts.path.rstrip("/")))
    return found


def meant(partner: Partner, system: str, exchange: Exchange, prefix: str) -> tuple[str, str, object, str] | None:
    """(operation, identity, what is asked, `prefix`) of a recorded request; None where the system has no such
    operation."""
    if not exchange.path.startswith(prefix):
        return None
    body = data(exchange.body)
    path = exchange.path.removeprefix(prefix)
    received = Received(exchange.method, segments(path), dict(exchange.query), exchange.headers, body)
    operation, identity = partner.about(received)
    return (f"{system}.{operation}", identity or "", asked(dict(exchange.query), body), prefix) if operation else None


def segments(path: str) -> list[str]:
    return [unquote(part) for part in path.strip("/").split("/")]


def clean(path: str) -> str:
    """One spelling of a path."""
    return "/".join(segments(path))


def asked(query: Mapping[str, str], body: object) -> object:
    return {"query": dict(query), "body": body}


def data(raw: bytes) -> object:
    """A recorded body as data; what is no JSON is its length alone."""
    if not raw:
        return None
    try:
        return decode_body(raw)
    except BodyError:
        return {"bytes": len(raw)}


def answer(exchange: Exchange, read: str) -> Outcome:
    """What the engine is told that came of the call."""
    if not exchange.status:
        return Outcome(Sent.UNKNOWN, "no answer was recorded", took_us=exchange.took_us, failure=Failure.LOST)
    headers = {name: value for name, value in exchange.answer_headers.items() if name != "content-encoding"}
    body, malformed = None, ""
    try:
        body = decoded(exchange.answer_body, headers, exchange.status, read, BODY_BYTES_MAX)
    except Unreadable as unreadable:
        malformed = str(unreadable)
    return Outcome(
        Sent.ANSWERED,
        status=exchange.status,
        headers=headers,
        body=body,
        malformed=malformed,
        took_us=exchange.took_us,
        failure=Failure.MALFORMED if malformed else None,
    )
