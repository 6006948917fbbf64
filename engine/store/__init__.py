"""MEMORY: what the engine must never forget, behind about ten verbs.

A verb is a synchronous function over (connection, batch): it runs inside a transaction that a `Committer` opened,
gives one result for each item, and promises what its docstring says once that transaction is on disk. Nothing else
writes. The values verbs take and give are here; `schema.sql` and `sqlite.py` are the embedded store, `committer.py`
runs the verbs. Any other store must pass the same conformance suite (`tests/store/conformance.py`).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from engine.model import Allowed, Arrival, Delivery, EffectState, Receipt, Sighting, Status


class ClaimRequest(Struct, frozen=True):
    """Asks for at most `limit` due deliveries, leased until `lease_until`; `running` counts what each integration holds."""

    now: int
    limit: int
    lease_until: int
    running: Mapping[str, int] = {}


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
    STALE = "stale"  # the lease was lost


class Answered(Struct, frozen=True):
    """The ledger's answer: leave, the recorded result (KNOWN), when the effect was first sent, and by which event."""

    leave: Leave
    result: object = None
    first_sent_at: int = 0
    event: int = 0
    differs: bool = False


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


class Intent(Struct, frozen=True):
    """A call about to be sent. `once` is None for operations without effect; `again` is the decision to send once more
    although an earlier send has no outcome. `record` is what ended just before: it is written first, in the same item,
    so that an outcome and the intent that follows it cannot come apart. `tables` as in Record."""

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


class Tally(Struct, frozen=True):
    """How often something was seen, when first and last, and the newest event it was seen in."""

    sighting: Sighting
    count: int
    first_at: int
    last_at: int
    event: int


class Move(Struct, frozen=True):
    """What a person decided of an event that stands still: release, reject or redrive (`plan`: under this one)."""

    event: int
    at: int
    action: str
    by: str = ""
    reason: str = ""
    plan: str | None = None


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


class Filter(Struct, frozen=True):
    """Which events a reader wants, newest last; `missing`: those that wait for rows of tables; `after` is an event
    number to go on from."""

    status: tuple[str, ...] = ()
    integration: str | None = None
    queue: str | None = None
    id: str | None = None
    key: str | None = None
    missing: bool = False
    after: int = 0
    limit: int = 1000


class Effect(Struct, frozen=True):
    """One row of the effect ledger as readers see it."""

    system: str
    operation: str
    once: str
    state: EffectState
    attempts: int
    event: int


class Gauges(Struct, frozen=True):
    """Counts for metrics: events by (integration, status), and the oldest active arrival."""

    counts: Mapping[tuple[str, str], int]
    oldest_active_at: int | None


class Store(Protocol):
    """The verbs. Each runs inside the caller's transaction; promises hold once it is committed."""

    def accept(self, connection: Any, arrivals: Sequence[Arrival]) -> Sequence[Receipt | Exception]:
        """Stores arrivals and their identities. The same id is a duplicate (nothing stored) or, with another body
        compared as JSON, a conflict (stored, quarantined). Arrivals without id or key are stored quarantined.
        StoreFull stands for an arrival that would touch the room kept for outcomes; a committer raises it."""

    def claim(self, connection: Any, requests: Sequence[ClaimRequest]) -> Sequence[Claimed]:
        """Leases due deliveries: the oldest of each key only, shared evenly among integrations, each with a new token."""

    def begin(self, connection: Any, intents: Sequence[Intent]) -> Sequence[Answered]:
        """Writes intents into the effect ledger, unique on (system, operation, once), and counts the attempt."""

    def record(self, connection: Any, records: Sequence[Record]) -> Sequence[bool]:
        """Writes outcomes, effects and decisions; False where the token is stale and nothing was written."""

    def move(self, connection: Any, moves: Sequence[Move]) -> Sequence[str]:
        """Carries out people's decisions; an empty text, or why it cannot be done."""

    def tally(self, connection: Any, batches: Sequence[Sequence[Tally]]) -> Sequence[None]:
        """Adds to the counts of what was seen. Counts are bounded: of each table or contract, and of all, those seen
        longest ago are forgotten first."""

    def keep_plans(self, connection: Any, plans: Sequence[tuple[str, str, int, bytes, int]]) -> Sequence[None]:
        """Keeps plans by hash: (hash, integration, version, content, now)."""

    def recover(self, connection: Any, nows: Sequence[int]) -> Sequence[int]:
        """Gives back every lease (a dead engine's); how many."""
