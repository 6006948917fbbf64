"""A RUN BESIDE ITS REFERENCE, indexed once: what all properties ask of the two.

What a partner should hold is written down nowhere, so a run is held against the reference: the same news, each told
once, in order, with time between them, and nothing that goes wrong. Where the run took another road for a reason that
was declared (a person was asked, a failed call was passed over, a state was superseded), this says so. It refuses to
judge.
"""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from engine.model import Status
from engine.rules.opening import time_text
from engine.spec.plan import Plan
from engine.store import EventRow
from harness.prove.labels import state_of, thing_of
from harness.prove.places import leaves
from harness.prove.promises import Promises, SpecPromise, step_id
from harness.simulation.scenario import CallMade, Effect, Run, Scenario

FOR_A_PERSON = (Status.HELD, Status.QUARANTINED, Status.DEAD, Status.DISCARDED, Status.COMPENSATED)
"""Ends in which effects may be missing: somebody sees that they are."""
GARBLED = ("invalid", "truncated")


class Violation(Struct, frozen=True):
    """One broken property: of which integration, at which step (empty: before the first), and how that looks."""

    breaks: str
    spec: str
    step: str
    words: str

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.breaks, self.spec, step_id(self.step)


class Trial:
    """A run beside its reference, indexed once for all properties. `secrets` are planted texts that nobody may tell."""

    def __init__(
        self,
        promises: Promises,
        plans: Mapping[str, Plan],
        scenario: Scenario,
        run: Run,
        reference: Run,
        secrets: Sequence[str] = (),
    ) -> None:
        self.promises = promises
        self.plans = plans
        self.scenario = scenario
        self.run = run
        self.reference = reference
        self.secrets = tuple(secrets)
        self.now = Side(promises, run)
        self.then = self.now if run is reference else Side(promises, reference)
        self.let_go = let_go(run)

    @property
    def undisturbed(self) -> bool:
        """Whether this is the reference itself: in order, with time between, and nothing that goes wrong."""
        return self.run is self.reference

    def spec(self, event: int) -> SpecPromise | None:
        row = self.now.events.get(event)
        return self.promises.specs.get(row.integration) if row is not None else None

    def news(self, row: EventRow) -> tuple[str, int]:
        """(the thing that an event tells of, which state of it)."""
        text = self.run.labels.get(row.event, "")
        return thing_of(text), state_of(text)

    def integration(self, made: Effect | CallMade) -> str:
        row = self.now.events.get(made.event)
        return row.integration if row is not None else ""

    def sent_in_order(self, thing: str) -> bool:
        """Whether the states of a thing were accepted from the first to the last."""
        states = [state_of(self.run.labels[event]) for event in self.now.of_thing.get(thing, ())]
        return states == sorted(states)

    def for_a_person(self, thing: str) -> bool:
        """Whether somebody was asked about a thing who is not asked in the reference, or let it go on without what is
        never sent again."""
        asked = any(status in FOR_A_PERSON for status in self.now.ends(thing) - self.then.ends(thing))
        return asked or any(self.given_up_at(event) for event in self.now.of_thing.get(thing, ()))

    def given_up_at(self, event: int) -> bool:
        """Whether a person let an event go on that was held at a call which is sent at most once."""
        return any(
            self.promises.effects.get(served(call)) == "at_most_once" and self.was_let_go(event, call.step)
            for call in self.now.calls.get(event, ())
        )

    def was_let_go(self, event: int, place: str) -> bool:
        """Whether a person let an event go on that was held there; an item is held with its `each`."""
        return any(place == held or place.startswith(f"{held}[") for held in self.let_go.get(event, ()))

    def doubled_by_hand(self, effects: Sequence[Effect]) -> bool:
        """Whether a person let a call go on that nobody could look up, and whose partner takes one more for another."""
        for effect in effects:
            after_us = self.promises.doubles_after_us.get((effect.system, effect.operation))
            late = after_us is not None and effects[-1].at_us - effects[0].at_us >= after_us
            if late and self.was_let_go(effect.event, effect.step):
                return True
        return False

    def comparable(self, thing: str) -> bool:
        """Whether a thing must come out as in the reference: nobody is asked about it who is not asked there, its
        states came in order, and nothing of it is under way."""
        through = not any(status.active for status in self.now.ends(thing))
        return through and not self.for_a_person(thing) and self.sent_in_order(thing)

    def turned_off(self, thing: str) -> bool:
        """Whether a thing's events took another road than in the reference: a step's last call ended otherwise there,
        or its answer was garbled."""
        now, then = self.now.last_calls(thing), self.then.last_calls(thing)
        for step, call in now.items():
            other = then.get(step)
            if call.fault in GARBLED or other is None or good(call) != good(other) or served(call) != served(other):
                return True
        return False


