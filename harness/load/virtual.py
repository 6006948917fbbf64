"""THE SAME PROFILE IN VIRTUAL TIME: a sale day in about a minute, for questions of queueing and quotas.

The engine's own loops run as in `harness.simulation`, but nobody's story is taken down: what `prove` needs to tell of
one event (every moment, call and decision, and a hash over them) is a part of what the event costs. A schedule sends
each message when it is due, once, whatever became of it, as the generator does. Partners count by their quotas and take
their latencies. Of CPU and disk virtual time knows nothing: what takes time in it was declared or is given, and the
engine's own work takes none. This file refuses to judge, and to begin what would take an hour.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from msgspec.structs import replace

from engine.cli import WORKERS
from engine.errors import UserError
from engine.model import Fact, Receipt, Request
from engine.model import Sent as Came
from engine.rules.calls import written
from engine.run.load import Loaded
from engine.store import Answered, Intent, Record
from engine.store.readers import read_gates, read_gauges
from engine.store.sqlite import SqliteDatabase
from engine.wire.answers import Answer, Inbound, Reply
from harness.load.arrivals import schedule
from harness.load.books import Book, BookRow
from harness.load.measure import measure
from harness.load.messages import Messages, signing_names
from harness.load.model import Arrival, Measures, Message, PhaseSpan, Sent
from harness.load.profile import Profile
from harness.load.ran import Partners, Ran
from harness.load.watch import ACTIVE, AGAIN, Page, Row
from harness.load.work import GONE, calls_of, declared, of_whole, steady, work_of
from harness.partner import Partner, PartnerAnswer
from harness.recordings.exchange import Recording
from harness.simulation.fates import Fates
from harness.simulation.loop import CALLBACKS_EACH_MAX, SimLoop
from harness.simulation.partners import Call, Network, SimPartner, Told
from harness.simulation.run import Simulation, simulated_secret
from harness.simulation.scenario import CallMade, Scenario
from harness.simulation.senders import Senders
from harness.simulation.streams import Streams, Trace
from harness.simulation.witness import Witness
from harness.world import BEGIN_AT

CALL_S: Final = 0.005
"""A call, where nobody says otherwise: as the partners of a real run."""
DISK_S: Final = (0.002, 0.004)
"""A commit: as long as one takes under load, so that what comes meanwhile shares the next one, as it does there."""
LOOKS_MAX: Final = 4_000
"""So often the store is asked what waits; of a run of more seconds not in every one."""
MESSAGES_MAX: Final = 200_000
"""About a quarter of an hour."""
THROTTLED: Final = 429

NOBODY: Final = CallMade(0, "", "", "", 0, "", "", 1, "", "", {}, None)


class Played(NamedTuple):
    """What came of it. `database` is the store as it stands, to be closed by whoever asked. Not `still`: something
    moved when its time was over."""

    ran: Ran
    database: SqliteDatabase
    still: bool


def play(
    loaded: Loaded,
    arrivals: Sequence[Arrival],
    messages: Sequence[Message],
    phases: tuple[PhaseSpan, ...],
    *,
    drain_s: float,
    seed: int = 1,
    workers: int = WORKERS,
    latencies_s: Mapping[str, tuple[float, ...]] | None = None,
) -> Played:
    """Sends what is due when it is due, and goes on until nothing moves, but no longer than `drain_s` after the last.
    `messages` are signed with `secrets_of`; `latencies_s` are by system or `system.operation`.

    Raises UserError where there is too much of it, or the engine fails."""
    if len(arrivals) > MESSAGES_MAX:
        raise UserError(
            f"{len(arrivals):,} messages are more than are sent in virtual time, {MESSAGES_MAX:,}; make the profile"
            " shorter, or lower with --times"
        )
    last_s = max(arrivals[-1].due_us / 1_000_000 if arrivals else 0.0, max((one.end_s for one in phases), default=0.0))
    scenario = Scenario(
        seed=seed,
        sendings=(),
        until_s=last_s + drain_s,
        workers=workers,
        latencies_s=every_latency(loaded, latencies_s or {}),
        disk_s=DISK_S,
        begin_at=BEGIN_AT,
    )
    simulation = LoadSimulation(loaded, scenario, arrivals, messages)
    ended_s = simulation.carried_out(simulation.ended_at)
    if simulation.failure:
        raise UserError(f"the engine failed in virtual time: {simulation.failure}", exit_code=4)
    ran = Ran(
        began_us=BEGIN_AT,
        ended_us=BEGIN_AT + round(ended_s * 1_000_000),
        phases=phases,
        messages=messages,
        sent=simulation.open_senders.sent,
        rows=simulation.counting.rows,
        partners=simulation.counting.of_partners(simulation.kit.partners),
    )
    return Played(ran, simulation.store, simulation.still)


def run_virtual(
    root: Path,
    loaded: Loaded,
    profile: Profile,
    integrations: Sequence[str],
    recordings: Iterable[Recording] = (),
    *,
    seed: int = 1,
    workers: int = WORKERS,
    latencies_s: Mapping[str, tuple[float, ...]] | None = None,
    look: Callable[[SqliteDatabase], object] = lambda _: None,
) -> Measures:
    """The measures of a profile in virtual time; see `play`. `look` sees the store before it is gone."""
    arrivals, phases = schedule(profile, seed)
    first: dict[int, int] = {}
    for arrival in arrivals:
        first.setdefault(arrival.message, arrival.due_us)
    making = Messages(
        loaded,
        integrations,
        recordings,
        seed,
        secrets_of(signing_names(loaded, integrations)),
        root=root,
        mix=profile.mix,
        repeat=profile.repeat,
        hot=profile.hot,
    )
    count = max(first, default=-1) + 1
    messages = list(making.make(count, now=lambda number: BEGIN_AT + first.get(number, 0)))
    played = play(
        loaded,
        arrivals,
        messages,
        phases,
        drain_s=profile.drain_s,
        seed=seed,
        workers=workers,
        latencies_s=latencies_s,
    )
    try:
        look(played.database)
        return measured(loaded, played, workers)
    finally:
        played.database.close()


def measured(loaded: Loaded, played: Played, workers: int = WORKERS) -> Measures:
    """What was measured, with what was taken of everything."""
    ran, database = played.ran, played.database
    found = measure(loaded, ran, database)
    window = steady(ran.phases, None, found.seconds)
    over = sum(found.ended.get(status, 0) for status in GONE)
    each = found.completed / over if over else 1.0
    given = declared(loaded, workers)
    work = work_of(database, found.seconds, window, ran.began_us, given, messages_per_event=each, virtual=True)
    if work is not None and found.drain_s is not None:
        work = of_whole(work, calls_of(database, ran.began_us, ran.ended_us + 1_000_000), found.completed)
    return replace(found, work=work)


def secrets_of(names: Iterable[str]) -> dict[str, str]:
    """What senders sign with in a simulated run: its secrets are called after themselves."""
    return {name: simulated_secret(name) for name in names}


def every_latency(loaded: Loaded, given: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Of every operation: what was given of it or of its system, else CALL_S."""
    return {
        f"{name}.{operation}": given.get(f"{name}.{operation}") or given.get(name) or (CALL_S,)
        for name in loaded.workspace.systems
        for operation in loaded.shape(name).operations
    }


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
        at_s = self.now_us // 1_000_000
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
        begin_s = BEGIN_AT // 1_000_000
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
    at_us = BEGIN_AT + round(at_s * 1_000_000)
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
        self.loop.call_later(max(0, arrival.due_us - self.counting.now_us) / 1_000_000, self.send, arrival)

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
        self.every_s = max(1, last_us // 1_000_000 // LOOKS_MAX)
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
            oldest_s=0.0 if oldest_at is None else (self.counting.now_us - (oldest_at - BEGIN_AT)) / 1_000_000,
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
        self.counting.enter(now_us // 1_000_000 + 1)
        return now_us / 1_000_000


class Untraced(Trace):
    """Nobody compares two runs under load by their hash."""

    def note(self, *words: object) -> None:
        pass
