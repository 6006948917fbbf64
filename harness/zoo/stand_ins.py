"""What stands where a safeguard of the engine was: each takes what was there, and does without what it guarded against.

Each is as small as what it takes away, so that all else runs as ever. Which of them stands where, and what must break
then, is said in `safeguards.py`. This file refuses to put anything into the engine.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

from msgspec.structs import replace

from engine.model import Sent, Verdict
from engine.rules import classify, decide
from engine.rules.decide import Action, Decision, Known
from engine.run.call import CallOut
from engine.run.intake import Intake
from engine.run.walk import Walk
from engine.store import Answered, Intent, Leave
from engine.store.begin import Ledger
from engine.wire.answers import Answer, Inbound, Reply


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


def without_key(was: Callable[..., Any]) -> Any:
    async def go_out(self: CallOut, request: Any) -> Any:
        kept = tuple(field for field in request.headers if field[0] != "Idempotency-Key")
        return await was(self, replace(request, headers=kept))

    return go_out


def asks_after_no(was: Callable[..., Decision]) -> Any:
    """A partner's no is taken for "not now"."""

    def after_answer(verdict: Verdict, known: Known, **more: Any) -> Decision:
        return decide.again(known) if verdict is Verdict.REFUSED else was(verdict, known, **more)

    return after_answer


def sends_what_is_let_go(was: Callable[[Known], Decision]) -> Any:
    """What a person lets go on is sent, and nobody is asked before."""

    def on_open_intent(known: Known) -> Decision:
        return Decision(Action.SEND, "a person let it go on") if known.released else was(known)

    return on_open_intent


def one_key(was: Callable[[str, str], bytes]) -> Any:
    """All keys of a space are one."""
    return lambda space, _key: was(space, "")


def held_in_the_way(was: Callable[..., tuple[dict[bytes, int], set[bytes]]]) -> Any:
    """While one event is held, every key counts as busy."""

    def look_around(database: Any, named: Sequence[tuple[bytes, bytes]], now: int) -> Any:
        known, busy = was(database, named, now)
        held = database.rows("SELECT event FROM delivery WHERE status = 'held'")
        return known, busy | {key for _, key in named if held}

    return look_around


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
