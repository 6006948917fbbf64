"""A STUDY → SCENARIOS, one thing at a time: what can be tried exhaustively is, before anything is drawn.

Every repeat a sender makes, every fault at every call, a crash at every port call of one event, every pair of states in
both orders: each alone is a short story by itself, and most defects need no more. What needs several at once is drawn
(`plans.py`). This file refuses to run and to judge.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from engine.model import Status
from engine.rules.decide import UNKNOWN_EFFECTS
from harness.prove.labels import label, state_of, thing_of
from harness.prove.mutants import mutants
from harness.prove.news import Document
from harness.prove.profiles import Profile
from harness.prove.promises import Operation, Promises
from harness.prove.study import Studied, Study
from harness.simulation.scenario import Crash, Fault, Limit, People, Run, Scenario, Sender, Sending, crashes_of

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
APART_US = 60 * MINUTE_US
"""Between two messages of the reference."""

AGAIN_AFTER_S = (0, 1, 300, 4 * 3600, 26 * 3600, 71 * 3600)
"""When a message comes again: at once, and by the ladders of Shopify (4 h), Mollie (26 h) and Stripe (three days)."""

FAULTS = (
    *(("refuse", 0.0), ("dns", 0.0), ("throttle", 0.0), ("throttle", 30.0), ("expired", 0.0), ("slow", 2.0)),
    *(("decline", 0.0), ("error_before", 0.0), ("error_after", 0.0), ("cut_before", 0.0), ("cut_after", 0.0)),
    *(("silence_before", 0.0), ("silence_after", 0.0), ("truncated", 0.0), ("invalid", 0.0), ("partial", 0.0)),
)
"""(kind, seconds) of every fault of a call; `partial` only where a list goes out and its answer tells of it."""
SENT_BADLY = (("duplicate", 0.0), ("duplicate", 5.0), ("ack_lost", 0.0), ("outage", 7_200.0), ("late", 60.0))
"""(kind, seconds) of every fault of a sender."""
IN_DOUBT = ("silence_before", "silence_after")
RUSH = 12
CALLS_IN_VAIN = 2
"""Of those that probe an open breaker."""
OUTAGE_MAX = 60
"""Messages told during an outage, at the most: with more to do a breaker opens that `quick` does not see open."""
MEANWHILE_US = 5 * SECOND_US
"""Between the first tries of a call that fails, where its system says nothing of retries."""
CLOSE_US = 40_000
"""So soon after one another that they arrive in order, the next while the one before is under way."""
MUTANTS_AT_ONCE = 20


class Surroundings(Struct, frozen=True):
    """What is known of the partners besides their files: their ladders, what they really let through, who comes for
    what waits for people."""

    senders: tuple[Sender, ...] = ()
    limits: tuple[Limit, ...] = ()
    people: People | None = None


class Attack(Struct, frozen=True):
    """One scenario, and what is tried with it, for the progress bar."""

    name: str
    scenario: Scenario


def reference_of(scenario: Scenario) -> Scenario:
    """The same news, each told once, the states of a thing in order, an hour between two messages; nothing goes
    wrong."""
    first: dict[tuple[str, str], Sending] = {}
    for sending in scenario.sendings:
        first.setdefault((sending.integration, sending.label), sending)
    things = list(dict.fromkeys(thing_of(text) for _, text in first))
    told = sorted(first.values(), key=lambda each: (things.index(thing_of(each.label)), state_of(each.label)))
    sendings = tuple(replace(each, at_us=place * APART_US) for place, each in enumerate(told))
    return replace(
        scenario, sendings=sendings, faults=(), crashes=(), permute=False, limits=(), heal_at_us=None, seed=0
    )


class Attacks:
    """Everything that is tried with one integration without drawing."""

    def __init__(
        self, study: Study, promises: Promises, surroundings: Surroundings, profile: Profile, seed: int
    ) -> None:
        self.study = study
        self.promises = promises
        self.surroundings = surroundings
        self.seed = seed
        self.mutants_max = profile.mutants
        self.passings = 0
        self.lonely = False
        self.chosen = chosen(study.studied, profile.samples)
        for each in self.chosen:
            study.learn(each.sample)

    def scenario(
        self, sendings: Sequence[Sending], faults: Sequence[Fault] = (), crashes: Sequence[Crash] = ()
    ) -> Scenario:
        around = self.surroundings
        return Scenario(
            seed=self.seed,
            sendings=tuple(sendings),
            faults=tuple(faults),
            crashes=tuple(crashes),
            senders=around.senders,
            limits=around.limits,
            people=around.people,
        )

    def one(self, studied: Studied, at_us: int = 0) -> Sending:
        return self.study.sending(studied.sample.document, label(self.study.noun, 0), at_us)

    def all(self) -> Iterator[Attack]:
        yield from self.undisturbed()
        for studied in self.chosen:
            yield from self.repeats(studied)
            yield from self.states(studied)
        for studied in self.chosen:
            yield from self.faults(studied)
        for studied in self.chosen[:1]:
            yield from self.crashes(studied)
        for studied in self.chosen:
            yield from self.people(studied)
            yield from self.doubts(studied)
            yield from self.awaited(studied)
        for studied in self.chosen:
            yield from self.neighbours(studied)
        for studied in self.chosen:
            yield from self.mutants(studied)

    # ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────────

    def undisturbed(self) -> Iterator[Attack]:
        """The references themselves: what goes wrong where nothing does."""
        for studied in self.study.studied:
            yield Attack("a message alone", reference_of(self.scenario([self.one(studied)])))
        for studied in self.chosen:
            for chain in studied.chains:
                yield Attack("states in order", reference_of(self.scenario(self.chain(chain))))

    def told_to(self, other: str) -> Iterator[Attack]:
        """The same news to another integration as well, before this one and behind it."""
        for studied in self.chosen:
            mine = self.one(studied)
            for pair in ((mine, replace(mine, integration=other)), (replace(mine, integration=other), mine)):
                yield Attack("the same to two integrations", reference_of(self.scenario(pair)))

    def own(self, studied: Studied) -> list[Operation]:
        """What a sample calls, without what others call whom it only tells: those are proved by themselves."""
        steps = self.promises.specs[self.study.integration].calls.values()
        systems = {system for step in steps for system, _ in step.providers}
        mine = {provider for step in steps for provider in step.providers}
        return [
            each for each in studied.calls if each in mine or (each in self.promises.helpers and each[0] in systems)
        ]

    def may_call(self) -> list[str]:
        """Every operation that the integration's own steps may call, look up with or undo with, by its full name."""
        found: dict[str, None] = {}
        for step in self.promises.specs[self.study.integration].calls.values():
            for system, operation in step.providers:
                said = self.study.loaded.shape(system).operations[operation]
                names = (operation, *(helper.call for helper in (said.lookup, said.undo) if helper))
                found.update(dict.fromkeys(f"{system}.{name}" for name in names))
        return list(found)

    def chain(self, states: Sequence[Document], gap_us: int = 0, thing: int = 0) -> list[Sending]:
        return [
            self.study.sending(document, label(self.study.noun, thing, state), state * gap_us)
            for state, document in enumerate(states)
        ]

    def repeats(self, studied: Studied) -> Iterator[Attack]:
        teller, document = self.study.teller, studied.sample.document
        first = self.one(studied)
        for number, after_s in enumerate(AGAIN_AFTER_S if teller.plan.receive.path else (0, 1)):
            again = teller.again(studied.sample, document, number + 1)
            told = self.study.sending(again, first.label, after_s * SECOND_US)
            yield Attack("a message again", self.scenario([first, told]))
        for kind, seconds in SENT_BADLY if teller.plan.receive.path else ():
            fault = Fault(kind, teller.plan.receive.system, self.study.integration, 0, seconds)
            yield Attack("a sender that repeats itself", self.scenario([first], [fault]))
        other = teller.announced_again(studied.sample, document)
        if other is None:
            return
        for after_us in (0, MINUTE_US):
            told = self.study.sending(other, first.label, after_us)
            yield Attack("a message under another id", self.scenario([first, told]))

    def states(self, studied: Studied) -> Iterator[Attack]:
        called = [each for each in self.own(studied) if self.promises.effects.get(each) != "none"]
        for chain in studied.chains:
            pairs = [chain] if len(chain) < 3 else [chain, chain[:2]]
            for states in pairs:
                for gap_us in (0, CLOSE_US, 5 * SECOND_US):
                    yield Attack("states together", self.scenario(self.chain(states, gap_us)))
                backwards = [replace(each, at_us=0) for each in reversed(self.chain(states))]
                yield Attack("states in the wrong order", self.scenario(backwards))
                last = [replace(each, at_us=place * MINUTE_US) for place, each in enumerate(backwards)]
                yield Attack("states in the wrong order", self.scenario(last))
            for system, operation in called:
                for kind, seconds in (("refuse", 0.0), ("slow", 4.0), ("error_before", 0.0), ("throttle", 0.0)):
                    fault = Fault(kind, system, operation, 0, seconds)
                    for states, gap_us in ((chain[:2], 0), (chain[:2], 5 * CLOSE_US), (chain, CLOSE_US)):
                        told = self.scenario(self.chain(states, gap_us), [fault])
                        yield Attack("states, the first delayed", told)
                gone = self.scenario(self.chain(chain[:2], CLOSE_US), self.gone(system, operation))
                yield Attack("states, the first in vain", gone)

    def neighbours(self, studied: Studied) -> Iterator[Attack]:
        """Two things that have much in common, and a rush of many."""
        teller, sample, noun = self.study.teller, studied.sample, self.study.noun
        first = self.one(studied)
        beside = teller.beside(sample, 1)
        if beside is not None:
            told = self.study.sending(beside, label(noun, 1, beside=0), APART_US)
            yield Attack("two things side by side", reference_of(self.scenario([first, told])))
        other = teller.as_thing(sample, 1)
        if other is None:
            self.lonely = True
            return
        told = self.study.sending(other, label(noun, 1), APART_US)
        for system, operation in self.own(studied):
            for kind in IN_DOUBT:
                fault = Fault(kind, system, operation, 1)
                yield Attack("a lost answer after another thing's", self.scenario([first, told], [fault]))
        yield from self.beside_trouble(studied, other)
        rush = [self.study.sending(made, label(noun, number)) for number, made in enumerate(self.things(studied, RUSH))]
        for system, operation in self.own(studied):
            faults = [Fault("throttle", system, operation, nth) for nth in range(0, len(rush), 3)]
            yield Attack("a rush", self.scenario(rush, faults))
            calls = min(OUTAGE_MAX, self.promises.breakers[system].calls_min)
            many = [*islice(self.things(studied, calls), calls)]
            told_all = [self.study.sending(made, label(noun, number)) for number, made in enumerate(many)]
            outage = [Fault("refuse", system, operation, nth) for nth in range(calls + CALLS_IN_VAIN)]
            yield Attack("an outage", self.scenario(told_all, outage))

    def beside_trouble(self, studied: Studied, other: Document) -> Iterator[Attack]:
        """A thing whose calls fail for as long as it tries, and another one that is told meanwhile; or whose first call
        is lost or declined, and the other one is told once somebody has to look at that."""
        own, first = self.own(studied), self.one(studied)
        meanwhile = self.study.sending(other, label(self.study.noun, 1), MEANWHILE_US)
        after = replace(meanwhile, at_us=MINUTE_US)
        alone = self.study.simulate(self.study.loaded, self.scenario([first]))
        known = {(call.system, call.operation): call.identity for call in alone.calls if call.identity}
        for operation in (each for each in own if each in known):
            lost, declined = (Fault(kind, *operation, 0) for kind in ("silence_after", "decline"))
            for faults, beside in ((self.gone(*operation), meanwhile), ([lost], after), ([declined], after)):
                about_it = [replace(fault, identity=known[operation]) for fault in faults]
                yield Attack("a thing in trouble, and another", self.scenario([first, beside], about_it))

    def things(self, studied: Studied, most: int) -> Iterator[Document]:
        """The sample and others like it, no two of which share a key or an id."""
        seen: set[object] = set()
        for number in range(most):
            teller = self.study.teller
            document = teller.unlike(teller.as_thing(studied.sample, number, wide=True), seen)
            if document is not None:
                yield document

    def mutants(self, studied: Studied) -> Iterator[Attack]:
        """The message with one thing about it changed, each as a thing of its own, behind the unchanged one."""
        teller, sample, noun = self.study.teller, studied.sample, self.study.noun
        sendings = [self.one(studied)]
        seen: set[object] = set()
        teller.unlike(sample.document, seen)
        made = mutants(teller, sample.document, self.study.schema, self.study.words)
        for number, mutant in enumerate(islice(made, self.mutants_max), start=1):
            parts = teller.parts(sample)
            moved = teller.moved(mutant.document, (*parts.thing, *parts.message, *parts.once), number)
            thing = teller.unlike(moved, seen)
            if thing is not None:
                sendings.append(self.study.sending(thing, label(noun, number, made=mutant.made), number * MINUTE_US))
        for begin in range(1, len(sendings), MUTANTS_AT_ONCE):
            told = [sendings[0], *sendings[begin : begin + MUTANTS_AT_ONCE]]
            yield Attack("a message changed", reference_of(self.scenario(told)))

    # ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

    def faults(self, studied: Studied) -> Iterator[Attack]:
        """Every fault at every call; what becomes of a look-up after a lost answer; a partner that is gone for good."""
        sending = [self.one(studied)]
        for operation in self.own(studied):
            for kind, seconds in FAULTS:
                if kind != "partial" or self.lists(operation):
                    yield Attack("a fault", self.scenario(sending, [Fault(kind, *operation, 0, seconds)]))
            for lookup in self.asked_after(operation):
                for kind, seconds in FAULTS:
                    if kind != "partial":
                        faults = [Fault("silence_after", *operation, 0), Fault(kind, *lookup, 0, seconds)]
                        yield Attack("a fault, and one as it is looked up", self.scenario(sending, faults))
            if self.asked_after(operation):
                yield Attack("a partner that is a moment late", self.scenario(sending, [self.late(*operation)]))
            yield Attack("a partner that is gone", self.scenario(sending, self.gone(*operation)))
            for kind in ("error_before", "error_after"):
                twice = [Fault(kind, *operation, 0), Fault("silence_before", *operation, 1)]
                yield Attack("two faults", self.scenario(sending, twice))

    def gone(self, system: str, operation: str) -> list[Fault]:
        """A partner that nobody reaches for as long as one event tries."""
        return [Fault("refuse", system, operation, nth) for nth in range(self.promises.attempts_max.get(system, 1))]

    def late(self, system: str, operation: str) -> Fault:
        """A partner that does it half of a first delay after nobody listens any more: a slow call is slow both ways."""
        said = self.study.loaded.shape(system)
        return Fault("slow", system, operation, 0, 2 * said.timeout.seconds + said.retry.first.seconds)

    def beyond(self, told: Scenario, run: Run, own: Container[Operation], what: str) -> Iterator[Attack]:
        """A crash at every port call of a run, and every fault at what is called only where this happened."""
        for point, count in run.passed.items():
            for nth in range(count):
                yield Attack(f"a crash beside {what}", replace(told, crashes=(Crash(point, nth),)))
        called = dict.fromkeys((call.system, call.operation) for call in run.calls)
        for operation in (each for each in called if each not in own):
            for kind, seconds in FAULTS:
                if kind != "partial":
                    faults = (Fault(kind, *operation, 0, seconds),)
                    yield Attack(f"a fault after {what}", replace(told, faults=faults))
            gone = tuple(self.gone(*operation))
            yield Attack(f"a partner that is gone after {what}", replace(told, faults=gone))

    def awaited(self, studied: Studied) -> Iterator[Attack]:
        """What a step waits for comes before it, with it and after it: in the reference it is there already."""
        for news in self.study.awaited(studied.sample):
            for waits_us in (0, CLOSE_US, SECOND_US, MINUTE_US):
                yield Attack("an awaited event", self.scenario([replace(news, at_us=waits_us), self.one(studied)]))
            told = self.scenario([replace(news, at_us=MINUTE_US), self.one(studied)])
            run = self.study.simulate(self.study.loaded, told)
            yield from self.beyond(told, run, set(self.own(studied)), "an awaited event")

    def people(self, studied: Studied) -> Iterator[Attack]:
        """What waits for a person where nothing goes wrong: somebody says yes, or no, and the power is cut, or a
        partner fails, on what follows from that."""
        first, own = self.one(studied), set(self.own(studied))
        alone = self.study.simulate(self.study.loaded, self.scenario([first]))
        if not any(moment.kind == "recorded" and moment.detail == Status.HELD.value for moment in alone.moments):
            return
        for action in ("release", "reject"):
            decided = replace(self.scenario([first]), people=People(action))
            run = self.study.simulate(self.study.loaded, decided)
            yield Attack(f"somebody {action}s it", decided)
            yield from self.beyond(decided, run, own, "a person")
            for chain in studied.chains[:1]:
                told = replace(self.scenario(self.chain(chain, MINUTE_US)), people=People(action))
                yield Attack("a person, and states that pass", told)

    def doubts(self, studied: Studied) -> Iterator[Attack]:
        """What waits for a person since nobody knows whether a call was done: somebody lets it go on, once everybody
        answers again."""
        sending = [self.one(studied)]
        for operation in (each for each in self.own(studied) if self.promises.effects.get(each) != "none"):
            asked = self.asked_after(operation)
            silent = [Fault("silence_after", *operation, nth) for nth in range(len(self.gone(*operation)))]
            mute = [fault for lookup in asked for fault in self.gone(*lookup)]
            alone = self.study.simulate(self.study.loaded, self.scenario(sending, [*silent, *mute]))
            if not any(row.queue == UNKNOWN_EFFECTS for row in alone.events):
                continue
            met = Counter((call.system, call.operation) for call in alone.calls)
            for kind in IN_DOUBT:
                faults = [replace(fault, kind=kind) for fault in silent[: met[operation]]]
                faults += [fault for fault in mute if fault.nth < met[fault.system, fault.operation]]
                told = replace(self.scenario(sending, faults), people=People("release"))
                yield Attack("a lost answer, and a person", told)

    def asked_after(self, operation: Operation) -> list[Operation]:
        found = self.study.loaded.shape(operation[0]).operations[operation[1]].lookup
        return [(operation[0], found.call)] if found else []

    def lists(self, operation: Operation) -> bool:
        """Whether the partner can take a part of a request and say so: a list goes out, and of its half the answer is
        another one."""
        said = any(operation in each.parted for each in self.chosen)
        return said and self.promises.effects.get(operation) != "none"

    def crashes(self, studied: Studied) -> Iterator[Attack]:
        """The power cut before and after every port call that one event passes: a bounded proof."""
        sending = [self.one(studied)]
        run = self.study.simulate(self.study.loaded, self.scenario(sending))
        self.passings = sum(run.passed.values())
        for crash in crashes_of(run):
            yield Attack("a crash", self.scenario(sending, crashes=[crash]))
        for system, operation in self.own(studied):
            fault = Fault("silence_after", system, operation, 0)
            for point in ("before record", "after record", "after send"):
                if point in run.passed:
                    crash = Crash(point, 0)
                    yield Attack("a lost answer and a crash", self.scenario(sending, [fault], [crash]))


def chosen(studied: Sequence[Studied], most: int) -> list[Studied]:
    """One sample for each road, those first that have most effects."""
    by_road: dict[tuple[str, ...], Studied] = {}
    for each in studied:
        known = by_road.get(each.road)
        if known is None or len(each.chains) > len(known.chains):
            by_road[each.road] = each
    return sorted(by_road.values(), key=lambda each: (-each.effects, -len(each.calls)))[:most]
