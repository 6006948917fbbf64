"""Takes down what happens in a simulated run, as it happens: the story, the calls, the books, what was hit and passed.

It sees more than the engine does (what a partner did though its answer was lost) and tells none of it to the engine. It
keeps the engine's log too, as the engine itself would write it, and says where a crash is due, since it is what counts
the points. This file refuses to decide anything else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import Any

from msgspec.structs import replace

from engine.model import Fact, Receipt, Status
from engine.run.observe import Log
from engine.store import Answered, Intent, Leave, Move, Record
from harness.simulation.loop import SimLoop
from harness.simulation.scenario import CallMade, Crash, Effect, Fault, Moment, Sending, Told
from harness.simulation.streams import Trace

TOLD_LEAST_MAX = 1_000
TOLD_EACH_MAX = 50
"""So many events under topics go back to one that was accepted, and as many at the least; more is a circle."""


class Witness:
    """What happened so far. `held` is told of every event that waits for a person from now on, `endless` when events
    under topics bring forth more and more of them; `events_of` gives the events of an integration with an id. `behind`
    says of an event which other one it waits for, whose effect is its own."""

    def __init__(
        self,
        loop: SimLoop,
        trace: Trace,
        sendings: Sequence[Sending],
        crashes: Iterable[Crash],
        faults: Iterable[Fault],
    ) -> None:
        self.loop = loop
        self.trace = trace
        self.sendings = sendings
        self.moments: list[Moment] = []
        self.calls: list[CallMade] = []
        self.effects: list[Effect] = []
        self.told: list[Told] = []
        self.fired: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.labels: dict[int, str] = {}
        self.written = StringIO()
        self.log = Log(self.written)
        self.intents: dict[int, Intent] = {}
        self.behind: dict[int, int] = {}
        self.healed = False
        self.arrived = 0
        self.held: Callable[[int], None] = lambda _: None
        self.endless: Callable[[], None] = lambda: None
        self.events_of: Callable[[str, str], Iterable[int]] = lambda _integration, _id: ()
        self._due = {(crash.point, crash.nth) for crash in crashes}
        for kind in (*(fault.kind for fault in faults), *(point for point, _ in self._due)):
            self.fired[kind] = 0

    @property
    def logged(self) -> tuple[str, ...]:
        """The lines of the engine's log, over all its lives."""
        return tuple(self.written.getvalue().split("\n")[:-1])

    @property
    def now_us(self) -> int:
        return round(self.loop.time() * 1_000_000)

    def tell(self, kind: str, **more: Any) -> None:
        """Adds a line to the story."""
        moment = Moment(self.now_us, kind, **more)
        self.moments.append(moment)
        self.trace.note(*(getattr(moment, name) for name in moment.__struct_fields__))

    def hit(self, kind: str, **more: Any) -> None:
        """A fault really happened."""
        self.fired[kind] += 1
        self.tell("fault", detail=kind, **more)

    def fact(self, fact: Fact) -> None:
        """Facts are part of what two runs of one seed have in common, and of some the engine writes a line."""
        self.trace.note(fact.name, fact.at, tuple(sorted(fact.data.items())))
        self.log(fact)

    def passing(self, when: str, what: str) -> bool:
        """A port call passes a point; True where the power is cut there."""
        point = f"{when} {what}"
        nth = self.passed[point]
        self.passed[point] = nth + 1
        self.trace.note(point, self.now_us)
        if self.healed or (point, nth) not in self._due:
            return False
        self.fired[point] += 1
        self.tell("crash", detail=point, nth=nth)
        return True

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def label_of(self, event: int) -> str:
        return self.labels.get(event, "")

    def accepted(self, sending: int, receipts: Iterable[Receipt]) -> None:
        """The events of a delivery are on disk, or were there before."""
        label = self.sendings[sending].label
        for receipt in receipts:
            self.arrived += receipt.event not in self.labels
            self.labels.setdefault(receipt.event, label)
            self.tell("accepted", event=receipt.event, label=label, detail=receipt.verdict, nth=sending)

    def began(self, intent: Intent, answered: Answered) -> None:
        """An intent was answered. Where it may be sent, the next call of its event is this one's."""
        if answered.leave is Leave.STALE:
            return
        if answered.leave is Leave.BUSY:
            self.behind[intent.event] = answered.event
        else:
            self.behind.pop(intent.event, None)
        self.intents[intent.event] = intent
        if intent.record is not None:
            self.recorded(intent.record)

    def recorded(self, record: Record) -> None:
        """An event stands somewhere else; what it told under topics goes back to the same sending."""
        for emission in record.emitted:
            heard = {(arrival.integration, arrival.id or ""): False for arrival in emission.arrivals}
            for named in heard:
                for event in self.events_of(*named):
                    heard[named] = True
                    self.labels.setdefault(event, self.label_of(record.event))
            missed = tuple(named for named, there in heard.items() if not there)
            named_so = emission.topic, emission.id, emission.key
            self.told.append(Told(record.event, *named_so, self.now_us, tuple(heard), missed))
        if len(self.labels) - self.arrived > TOLD_LEAST_MAX + TOLD_EACH_MAX * self.arrived:
            self.endless()
        if record.status is not Status.RUNNING:
            self.moved(record.event, record.status)
            label = self.label_of(record.event)
            self.tell("recorded", event=record.event, label=label, step=record.step, detail=record.status.value)
        if record.status is Status.HELD:
            self.held(record.event)

    def decided(self, move: Move) -> None:
        """What a person said is on disk, also where the power goes before he hears of it."""
        self.tell("person", event=move.event, label=self.label_of(move.event), detail=move.action)
        self.moved(move.event)

    def moved(self, event: int, status: Status | None = None) -> None:
        """An event stands somewhere else: whoever waits for what becomes of it may go on, as far as one knows."""
        if status is not Status.WAITING:
            self.behind.pop(event, None)
        self.behind = {later: first for later, first in self.behind.items() if first != event}

    # ── calls and books ──────────────────────────────────────────────────────────────────────────────────────────────

    def called(self, call: CallMade) -> int:
        """A call goes out; its place, to tell more of it later."""
        self.calls.append(call)
        self.tell("call", **about(call))
        return len(self.calls) - 1

    def more(self, place: int, **known: Any) -> CallMade:
        """More is known of a call."""
        self.calls[place] = replace(self.calls[place], **known)
        return self.calls[place]

    def heard(self, call: CallMade) -> None:
        """The engine is told what came of a call."""
        self.tell("told", status=call.status, detail=call.failure or call.sent, **about(call))

    def booked(self, place: int, fields: object, result: object) -> int:
        """A call wrote a row into its partner's book; the place of the effect."""
        call = self.calls[place]
        self.effects.append(
            Effect(
                system=call.system,
                operation=call.operation,
                identity=call.identity,
                at_us=self.now_us,
                fields=fields,
                label=call.label,
                event=call.event,
                step=call.step,
                result=result,
            )
        )
        self.more(place, booked=True, effect=len(self.effects) - 1)
        self.tell("booked", **about(call))
        return len(self.effects) - 1

    def struck(self, effect: int) -> None:
        """An effect was taken back."""
        self.effects[effect] = replace(self.effects[effect], struck_at_us=self.now_us)


def about(call: CallMade) -> dict[str, Any]:
    """What a line of the story says of a call."""
    names = ("event", "label", "system", "operation", "identity", "step")
    return {name: getattr(call, name) for name in names}
