"""MEMORY: what the engine must never forget, behind about ten verbs.

A verb is a synchronous function over (database, batch): it runs inside a transaction that a `Committer` opened, gives
one result for each item, and promises what its docstring says once that transaction is on disk. Nothing else writes.
The values verbs take and give are here. `verbs.py` has the verbs, written once over rows; `database.py` is what they
see of SQLite (`sqlite.py`) or PostgreSQL; `settle.py` and PostgreSQL's committer run them. Every store passes the same
conformance suite (`tests/store/conformance.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from engine.model import (
    Allowed,
    Arrival,
    Delivery,
    EffectState,
    Emission,
    ItemState,
    Message,
    Receipt,
    Sighting,
    Status,
)
from engine.rules.quota import Quota as Quota


class ClaimRequest(Struct, frozen=True):
    """Asks for at most `limit` due deliveries, leased until `lease_until`; `running` counts what each integration holds.

    What waits at a gate is claimed only through it: at most `allow` of a gate (none named: no limit of this node's), and
    as `quotas` let them, whose tokens are then taken. `node` is who asks (0: the only one); `at_work` are the events it
    is at work on: their leases are not given back, however late it has become.
    """

    now: int
    limit: int
    lease_until: int
    running: Mapping[str, int] = {}
    allow: Mapping[str, int] = {}
    quotas: Mapping[str, Quota] = {}
    node: int = 0
    at_work: Sequence[int] = ()


class Claimed(Struct, frozen=True):
    """What was claimed, and when the next delivery falls due (None: nothing is waiting for a time)."""

    deliveries: tuple[Delivery, ...]
    next_due_at: int | None


class Leave(StrEnum):
    """What the ledger says to an intent."""

    SEND = "send"  # the intent is on disk: send
    KNOWN = "known"  # the effect happened; its result is given
    BUSY = "busy"  # another event's intent for the same effect is open
    UNKNOWN = "unknown"  # this event's intent is on disk without an outcome
    CHANGED = "changed"  # as UNKNOWN, but the request differs from the one that was sent
    STAY = "stay"  # another provider (`place`) turned this event away: it is asked again, and no other
    UNDONE = "undone"  # the effect was there and was taken back
    GATED = "gated"  # a quota is spent, or others wait at its gate already: wait there, no attempt is counted
    STALE = "stale"  # the lease was lost


class Answered(Struct, frozen=True):
    """The ledger's answer: leave, the recorded result (KNOWN), when the effect was first sent, and by which event.
    `gate` and `at` (GATED): where to wait, and when that may end; `place` (of an `any_of`) which intent it is about;
    `done` (CHANGED): nothing of it is in doubt, and its result is given."""

    leave: Leave
    result: object = None
    first_sent_at: int = 0
    event: int = 0
    differs: bool = False
    gate: str = ""
    at: int = 0
    place: int = 0
    done: bool = False


class Settled(Struct, frozen=True):
    """The new state of one effect, with the result where it is done."""

    digest: bytes
    state: EffectState
    result: object = None


class Line(Struct, frozen=True):
    """One line of an event's story: a call, a look-up, a hold, a release, a redrive, or a remark.

    `ended` says that the step is over and `result` is its result; `tables` are those that were looked up for it,
    `name@version`.
    """

    step: str
    kind: str
    at: int
    operation: str = ""
    once: str = ""
    verdict: str = ""
    status: int = 0
    took_us: int = 0
    reason: str = ""
    ended: bool = False
    result: object = None
    tables: tuple[str, ...] = ()


class Record(Struct, frozen=True):
    """What came of a claimed delivery. Refused as a whole if `token` is not the newest.

    `status` running keeps the lease (extended to `lease_until`). `attempts` replaces the count of the step it stands at.
    `on_release` says what a person's release does to a held event: `end` its step, or `send`: settle the doubt and go
    on. `again` keeps what a person allowed while the event waits. `tables` are those that this claim looked up (none:
    the earlier ones stay). `sightings` are counted with it; missing rows among them are also kept as what the event
    waits for.

    `phase` and `cause` as in Delivery. `items` are those of an `each` that have not ended (None: leave them as they
    are). `emitted` are events of topics, in the order of the lines of kind `emit`, which say so where one was no news.
    `awaits` is the (topic, key) that a WAITING one waits for, having seen messages up to `seen_message`; it is due at once
    where a newer one is there. `behind` are events whose effects a WAITING one waits for: one of its own key goes first,
    and who has begun behind it may pass. `gate` is where a WAITING one waits. `on_reject`
    is what a person's no does to a HELD one: `discard`, `compensate`, `continue`, or `items`: those that are held fail;
    its `due_at` is when it wakes by itself (0: never). `undone` are effects that were taken back. `learnt` is what
    answers told of gates.
    """

    event: int
    token: int
    at: int
    status: Status
    due_at: int = 0
    lease_until: int = 0
    attempts: int = 0
    step: str = ""
    on_release: str = ""
    again: Allowed = Allowed.NOTHING
    queue: str = ""
    reason: str = ""
    lines: tuple[Line, ...] = ()
    settled: Settled | None = None
    tables: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    phase: str = ""
    cause: str = ""
    items: tuple[ItemState, ...] | None = None
    emitted: tuple[Emission, ...] = ()
    awaits: tuple[str, str] | None = None
    seen_message: int = 0
    behind: tuple[int, ...] = ()
    gate: str = ""
    on_reject: str = "discard"
    undone: tuple[bytes, ...] = ()
    learnt: tuple["Learnt", ...] = ()


class Learnt(Struct, frozen=True):
    """What an answer told of a gate's quota: the bytes are `rules.quota`'s to read."""

    gate: str
    quota: bytes


class GateRow(Struct, frozen=True):
    """A gate as it is stored. `state` is the breaker's: `closed`, `open` (until `until`) or `half_open`; `forced` is a
    person's `open` or `closed`, empty: nobody's. `quota` is `rules.quota`'s state. `parked` counts who waits there (for
    readers)."""

    gate: str
    state: str = "closed"
    until: int = 0
    forced: str = ""
    reason: str = ""
    at: int = 0
    quota: bytes = b""
    parked: int = 0


class Intent(Struct, frozen=True):
    """A call about to be sent. `once` is None for operations without effect; `again` is the decision to send once more
    although an earlier send has no outcome. `record` is what ended just before: it is written first, in the same item,
    so that an outcome and the intent that follows it cannot come apart. `tables` as in Record. `quotas` are those of the
    gates it passes, `lane` is its delivery's; `passes` names gates whose tokens it has. `others` are (system, operation)
    of the other providers of an `any_of`: the ledger is asked for each of them first, and an effect of one of these is
    answered KNOWN, BUSY, UNKNOWN or (turned away, and of this event) STAY with its `place`, from 1."""

    event: int
    token: int
    step: str
    system: str
    operation: str
    once: str | None
    request_digest: bytes
    at: int
    lease_until: int
    again: bool = False
    record: Record | None = None
    tables: tuple[str, ...] = ()
    quotas: tuple[Quota, ...] = ()
    lane: int = 1
    passes: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()


class Tally(Struct, frozen=True):
    """How often something was seen, when first and last, and the newest event it was seen in."""

    sighting: Sighting
    count: int
    first_at: int
    last_at: int
    event: int


class Move(Struct, frozen=True):
    """What a person decided of an event that stands still: release, reject or redrive (`plan`: under this one).
    `due_at` is when it goes on (0: at once); `new_effect`: the step it stands at makes another effect than before."""

    event: int
    at: int
    action: str
    by: str = ""
    reason: str = ""
    plan: str | None = None
    due_at: int = 0
    new_effect: bool = False


class EventRow(Struct, frozen=True):
    """One event as readers see it; times in microseconds, texts as stored. `attempts` counts all its calls so far;
    `missing` are the rows it waits for: (table, column, text)."""

    event: int
    integration: str
    id: str | None
    key: str | None
    status: Status
    attempts: int
    received_at: int
    finished_at: int | None
    due_at: int
    plan: str
    version: int
    step: str
    queue: str
    reason: str
    tables: tuple[str, ...] = ()
    missing: tuple[tuple[str, str, str], ...] = ()
    lane: int = 1
    gate: str = ""
    phase: str = ""


class Filter(Struct, frozen=True):
    """Which events a reader wants, newest last; `missing`: those that wait for rows of tables; `after` is an event
    number to go on from. `since` and `until` bound when it was received, the latter not included; `reason` is a part of
    it."""

    status: tuple[str, ...] = ()
    integration: str | None = None
    queue: str | None = None
    id: str | None = None
    key: str | None = None
    missing: bool = False
    after: int = 0
    limit: int = 1000
    since: int | None = None
    until: int | None = None
    step: str | None = None
    reason: str | None = None
    lane: int | None = None
    gate: str | None = None
    phase: str | None = None


class Effect(Struct, frozen=True):
    """One row of the effect ledger as readers see it; `event` owns it."""

    system: str
    operation: str
    once: str
    state: EffectState
    attempts: int
    event: int
    first_sent_at: int = 0


class Gauges(Struct, frozen=True):
    """Counts for metrics: events by (integration, status), and the oldest active arrival."""

    counts: Mapping[tuple[str, str], int]
    oldest_active_at: int | None


class Turn(IntEnum):
    """When a verb runs within a group: outcomes first and claims after all that makes events due, so that they see it.
    What is ACCEPT is arrivals: a full store refuses those alone."""

    RECORD = 0
    BEGIN = 1
    MOVE = 2
    KEEP = 3
    RECOVER = 4
    ACCEPT = 5
    READ = 6
    CLAIM = 7
    RETAIN = 8


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def turn(its: Turn) -> Callable[[Decorated], Decorated]:
    """Says of a verb when it runs."""

    def said(verb: Decorated) -> Decorated:
        verb.turn = its  # type: ignore[attr-defined]
        return verb

    return said


def turn_of(verb: Callable[..., Any]) -> Turn:
    """A verb's turn; what does not say runs first."""
    found: Turn = getattr(verb, "turn", Turn.RECORD)
    return found


