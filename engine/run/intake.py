"""Verify, name, append, answer: everything that happens before the 2xx, and nothing else.

The signature is checked over the raw bytes; only what `id`, `key` and `revision` read is decoded; the store appends;
the sender gets its answer once the append is on disk. A delivery of many events is split and appended whole, or
refused whole. Contract, mapping and calls come after. An authentic request is never refused for what it holds: what
cannot be named is stored and quarantined, because senders delete subscriptions that answer 4xx.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from engine.contract.body import BodyError, decode_body, encode_json
from engine.errors import StoreFull
from engine.language.errors import LanguageError
from engine.model import Arrival, Fact, Receipt
from engine.ports import Clock, Committer, Observer
from engine.rules.order import revision_of
from engine.rules.signature import Verification, verify
from engine.rules.truth import identity_text
from engine.spec.plan import Plan
from engine.store import Store
from engine.wire.answers import Answer, Inbound, Reply, problem

RETRY_LATER = (("Retry-After", "5"),)
SPLIT_ITEMS_MAX = 1000
"""Events of one delivery: they are appended in one transaction."""
SPLIT_BYTES_MAX = 16 << 20
"""All their bodies together: an expression may give each event a copy of what they share."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the intake: the plan it feeds, how its requests are verified, and what an accepted one is
    answered."""

    plan: Plan
    verification: Verification
    status: int = 202
    text: str | None = None


class Intake:
    """Answers inbound requests. `routes` (path → Route) is replaced as a whole by a reload."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        clock: Clock,
        observe: Observer,
        wake: Callable[[], None],
        routes: Mapping[str, Route],
    ) -> None:
        self.store = store
        self.committer = committer
        self.clock = clock
        self.observe = observe
        self.wake = wake
        self.routes = dict(routes)
        self.open = True
        self.full = False

    def __call__(self, inbound: Inbound, reply: Reply) -> Answer | None:
        route = self.routes.get(inbound.path)
        if route is None:
            return problem(404, "nothing listens on this path")
        if inbound.method != "POST":
            return problem(405, "webhooks are POSTed", (("Allow", "POST"),))
        if not self.open:
            return problem(503, "the engine is stopping", RETRY_LATER)
        now = self.clock.now()
        if not verify(route.verification, inbound.headers, inbound.body, now):
            self.observe(Fact("rejected", now, {"integration": route.plan.integration}))
            return problem(401, "the request is not authentic")
        if route.plan.receive.split is None:
            arrival = name(route.plan, inbound, now)
            self.committer.hand_in(self.store.accept, arrival, partial(self.settled, route, now, reply))
            return None
        arrivals = split(route.plan, inbound, now)
        if not arrivals:
            return self.counted(route, 0, 0)
        self.committer.hand_in(self.store.accept_all, arrivals, partial(self.all_settled, route, now, reply))
        return None

    def refused(self, route: Route, began_at: int, reply: Reply, error: BaseException) -> None:
        """Nothing was appended."""
        if not isinstance(error, StoreFull):
            reply(error)
            return
        self.full = True
        self.observe(Fact("refused_full", began_at, {"integration": route.plan.integration}))
        reply(problem(503, "no room for new events", RETRY_LATER))

    def appended(self, route: Route, began_at: int, receipts: Sequence[Receipt]) -> None:
        self.full = False
        took_us = self.clock.now() - began_at
        for receipt in receipts:
            self.observe(Fact(receipt.verdict, began_at, {"integration": route.plan.integration, "took_us": took_us}))

    def settled(self, route: Route, began_at: int, reply: Reply, receipt: Receipt | BaseException) -> None:
        """The append is on disk, or was refused."""
        if isinstance(receipt, BaseException):
            self.refused(route, began_at, reply, receipt)
            return
        self.appended(route, began_at, (receipt,))
        known = receipt.verdict == "duplicate"
        if not known:
            self.wake()
        word = b"duplicate" if known else b"accepted"
        reply(self.answer(route, b'{"status": "%b", "event": "evt-%d"}' % (word, receipt.event), known=known))

    def all_settled(
        self, route: Route, began_at: int, reply: Reply, receipts: Sequence[Receipt] | BaseException
    ) -> None:
        """The events of a split delivery are on disk, or it was refused whole."""
        if isinstance(receipts, BaseException):
            self.refused(route, began_at, reply, receipts)
            return
        self.appended(route, began_at, receipts)
        duplicates = sum(receipt.verdict == "duplicate" for receipt in receipts)
        if duplicates < len(receipts):
            self.wake()
        reply(self.counted(route, len(receipts) - duplicates, duplicates))

    def counted(self, route: Route, new: int, duplicates: int) -> Answer:
        """What a split delivery is answered: how many of its events are new, and how many were known."""
        word = b"accepted" if new or not duplicates else b"duplicate"
        body = b'{"status": "%b", "accepted": %d, "duplicates": %d}' % (word, new, duplicates)
        return self.answer(route, body, known=not new)

    def answer(self, route: Route, body: bytes, *, known: bool) -> Answer:
        """What its sender insists on, else what became of it; 200 where all of it was known."""
        if route.text is not None:
            return Answer(route.status, route.text.encode(), "text/plain; charset=utf-8")
        return Answer(200 if known and route.status == 202 else route.status, body)


