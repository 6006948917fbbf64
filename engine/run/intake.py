"""Verify, name, append, answer: everything that happens before the 2xx, and nothing else.

The signature is checked over the raw bytes; only what `id` and `key` read is decoded; the store appends; the sender
gets its answer once the append is on disk. Contract, mapping and calls come after. An authentic request is never
refused for what it holds: what cannot be named is stored and quarantined, because senders delete subscriptions that
answer 4xx.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from engine.contract.body import BodyError, decode_body
from engine.errors import StoreFull
from engine.language.errors import LanguageError
from engine.model import Arrival, Fact, Receipt
from engine.ports import Clock, Committer, Observer
from engine.rules.signature import Verification, verify
from engine.rules.truth import identity_text
from engine.spec.plan import Plan
from engine.store import Store
from engine.wire.answers import Answer, Inbound, Reply, problem

RETRY_LATER = (("Retry-After", "5"),)


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
        arrival = name(route.plan, inbound, now)
        self.committer.hand_in(self.store.accept, arrival, partial(self.settled, route, now, reply))
        return None

    def settled(self, route: Route, began_at: int, reply: Reply, receipt: Receipt | BaseException) -> None:
        """The append is on disk, or was refused."""
        integration = route.plan.integration
        if isinstance(receipt, StoreFull):
            self.full = True
            self.observe(Fact("refused_full", began_at, {"integration": integration}))
            reply(problem(503, "no room for new events", RETRY_LATER))
            return
        if isinstance(receipt, BaseException):
            reply(receipt)
            return
        self.full = False
        took_us = self.clock.now() - began_at
        self.observe(Fact(receipt.verdict, began_at, {"integration": integration, "took_us": took_us}))
        status = route.status
        if receipt.verdict == "duplicate":
            if route.text is None and status == 202:
                status = 200
            reply(self.answer(route, status, b"duplicate", receipt.event))
            return
        self.wake()
        reply(self.answer(route, status, b"accepted", receipt.event))

    def answer(self, route: Route, status: int, word: bytes, event: int) -> Answer:
        if route.text is not None:
            return Answer(status, route.text.encode(), "text/plain; charset=utf-8")
        return Answer(status, b'{"status": "%b", "event": "evt-%d"}' % (word, event))


def name(plan: Plan, inbound: Inbound, now: int) -> Arrival:
    """The arrival with its id and key, or with the reason why it has none."""
    receive = plan.receive
    reason = ""
    body: object = None
    try:
        body = partial_body(plan, inbound.body)
    except BodyError as error:
        reason = f"the body cannot be read: {error.message}"
    scope = {"environment": plan.environment, "headers": inbound.headers, "query": inbound.query, "body": body}
    named: dict[str, str | None] = {}
    for word, value in (("id", receive.id), ("key", receive.key)):
        try:
            named[word] = identity_text(value(scope))
            why = f"receive.{word} gave no text or number"
        except LanguageError as error:
            named[word], why = None, f"receive.{word}: {error.message}"
        if named[word] is None:
            reason = reason or why
    id_, key = named["id"], named["key"]
    return Arrival(
        integration=plan.integration,
        plan=plan.hash,
        id=id_,
        key=key,
        headers=inbound.headers,
        query=inbound.query,
        body=inbound.body,
        received_at=now,
        dedupe_for_s=receive.dedupe_for_s,
        reason=reason,
    )


def partial_body(plan: Plan, raw: bytes) -> object:
    """No more of the body than id and key need; all of it where that is not enough."""
    if plan.receive.extract is not None:
        try:
            return plan.receive.extract(raw)
        except BodyError:
            pass  # not so shaped, or not JSON: the whole decode below says which
    return decode_body(raw)
