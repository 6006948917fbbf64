"""The engine's own safeguards, each of which can be taken away for a while: a simulator that misses one proves nothing.

Each is a few lines of the engine that are put out of force where they stand, so that all else runs as ever. What must
break then, and in whose mended twin, is said beside it; that nothing breaks while it is in force, the zoo's own tests
say. This file refuses to change the engine for longer than a `with` lasts, and must never be imported by it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import count
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.model import Sent, Verdict
from engine.rules import calls, classify, decide, opening, retry, undo
from engine.rules.decide import Action, Decision, Known
from engine.run import gates
from engine.run.call import CallOut
from engine.run.claim import Claim
from engine.run.deliver import Deliverer
from engine.run.gates import Gates
from engine.run.intake import Intake
from engine.run.walk import Walk
from engine.spec import compile as compiling
from engine.store import Answered, ClaimRequest, Intent, Leave, arrivals, begin, claim, record, topics
from engine.store import move as moving
from engine.store.begin import Ledger
from engine.wire.answers import Answer, Inbound, Reply
from harness.simulation.scenario import Fault, Scenario, Sending

Make = Callable[[Any], Any]
"""What stands in the place of what was there, which it is given."""
Place = tuple[Any, str, Make]
"""(owner, attribute, what stands there instead)."""
Day = Callable[[str, Inbound, Inbound], Scenario]
"""(integration, a message, the same under another id) → what happens."""


class Safeguard(Struct, frozen=True):
    """One of them: what it promises, the animal whose twin leans on it, and the property that breaks without it.
    `places` are where it stands in the engine.

    What needs more than `waybill prove --profile quick` tries has a `day` of its own, told of the twin's first
    recording, and `trouble` that is there with the safeguard and without it.
    """

    name: str
    promises: str
    animal: str
    breaks: str
    places: tuple[Place, ...]
    day: Day | None = None
    trouble: tuple[Place, ...] = ()

    @contextmanager
    def removed(self) -> Iterator[None]:
        """While it lasts, the engine does without."""
        with instead((*self.trouble, *self.places)):
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        """The same trouble, and the engine with all it has."""
        with instead(self.trouble):
            yield


@contextmanager
def instead(places: Sequence[Place]) -> Iterator[None]:
    """While it lasts, something else stands at these places."""
    with ExitStack() as stack:
        for owner, attribute, make in places:
            was = getattr(owner, attribute)
            setattr(owner, attribute, make(was))
            stack.callback(setattr, owner, attribute, was)
        yield


# ── what stands there instead ────────────────────────────────────────────────────────────────────────────────────────


def answers_first(was: Callable[[Intake, Inbound, Reply], Answer | None]) -> Any:
    """The 202 goes out, and the append follows."""

    def intake(self: Intake, inbound: Inbound, reply: Reply) -> None:
        reply(Answer(202))
        was(self, inbound, lambda _: None)

    return intake


def knows_no_id(was: Callable[..., tuple[dict[bytes, int], set[bytes]]]) -> Any:
    return lambda *given: ({}, was(*given)[1])


def knows_no_key(was: Callable[..., tuple[dict[bytes, int], set[bytes]]]) -> Any:
    return lambda *given: (was(*given)[0], set())


def asks_no_ledger(_was: object) -> Any:
    def ask(_self: Ledger, intent: Intent) -> Answered:
        return Answered(Leave.SEND, None, intent.at, intent.event)

    return ask


def believes_in_failure(was: Callable[..., classify.Meaning]) -> Any:
    """What nobody answered did not happen."""

    def by_default(operation: Any, outcome: Any) -> classify.Meaning:
        meaning = was(operation, outcome)
        lost = outcome.sent is Sent.UNKNOWN or meaning.verdict is Verdict.UNKNOWN
        return classify.Meaning(Verdict.RETRY, meaning.why, surely=True) if lost else meaning

    return by_default


def sends_again(_was: object) -> Any:
    """What was begun before a crash is begun anew."""

    def on_open_intent(_known: Known) -> Decision:
        return Decision(Action.SEND, "it is sent again")

    return on_open_intent


def asks_at_once(was: Callable[[Known], Decision]) -> Any:
    def unknown(known: Known) -> Decision:
        decision = was(known)
        return replace(decision, at=known.now) if decision.action is Action.WAIT else decision

    return unknown


def another_key(was: Callable[..., bytes]) -> Any:
    """The partner's idempotency key is new with every request."""
    numbers = count()
    return lambda *named: sha256(was(*named) + str(next(numbers)).encode()).digest()