class Side:
    """What one of the two runs holds, by event and by thing."""

    def __init__(self, promises: Promises, run: Run) -> None:
        self.promises = promises
        self.run = run
        self.events: dict[int, EventRow] = {row.event: row for row in run.events}
        self.of_thing: dict[str, list[int]] = defaultdict(list)
        for row in run.events:
            if row.event in run.labels:
                self.of_thing[thing_of(run.labels[row.event])].append(row.event)
        self.calls: dict[int, list[CallMade]] = defaultdict(list)
        for call in run.calls:
            self.calls[call.event].append(call)
        self.issued = frozenset(self._issued())

    def _issued(self) -> Iterator[str]:
        """Texts that differ between two runs by nature: numbers that partners gave out, and when events came."""
        for effect in self.run.effects:
            yield from (str(value) for _, value in leaves(effect.result) if value not in (None, True, False, ""))
        for row in self.run.events:
            yield time_text(row.received_at)

    def label(self, effect: Effect) -> str:
        """Which message an effect goes back to: what came of a topic is known only once it is an event."""
        return effect.label or self.run.labels.get(effect.event, "")

    def thing(self, effect: Effect) -> str:
        return thing_of(self.label(effect))

    def ends(self, thing: str, integration: str = "") -> set[Status]:
        """How the events of a thing ended, of one integration or of all."""
        rows = [self.events[event] for event in self.of_thing.get(thing, ())]
        return {row.status for row in rows if integration in ("", row.integration)}

    def left_by_undo(self, thing: str, integration: str) -> bool:
        """Whether an event of a thing could not take back all that it did: somebody is told of what stands."""
        rows = [self.events[event] for event in self.of_thing.get(thing, ())]
        return any(
            row.integration == integration and row.phase == "compensate" and row.status is not Status.COMPENSATED
            for row in rows
        )

    def by_news(self, effects: Sequence[Effect]) -> dict[tuple[str, str | None], Effect]:
        """(label, key of the event) → the first effect of it."""
        found: dict[tuple[str, str | None], Effect] = {}
        for effect in effects:
            row = self.events.get(effect.event)
            found.setdefault((self.label(effect), row.key if row is not None else None), effect)
        return found

    def hangs_on_the_run(self, value: object) -> bool:
        """Whether a value is, or has in it, what a partner gave out or when an event came; a document may hold it."""
        text = str(value)
        if text in self.issued:
            return True
        said = text, unpacked(text)
        return any(word in each for word in self.issued if len(word) > 3 for each in said)

    def standing(self, thing: str, *, struck: bool = False) -> dict[tuple[str, str], list[Effect]]:
        """(integration, place of the step) → the effects that a thing has there, none taken back; `struck`: those that
        were as well."""
        found: dict[tuple[str, str], list[Effect]] = defaultdict(list)
        for effect in self.run.effects:
            where = (effect.system, effect.operation)
            stands = struck or effect.struck_at_us is None
            if stands and where not in self.promises.undoing and self.thing(effect) == thing:
                row = self.events.get(effect.event)
                found[row.integration if row else "", effect.step].append(effect)
        return found

    def last_calls(self, thing: str) -> dict[tuple[str, str, str], CallMade]:
        """(integration, step, label) → the last call that its own providers got."""
        found = {}
        for event in self.of_thing.get(thing, ()):
            for call in self.calls[event]:
                if (call.system, call.operation) not in self.promises.helpers:
                    found[self.events[event].integration, call.step, call.label] = call
        return found


def let_go(run: Run) -> dict[int, set[str]]:
    """Event → the places at which it was held and a person let it go on."""
    held_at: dict[int, str] = {}
    found: dict[int, set[str]] = defaultdict(set)
    for moment in run.moments:
        if moment.kind == "recorded":
            held_at[moment.event] = moment.step
        elif moment.kind == "person" and moment.detail == "release":
            found[moment.event].add(held_at.get(moment.event, ""))
    return found


def unpacked(text: str) -> str:
    """What a text is in base64, as far as it is text."""
    try:
        return b64decode(text, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def served(call: CallMade) -> tuple[str, str]:
    return call.system, call.operation


def good(call: CallMade) -> bool:
    return call.status < 400 if call.status else False
