"""Who sends webhooks in virtual time: each delivery with its ack deadline and its ladder, as providers have them.

A sender believes what it hears: no 2xx in time is a failure, though the engine may have stored the event, and it
delivers again. Every try is signed anew, as providers do. What no webhook brings (an event of a topic) is put in as if
another integration had told it. This file refuses to know what is sent."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from engine.model import Receipt
from engine.rules.signature import sign
from engine.run.intake import Route, named
from engine.spec.plan import Plan
from engine.wire.answers import Answer, Inbound, Reply
from harness.simulation.fates import Fates
from harness.simulation.life import Life
from harness.simulation.loop import SimLoop
from harness.simulation.ports import PowerCut
from harness.simulation.scenario import Fault, Sender, Sending
from harness.simulation.streams import Stream, Streams
from harness.simulation.witness import Witness

WAY_S = (0.001, 0.03)
"""From a sender to the engine, and back."""

LADDERS = {
    "shopify": Sender("", 5.0, (60.0, 300.0, 900.0, 1_800.0, 2_700.0, 2_700.0, 2_700.0, 3_240.0)),
    "stripe": Sender("", 10.0, (300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 36_000.0, 43_200.0, 43_200.0, 64_800.0)),
}
"""By verification scheme. Shopify tries eight times more within four hours and waits five seconds for an answer
(shopify.dev, "HTTPS webhooks"); Stripe goes on for up to three days, ever less often (docs.stripe.com, "Webhooks")."""


class Way(Struct):
    """One delivery that a sender makes, and how far it has come: `tries` are those made, `waits` that the last of them
    may still be answered."""

    index: int
    sending: Sending
    plan: Plan
    route: Route | None
    sender: Sender
    faults: Mapping[str, Fault]
    tries: int = 0
    waits: bool = False
    timer: asyncio.TimerHandle | None = None


class Senders:
    """All deliveries of a run. `life` gives the engine that listens now, None where none does."""

    def __init__(
        self, loop: SimLoop, streams: Streams, witness: Witness, fates: Fates, life: Callable[[], Life | None]
    ) -> None:
        self.loop = loop
        self.witness = witness
        self.fates = fates
        self.life = life
        self.way_s: Stream = streams.of("ways")
        self.acknowledged: set[int] = set()
        self.under_way = 0
        self.kept_back: dict[str, float] = {}

    def begin(
        self,
        sendings: Sequence[Sending],
        plans: Mapping[str, Plan],
        routes: Mapping[str, Route],
        senders: Mapping[str, Sender],
    ) -> None:
        """Sets the time of every first try."""
        counts: Counter[str] = Counter()
        for index, sending in sorted(enumerate(sendings), key=lambda one: (one[1].at_us, one[0])):
            plan = plans[sending.integration]
            route = routes.get(plan.receive.path) if plan.receive.path else None
            sender = senders.get(plan.receive.system) or sender_of(plan.receive.system, route)
            faults = self.fates.of_delivery(sending.integration, counts[sending.integration])
            counts[sending.integration] += 1
            self.set_off(Way(index, sending, plan, route, sender, faults))

    def set_off(self, way: Way) -> None:
        """The first try of a delivery, at its time; the engine is there before the first of all."""
        self.under_way += 1
        self.loop.call_at(max(way.sending.at_us / 1_000_000, self.loop.time()), self.first, way)

    def first(self, way: Way) -> None:
        """A fault may make it late, or a second one, or keep back this one and all that come after it."""
        faults = {} if self.witness.healed else way.faults
        for kind in faults:
            if kind != "ack_lost":
                self.hit(way, kind)
        if "outage" in faults:
            self.kept_back[way.sending.integration] = self.loop.time() + faults["outage"].seconds
        if "duplicate" in faults:
            self.under_way += 1
            self.loop.call_later(faults["duplicate"].seconds, self.deliver, replace(way, faults={}))
        self.loop.call_later(faults["late"].seconds if "late" in faults else 0.0, self.deliver, way)

    # ── one try ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, way: Way) -> None:
        """Sets off for the engine, unless the sender keeps its deliveries back."""
        until_s = 0.0 if self.witness.healed else self.kept_back.get(way.sending.integration, 0.0)
        if until_s > self.loop.time():
            self.loop.call_at(until_s, self.deliver, way)
            return
        way.tries += 1
        way.waits = True
        self.tell(way, "send")
        self.loop.call_later(self.way_s.between(*WAY_S), self.arrive, way, way.tries)

    def arrive(self, way: Way, nth: int) -> None:
        """At the engine, or where one should be."""
        life = self.life()
        if life is None:
            self.failed(way, nth, "connection refused")
            return
        way.timer = self.loop.call_later(way.sender.ack_s, self.failed, way, nth, "no answer in time")
        life.committer.sending = way.index
        try:
            self.hand_over(life, way, partial(self.answered, way, nth))
        except PowerCut:
            pass  # the connection is gone, and the sender waits for what will not come
        finally:
            life.committer.sending = None

    def hand_over(self, life: Life, way: Way, reply: Reply) -> None:
        """One request, signed now; or an event of a topic, as if it had been emitted."""
        now = life.clock.now()
        given = way.sending.inbound
        if way.route is None:
            self.put_in(life, way, now, reply)
            return
        signed = sign(way.route.verification, given.body, now)
        inbound = Inbound("POST", way.plan.receive.path, {**given.headers, **signed}, given.query, given.body)
        answer = life.parts.intake(inbound, reply)
        if answer is not None:
            reply(answer)

    def put_in(self, life: Life, way: Way, now: int, reply: Reply) -> None:
        """What no webhook brings."""
        ports = life.parts.ports

        def done(result: Sequence[Receipt] | BaseException) -> None:
            if isinstance(result, BaseException):
                reply(result)
                return
            life.wake()
            reply(Answer(202))

        arrivals = named(way.plan, way.sending.inbound, now)
        ports.committer.hand_in(ports.store.accept_all, arrivals, done)

    def answered(self, way: Way, nth: int, answer: Answer | BaseException) -> None:
        """The engine has answered; the sender hears it a little later."""
        status = answer.status if isinstance(answer, Answer) else 500
        self.loop.call_later(self.way_s.between(*WAY_S), self.heard, way, nth, status)

    def heard(self, way: Way, nth: int, status: int) -> None:
        if not way.waits or nth != way.tries:
            return
        lost = way.faults.get("ack_lost")
        if lost is not None and nth == 1 and not self.witness.healed:
            self.hit(way, lost.kind)
            return
        if not 200 <= status < 300:
            self.failed(way, nth, f"answered {status}")
            return
        self.tell(way, "answer", status=status)
        self.acknowledged.add(way.index)
        self.end(way)

    def failed(self, way: Way, nth: int, why: str) -> None:
        """As far as the sender knows it was not taken: once more by its ladder, or never again."""
        if not way.waits or nth != way.tries:
            return
        way.waits = False
        if way.timer is not None:
            way.timer.cancel()
        self.tell(way, "answer", detail=why)
        if way.tries > len(way.sender.ladder_s):
            self.tell(way, "given_up")
            self.end(way)
            return
        self.loop.call_later(way.sender.ladder_s[way.tries - 1], self.deliver, way)

    def end(self, way: Way) -> None:
        way.waits = False
        if way.timer is not None:
            way.timer.cancel()
        self.under_way -= 1

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, way: Way, kind: str, *, status: int = 0, detail: str = "") -> None:
        self.witness.tell(
            kind,
            label=way.sending.label,
            system=way.plan.receive.system,
            operation=way.sending.integration,
            nth=way.tries,
            status=status,
            detail=detail,
        )

    def hit(self, way: Way, kind: str) -> None:
        label, system = way.sending.label, way.plan.receive.system
        self.witness.hit(kind, label=label, system=system, operation=way.sending.integration)


def sender_of(system: str, route: Route | None) -> Sender:
    """How a system delivers that nobody says more of."""
    known = LADDERS.get(route.verification.scheme) if route else None
    return replace(known, system=system) if known else Sender(system)
