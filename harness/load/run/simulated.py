"""A SIMULATED RUN OF A SCHEDULE: `harness.simulation` with a witness that only counts, and senders that never wait.

Nobody's story is taken down: what `prove` needs to tell of one event (every moment, call and decision, and a hash over
them) is a part of what the event costs. Each message is sent when it is due, once, whatever became of it, as the
generator does. This file refuses to say what a run is made of, and what it comes to.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from engine.model import Fact, Receipt, Request
from engine.model import Sent as Came
from engine.rules.calls import written
from engine.run.load import Loaded
from engine.store import Answered, Intent, Record
from engine.store.readers import read_gates, read_gauges
from engine.wire.answers import Answer, Inbound, Reply
from harness.load.measure.books import Book, BookRow
from harness.load.measure.ran import Partners
from harness.load.measure.watch import ACTIVE, AGAIN, Page, Row
from harness.load.model import SECOND_US, Arrival, Message, Sent
from harness.partner import Partner, PartnerAnswer
from harness.simulation.fates import Fates
from harness.simulation.loop import CALLBACKS_EACH_MAX, SimLoop
from harness.simulation.partners import Call, Network, SimPartner, Told
from harness.simulation.run import Simulation
from harness.simulation.scenario import CallMade, Scenario
from harness.simulation.senders import Senders
from harness.simulation.streams import Streams, Trace
from harness.simulation.witness import Witness
from harness.world import BEGIN_AT

LOOKS_MAX: Final = 4_000
"""So often the store is asked what waits; of a run of more seconds not in every one."""
THROTTLED: Final = 429

NOBODY: Final = CallMade(0, "", "", "", 0, "", "", 1, "", "", {}, None)


# ── counted, second by second ────────────────────────────────────────────────────────────────────────────────────────


class CountingWitness(Witness):
    """Counts what happens, and keeps nothing of a call but whose it is while it is under way, and of a book what is
    needed to hold it against the ledger. `look` asks what waits, as a second ends in which anything happened."""

    look: "LoadSimulation"

    def __init__(self, loop: SimLoop, trace: Trace, every_s: int) -> None:
        super().__init__(loop, trace, (), (), ())
        self.every_s = every_s
        self.rows: list[Row] = [row_at(-0.000_001, Page())]
        self.answered: dict[int, Counter[str]] = {}
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.booked_rows: dict[int, tuple[str, BookRow]] = {}
        self.out: dict[int, CallMade] = {}
        self.requests: dict[int, Request] = {}
        self.request: Request | None = None
        self.first_events: dict[int, int] = {}
        self.total: Counter[str] = Counter()
        self.at_s, self.looked_s, self.place = 0, -every_s, 0

    def pass_time(self) -> None:
        """Before anything is counted."""
        at_s = self.now_us // SECOND_US
        if at_s != self.at_s:
            self.enter(at_s)

    def enter(self, at_s: int) -> None:
        """Another second: what stands now stood at the end of the one before."""
        self.at_s = at_s
        if at_s - self.looked_s >= self.every_s:
            self.looked_s = at_s
            self.rows.append(row_at(at_s - 0.000_001, self.look.page(self.total)))

    def of_partners(self, partners: Mapping[str, Partner]) -> Partners:
        """What the partners would tell of the run."""
        books = {
            name: Book(name, tuple(row for system, row in self.booked_rows.values() if system == name), one.doubles())
            for name, one in partners.items()
        }
        begin_s = BEGIN_AT // SECOND_US
        return Partners(books, self.counts, {begin_s + at_s: counted for at_s, counted in self.answered.items()})

    # ── what a story would tell ──────────────────────────────────────────────────────────────────────────────────────

    def tell(self, kind: str, **more: Any) -> None:
        pass

    def hit(self, kind: str, **more: Any) -> None:
        pass

    def passing(self, when: str, what: str) -> bool:  # noqa: ARG002
        return False

    def label_of(self, event: int) -> str:  # noqa: ARG002
        return ""

    def accepted(self, sending: int, receipts: Sequence[Receipt]) -> None:  # type: ignore[override]  # never one of many
        if receipts:
            self.first_events[sending] = receipts[0].event

    def began(self, intent: Intent, answered: Answered) -> None:
        pass

    def recorded(self, record: Record) -> None:
        pass

    def fact(self, fact: Fact) -> None:
        self.pass_time()
        if fact.name == "recorded":
            self.total["done"] += fact.data["status"] == "done"
        elif fact.name == "call":
            self.total["calls"] += 1
            self.total["retries"] += fact.data["verdict"] in AGAIN

    def called(self, call: CallMade) -> int:
        self.pass_time()
        self.counts[call.system]["requests"] += 1
        self.place += 1
        self.out[self.place] = call
        if self.request is not None:
            self.requests[self.place] = self.request
        return self.place

    def more(self, place: int, **known: Any) -> CallMade:
        call = replace(self.out.get(place, NOBODY), **known)
        if "sent" in known:  # the engine has been told
            self.out.pop(place, None)
            if known["sent"] != Came.UNKNOWN:  # else the partner may do it yet
                self.requests.pop(place, None)
        return call

    def heard(self, call: CallMade) -> None:
        self.pass_time()
        self.answered.setdefault(self.at_s, Counter())[f"{call.system} {call.status or 'none'}"] += 1
        self.counts[call.system]["throttled"] += call.status == THROTTLED

    def booked(self, place: int, fields: object, result: object) -> int:  # noqa: ARG002
        request = self.requests[place]
        number = len(self.booked_rows) + 1
        identity = self.out.get(place, NOBODY).identity
        row = BookRow(number, request.operation, identity, (written(request)[1],))
        self.counts[request.system]["booked"] += 1
        self.booked_rows[place] = (request.system, row)
        return place

    def struck(self, effect: int) -> None:
        del self.booked_rows[effect]


def row_at(at_s: float, page: Page) -> Row:
    """What is seen of an engine in virtual time: its counts, and no process."""
    at_us = BEGIN_AT + round(at_s * SECOND_US)
    return Row(at_us=at_us, at_s=at_s, page=page, engine=None, generators=(), machine=None)


class LoadNetwork(Network):
    """The network, which knows the request of a call: a book is held against the ledger by its digest."""

    counting: CountingWitness

    def out(self, request: Request, timeout_s: float, caller: CallMade, told: Told) -> None:
        self.counting.request = request
        super().out(request, timeout_s, caller, told)

    def commit(self, partner: SimPartner, call: Call) -> PartnerAnswer:
        answer = super().commit(partner, call)
        self.counting.counts[call.request.system]["repeated"] += answer.row is not None and not answer.booked
        self.counting.requests.pop(call.place, None)
        return answer


# ── sent when it is due ──────────────────────────────────────────────────────────────────────────────────────────────


class OpenSenders(Senders):
    """Sends what a schedule says, when it says so, each once."""

    def follow(self, arrivals: Sequence[Arrival], messages: Sequence[Message], counting: CountingWitness) -> None:
        """Before `begin`: what is sent."""
        self.sent: list[Sent] = []
        self.arrivals = iter(arrivals)
        self.messages = messages
        self.counting = counting

    def begin(self, *_: object) -> None:
        self.under_way += 1  # the schedule itself, until it is over
        self.wait()

    def wait(self) -> None:
        """For the next one."""
        arrival = next(self.arrivals, None)
        if arrival is None:
            self.under_way -= 1
            return
        self.loop.call_later(max(0, arrival.due_us - self.counting.now_us) / SECOND_US, self.send, arrival)

    def send(self, arrival: Arrival) -> None:
        self.counting.pass_time()
        message = self.messages[arrival.message]
        place = len(self.sent)
        self.sent.append(Sent(arrival.message, arrival.phase, arrival.due_us, arrival.due_us, -1, 0, 0))
        self.under_way += 1
        life = self.life()
        if life is None:
            self.came(place, 503)
        else:
            life.committer.sending = place
            answer = life.parts.intake(inbound_of(message), self.reply(place))
            life.committer.sending = None
            if answer is not None:
                self.came(place, answer.status)
        self.wait()

    def reply(self, place: int) -> Reply:
        def replied(answer: Answer | BaseException) -> None:
            self.came(place, answer.status if isinstance(answer, Answer) else 500)

        return replied

    def came(self, place: int, status: int) -> None:
        """An answer, at the engine's door: the way to it and back takes no time here."""
        self.under_way -= 1
        event = self.counting.first_events.pop(place, 0)
        self.sent[place] = replace(self.sent[place], answered_us=self.counting.now_us, status=status, event=event)


