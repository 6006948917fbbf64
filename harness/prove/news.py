"""RECORDED MESSAGES → NEWS OF SEVERAL THINGS: the same order as another order, as a later state of itself, told
again.

A recording shows one order once. What breaks integrations are two orders at a time, an order and its correction, and
a message that comes again. So recordings are told anew: ids that name the thing are changed wherever they stand,
those that name the message alone are changed for another announcement, stamps and versions move on for a later state.
Which is which is not guessed by name where it can be seen: a leaf that changes the event's key when it changes is
part of what it is about. This file refuses to make what the receiving contract does not allow where it allowed the
recording, and to change a text that a cross-reference table knows.

A document here is `{headers, query, body}`; what is made of it is an Inbound as a sender would send it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.contract.body import BodyError, decode_body, encode_json
from engine.language import LanguageError, TextTable
from engine.rules.truth import truth
from engine.run import intake
from engine.run.load import Loaded
from engine.spec.plan import Plan
from engine.wire.answers import Inbound
from harness.prove.places import Place, at, differences, leaves, put, replaced

ID_LEAF = re.compile(r"(?:^|[_-])(?:id|number|reference|uuid|guid)$|[a-z](?:Id|Number|Reference)$", re.IGNORECASE)
STATE_LEAF = re.compile(
    r"^(?:last_?)?(?:updated?|modified|changed?|occurred)(?:_?(?:at|on|time|date))?$|^(?:version|revision|sequence|seq)$",
    re.IGNORECASE,
)
AMOUNT_LEAF = re.compile(
    r"(?:^|_)(?:quantity|qty|available|on_hand|stock|level|amount|price|total)(?:_|$)|(?:Quantity|Amount|Price|Total)$"
    r"|^(?:quantity|amount)[A-Z]"
)
VOLATILE_HEADER = re.compile(
    r"(?:^date|request-id|delivery-attempt|attempt|retry|triggered-at|sent-at|timestamp|trace)", re.IGNORECASE
)
VOLATILE_LEAF = re.compile(r"^(?:sent_?at|delivered_?at|dispatched_?at|request_?id|delivery_?id)$", re.IGNORECASE)
COUNTING_LEAF = re.compile(r"^(?:attempts?|delivery_?attempts?|tries|retry_?count|retries)$", re.IGNORECASE)
"""What real senders change when they deliver the same message again: how often, when, and under which request."""

DEPTH_OF_IDS = 4
AGAIN_STEP = 500
STATE_STEP = 1_000

Document = dict[str, Any]


class Sample(Struct, frozen=True):
    """One message to begin from, and where it was found: a file of recordings/, or empty for one drawn."""

    source: str
    document: Document


class Named(Struct, frozen=True):
    """How the engine names a message: of each of its events id, key and revision."""

    ids: tuple[object, ...]
    keys: tuple[object, ...]
    revisions: tuple[object, ...]


def inbound_of(document: Document) -> Inbound:
    """The request that carries a document."""
    headers = {name.lower(): value for name, value in document["headers"].items()}
    return Inbound("POST", "/", headers, document["query"], encode_json(document["body"]))


def document_of(inbound: Inbound) -> Document:
    """The document that a request carries. Raises BodyError for one that is not JSON."""
    return {"headers": dict(inbound.headers), "query": dict(inbound.query), "body": decode_body(inbound.body)}


class Teller:
    """Tells samples of one integration anew."""

    def __init__(self, loaded: Loaded, integration: str) -> None:
        self.plan: Plan = loaded.plans[integration]
        self.known = known_texts(loaded)
        self._parts: dict[bytes, Parts] = {}

    def named(self, document: Document) -> Named:
        found = intake.named(self.plan, inbound_of(document), 0)
        return Named(
            tuple(each.id for each in found),
            tuple(each.key for each in found),
            tuple(each.revision for each in found),
        )

    def unlike(self, document: Document | None, seen: set[object]) -> Document | None:
        """The document, unless it shares a key or an id with those seen, to which its own are added."""
        if document is None:
            return None
        named = self.named(document)
        if not seen.isdisjoint((*named.ids, *named.keys)):
            return None
        seen.update((*named.ids, *named.keys))
        return document

    def sound(self, document: Document) -> bool:
        """Whether the engine would take it on: every event named, its contract held, wanted by `when`."""
        named = self.named(document)
        if not named.ids or None in named.ids or None in named.keys:
            return False
        return all(self.wanted(document, each) for each in self.items(document))

    def allowed(self, document: Document) -> bool:
        """Whether the receiving contract allows every event of it."""
        contract = self.plan.receive.contract
        return contract is None or not any(contract.check(each, limit=1) for each in self.items(document))

    def items(self, document: Document) -> list[Any]:
        split = self.plan.receive.split
        if split is None:
            return [document["body"]]
        try:
            found = split({"environment": self.plan.environment, **document})
        except LanguageError:
            return []
        return found if isinstance(found, list) else []

    def wanted(self, document: Document, body: Any) -> bool:
        receive = self.plan.receive
        if receive.contract is not None and receive.contract.check(body, limit=1):
            return False
        scope = {"environment": self.plan.environment, **document, "envelope": document["body"], "body": body}
        try:
            return receive.when is None or truth(receive.when(scope))
        except LanguageError:
            return False

    def another(self, value: Any, number: int) -> Any:
        """Another id of the same kind; of one that a table lists, another row's."""
        column = self.known.get(value)
        return other(value, number) if column is None else column[(column.index(value) + number) % len(column)]

    def parts(self, sample: Sample) -> "Parts":
        key = encode_json(sample.document)
        if key not in self._parts:
            self._parts[key] = find_parts(self, sample.document)
        return self._parts[key]

    def learn(self, sample: Sample, once: tuple[Place, ...]) -> None:
        """Leaves that the identity of an effect hangs on, which only a run can tell."""
        self._parts[encode_json(sample.document)] = replace(self.parts(sample), once=once)

    # ── told anew ────────────────────────────────────────────────────────────────────────────────────────────────────

    def as_thing(self, sample: Sample, number: int, *, wide: bool = False) -> Document | None:
        """The same of another thing; number 0 is the recorded one. `wide`: also what else is called as ids are is
        another, such as the customer. None where no way was found to name another thing."""
        if number == 0:
            return sample.document
        parts = self.parts(sample)
        places = (*parts.thing, *parts.message, *parts.once, *(parts.idlike if wide else ()))
        return self.renamed(sample, places, number)

    def beside(self, sample: Sample, number: int) -> Document | None:
        """A thing whose key differs in one part alone: the same number in another shop. None where the key has one
        part, or where the identity of an effect hangs on what the key does not hold."""
        parts = self.parts(sample)
        if len(parts.thing) < 2 or parts.once:
            return None
        for place in parts.thing:
            made = self.renamed(sample, (place, *parts.message), number)
            if made is not None:
                return made
        return None

    def renamed(self, sample: Sample, places: tuple[Place, ...], number: int) -> Document | None:
        values = [value for place in places if (value := at(sample.document, place))]
        for reach in (0, 1, 2, 3):  # an enumeration or a table may hold the next one, or not
            words = {value: self.another(value, number + reach) for value in values}
            made: Document = replaced(sample.document, words)
            first, now = self.named(sample.document), self.named(made)
            if {*first.ids} & {*now.ids} or {*first.keys} & {*now.keys}:
                continue
            if self.sound(made):
                return made
        return None

    def moved(self, document: Document, places: tuple[Place, ...], number: int) -> Document | None:
        """Another thing of a changed document; None where the change took away what named it."""
        try:
            words = {value: self.another(value, number) for place in places if (value := at(document, place))}
        except (KeyError, IndexError, TypeError):
            return None
        made: Document = replaced(document, words)
        return made if self.sound(made) else None

    def as_state(
        self, sample: Sample, document: Document, state: int, stamps: "Stamps | None" = None
    ) -> Document | None:
        """A later state of the thing that `document` tells of, another message; `stamps` gives what stands where its
        time or version does. None where it has neither."""
        parts = self.parts(sample)
        if not parts.state:
            return None
        made = document
        own = [place for place in (*parts.message, *parts.idlike) if place in parts.message or place[0] == "headers"]
        for place in own if state else ():
            made = put(made, place, other(at(made, place), STATE_STEP + state))
        for place in parts.state:
            made = put(made, place, (stamps or later)(at(made, place), state))
        for place in parts.amounts if state else ():
            tried = put(made, place, more(at(made, place), state))
            made = tried if self.allowed(tried) else made
        return None if (state and made == document) or not self.sound(made) else made

    def same_thing(self, sample: Sample, document: Document) -> bool:
        """Whether a message tells of the thing that the sample tells of."""
        try:
            return all(at(document, place) == at(sample.document, place) for place in self.parts(sample).thing)
        except (KeyError, IndexError, TypeError):
            return False

    def tells_more(self, sample: Sample, document: Document) -> bool:
        """Whether a message of the same thing tells anything that the sample does not, stamps and ids apart."""
        parts = self.parts(sample)
        known = {*parts.message, *parts.volatile, *parts.state, *parts.idlike}
        found = differences(sample.document, document)
        return any(place[0] == "body" and place not in known for place, _, _ in found)

    def again(self, sample: Sample, document: Document, number: int) -> Document:
        """The same message delivered again: what senders count and stamp anew is new, all else as it was."""
        for place in self.parts(sample).volatile:
            value = at(document, place)
            document = put(document, place, later(value, number) if is_moment(value) else other(value, number))
        return document

    def announced_again(self, sample: Sample, document: Document) -> Document | None:
        """The same news under another id of the message; None where the id is not one of the message alone, so that
        another one might be other news."""
        places = self.parts(sample).message
        if not places or any(place[0] != "headers" for place in places):
            return None
        for place in places:
            document = put(document, place, other(at(document, place), AGAIN_STEP))
        return self.again(sample, document, 1)


