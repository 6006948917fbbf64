"""A WORKSPACE, RECORDINGS and A SEED → THE MESSAGES OF A RUN: signed requests, made before the first is sent.

Samples are what the specs' examples bring to `done`, or the deliveries of given recordings; for an integration that has
neither they are drawn from its contract. Each message tells of another thing, under names of its own, or of a later
state of one told before: `repeat` is their share, `hot` the share of the things that they tell of. What names a thing
is found as `prove` finds it, and the sample cut there once (`patterns.py`). This file refuses to make what the engine
would not take on, and to send to integrations that receive topics.
"""

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlencode

from engine.clock import SystemClock
from engine.contract.body import decode_body
from engine.errors import UserError
from engine.rules.signature import Verification, sign
from engine.run import intake
from engine.run.load import Loaded
from engine.spec import shape
from engine.store.deliveries import load
from engine.wire.answers import Inbound
from engine.wire.headers import is_safe
from harness.load.model import Message
from harness.load.send.patterns import Kind, Numbering, Pattern
from harness.prove.drawn import drawn
from harness.prove.news import Document, Sample, Teller, inbound_of, samples_of
from harness.prove.once import once_leaves
from harness.prove.places import Place, at
from harness.recordings.exchange import Recording
from harness.replay.traffic import parted
from harness.replay.world import effects_of
from harness.trial import read_event
from harness.world import SimulatedHttp, World, run

SAMPLES_MAX: Final = 24
"""Of one integration; a recording of a day holds a hundred thousand that differ by their numbers alone."""
MANY: Final = 10_000_019
"""So many messages on, names are still such as the contract allows."""
HOST: Final = "localhost"
OURS: Final = frozenset(
    ("host", "content-length", "connection", "transfer-encoding", "content-encoding", "expect", "te", "upgrade")
)
"""Headers of a recorded request that say how it was sent then."""

Now = Callable[[int], int]
"""Number of a message → when it is signed, microseconds since 1970: about when it is due, for stamps that expire."""


class Lane:
    """One integration that is sent to, and its samples cut open."""

    def __init__(self, teller: Teller, route: Verification, weight: int) -> None:
        self.teller = teller
        self.plan = teller.plan
        self.verification = route
        self.weight = weight
        self.patterns: list[Pattern] = []
        self.told = 0
        """Things told of so far."""

    @property
    def repeats(self) -> bool:
        """Whether a thing can be told of again under another id."""
        return all(pattern.states or "message" in pattern.kinds for pattern in self.patterns)


