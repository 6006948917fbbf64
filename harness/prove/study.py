"""AN INTEGRATION → WHAT THERE IS TO TELL IT: messages of things, their states, and what each comes to where nothing
goes wrong.

Samples are the recordings that the examples name; an integration without any is told documents drawn from its
contract. Each is run alone first: what it calls says which faults can meet it, and which of its leaves an effect's
`once` hangs on. This file refuses to send what the engine would not take on.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from engine.contract.body import encode_json
from engine.run.load import Loaded
from engine.spec import shape
from harness.partner import Partner, Received
from harness.prove.drawn import drawn
from harness.prove.labels import label, noun_of
from harness.prove.news import (
    Document,
    Sample,
    Teller,
    inbound_of,
    later,
    moment,
    night,
    samples_of,
    tens,
)
from harness.prove.once import once_leaves
from harness.prove.places import Place, at, leaves
from harness.prove.promises import Operation, awaits, emits, shapes_of
from harness.simulation.partners import half_of
from harness.simulation.scenario import CallMade, Run, Scenario, Sending
from harness.trial import read_event

MADE_LEAF = re.compile(r"^(?:created|triggered)(?:_?at)?$", re.IGNORECASE)
SAMPLES_MAX = 24

Simulate = Callable[[Loaded, Scenario], Run]


class Studied(Struct, frozen=True):
    """A sample and what came of it alone. `road` is what tells two samples apart: how it ended, and whom it called.
    `chains` are ways in which its thing goes on, each from its first state. `parted` are the operations whose partner,
    where it takes a part of a list, says so."""

    sample: Sample
    road: tuple[str, ...]
    calls: tuple[tuple[str, str], ...]
    effects: int
    chains: tuple[tuple[Document, ...], ...] = ()
    parted: frozenset[Operation] = frozenset()


class Study:
    """What prove knows of one integration before it attacks it."""

    def __init__(self, root: Path, loaded: Loaded, integration: str, simulate: Simulate) -> None:
        self.root = root
        self.loaded = loaded
        self.integration = integration
        self.simulate = simulate
        self._onces: dict[bytes, tuple[str, ...]] = {}
        self.by_itself = replace(loaded, plans={integration: loaded.plans[integration]})
        self.content: shape.Integration = loaded.workspace.integrations[integration].content
        self.teller = Teller(loaded, integration)
        contract = self.teller.plan.receive.contract
        self.contract = contract.name if contract else ""
        self.schema: Any = loaded.workspace.models[self.contract].content if contract else {}
        self.noun = noun_of(self.contract)
        self.words = self.words_read()
        recorded = list(samples_of({file: read_event(root / file, raw=False) for file in self.recorded()}))
        sound = [each for each in recorded if self.teller.sound(each.document)][:SAMPLES_MAX]
        self.samples = sound or drawn(loaded, integration, self.teller)
        self.studied: tuple[Studied, ...] = tuple(self.study(each) for each in self.samples)

    def words_read(self) -> frozenset[str]:
        """Every word of the integration and its mappings; a field whose name is none of them is read by nobody."""
        mappings = [step.map for step in shapes_of(self.content.steps) if step.map is not None]
        said = [repr(self.content), *(repr(self.loaded.workspace.mappings[name].content) for name in mappings)]
        return frozenset(re.findall(r"\w+", " ".join(said)))

    def recorded(self, integration: str = "") -> tuple[str, ...]:
        """The recordings that the examples of this integration, or of another one, name, each once."""
        content = self.loaded.workspace.integrations[integration or self.integration].content
        return tuple(dict.fromkeys(file for example in content.examples for file in example.events))

    # ── alone ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def sending(self, document: Document, said: str, at_us: int = 0) -> Sending:
        return Sending(at_us, self.integration, inbound_of(document), said)

    def alone(self, loaded: Loaded, document: Document) -> Run:
        """What comes of one message where nothing goes wrong."""
        sending = self.sending(document, label(self.noun, 0))
        return self.simulate(loaded, Scenario(seed=0, sendings=(sending,)))

    def awaited(self, sample: Sample) -> Iterator[Sending]:
        """The first recorded message of each topic for an event of which this sample waits; those of other keys are for
        others."""
        topics = awaits(self.loaded.plans[self.integration])
        others = [name for name, plan in self.loaded.plans.items() if topics & emits(plan)] if topics else []
        keys = {row.key for row in self.alone(self.by_itself, sample.document).events}
        for name in others:
            files = {file: read_event(self.root / file, raw=False) for file in self.recorded(name)}
            for each in samples_of(files):
                contract = self.loaded.plans[name].receive.contract
                noun = noun_of(contract.name if contract else "")
                said = label(noun, 1 if noun == self.noun else 0)
                sending = Sending(0, name, inbound_of(each.document), said)
                run = self.simulate(self.loaded, Scenario(seed=0, sendings=(sending,)))
                if any(told.topic in topics and told.key in keys for told in run.told):
                    yield sending
                    break

    def study(self, sample: Sample) -> Studied:
        run = self.alone(self.loaded, sample.document)
        called = dict.fromkeys((call.system, call.operation) for call in run.calls)
        ends = tuple(row.status.value for row in run.events)
        road = (*ends, *(f"{system}.{operation}" for system, operation in called))
        parted = frozenset((call.system, call.operation) for call in run.calls if self.says_what_it_took(call))
        return Studied(sample, road, tuple(called), len(run.effects), tuple(self.chains(sample)), parted)

    def says_what_it_took(self, call: CallMade) -> bool:
        """Whether the partner's answer to the first half of a list is another one than its answer to the whole. Where
        it is the same no caller could tell: such a partner takes all or nothing, or nothing can be proved of it."""
        half = half_of(call.body)
        if half is None:
            return False
        segments = [unquote(part) for part in call.path.strip("/").split("/")]
        said = [
            Partner(self.loaded.shape(call.system), self.loaded.resources)
            .answer(Received(call.method, segments, {}, call.headers, body))
            .body
            for body in (call.body, half)
        ]
        return said[0] != said[1]

    def learn(self, sample: Sample) -> None:
        """Finds the leaves on which the identity of an effect hangs: that takes a run for each, so only of samples that
        are attacked."""
        self.teller.learn(sample, tuple(once_leaves(self.teller, sample, self.onces)))

    def onces(self, document: Document) -> tuple[str, ...]:
        """The identities of the effects that the integration itself has with this message."""
        key = encode_json(document)
        if key not in self._onces:
            run = self.alone(self.by_itself, document)
            self._onces[key] = tuple(sorted({call.once for call in run.calls if call.once}))
        return self._onces[key]

    def its_own(self, sample: Sample, document: Document, whose: dict[str, Sample]) -> bool:
        """Whether no thing of another sample has the identity of an effect of this one, made of `sample`; `whose` says
        whose they are, and is told. Numbered on, one recording may come to tell of what another one tells of."""
        return all(whose.setdefault(once, sample) is sample for once in self.onces(document))

    def chains(self, sample: Sample) -> Iterator[tuple[Document, ...]]:
        """Ways in which the thing of a sample goes on: as recorded, later, and where versions and times are often told
        wrongly."""
        first = sample.document
        others = [each.document for each in self.samples if self.teller.same_thing(sample, each.document)]
        recorded = [each for each in others if each is not first and sample.source]
        more = [each for each in recorded if self.teller.tells_more(sample, each)]
        ordered = self.in_order(sample, [first, *more])
        if more and ordered:
            yield tuple(ordered)
        for stamps in (later, tens, night):
            begin = first if stamps is later else self.teller.as_state(sample, first, 0, stamps)
            if begin is None or (stamps is not later and begin == first):
                continue
            states = [self.teller.as_state(sample, begin, state, stamps) for state in (1, 2)]
            made = tuple(each for each in (begin, *states) if each is not None)
            if len(made) > 1:
                yield made

    def in_order(self, sample: Sample, chain: list[Document]) -> list[Document]:
        """By what they say of their time or version, whatever the integration reads of that; by when each message was
        made, where it says only that. Empty where they say nothing, or the same: which recording is the later state
        nobody knows then, and none is held to be stale."""
        state = self.teller.parts(sample).state
        places = state or tuple(place for place, _ in leaves(sample.document) if made_at(place))
        stamps = [tuple(stamp(each, place) for place in places) for each in chain]
        if not places or any(None in each for each in stamps) or (not state and len({*stamps}) < len(stamps)):
            return []
        order = sorted(range(len(chain)), key=lambda index: stamps[index])
        return [chain[index] for index in order]


def made_at(place: Place) -> bool:
    """Whether a leaf may say when the message was made: what it is about has stamps of its own, further in."""
    return len(place) == 2 and place[0] == "body" and MADE_LEAF.match(str(place[1])) is not None


def stamp(document: Document, place: Place) -> tuple[int, float] | None:
    """A time or version, such that two can be compared."""
    try:
        value = at(document, place)
    except (KeyError, IndexError, TypeError):
        return None
    at_ = moment(value)
    if at_ is not None:
        return 0, (at_ if at_.tzinfo else at_.replace(tzinfo=UTC)).timestamp()
    return (1, float(value)) if str(value).isdigit() else None