def named(plan: Plan, inbound: Inbound, now: int) -> list[Arrival]:
    """Every event of a delivery: the one that it is, or those that it is split into."""
    return [name(plan, inbound, now)] if plan.receive.split is None else split(plan, inbound, now)


def name(plan: Plan, inbound: Inbound, now: int) -> Arrival:
    """The arrival with its id and key, or with the reason why it has none."""
    reason = ""
    body: object = None
    try:
        body = partial_body(plan, inbound.body)
    except BodyError as error:
        reason = f"the body cannot be read: {error.message}"
    scope = {"environment": plan.environment, "headers": inbound.headers, "query": inbound.query, "body": body}
    return arrival(plan, inbound, now, scope, inbound.body, reason)


def split(plan: Plan, inbound: Inbound, now: int) -> list[Arrival]:
    """The events of one delivery. What cannot be split is one event, to be quarantined as it came."""
    scope = {"environment": plan.environment, "headers": inbound.headers, "query": inbound.query}
    receive = plan.receive
    assert receive.split is not None
    try:
        body = decode_body(inbound.body)
        items = receive.split({**scope, "body": body})
    except BodyError as error:
        return [whole(plan, inbound, now, f"the body cannot be read: {error.message}")]
    except LanguageError as error:
        return [whole(plan, inbound, now, f"receive.split: {error.message}")]
    if not isinstance(items, list):
        return [whole(plan, inbound, now, "receive.split gave no list")]
    if len(items) > SPLIT_ITEMS_MAX:
        reason = f"receive.split gave {len(items)} events; there may be {SPLIT_ITEMS_MAX} (SPLIT_ITEMS_MAX)"
        return [whole(plan, inbound, now, reason)]
    arrivals: list[Arrival] = []
    size = 0
    for index, item in enumerate(items):
        raw = encode_json(item)
        size += len(raw)
        if size > SPLIT_BYTES_MAX:
            reason = f"receive.split gave more than {SPLIT_BYTES_MAX >> 20} MiB of events (SPLIT_BYTES_MAX)"
            return [whole(plan, inbound, now, reason)]
        arrivals.append(arrival(plan, inbound, now, {**scope, "body": item, "index": index, "envelope": body}, raw))
    return arrivals


def whole(plan: Plan, inbound: Inbound, now: int, reason: str) -> Arrival:
    """A delivery that could not be split: stored as it came, for a person."""
    return Arrival(
        integration=plan.integration,
        plan=plan.hash,
        id=None,
        key=None,
        headers=inbound.headers,
        query=inbound.query,
        body=inbound.body,
        received_at=now,
        dedupe_for_s=plan.receive.dedupe_for_s,
        reason=reason,
        lane=plan.lane,
    )


def arrival(
    plan: Plan, inbound: Inbound, now: int, scope: Mapping[str, object], body: bytes, reason: str = ""
) -> Arrival:
    """One event as it will be stored: named, or with the reason why it is not."""
    receive = plan.receive
    named: dict[str, str | None] = {}
    for word, value in (("id", receive.id), ("key", receive.key)):
        try:
            named[word] = identity_text(value(scope))
            why = f"receive.{word} gave no text or number"
        except LanguageError as error:
            named[word], why = None, f"receive.{word}: {error.message}"
        if named[word] is None:
            reason = reason or why
    revision = None
    if receive.revision is not None:
        try:
            revision = revision_of(receive.revision(scope))
            why = "receive.revision gave no text or number, nor a list of these"
        except LanguageError as error:
            why = f"receive.revision: {error.message}"
        if revision is None:
            reason = reason or why
    return Arrival(
        integration=plan.integration,
        plan=plan.hash,
        id=named["id"],
        key=named["key"],
        headers=inbound.headers,
        query=inbound.query,
        body=body,
        received_at=now,
        dedupe_for_s=receive.dedupe_for_s,
        reason=reason,
        space=receive.space,
        lane=plan.lane,
        revision=revision,
        keep_newest=receive.keep_newest,
        blocks=receive.blocks,
        envelope=None if receive.split is None else inbound.body,
    )


def partial_body(plan: Plan, raw: bytes) -> object:
    """No more of the body than id, key and revision need; all of it where that is not enough."""
    if plan.receive.extract is not None:
        try:
            return plan.receive.extract(raw)
        except BodyError:
            pass  # not so shaped, or not JSON: the whole decode below says which
    return decode_body(raw)