class Messages:
    """The messages of one run over the integrations chosen that receive webhooks, in the shares that `mix` gives them
    (alike where it is empty). `secrets` are those that senders sign with, by name.

    Raises UserError where there is nobody to send to, or nothing to send.
    """

    def __init__(
        self,
        loaded: Loaded,
        integrations: Sequence[str],
        recordings: Iterable[Recording] = (),
        seed: int = 1,
        secrets: Mapping[str, str] | None = None,
        *,
        root: Path,
        mix: Mapping[str, int] | None = None,
        repeat: float = 0.0,
        hot: float | None = None,
    ) -> None:
        self.loaded = loaded
        self.seed = seed
        self.root = root
        self.repeat, self.hot = repeat, hot
        self.numbering = Numbering()
        self.http = SimulatedHttp(loaded)
        recorded = self._recorded(recordings)
        self.lanes: list[Lane] = []
        for integration in sent_to(loaded, integrations, mix or {}):
            verification = verification_of(loaded, integration, secrets or {})
            lane = Lane(Teller(loaded, integration), verification, (mix or {}).get(integration, 1))
            self._fill(lane, recorded.get(integration, []))
            self.lanes.append(lane)
        for lane in self.lanes:  # once every form is known: a later sample may move where all of a form begin
            lane.patterns = [pattern for pattern in lane.patterns if self._sound(lane, pattern)]
            if not lane.patterns:
                raise UserError(
                    f"{lane.plan.integration}: no message of it can be told as another one; give it an example whose "
                    "key and id are leaves of what is sent, or a recording with --from"
                )

    # ── samples ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _recorded(self, recordings: Iterable[Recording]) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        for sending in parted(self.loaded, recordings, None).sendings:
            known = found.setdefault(sending.integration, [])
            if len(known) < SAMPLES_MAX:
                known += samples_of({sending.origin: sending.inbound})
        return found

    def _fill(self, lane: Lane, recorded: list[Sample]) -> None:
        samples = [
            each for each in recorded or self._examples(lane.plan.integration) if lane.teller.sound(each.document)
        ]
        for sample in (samples or drawn(self.loaded, lane.plan.integration, lane.teller))[:SAMPLES_MAX]:
            pattern = self._cut(lane.teller, sample)
            if pattern is not None and self._shares_effects(lane, pattern):
                onces = partial(self._onces, lane)
                lane.teller.learn(sample, tuple(once_leaves(lane.teller, sample, onces)))
                pattern = self._cut(lane.teller, sample)
            if pattern is not None:
                lane.patterns.append(pattern)

    def _examples(self, integration: str) -> Iterator[Sample]:
        """The events of the examples in which all end done: load asks how much is carried out, not what is turned
        away. Of an integration that has none such, all."""
        content: shape.Integration = self.loaded.workspace.integrations[integration].content
        good = [each for each in content.examples if {expected.status for expected in each.expect} == {"done"}]
        files = dict.fromkeys(file for example in good or content.examples for file in example.events)
        yield from samples_of({file: read_event(self.root / file, raw=False) for file in files})

    def _cut(self, teller: Teller, sample: Sample) -> Pattern | None:
        """None where nothing names its thing, or nothing its message."""
        parts = teller.parts(sample)
        named: list[tuple[Kind, Place]] = [("thing", place) for place in (*parts.thing, *parts.once, *parts.idlike)]
        named += [("message", place) for place in parts.message]
        values = [(kind, at(sample.document, place)) for kind, place in named]
        names = [(kind, value, teller.known.get(value, ())) for kind, value in values]
        if not parts.thing or not (parts.message or parts.state):
            return None
        return Pattern(sample.document, names, parts.state, self.numbering)

    def _shares_effects(self, lane: Lane, pattern: Pattern) -> bool:
        """Whether two things made of a sample have one effect between them: the load would be less than it says."""
        one, other = (set(self._onces(lane, made(pattern, count, count))) for count in (1, 2))
        return not one.isdisjoint(other)

    def _onces(self, lane: Lane, document: Document) -> tuple[str, ...]:
        """The identities of the effects of a message alone, in an engine of its own: by the engine's ledger, and by the
        books of its partners, which may know an effect by more than the engine does."""
        for partner in self.http.partners.values():  # emptied, for to make them anew takes a hundred times as long
            partner.clear()
        self.http.calls.clear()
        world = World(replace(self.loaded, plans={lane.plan.integration: lane.plan}), self.http)
        events = run(world.receive_all(lane.plan, inbound_of(document)))
        ledger = {once for each in load(world.connection, events) for _, once in effects_of(each)}
        booked = {
            f"{system}.{operation} {row['identity']}"
            for system, partner in world.http.partners.items()
            for operation, rows in partner.book().items()
            for row in rows
        }
        return tuple(sorted(ledger | booked))

    def _sound(self, lane: Lane, pattern: Pattern) -> bool:
        """Whether what is made of a sample is taken on: the first things and messages, and those of a long run."""
        return all(lane.teller.sound(made(pattern, count, state)) for count in (1, 2, MANY) for state in (0, count))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def make(self, count: int, now: Now | None = None) -> Iterator[Message]:
        """The first `count` messages, the same for one seed but for what is signed with a time."""
        chance = Random(f"{self.seed}:messages").random  # noqa: S311 — drawn again from the seed, no secret
        bounds = [*accumulate(lane.weight for lane in self.lanes)]
        clock = SystemClock()
        for lane in self.lanes:
            lane.told = 0
        for number in range(count):
            lane = self.lanes[bisect(bounds, chance() * bounds[-1])]
            drawn_again, which = chance(), chance()  # always both, so that another share moves no other choice
            again = bool(lane.told) and drawn_again < self.repeat and lane.repeats
            place = self._known(lane, which) if again else lane.told
            lane.told += not again
            yield self._message(lane, place, number, again=again, now=clock.now() if now is None else now(number))

    def _known(self, lane: Lane, which: float) -> int:
        """One of the things told before: any, or of those that are hot, every so many."""
        if self.hot is None:
            return int(which * lane.told)
        apart = 1 / self.hot
        return min(int(int(which * max(1.0, lane.told / apart)) * apart), lane.told - 1)

    def _message(self, lane: Lane, place: int, number: int, *, again: bool, now: int) -> Message:
        pattern = lane.patterns[place % len(lane.patterns)]
        # Over all integrations each thing has a number of its own: two of them may tell of one kind of thing.
        thing = place * len(self.lanes) + self.lanes.index(lane) + 1
        state = number + 1 if again or pattern.is_finite else 0
        body, headers, query = pattern.filled(pattern.texts(thing, number + 1, state))
        path = lane.plan.receive.path
        named = intake.named(lane.plan, Inbound("POST", path, headers, query, body), now)
        return Message(
            integration=lane.plan.integration,
            raw=request(path, query, {**headers, **sign(lane.verification, body, now)}, body),
            ids=tuple(str(each.id) for each in named),
            keys=tuple(str(each.key) for each in named),
        )


