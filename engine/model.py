"""The words every room shares: arrivals, events, deliveries, outcomes, decisions, facts.

Values only: nothing here reads a clock, a file or a socket, and nothing knows how it is stored. Times are integers,
microseconds since 1970-01-01T00:00:00Z, and their names end in `_at`; spans end in `_s` (seconds) or `_us`.
JSON values inside are plain Python: dict, list, str, bool, None, int of any size, and Decimal, never float.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum, StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from msgspec import Struct


class Status(StrEnum):
    """Where an event stands (pinned names). `terminal` ones stay unless a person redrives them."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    WAITING = "waiting"
    HELD = "held"
    QUARANTINED = "quarantined"
    DONE = "done"
    IGNORED = "ignored"
    SUPERSEDED = "superseded"
    COMPENSATED = "compensated"
    DISCARDED = "discarded"
    DEAD = "dead"

    @property
    def active(self) -> bool:
        """The engine itself will move it; an active event keeps later ones of its key waiting."""
        return self in (Status.ACCEPTED, Status.RUNNING, Status.WAITING)


LANES = ("urgent", "normal", "bulk")
"""Who goes first where something is scarce; a lane is stored as its place here."""


class Effect(StrEnum):
    """What an operation does at the partner, and what is known of repeats."""

    NONE = "none"
    IDEMPOTENT = "idempotent"
    VERIFIABLE = "verifiable"
    AT_MOST_ONCE = "at_most_once"
    UNPROTECTED = "unprotected"


class EffectState(StrEnum):
    """What is known of an effect: `open` (intent without outcome), `unknown`, `clear` (surely not), `turned_away` (the
    partner said later: it may be asked again, but no other provider in its place), `refused`, `done`, `undone` (it was
    there, and was taken back)."""

    OPEN = "open"
    UNKNOWN = "unknown"
    CLEAR = "clear"
    TURNED_AWAY = "turned_away"
    REFUSED = "refused"
    DONE = "done"
    UNDONE = "undone"


UNSETTLED = (EffectState.OPEN, EffectState.UNKNOWN)
"""Nobody knows whether these took effect."""


@lru_cache(1024)
def effect_digest(system: str, operation: str, once: str) -> bytes:
    """The identity of an effect: SHA-256 of (system, operation, once), NUL between. In hex it is the partner's key."""
    return sha256(f"{system}\0{operation}\0{once}".encode()).digest()


class Sighted(StrEnum):
    """What is counted beside events: a row that a table lacks, a required field that did not come, a field that no
    contract knows."""

    MISSING_ROW = "missing-row"
    MISSING_FIELD = "missing-field"
    UNKNOWN_FIELD = "unknown-field"


class Sighting(Struct, frozen=True):
    """One of these: in which table or contract (`place`), which text or path (`name`), in which column (`part`)."""

    kind: Sighted
    place: str
    name: str
    part: str = ""


Revision = tuple[str | int | Decimal, ...]
"""Which state of a thing an event tells of: texts and numbers, compared left to right."""


class Arrival(Struct, frozen=True):
    """What came in, authentic and named, not yet on disk.

    `id` and `key` are None where the expression gave null or failed; `reason` then says why, and the event is stored
    quarantined. `dedupe_for_s` is how long the identity is kept. `space` is the key space (empty: the integration is
    its own), `lane` 0 urgent, 1 normal, 2 bulk. `revision` is compared left to right. `keep_newest`: it supersedes what
    is older and not yet running; `blocks`: stuck, it keeps later ones of its key waiting. `envelope` is the body of the
    delivery it was split from.
    """

    integration: str
    plan: str
    id: str | None
    key: str | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: int
    dedupe_for_s: int
    reason: str = ""
    space: str = ""
    lane: int = 1
    revision: Revision | None = None
    keep_newest: bool = False
    blocks: bool = False
    envelope: bytes | None = None


class Emission(Struct, frozen=True):
    """One event of a topic: stored once under (topic, id), and what arrives of it at the integrations that receive the
    topic. `key` is what `hold.until` waits by."""

    topic: str
    key: str
    id: str
    body: bytes
    at: int
    arrivals: tuple[Arrival, ...] = ()


class Message(Struct, frozen=True):
    """An event of a topic as it is stored: its number, its body, when it was emitted."""

    message: int
    body: bytes
    at: int


class Receipt(Struct, frozen=True):
    """What the store made of an arrival: `accepted`, `duplicate`, `superseded` (stored, and at its end) or `conflict`
    (stored, quarantined)."""

    event: int
    verdict: str