def one_digest(was: Callable[..., tuple[Any, bytes]]) -> Any:
    """All requests for one effect count as the same."""
    return lambda request: (was(request)[0], bytes(16))


def any_token(was: Callable[..., dict[int, Any]]) -> Any:
    """Whoever writes holds the lease."""

    def read(database: Any, written: Sequence[Any]) -> dict[int, Any]:
        found = was(database, written)
        for one in written:
            if one.event in found:
                found[one.event].token = one.token
        return found

    return read


def never(_was: object) -> Any:
    return lambda *_: False


def nothing(_was: object) -> Any:
    return lambda *_: None


def none_given_back(_was: object) -> Any:
    return lambda *_: 0


def without_end(_was: object) -> Any:
    return property(lambda _: False)


def only_discards(was: Callable[..., Any]) -> Any:
    """A person's no ends the event, whatever its step says of that."""

    def moved(one: Any, standing: Any, lines: int, has_items: int) -> Any:
        if standing.on_reject == "compensate":
            standing.on_reject = "discard"
        return was(one, standing, lines, has_items)

    return moved


def first_of(_was: object) -> Any:
    return lambda waiting: waiting[0][0]


def goes_out_twice(was: Callable[..., Any]) -> Any:
    async def go_out(self: CallOut, request: Any) -> Any:
        await was(self, request)
        return await was(self, request)

    return go_out


def all_but_the_last(was: Callable[..., Any]) -> Any:
    def take(self: Any, given: Sequence[Any], **more: Any) -> Any:
        return was(self, given[:-1] if len(given) > 1 else given, **more)

    return take


def tells_twice(was: Callable[..., Any]) -> Any:
    """Under two ids, so that nobody can take the one for the other."""

    def emit(self: Walk, need: Any) -> None:
        was(self, need)
        was(self, replace(need, id=f"{need.id} again"))

    return emit


# ── days of their own ────────────────────────────────────────────────────────────────────────────────────────────────

LABEL: Final = "order 1"
STOPPED_S: Final = 127.0
"""Longer than a lease, and not so long that whoever has it next is through with a call of 8 s."""


def told_twice(integration: str, message: Inbound, again: Inbound) -> Scenario:
    """The first provider cannot be reached when an order is told, and can when it is told again."""
    sendings = (Sending(0, integration, message, LABEL), Sending(60_000_000, integration, again, LABEL))
    return Scenario(seed=0, sendings=sendings, faults=(Fault("refuse", "alpha", "charge", 0),))


def slow_label(integration: str, message: Inbound, again: Inbound) -> Scenario:
    """One order, a carrier that takes its time, and a message that wakes whoever claims when the lease is over."""
    sendings = (Sending(0, integration, message, LABEL), Sending(121_000_000, integration, again, LABEL))
    return Scenario(seed=0, sendings=sendings, latencies_s={"carrier.buy_label": (8.0,)})


def stops_once(was: Callable[..., Any]) -> Any:
    """The process stands still after its first intent, for longer than its lease lasts."""
    stopped: list[bool] = []

    async def commit(self: Claim, verb: Any, item: Any) -> Any:
        result = await was(self, verb, item)
        if isinstance(item, Intent) and not stopped:
            stopped.append(True)
            await asyncio.sleep(STOPPED_S)
        return result

    return commit


def taken_for_dead(was: Callable[..., ClaimRequest]) -> Any:
    """Who claims does not know that somebody is at work on it, as another node would not."""
    return lambda *given: replace(was(*given), at_work=())


