"""Intents: the effect ledger is asked, quotas are taken from, and what may be sent is on disk before it is sent.

The ledger is unique on (system, operation, once). What a batch does to it is seen by what comes later in the batch.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from engine.model import UNSETTLED, EffectState, Status, effect_digest
from engine.store import Answered, Intent, Leave
from engine.store.buckets import Buckets
from engine.store.database import Database, Row
from engine.store.items import COLUMNS
from engine.store.record import record
from engine.store.room import Room
from engine.store.rows import decode_stored, rounds

SURELY_NOT = (EffectState.CLEAR, EffectState.REFUSED)
AGAIN_AT_ONCE = (*SURELY_NOT, EffectState.TURNED_AWAY)
"""May be sent again to the same partner, whatever the request."""
STILL_MOVES = frozenset((Status.HELD, *(status for status in Status if status.active)))
"""An event like that moves on, by itself or by a person, and settles its effects: all but those it left behind."""
LEFT_BEHIND = (
    "SELECT f.digest FROM effect f JOIN delivery d ON d.event = f.event WHERE f.state IN ('unknown', 'turned_away') AND"
    " (EXISTS (SELECT 1 FROM line l WHERE l.event = f.event AND l.ended = 1 AND (l.kind IN ('release', 'in-doubt') OR d.phase = '')"
    " AND (l.step = f.step OR substr(f.step, 1, length(l.step) + 1) = l.step || '['))"
    " OR EXISTS (SELECT 1 FROM item i WHERE i.event = f.event AND i.state = 'failed'"
    " AND (i.place = f.step OR substr(f.step, 1, length(i.place) + 1) = i.place || '.')))"
)
"""Doubts that their event left behind: the step ended without them, as a person said; its item failed, or the `each`
went on all the same. What is undone calls at the places of steps that ended long before: there only such lines say it.
Such an event may be waiting itself for who asks."""


class Effect(Struct, gc=False):
    """A row of the ledger as this batch leaves it."""

    event: int
    state: str
    request_digest: bytes
    first_sent_at: int
    result: bytes | None
    attempts: int
    step: str


class Running(Struct, gc=False):
    """A delivery that holds its lease."""

    event: int
    token: int
    attempts: int
    calls: int
    lease_until: int
    tables: str
    phase: str


def begin(database: Database, intents: Sequence[Intent], room: Room) -> list[Answered]:
    """See `Store.begin`."""
    answers = [Answered(Leave.STALE)] * len(intents)
    for turn in rounds(intents, lambda one: one.event):
        given = begin_round(database, [intent for _, intent in turn], room)
        for (place, _), answered in zip(turn, given, strict=True):
            answers[place] = answered
    return answers


def begin_round(database: Database, intents: Sequence[Intent], room: Room) -> list[Answered]:
    earlier = [intent.record for intent in intents if intent.record is not None]
    if earlier:
        record(database, earlier, room)  # a stale one leaves its intent stale too
    ledger = Ledger(database, intents)
    running = read_running(database, intents)
    ledger.read(running)
    gates = {policy.gate for intent in intents for policy in intent.quotas}
    buckets = Buckets(database, gates, max(intent.at for intent in intents))
    answers: dict[int, Answered] = {}
    sent: list[Intent] = []
    # The more urgent first: where tokens are few they get them.
    for intent in sorted(intents, key=lambda one: one.lane) if gates else intents:
        delivery = running.get(intent.event)
        if delivery is None or delivery.token != intent.token:
            answers[intent.event] = Answered(Leave.STALE)
            continue
        answered = ledger.ask(intent)
        if answered.leave is Leave.SEND:
            answered = pass_gates(buckets, intent) or answered
        if answered.leave is Leave.SEND:
            ledger.send(intent, answered)
            sent.append(intent)
        answers[intent.event] = answered
    ledger.store()
    buckets.store()
    count_attempts(database, sent, running)
    return [answers[intent.event] for intent in intents]


def read_running(database: Database, intents: Sequence[Intent]) -> dict[int, Running]:
    inside, values = database.among("event", [intent.event for intent in intents])
    rows = database.rows(
        "SELECT event, token, attempts, calls, lease_until, tables, phase FROM delivery"
        f" WHERE {inside} AND status = 'running' ORDER BY event{database.lock}",
        values,
    )
    return {row[0]: Running(*row) for row in rows}


def pass_gates(buckets: Buckets, intent: Intent) -> Answered | None:
    """Takes a token of every gate, or of none: then says where to wait, and that others there come first. That is the
    narrowest of its gates, whichever is short: who waits at the wide one with the narrow one's token, and at the narrow
    one with the wide one's, goes to and fro between them and wastes a token each time."""
    wanted = [policy for policy in intent.quotas if policy.gate not in intent.passes]
    for policy in wanted:
        queue = buckets.parked.get(policy.gate)
        behind = queue is not None and queue <= intent.lane
        if behind or not buckets.available(policy):
            narrowest = max((one.gate for one in intent.quotas), key=len)
            buckets.parked[narrowest] = min(buckets.parked.get(narrowest, intent.lane), intent.lane)
            return Answered(Leave.GATED, gate=narrowest, at=buckets.next_at(policy))
    for policy in wanted:
        buckets.take(policy, calling=f"{intent.system}.{intent.operation}")
    return None


