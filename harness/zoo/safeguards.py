"""The engine's own safeguards, each of which can be taken away for a while: a simulator that misses one proves nothing.

Each is a few lines of the engine that are put out of force where they stand, so that all else runs as ever. What must
break then, and in whose mended twin, is said beside it; that nothing breaks while it is in force, the zoo's own tests
say. This file refuses to change the engine for longer than a `with` lasts, and must never be imported by it.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.rules import calls, classify, decide, opening, retry, undo
from engine.rules.decide import Known
from engine.run import gates
from engine.run.call import CallOut
from engine.run.claim import Claim
from engine.run.deliver import Deliverer
from engine.run.gates import Gates
from engine.run.intake import Intake
from engine.run.walk import Walk
from engine.spec import compile as compiling
from engine.store import ClaimRequest, Intent, arrivals, begin, claim, record, topics
from engine.store import move as moving
from engine.store.begin import Ledger
from engine.wire.answers import Inbound
from harness.simulation.scenario import Fault, Scenario, Sending
from harness.zoo import stand_ins

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


# ── days of their own ────────────────────────────────────────────────────────────────────────────────────────────────

LABEL: Final = "order 1"
STOPPED_S: Final = 127.0
"""Longer than a lease, and not so long that whoever has it next is through with a call of 8 s."""


def ordinary(integration: str, message: Inbound, _again: Inbound) -> Scenario:
    """One order is told once, and nothing goes wrong."""
    return Scenario(seed=0, sendings=(Sending(0, integration, message, LABEL),))


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
        ((Intake, "__call__", stand_ins.answers_first),),
    ),
    Safeguard(
        "identity of events",
        "the same id is the same event",
        "window-shorter-than-ladder",
        "nothing-twice",
        ((arrivals, "look_around", stand_ins.knows_no_id),),
    ),
    Safeguard(
        "effect ledger",
        "what was done for one event is not done for another",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((Ledger, "ask", stand_ins.asks_no_ledger),),
    ),
    Safeguard(
        "ledger of other providers",
        "what one provider did no other is asked for",
        "fallback-after-unknown",
        "nothing-twice",
        ((Ledger, "ask_other", stand_ins.nothing),),
        told_twice,
    ),
    Safeguard(
        "unknown outcomes",
        "an answer that was lost is not a failure",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((classify, "by_default", stand_ins.believes_in_failure),),
    ),
    Safeguard(
        "open intents",
        "an intent without an outcome is unknown, not undone",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((decide, "on_open_intent", stand_ins.sends_again),),
    ),
    Safeguard(
        "patience before a look-up",
        "who was slow is not asked what became of it before it can say so",
        "timeout-called-retry",
        "nothing-twice",
        ((decide, "unknown", stand_ins.asks_at_once),),
    ),
    Safeguard(
        "one key for one effect",
        "the partner's idempotency key outlives retries and restarts",
        "once-of-the-event",
        "nothing-twice",
        ((compiling, "effect_digest", stand_ins.another_key), (calls, "written", stand_ins.one_digest)),
    ),
    Safeguard(
        "a key with every effect",
        "a partner that knows repeats by a key is given one",
        "once-of-the-event",
        "nothing-twice",
        ((CallOut, "go_out", stand_ins.without_key),),
        ordinary,
    ),
    Safeguard(
        "a partner's no",
        "what is refused is not sent again",
        "once-of-the-event",
        "bounded-attempts",
        ((decide, "after_answer", stand_ins.asks_after_no),),
    ),
    Safeguard(
        "a look-up after a person's yes",
        "what a person lets go on is looked up before it is sent again",
        "timeout-called-retry",
        "nothing-twice",
        ((decide, "on_open_intent", stand_ins.sends_what_is_let_go),),
    ),
    Safeguard(
        "keys of their own",
        "what one key waits for keeps no other waiting",
        "once-of-the-event",
        "liveness",
        ((arrivals, "key_digest", stand_ins.one_key),),
    ),
    Safeguard(
        "held aside",
        "what waits for a person keeps no other key waiting",
        "retry-of-a-plain-post",
        "liveness",
        ((arrivals, "look_around", stand_ins.held_in_the_way),),
    ),
    Safeguard(
        "order per key",
        "events of one key run one at a time",
        "key-too-narrow",
        "order-per-key",
        ((arrivals, "look_around", stand_ins.knows_no_key),),
    ),
    Safeguard(
        "version guard",
        "an older state never overwrites a newer one",
        "version-guard-missing",
        "no-stale-overwrite",
        ((opening, "older", stand_ins.never),),
    ),
    Safeguard(
        "cap of attempts",
        "a call is sent so often and no more",
        "continue-over-a-charge",
        "bounded-attempts",
        ((Known, "spent", stand_ins.without_end),),
    ),
    Safeguard(
        "fencing",
        "who has lost the lease writes and sends nothing more",
        "server-error-called-retry",
        "nothing-twice",
        ((begin, "read_running", stand_ins.any_token), (record, "read", stand_ins.any_token)),
        slow_label,
        ((Claim, "commit", stops_once), (Deliverer, "request", taken_for_dead)),
    ),
    Safeguard(
        "leases given back",
        "what a dead engine held goes on",
        "once-of-the-event",
        "liveness",
        ((claim, "give_back", stand_ins.none_given_back),),
    ),
    Safeguard(
        "quotas",
        "no partner is called more often than its file allows",
        "quota-ignored",
        "quota-kept",
        ((begin, "pass_gates", stand_ins.nothing),),
    ),
    Safeguard(
        "compensation",
        "what an event did is taken back, all of it",
        "undo-of-another-number",
        "compensation-complete",
        ((undo, "to_undo", stand_ins.nothing),),
    ),
    Safeguard(
        "a person's no",
        "what a person rejects is taken back, where its step says so",
        "rejected-and-kept",
        "compensation-complete",
        ((moving, "moved", stand_ins.only_discards),),
    ),
    Safeguard(
        "turns",
        "what waits behind an event of its key goes on when that has ended",
        "version-guard-missing",
        "liveness",
        ((record, "promote", stand_ins.nothing),),
    ),
    Safeguard(
        "newest state kept",
        "of several states that wait the newest is done",
        "newest-by-arrival",
        "no-stale-overwrite",
        ((arrivals, "newest_of", stand_ins.first_of),),
    ),
    Safeguard(
        "Retry-After",
        "who is told to come later comes later",
        "retry-of-a-plain-post",
        "quota-kept",
        ((retry, "retry_after_us", stand_ins.nothing), (gates, "hear", stand_ins.nothing)),
    ),
    Safeguard(
        "breakers that close again",
        "what waited for a partner goes on when it is back",
        "retry-of-a-plain-post",
        "liveness",
        ((Gates, "wakes_at", stand_ins.nothing), (Gates, "take_rows", stand_ins.never)),
    ),
    Safeguard(
        "one send for one intent",
        "what was answered is not sent again",
        "retry-of-a-plain-post",
        "nothing-twice",
        ((CallOut, "go_out", stand_ins.goes_out_twice),),
    ),
    Safeguard(
        "deliveries stored whole",
        "a 2xx means that every item of a delivery is on disk",
        "items-named-by-delivery",
        "nothing-lost",
        ((arrivals.Intake, "take", stand_ins.all_but_the_last),),
    ),
    Safeguard(
        "one telling",
        "an event is told under a topic once",
        "topic-told-per-event",
        "nothing-twice",
        ((Walk, "emit", stand_ins.tells_twice),),
    ),
    Safeguard(
        "receivers of a topic",
        "what is told under a topic arrives with whoever receives it",
        "topic-told-per-event",
        "nothing-lost",
        ((topics, "accept_outcome", stand_ins.nothing),),
    ),
    Safeguard(
        "waking",
        "what waits for an event goes on when that has come",
        "wait-without-end",
        "liveness",
        ((topics, "wake_all", stand_ins.nothing),),
    ),
)
"""All of them, from what comes in to what is taken back."""