class Parts(Struct, frozen=True):
    """Which leaves of a document are what: `thing` (they change the key), `message` (the id alone), `idlike` (called as
    ids are, in no table), `state` (the revision, or called so), `amounts`, `volatile`; `once` is learnt of a run."""

    thing: tuple[Place, ...]
    message: tuple[Place, ...]
    idlike: tuple[Place, ...]
    state: tuple[Place, ...]
    amounts: tuple[Place, ...]
    volatile: tuple[Place, ...]
    once: tuple[Place, ...] = ()


def find_parts(teller: Teller, document: Document) -> Parts:
    """Looks at every leaf: what changes with it, and what it is called."""
    first = teller.named(document)
    by_topic = bool(teller.plan.receive.topic)  # whose emitter gives the id: nothing in the body is the message's alone
    found: dict[str, list[Place]] = {word: [] for word in Parts.__struct_fields__ if word != "once"}
    for place, value in leaves(document):
        if not isinstance(value, str | int | Decimal) or isinstance(value, bool) or value == "":
            continue
        now = teller.named(put(document, place, later(value, 1) if is_moment(value) else other(value, 1)))
        called = str(next((part for part in reversed(place) if isinstance(part, str)), ""))
        volatile = is_volatile(place, called, value)
        if now.revisions != first.revisions or (place[0] == "body" and STATE_LEAF.search(called)):
            # Also where it is part of the key: then that is too narrow, and nothing else tells two states of one thing.
            if is_moment(value) or isinstance(value, int | Decimal) or str(value).isdigit():
                found["state"].append(place)
        elif now.keys != first.keys and not volatile:
            found["thing"].append(place)
        elif now.ids != first.ids and not by_topic and not volatile:
            found["message"].append(place)
        elif volatile:
            found["volatile"].append(place)
        elif is_id(place, called, value) and value not in teller.known:
            found["idlike"].append(place)
        elif place[0] == "body" and AMOUNT_LEAF.search(called):
            found["amounts"].append(place)
    return Parts(**{word: tuple(places) for word, places in found.items()})