def made(pattern: Pattern, count: int, state: int) -> Document:
    """What is made of a sample, as a document again."""
    body, headers, query = pattern.filled(pattern.texts(count, count, state))
    return {"headers": headers, "query": query, "body": decode_body(body)}


def sent_to(loaded: Loaded, integrations: Sequence[str], mix: Mapping[str, int]) -> list[str]:
    """The integrations that are sent to. Raises UserError where there are none."""
    hooked = [name for name in integrations if loaded.plans[name].receive.path]
    if not hooked:
        raise UserError(
            f"nobody sends to {', '.join(integrations)}: what receives a topic is told of by other integrations; "
            "name one that receives a webhook and tells that topic"
        )
    found = [name for name in hooked if not mix or name in mix]
    if not found:
        raise UserError(f"the profile's `mix` has none of {', '.join(hooked)}; it names {', '.join(mix)}")
    return found


def signing_names(loaded: Loaded, integrations: Sequence[str]) -> set[str]:
    """The names of the secrets that senders of these integrations sign with."""
    systems = {loaded.plans[name].receive.system for name in integrations if loaded.plans[name].receive.path}
    webhooks = [loaded.shape(system).webhooks for system in systems]
    return {each.verify.secret[0].name for each in webhooks if each is not None and each.verify is not None}


def verification_of(loaded: Loaded, integration: str, secrets: Mapping[str, str]) -> Verification:
    """How a sender of this integration signs. Raises UserError where its secret is not given."""
    webhooks = loaded.shape(loaded.plans[integration].receive.system).webhooks
    assert webhooks is not None
    assert webhooks.verify is not None  # a finding forbids the start otherwise
    verify = webhooks.verify
    name = verify.secret[0].name
    if not secrets.get(name):
        raise UserError(f"{integration}: the secret {name} is needed to sign what is sent to it")
    return Verification(
        scheme=verify.scheme,
        header=verify.header or "",
        encoding=verify.encoding or "base64",
        secrets=(secrets[name].encode(),),
    )


def request(path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bytes:
    """A whole HTTP/1.1 request. The engine serves any host, so the Host field is a fixed one."""
    target = f"{path}?{urlencode(query)}" if query else path
    fields = {"host": HOST, "content-type": "application/json"}
    fields |= {name: value for name, value in headers.items() if name not in OURS and is_safe(name, value)}
    fields["content-length"] = str(len(body))
    head = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
    return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body
