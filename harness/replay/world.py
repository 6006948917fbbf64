"""The small world of `harness.world`, over many deliveries in the order and at the times they came.

Each delivery is signed again with a secret of this run and goes through the real intake, at the wall clock of the
recording: a signature or a stamp that was good then is good now. Between two deliveries whatever falls due is done.
Nothing waits for real: an afternoon of traffic takes as long as its work.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from engine.clock import SystemChance
from engine.contract.body import decode_body
from engine.errors import WaybillError
from engine.model import Delivery
from engine.rules.signature import Verification, sign
from engine.run.claim import Ports
from engine.run.intake import Intake, Route, name
from engine.run.load import Loaded
from engine.spec.plan import Plan
from engine.store import Claimed, ClaimRequest, Filter
from engine.store.deliveries import load
from engine.store.readers import read_events
from engine.wire.answers import Answer, Inbound
from harness.recordings.exchange import Became
from harness.replay.recorded import RecordedHttp
from harness.replay.told import Deed, EventTold, Name, Told
from harness.world import BEGIN_AT, CLAIMS_MAX, World, ignore

SECRET: Final = b"signed again for a replay"
SECOND_US: Final = 1_000_000
SHIFT_S_MAX: Final = 3_600
PAGE: Final = 1_000
AT_ONCE_MAX: Final = 32
LEASE_US: Final = 3_600 * SECOND_US


class Sending(Struct, frozen=True):
    """One delivery. `at` is when it came, microseconds since 1970, None: one second after the one before. `origin` says
    what it is, for people; `became` what the recording says became of it."""

    integration: str
    inbound: Inbound
    origin: str
    at: int | None = None
    became: Became | None = None


class ReplayWorld(World):
    """One engine in memory; `recorded` are its partners. Another seed is another chance, another moment, and another
    order of what is due at once: what differs between two seeds is noise."""

    def __init__(self, loaded: Loaded, recorded: RecordedHttp, seed: int = 1, story: str = "") -> None:
        super().__init__(loaded, recorded)
        self.story = story
        self.recorded = recorded
        chance = self.chance = SystemChance(seed)
        self.seed = seed
        # Of the first seed the clock is the recording's own.
        self.shift_us = 0 if seed == 1 else int((1 + chance.uniform() * SHIFT_S_MAX) * SECOND_US)
        self.clock.at = BEGIN_AT + self.shift_us
        self.ports = Ports(self.store, self.committer, self.http, self.ports.live, self.clock, chance, ignore)
        self.intake = Intake(self.store, self.committer, self.clock, ignore, lambda: None, routes(loaded))
        self.origins: dict[int, str] = {}
        self.emitted: dict[int, list[Deed]] = {}
        self.sent: dict[int, Sending] = {}
        self.events = 0
        self.messages = 0

    async def play(self, sendings: Sequence[Sending], speed: int = 1) -> None:
        """Sends them all; `speed` divides the time between two, 0 leaves none."""
        last: int | None = None
        for sending in sendings:
            at = self.clock.at + SECOND_US
            if sending.at is not None:
                gap = 0 if last is None or not speed else max(0, sending.at - last) // speed
                at = sending.at + self.shift_us if last is None else self.clock.at + gap
                last = sending.at
            await self.run_until(at)
            self.clock.at = at
            await self.deliver(sending)
        await self.run_until(None)

    async def deliver(self, sending: Sending) -> None:
        """Hands one delivery to the intake, signed; one of a topic to the store, as whoever emits does."""
        plan = self.loaded.plans[sending.integration]
        if plan.receive.path:
            await self.post(plan, sending.inbound)
        else:
            await self.committer.submit(self.store.accept, name(plan, sending.inbound, self.clock.now()))
        for event in self.new_events(sending.origin):
            self.sent[event] = sending
        await self.run_until(self.clock.at)

    async def post(self, plan: Plan, inbound: Inbound) -> None:
        route = self.intake.routes[plan.receive.path]
        headers = {**inbound.headers, **sign(route.verification, inbound.body, self.clock.now())}
        answers: list[Answer | BaseException] = []
        signed = Inbound("POST", plan.receive.path, headers, inbound.query, inbound.body)
        answered = self.intake(signed, answers.append) or answers[0]
        if isinstance(answered, BaseException):
            raise answered
        if answered.status >= 400:
            raise WaybillError(f"the intake answered {answered.status} to a delivery that was signed for it")

    async def run_until(self, until: int | None) -> None:
        """Does what falls due up to a moment; None: until nothing moves but what waits for people or for news."""
        for _ in range(CLAIMS_MAX * 100):
            claimed = await self.claim()
            if self.goes_on(claimed):
                continue
            due_at = self.next_due_at() if until is None or self.stuck else claimed.next_due_at
            if due_at is None or (until is not None and due_at > until):
                return
            self.clock.at = max(due_at, self.clock.now())
        raise WaybillError("events still move after as many claims as a replay may take")

    async def claim(self) -> Claimed:
        """Walks what is due one at a time; but for the first seed several, in an order that is drawn, as an engine with
        many workers may. Within a key the order stands: the store gives one event of it at a time."""
        if self.seed == 1:
            return await super().claim()
        now = self.clock.now()
        wanted = ClaimRequest(now, AT_ONCE_MAX, now + LEASE_US)
        claimed: Claimed = await self.committer.submit(self.store.claim, wanted)
        for delivery in sorted(claimed.deliveries, key=lambda _: self.chance.uniform()):
            await self.walk(delivery)
        return claimed

    async def walk(self, delivery: Delivery) -> None:
        self.recorded.event = delivery.event
        await super().walk(delivery)
        self.told_to_topics(delivery.event)

    def new_events(self, origin: str) -> list[int]:
        """The events that are new in the store, which came of this."""
        found = [row.event for row in read_events(self.connection, Filter(after=self.events, limit=PAGE * PAGE))]
        for event in found:
            self.origins[event] = origin
        self.events = max((self.events, *found))
        return found

    def told_to_topics(self, event: int) -> None:
        """What the event that walked has emitted."""
        rows = self.connection.execute(
            "SELECT message, topic, id, body FROM message WHERE message > ?", (self.messages,)
        )
        for number, topic, identity, body in rows:
            self.messages = max(self.messages, number)
            self.emitted.setdefault(event, []).append(
                Deed(f"emit {topic}", identity, True, {"body": decode_body(body)})
            )
        self.new_events(self.origins.get(event, ""))

    # ── what it came to ──────────────────────────────────────────────────────────────────────────────────────────────

    def named(self) -> list[tuple[int, Name, str]]:
        """(number, name, status) of all events."""
        turns: Counter[tuple[str, str]] = Counter()
        found = []
        for row in read_events(self.connection, Filter(limit=PAGE * PAGE)):
            label = (row.integration, row.id or "")
            found.append((row.event, Name(*label, turns[label], self.story), row.status.value))
            turns[label] += 1
        return found

    def told(self) -> Told:
        """All events and their deeds."""
        deeds: dict[int, list[Deed]] = {}
        for pair in self.recorded.pairs:
            deeds.setdefault(pair.event, []).append(Deed(pair.operation, pair.identity, pair.effect, pair.content))
        found: Told = {}
        for event, label, status in self.named():
            done = (*deeds.get(event, ()), *self.emitted.get(event, ()))
            found[label] = EventTold(label, self.origins.get(event, ""), status, done)
        return found

    def effects(self, event: int) -> tuple[tuple[str, str], ...]:
        """See `effects_of`."""
        (delivery,) = load(self.connection, [event])
        return effects_of(delivery)


def effects_of(delivery: Delivery) -> tuple[tuple[str, str], ...]:
    """(operation, once) of every effect that an event's story says it had."""
    return tuple(sorted({(step.operation, step.once) for step in delivery.steps if step.once and step.operation}))


def routes(loaded: Loaded) -> dict[str, Route]:
    """The intake's routes, each verified with this run's own secret."""
    found = {}
    for plan in loaded.plans.values():
        if not plan.receive.path:
            continue
        webhooks = loaded.shape(plan.receive.system).webhooks
        verify = None if webhooks is None else webhooks.verify
        assert verify is not None  # a finding forbids the workspace otherwise
        verification = Verification(verify.scheme, verify.header or "", verify.encoding or "base64", (SECRET,))
        found[plan.receive.path] = Route(plan, verification)
    return found