class Store(Protocol):
    """The verbs. Each runs inside the caller's transaction; promises hold once it is committed. Within a batch a later
    item sees what an earlier one did."""

    def accept(self, database: Any, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """Stores arrivals and their identities. The same id is a duplicate (nothing stored) or, with another body
        compared as JSON, a conflict (stored, quarantined). Arrivals without id or key are stored quarantined. One that
        keeps only the newest supersedes what is older, of the same key and integration and never claimed, or is
        superseded itself. StoreFull stands for an arrival that would touch the room kept for outcomes; a committer
        raises it."""

    def accept_all(
        self, database: Any, batches: Sequence[Sequence[Arrival]]
    ) -> Sequence[Sequence[Receipt] | Exception]:
        """As `accept`, for deliveries that were split: all items of one in one transaction, or StoreFull for it whole.
        The envelope that they share is stored once."""

    def claim(self, database: Any, requests: Sequence[ClaimRequest]) -> Sequence[Claimed]:
        """Leases due deliveries, each with a new token: one of a key at a time, the oldest first, shared by lanes and
        evenly among integrations; what waits at a gate only as it lets through. Before that, leases that ran out or that
        a silent node holds are given back, and what slept long enough is woken. What an engine died of is claimed one at
        a time, and after the third time quarantined."""

    def begin(self, database: Any, intents: Sequence[Intent]) -> Sequence[Answered]:
        """Writes intents into the effect ledger, unique on (system, operation, once), takes from the quotas, and counts
        the attempt. An intent's own `record` is written first."""

    def record(self, database: Any, records: Sequence[Record]) -> Sequence[bool]:
        """Writes outcomes, effects and decisions, and what follows from them: items, events of topics, what partners told
        of quotas; False where the token is stale and nothing was written. Whoever waits for an event of a topic is due
        at once. The next of a key is claimable once this one does not keep it any more."""

    def move(self, database: Any, moves: Sequence[Move]) -> Sequence[str]:
        """Carries out people's decisions; an empty text, or why it cannot be done."""

    def messages(self, database: Any, awaited: Sequence[tuple[str, str]]) -> Sequence[tuple[Message, ...]]:
        """The newest events of each (topic, key), oldest of them first."""

    def tally(self, database: Any, batches: Sequence[Sequence[Tally]]) -> Sequence[None]:
        """Adds to the counts of what was seen. Counts are bounded: of each table or contract, and of all, those seen
        longest ago are forgotten first."""

    def keep_plans(self, database: Any, plans: Sequence[tuple[str, str, int, bytes, int]]) -> Sequence[None]:
        """Keeps plans by hash: (hash, integration, version, content, now)."""

    def keep_gates(self, database: Any, rows: Sequence[GateRow]) -> Sequence[None]:
        """Writes what became of breakers, and what people forced; quotas and counts are not its matter. A row with a
        state is an engine's, and leaves `forced` as it is; one without is a person's, and sets nothing else: neither
        can undo what the other has just written."""

    def recover(self, database: Any, nodes: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Gives back every lease of a node's former life: (node, now); how many."""

    def retain(self, database: Any, requests: Sequence[Any]) -> Sequence[Any]:
        """Forgets a batch of what is over (`engine.store.retention`). What is active, or waits for a person, stays."""

    def shift(self, database: Any, jumps: Sequence[int]) -> Sequence[None]:
        """Moves the dues of what is to run by so many microseconds: the machine's clock was set. Nothing runs meanwhile."""