def is_volatile(place: Place, called: str, value: object) -> bool:
    if place[0] == "headers":
        return VOLATILE_HEADER.search(called) is not None
    counts = isinstance(value, int) and COUNTING_LEAF.search(called) is not None
    return len(place) <= 3 and (counts or VOLATILE_LEAF.search(called) is not None)


def is_id(place: Place, called: str, value: object) -> bool:
    """Whether a leaf is called as ids are and looks like one; not within lists, where it names a part of the thing."""
    named = place[0] != "query" and len(place) <= DEPTH_OF_IDS and not any(isinstance(part, int) for part in place)
    return named and ID_LEAF.search(called) is not None and any(letter.isdigit() for letter in str(value))


def known_texts(loaded: Loaded) -> dict[object, tuple[Any, ...]]:
    """Every text and number that stands in a table → the column it stands in, each of its values once."""
    found: dict[object, tuple[Any, ...]] = {}
    for table in loaded.workspace.tables.values():
        for column in zip(*table.rows, strict=True) if isinstance(table, TextTable) else ():
            values = tuple(dict.fromkeys(column))
            found.update((value, values) for value in values if value not in found)
    return found


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_DIGITS = re.compile(r"\d+(?=\D*$)")
_MONEY = re.compile(r"-?\d+\.(\d+)")