def count_attempts(database: Database, sent: Sequence[Intent], running: dict[int, Running]) -> None:
    """Counted when the intent is written: whoever dies while sending has tried."""
    rows: list[Row] = []
    items: list[Row] = []
    for intent in sent:
        one = running[intent.event]
        # An item of an `each` counts its own; what is taken back is taken back one after the other, items or not.
        place, _, step = ("", "", "") if one.phase else intent.step.rpartition(".")
        if place:
            items.append((intent.event, place, "waiting", step, 1, 0, "", "", 0, ""))
        rows.append(
            (
                intent.event,
                one.attempts if place else one.attempts + 1,
                one.calls + 1,
                max(one.lease_until, intent.lease_until),
                " ".join(intent.tables) or one.tables,
                f"{intent.system}.{intent.operation}" if intent.quotas else "",
            )
        )
    database.update("delivery", "event", "attempts, calls, lease_until, tables, calling", rows)
    if items:
        database.insert(
            "item",
            COLUMNS,
            items,
            "ON CONFLICT (event, place) DO UPDATE SET state = excluded.state, step = excluded.step,"
            " attempts = CASE WHEN item.step = excluded.step THEN item.attempts + 1 ELSE 1 END",
        )
        database.update("delivery", "event", "has_items", [(item[0], 1) for item in items])


# ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────────────────


def digests(intent: Intent) -> Iterable[bytes]:
    """The effects an intent asks for: those of the other providers, and its own."""
    if intent.once is not None:
        for system, operation in intent.others:
            yield effect_digest(system, operation, intent.once)
        yield effect_digest(intent.system, intent.operation, intent.once)