class Step(Struct, frozen=True):
    """The remembered end of one step. `id` is its place: `erp`, or `parcels[2].label` inside an `each`. `operation` is
    the one that served it (`system.name`), `once` the identity of its effect; both empty where it was no call. `kind`
    is that of the line that ended it: `call`, `look-up`, `known` (another event's effect), `undo`, `emit`, …"""

    id: str
    result: object
    operation: str = ""
    once: str = ""
    kind: str = ""


class Allowed(IntEnum):
    """What a person allowed a call in doubt: to settle it (look up, or send once more), and also with another request
    than the one that was sent."""

    NOTHING = 0
    SETTLING = 1
    ANOTHER_REQUEST = 2


class ItemState(Struct, frozen=True):
    """Where one item of an `each` stands that has not ended: `waiting`, `behind` another event whose effect it waits
    for, `held` or `failed`. `place` is `parcels[2]`, `step` the id of the inner step, `queue` where it is held; the
    rest as in a delivery."""

    place: str
    state: str
    step: str = ""
    attempts: int = 0
    due_at: int = 0
    reason: str = ""
    on_release: str = ""
    again: Allowed = Allowed.NOTHING
    queue: str = ""

    @property
    def waits(self) -> bool:
        """Does it go on by itself?"""
        return self.state in ("waiting", "behind")


class Delivery(Struct, frozen=True):
    """One claimed event with all that is needed to go on: the arrival as stored, and the steps already ended.

    `token` is the fencing token of this claim: a record that carries an older one is refused.
    `attempts` counts the sends of the step the event stands at; `again` is what a person allowed there.
    `done_revision` is the newest one of its key that is done. `phase` is empty, or `compensate`: `cause` then says what
    for. `held_at` is when the step it stands at began to wait for a person. `passes` are the gates it was claimed
    through: their tokens are taken. `renewed` says by place how often a person asked for a new effect,
    `redriven` that one sent the event on after its end.
    """

    event: int
    integration: str
    plan: str
    id: str | None
    key: str | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: int
    token: int
    lease_until: int
    attempts: int
    number: int
    again: Allowed = Allowed.NOTHING
    steps: tuple[Step, ...] = ()
    envelope: bytes | None = None
    revision: Revision | None = None
    done_revision: Revision | None = None
    blocks: bool = False
    phase: str = ""
    cause: str = ""
    step: str = ""
    held_at: int = 0
    items: tuple[ItemState, ...] = ()
    passes: tuple[str, ...] = ()
    renewed: Mapping[str, int] = {}
    redriven: bool = False


class Request(Struct, frozen=True):
    """One HTTP request to a partner as the thinking rooms make it: no address, no credentials.

    `path` is percent-encoded and begins with a slash, `query` holds decoded text, `body` is JSON or None. `read` says
    what the body of the answer is: `json`; `text` for what is read elsewhere; `base64` for a document such as a label,
    which under a 2xx becomes `{content_type, base64, bytes, sha256}` and under another status is read as JSON.
    `written` is the body as JSON text, where it was needed before it is sent.
    """

    system: str
    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: object = None
    read: Literal["json", "text", "base64"] = "json"
    written: bytes | None = None


class Sent(StrEnum):
    """What is known of a request after its call ended."""

    ANSWERED = "answered"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Failure(StrEnum):
    """Where a call failed, for rules that treat one kind of fault otherwise than another. Whether anything went out is
    said by `Sent`, not by this.

    `unsendable`: the request cannot be written as it stands, or may not go where it leads; no repeat will help. `dns`,
    `connect`, `tls`: its name, the connection, the handshake or certificate. `timeout_before`, `timeout_after`: the
    time ran out while there was no connection, or with the request on the wire. `lost`: the connection broke with the
    request on the wire. `malformed`: what came back is no HTTP (then nothing is known of the effect), or an answer
    whose body cannot be read as declared.
    """

    UNSENDABLE = "unsendable"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    LOST = "lost"
    MALFORMED = "malformed"


class Outcome(Struct, frozen=True):
    """What came of a call. `wire` returns it and never raises for the network.

    `reason` is for people (`connection refused`, `no answer in 5 s`) and holds no address, header or body; `failure` is
    the same for rules, None where nothing failed. `body` is the decoded answer; `malformed` says that it could not be
    read as declared.
    """

    sent: Sent
    reason: str = ""
    status: int = 0
    headers: Mapping[str, str] = {}
    body: object = None
    malformed: str = ""
    took_us: int = 0
    failure: Failure | None = None


class Verdict(StrEnum):
    """What an outcome means to the operation (pinned names)."""

    DONE = "done"
    REFUSED = "refused"
    RETRY = "retry"
    REAUTHENTICATE = "reauthenticate"
    UNKNOWN = "unknown"


class Fact(Struct, frozen=True):
    """Something the engine did, for logs and metrics. `data` holds names and numbers, never contents."""

    name: str
    at: int
    data: Mapping[str, str | int | float | None]