SAFEGUARDS: Final[Sequence[Safeguard]] = (
    Safeguard(
        "answer after the append",
        "a 2xx means that the event is on disk",
        "once-of-the-event",
        "nothing-lost",
        ((Intake, "__call__", answers_first),),
    ),
    Safeguard(
        "identity of events",
        "the same id is the same event",
        "window-shorter-than-ladder",
        "nothing-twice",
        ((arrivals, "look_around", knows_no_id),),
    ),
    Safeguard(
        "effect ledger",
        "what was done for one event is not done for another",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((Ledger, "ask", asks_no_ledger),),
    ),
    Safeguard(
        "ledger of other providers",
        "what one provider did no other is asked for",
        "fallback-after-unknown",
        "nothing-twice",
        ((Ledger, "ask_other", nothing),),
        told_twice,
    ),
    Safeguard(
        "unknown outcomes",
        "an answer that was lost is not a failure",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((classify, "by_default", believes_in_failure),),
    ),
    Safeguard(
        "open intents",
        "an intent without an outcome is unknown, not undone",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((decide, "on_open_intent", sends_again),),
    ),
    Safeguard(
        "patience before a look-up",
        "who was slow is not asked what became of it before it can say so",
        "timeout-called-retry",
        "nothing-twice",
        ((decide, "unknown", asks_at_once),),
    ),
    Safeguard(
        "one key for one effect",
        "the partner's idempotency key outlives retries and restarts",
        "once-of-the-event",
        "nothing-twice",
        ((compiling, "effect_digest", another_key), (calls, "written", one_digest)),
    ),
    Safeguard(
        "order per key",
        "events of one key run one at a time",
        "key-too-narrow",
        "order-per-key",
        ((arrivals, "look_around", knows_no_key),),
    ),
    Safeguard(
        "version guard",
        "an older state never overwrites a newer one",
        "version-guard-missing",
        "no-stale-overwrite",
        ((opening, "older", never),),
    ),
    Safeguard(
        "cap of attempts",
        "a call is sent so often and no more",
        "continue-over-a-charge",
        "bounded-attempts",
        ((Known, "spent", without_end),),
    ),
    Safeguard(
        "fencing",
        "who has lost the lease writes and sends nothing more",
        "server-error-called-retry",
        "nothing-twice",
        ((begin, "read_running", any_token), (record, "read", any_token)),
        slow_label,
        ((Claim, "commit", stops_once), (Deliverer, "request", taken_for_dead)),
    ),
    Safeguard(
        "leases given back",
        "what a dead engine held goes on",
        "once-of-the-event",
        "liveness",
        ((claim, "give_back", none_given_back),),
    ),
    Safeguard(
        "quotas",
        "no partner is called more often than its file allows",
        "quota-ignored",
        "quota-kept",
        ((begin, "pass_gates", nothing),),
    ),
    Safeguard(
        "compensation",
        "what an event did is taken back, all of it",
        "undo-of-another-number",
        "compensation-complete",
        ((undo, "to_undo", nothing),),
    ),
    Safeguard(
        "a person's no",
        "what a person rejects is taken back, where its step says so",
        "rejected-and-kept",
        "compensation-complete",
        ((moving, "moved", only_discards),),
    ),
    Safeguard(
        "turns",
        "what waits behind an event of its key goes on when that has ended",
        "version-guard-missing",
        "liveness",
        ((record, "promote", nothing),),
    ),
    Safeguard(
        "newest state kept",
        "of several states that wait the newest is done",
        "newest-by-arrival",
        "no-stale-overwrite",
        ((arrivals, "newest_of", first_of),),
    ),
    Safeguard(
        "Retry-After",
        "who is told to come later comes later",
        "retry-of-a-plain-post",
        "quota-kept",
        ((retry, "retry_after_us", nothing), (gates, "hear", nothing)),
    ),
    Safeguard(
        "breakers that close again",
        "what waited for a partner goes on when it is back",
        "retry-of-a-plain-post",
        "liveness",
        ((Gates, "wakes_at", nothing), (Gates, "take_rows", never)),
    ),
    Safeguard(
        "one send for one intent",
        "what was answered is not sent again",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((CallOut, "go_out", goes_out_twice),),
    ),
    Safeguard(
        "deliveries stored whole",
        "a 2xx means that every item of a delivery is on disk",
        "items-named-by-delivery",
        "nothing-lost",
        ((arrivals.Intake, "take", all_but_the_last),),
    ),
    Safeguard(
        "one telling",
        "an event is told under a topic once",
        "topic-told-per-event",
        "nothing-twice",
        ((Walk, "emit", tells_twice),),
    ),
    Safeguard(
        "receivers of a topic",
        "what is told under a topic arrives with whoever receives it",
        "topic-told-per-event",
        "nothing-lost",
        ((topics, "accept_outcome", nothing),),
    ),
    Safeguard(
        "waking",
        "what waits for an event goes on when that has come",
        "wait-without-end",
        "liveness",
        ((topics, "wake_all", nothing),),
    ),
)
"""All of them, from what comes in to what is taken back."""