class Ledger:
    """The effects that a batch asks for, theirs until the commit."""

    def __init__(self, database: Database, intents: Sequence[Intent]) -> None:
        self.database = database
        self.found: dict[bytes, Effect] = {}
        self.owners: dict[int, bool] = {}
        self.left: set[bytes] = set()
        self.new: dict[bytes, Intent] = {}
        self.changed: dict[bytes, None] = {}
        self.digests = {intent.event: list(digests(intent)) for intent in intents}
        self.wanted = {digest for found in self.digests.values() for digest in found}
        database.hold(self.wanted)

    def read(self, running: dict[int, Running]) -> None:
        """The rows, and which of their owners will still move, by themselves or by a person."""
        self.owners = dict.fromkeys(running, True)
        if not self.wanted:
            return
        inside, values = self.database.among("f.digest", sorted(self.wanted))
        # One statement, so of one moment: an owner that ends in between has settled its effect with it.
        for digest, status, *row in self.database.rows(
            "SELECT f.digest, d.status, f.event, f.state, f.request_digest, f.first_sent_at, f.result, f.attempts, f.step"
            f" FROM effect f LEFT JOIN delivery d ON d.event = f.event WHERE {inside}",
            values,
        ):
            effect = self.found[digest] = Effect(*row)
            self.owners.setdefault(effect.event, status in STILL_MOVES)
        self.find_left()

    def find_left(self) -> None:
        """Which of the doubts that others ask for their own events have left behind."""
        doubts = {
            digest
            for event, asked in self.digests.items()
            for digest in asked
            if (effect := self.found.get(digest)) is not None
            and effect.event != event
            and effect.state in (EffectState.UNKNOWN, EffectState.TURNED_AWAY)
            and self.owners[effect.event]
        }
        if doubts:
            inside, values = self.database.among("f.digest", sorted(doubts))
            self.left = {digest for (digest,) in self.database.rows(f"{LEFT_BEHIND} AND {inside}", values)}

    def is_anothers(self, digest: bytes, effect: Effect, intent: Intent) -> bool:
        """Will another event settle it?"""
        return effect.event != intent.event and self.owners.get(effect.event, False) and digest not in self.left

    def ask(self, intent: Intent) -> Answered:
        """What the ledger says to an intent; nothing is sent by it yet."""
        if intent.once is None:
            return Answered(Leave.SEND, first_sent_at=intent.at)
        *others, own = self.digests[intent.event]
        for place, digest in enumerate(others, 1):
            answered = self.ask_other(intent, digest, place)
            if answered is not None:
                return answered
        effect = self.found.get(own)
        if effect is None:
            return Answered(Leave.SEND, None, intent.at, intent.event)
        differs = effect.request_digest != intent.request_digest
        if effect.state == EffectState.UNDONE:
            return Answered(Leave.UNDONE, None, effect.first_sent_at, effect.event, differs)
        mine = effect.event == intent.event
        if mine and differs and not intent.again and effect.state not in AGAIN_AT_ONCE:
            done = effect.state == EffectState.DONE
            return Answered(Leave.CHANGED, result_of(effect), effect.first_sent_at, effect.event, differs, done=done)
        if effect.state == EffectState.DONE:
            return Answered(Leave.KNOWN, result_of(effect), effect.first_sent_at, effect.event, differs)
        # What surely did not happen is open to all: its event may have gone on without it, and be waiting for this one.
        if effect.state not in SURELY_NOT and self.is_anothers(own, effect, intent):
            return Answered(Leave.BUSY, None, effect.first_sent_at, effect.event, differs)
        if effect.state in UNSETTLED and not intent.again:
            self.take(own, effect, intent)
            return Answered(Leave.UNKNOWN, None, effect.first_sent_at, intent.event, differs)
        sent_at = effect.first_sent_at if effect.state in UNSETTLED else intent.at
        return Answered(Leave.SEND, None, sent_at, intent.event, differs)

    def ask_other(self, intent: Intent, digest: bytes, place: int) -> Answered | None:
        """Does, or may, an effect at another provider stand, or did one that was taken back? None: surely not, and this
        one may be called. Whether what was undone is made anew must not go by who happens to be asked first."""
        effect = self.found.get(digest)
        if effect is None or effect.state in SURELY_NOT:
            return None
        if effect.state == EffectState.UNDONE:
            return Answered(Leave.UNDONE, None, effect.first_sent_at, effect.event, place=place)
        if effect.state == EffectState.DONE:
            return Answered(Leave.KNOWN, result_of(effect), effect.first_sent_at, effect.event, place=place)
        if self.is_anothers(digest, effect, intent):
            return Answered(Leave.BUSY, None, effect.first_sent_at, effect.event, place=place)
        if effect.state == EffectState.TURNED_AWAY:
            mine = effect.event == intent.event
            return Answered(Leave.STAY, None, effect.first_sent_at, effect.event, place=place) if mine else None
        self.take(digest, effect, intent)
        return Answered(Leave.UNKNOWN, None, effect.first_sent_at, intent.event, place=place)

    def take(self, digest: bytes, effect: Effect, intent: Intent) -> None:
        """The doubt of an event that will not settle it any more is this one's now."""
        if effect.event != intent.event:
            effect.event, effect.step = intent.event, intent.step
            self.changed[digest] = None
            self.left.discard(digest)

    def send(self, intent: Intent, answered: Answered) -> None:
        """The intent is in the ledger: open, and this event's."""
        if intent.once is None:
            return
        own = self.digests[intent.event][-1]
        effect = self.found.get(own)
        attempts = 1 if effect is None else effect.attempts + 1
        if effect is None:
            self.new[own] = intent
        elif own not in self.new:
            self.changed[own] = None
            self.left.discard(own)
        self.found[own] = Effect(
            intent.event, "open", intent.request_digest, answered.first_sent_at, None, attempts, intent.step
        )

    def store(self) -> None:
        self.database.insert(
            "effect",
            "digest, system, operation, once, event, step, state, request_digest, first_sent_at, attempts",
            [
                (digest, intent.system, intent.operation, intent.once, *written(self.found[digest]))
                for digest, intent in self.new.items()
            ],
        )
        self.database.update(
            "effect",
            "digest",
            "event, step, state, request_digest, first_sent_at, attempts",
            [(digest, *written(self.found[digest])) for digest in self.changed],
        )


def written(effect: Effect) -> Row:
    return effect.event, effect.step, effect.state, effect.request_digest, effect.first_sent_at, effect.attempts


def result_of(effect: Effect) -> Any:
    return None if effect.result is None else decode_stored(effect.result)