def other(value: Any, number: int) -> Any:
    """Another id of the same kind: as long, its last digits counted on."""
    if isinstance(value, str):
        found = _DIGITS.search(value)
        if found is None:
            return f"{value}-{number}"
        digits = found[0]
        # As long as it was, since lengths are part of many contracts; a short one may have to grow.
        counted = str(int(digits) + number)
        counted = counted.zfill(len(digits)) if len(counted) <= len(digits) else counted
        return f"{value[: found.start()]}{counted}{value[found.end() :]}"
    return value + number


def moment(value: object) -> datetime | None:
    """What a text says of time; None where it does not."""
    if not isinstance(value, str) or len(value) < len("2026-11-01") or not value[:4].isdigit() or value[4] != "-":
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def is_moment(value: object) -> bool:
    return moment(value) is not None


def later(value: Any, count: int) -> Any:
    """A later stamp written in the same way, or a higher version."""
    at_ = moment(value)
    if at_ is None:
        return other(value, count)
    if len(value) == len("2026-11-01"):
        return (at_ + timedelta(days=count)).date().isoformat()
    moved = (at_ + timedelta(minutes=count)).isoformat(sep=value[10])
    plain, zone = value[19:], "Z" if value.endswith(("Z", "z")) else ""
    # Seconds and what comes before them are new; fraction and offset stay as they were written.
    return f"{moved[:19]}{plain}" if len(value) >= 19 else f"{moved[:16]}{value[16:] or zone}"


Stamps = Callable[[Any, int], Any]
"""(what stands there, number of the state) → what stands there in that state."""


def tens(value: Any, state: int) -> Any:
    """A version that grows a digit: 9, then 10."""
    counted = 9 + state
    return str(counted) if isinstance(value, str) and value.isdigit() else counted if isinstance(value, int) else value


NIGHT = (("2026-10-25T02:50:00", "+02:00"), ("2026-10-25T02:10:00", "+01:00"), ("2026-10-25T02:30:00", "+01:00"))
"""The hour that happens twice in Berlin: each is later than the one before."""


def night(value: Any, state: int) -> Any:
    """A local time with its offset, in the night in which the clocks go back."""
    if not isinstance(value, str) or not is_moment(value) or value[-6:-5] not in ("+", "-"):
        return value
    time, offset = NIGHT[min(state, len(NIGHT) - 1)]
    return f"{time[:10]}{value[10]}{time[11:]}{value[19:-6]}{offset}"


def more(value: Any, count: int) -> Any:
    """A slightly larger amount, written in the same way."""
    if isinstance(value, str):
        found = _MONEY.fullmatch(value)
        if found is None:
            return value
        return str(Decimal(value) + Decimal(count).scaleb(-len(found[1])))
    return value + count


def samples_of(documents: Mapping[str, Inbound]) -> Iterator[Sample]:
    """Samples of recorded messages; one whose body is no JSON shows nothing that could be told anew."""
    for source, inbound in documents.items():
        try:
            yield Sample(source, document_of(inbound))
        except BodyError:
            continue