def inbound_of(message: Message) -> Inbound:
    """The request of a message as the engine's server would hand it in."""
    head, _, body = message.raw.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
    return Inbound(method, parts.path, headers, dict(parse_qsl(parts.query, keep_blank_values=True)), body)


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class LoadSimulation(Simulation):
    """A simulated run of a schedule."""

    def __init__(
        self, loaded: Loaded, scenario: Scenario, arrivals: Sequence[Arrival], messages: Sequence[Message]
    ) -> None:
        last_us = arrivals[-1].due_us if arrivals else 0
        self.every_s = max(1, last_us // SECOND_US // LOOKS_MAX)
        super().__init__(loaded, scenario, {})
        self.loop.callbacks_max += CALLBACKS_EACH_MAX * len(arrivals)
        self.counting.look = self
        self.open_senders.follow(arrivals, messages, self.counting)

    def new_streams(self) -> Streams:
        streams = Streams(self.scenario.seed)
        streams.trace = Untraced()
        return streams

    def new_witness(self) -> Witness:
        self.counting = CountingWitness(self.loop, self.streams.trace, self.every_s)
        return self.counting

    def new_senders(self, fates: Fates) -> Senders:
        self.open_senders = OpenSenders(self.loop, self.streams, self.witness, fates, self.listening)
        return self.open_senders

    def new_network(self, fates: Fates, partners: Mapping[str, SimPartner]) -> Network:
        network = LoadNetwork(self.loop, self.streams, self.witness, fates, partners, self.scenario.latencies_s)
        network.counting = self.counting
        return network

    def page(self, total: Mapping[str, int]) -> Page:
        """What the engine's page of metrics would say now."""
        gauges = read_gauges(self.store)
        oldest_at = gauges.oldest_active_at
        return Page(
            backlog=sum(count for (_, status), count in gauges.counts.items() if status in ACTIVE),
            running=len(self.life.parts.deliverer.tasks) if self.life is not None else 0,
            oldest_s=0.0 if oldest_at is None else (self.counting.now_us - (oldest_at - BEGIN_AT)) / SECOND_US,
            parked={row.gate: row.parked for row in read_gates(self.store) if row.parked},
            calls=total["calls"],
            retries=total["retries"],
            done=total["done"],
        )

    def ended_at(self, deadlock: str) -> float:
        """When the run ended, in seconds."""
        if deadlock:
            self.failure = self.failure or deadlock
        self.counting.looked_s = -self.counting.every_s
        now_us = self.counting.now_us
        self.counting.enter(now_us // SECOND_US + 1)
        return now_us / SECOND_US


class Untraced(Trace):
    """Nobody compares two runs under load by their hash."""

    def note(self, *words: object) -> None:
        pass
