"""Partners in virtual time: the simulated partner of `harness.partner`, with the bad days that real ones have.

A request takes time to get there and an answer to come back; what the caller waits for has no influence on what the
partner does. So a call that timed out may still be booked, and one whose caller died is. Quotas are counted here once
more, by the partner's own count of what arrives; idempotency keys are forgotten after their `valid_for`. What the
engine is told is what its real client would make of the same bytes. This file refuses to know the engine."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from engine.contract.body import decode_body, encode_json
from engine.model import Failure, Outcome, Request, Sent
from engine.spec import shape
from engine.wire.exchange import ANSWER_BYTES_MAX, Unreadable, Unsendable, decoded, fields_fault, target
from harness.counting import BUNCHING_S, Counting, declared
from harness.faults import AFTER, BEFORE, BROKEN
from harness.partner import PartnerAnswer, Received, Row, received_of
from harness.simulation.fates import Fates
from harness.simulation.loop import SimLoop
from harness.simulation.scenario import CallMade, Fault, Limit
from harness.simulation.streams import Stream, Streams
from harness.simulation.witness import Witness, about

LATENCY_S = (0.004, 0.12)
"""A call from its first byte to its last, where nobody says otherwise."""

Told = Callable[[int, Outcome], None]
"""Told where the witness keeps the call, and what came of it."""


class Call(Struct):
    """One call on its way. `place` is where the witness keeps it; `fault` what it meets; `answered` when it is over for
    whoever sent it."""

    place: int
    request: Request
    received: Received
    fault: Fault | None
    began_s: float
    back_s: float
    told: Told
    answered: bool = False
    timer: asyncio.TimerHandle | None = None


class Plays(Protocol):
    """Whoever plays a partner's part: a simulated one, or a recording of a real one."""

    def answer(self, received: Received) -> PartnerAnswer:
        """What it says to a request. `booked` and `row` make it an effect of the run."""

    def identity_of(self, received: Received) -> str:
        """What the request is about, as text; empty where nobody can tell."""

    def forget_key(self, operation: str, key: str) -> None:
        """An idempotency key is over."""


def countings(system: shape.System, limits: tuple[Limit, ...]) -> dict[str, Counting]:
    """What a system counts, by operation (empty: all of them): as its file says, or as it really is."""
    found = declared(system, BUNCHING_S)
    for limit in limits:
        if limit.system == system.system:
            burst = limit.burst or max(1, int(limit.rate / limit.per_s))
            found[limit.operation] = Counting(limit.rate, limit.per_s, burst, 0.0, limit.concurrency)
    return found


class SimPartner:
    """One partner: its books, its keys, what it counts. `expired` is (since when, until when at least) it takes no
    credentials; `booked` finds the effect of a row."""

    def __init__(self, partner: Plays, system: shape.System, limits: tuple[Limit, ...]) -> None:
        self.partner = partner
        self.counts = countings(system, limits)
        known = system.idempotency
        self.key_header = known.header.lower() if known else ""
        self.key_s = known.valid_for.seconds if known and known.valid_for else math.inf
        self.keys: deque[tuple[float, str, str]] = deque()
        self.expired: tuple[float, float] | None = None
        self.booked: dict[int, tuple[Row, int]] = {}

    def answer(self, received: Received, now_s: float) -> PartnerAnswer:
        """What the partner does and says now."""
        while self.keys and self.keys[0][0] <= now_s:
            _, operation, key = self.keys.popleft()
            self.partner.forget_key(operation, key)
        answer = self.partner.answer(received)
        key = received.headers.get(self.key_header, "")
        if answer.booked and key and self.key_s < math.inf:
            self.keys.append((now_s + self.key_s, answer.operation, key))
        return answer

    def counts_of(self, operation: str) -> list[Counting]:
        return [self.counts[name] for name in ("", operation) if name in self.counts]

    def refuses(self, operation: str, now_s: float) -> float | None:
        """Too many calls; the seconds after which one may come again."""
        for count in self.counts_of(operation):
            wait_s = count.refuses(now_s)
            if wait_s is not None:
                return wait_s
        return None

    def renewed(self, now_s: float) -> None:
        """The engine has read its credentials again: they are good, unless they will be so only later."""
        if self.expired is not None and now_s >= self.expired[1]:
            self.expired = None


class Network:
    """All partners, and the way to them."""

    def __init__(
        self,
        loop: SimLoop,
        streams: Streams,
        witness: Witness,
        fates: Fates,
        partners: Mapping[str, SimPartner],
        latencies_s: Mapping[str, tuple[float, ...]],
    ) -> None:
        self.loop = loop
        self.witness = witness
        self.fates = fates
        self.partners = partners
        self.latencies_s = latencies_s
        self.latency: Stream = streams.of("latency")
        self.kinds: Stream = streams.of("kinds")

    def out(self, request: Request, timeout_s: float, caller: CallMade, told: Told) -> None:
        """A request leaves; `told` hears once what its caller would. `caller` says who calls."""
        partner_ = self.partners[request.system]
        received = as_received(request)
        identity = partner_.partner.identity_of(received)
        made = replace(
            caller,
            at_us=self.witness.now_us,
            identity=identity,
            path=request.path,
            headers=received.headers,
            body=received.body,
        )
        place = self.witness.called(made)
        fault = None
        if not self.witness.healed:
            fault = self.fates.of_call(request.system, request.operation, identity)
        took_s = self.takes_s(request)
        call = Call(place, request, received, fault, self.loop.time(), took_s / 2, told)
        kind = fault.kind if fault else ""
        unsendable = sending_fault(request)
        if unsendable:
            self.end(call, Outcome(Sent.NOT_SENT, unsendable, failure=Failure.UNSENDABLE))
            return
        if kind in NOT_THERE:
            self.hit(call, kind)
            self.loop.call_later(took_s / 4, self.end, call, NOT_THERE[kind])
            return
        there_s = took_s / 2
        if kind == "slow" and fault:
            self.hit(call, kind)
            there_s += fault.seconds / 2
            call.back_s += fault.seconds / 2
        call.timer = self.loop.call_later(timeout_s, self.end, call, timed_out(timeout_s))
        self.loop.call_later(there_s, self.arrive, partner_, call)

    def takes_s(self, request: Request) -> float:
        seen = self.latencies_s.get(f"{request.system}.{request.operation}")
        return self.latency.pick(seen) if seen else self.latency.between(*LATENCY_S)

    def renewed(self, system: str) -> None:
        if system in self.partners:
            self.partners[system].renewed(self.loop.time())

    # ── at the partner ───────────────────────────────────────────────────────────────────────────────────────────────

    def arrive(self, partner: SimPartner, call: Call) -> None:
        """The request has arrived; the partner refuses it, or does it."""
        refusal = self.refusal(partner, call)
        if refusal is not None:
            self.answer(call, refusal)
            return
        kind = self.kind(call)
        if kind in ("cut_before", "silence_before"):
            self.hit(call, kind)
            if kind == "cut_before":
                self.back(call, RESET)
            return
        counts = partner.counts_of(call.request.operation)
        for count in counts:
            count.under_way += 1
        answer = self.commit(partner, call)
        self.loop.call_later(call.back_s, self.leave, partner, call, answer)

    def leave(self, partner: SimPartner, call: Call, answer: PartnerAnswer) -> None:
        """It has done it; the answer comes back, or does not."""
        for count in partner.counts_of(call.request.operation):
            count.under_way -= 1
        kind = self.kind(call)
        if kind == "error_after":
            answer = PartnerAnswer(self.kinds.pick(AFTER), {}, {"fault": "out of order"})
        if kind in AFTER_COMMIT:
            self.hit(call, kind)
        if kind == "silence_after":
            return
        if kind == "cut_after":
            self.end(call, RESET)
        elif kind == "truncated":
            self.end(call, BROKEN_OFF)
        else:
            raw = BROKEN if kind == "invalid" else None
            self.end(call, heard(call.request, answer, raw))

    def kind(self, call: Call) -> str:
        """What it still meets: once healed, nothing."""
        return call.fault.kind if call.fault and not self.witness.healed else ""

    def refusal(self, partner: SimPartner, call: Call) -> PartnerAnswer | None:
        """What it is answered without being done: by a fault, or by the partner's own rules."""
        now_s, kind = self.loop.time(), self.kind(call)
        if kind == "expired" and call.fault and partner.expired is None:
            partner.expired = (now_s, now_s + call.fault.seconds)
        if self.witness.healed:
            partner.expired = None
        if partner.expired is not None:
            self.hit(call, "expired")
            return PartnerAnswer(401, {}, {"fault": "the credential has expired"})
        if kind == "throttle" and call.fault:
            self.hit(call, kind)
            return throttled(call.fault.seconds)
        if kind == "decline":
            self.hit(call, kind)
            return DECLINED
        if kind == "error_before":
            self.hit(call, kind)
            return PartnerAnswer(self.kinds.pick(BEFORE), {}, {"fault": "out of order"})
        wait_s = partner.refuses(call.request.operation, now_s)
        if wait_s is not None:
            self.hit(call, "quota")
            return throttled(wait_s)
        return None

    def commit(self, partner: SimPartner, call: Call) -> PartnerAnswer:
        """The partner does what it is asked, and books it."""
        received = call.received
        if self.kind(call) == "partial":
            half = half_of(received.body)
            if half is not None:
                self.hit(call, "partial")
                received = replace(received, body=half)
        answer = partner.answer(received, self.loop.time())
        if answer.booked and answer.row is not None:
            effect = self.witness.booked(call.place, received.body, answer.row["result"])
            partner.booked[id(answer.row)] = (answer.row, effect)
            if answer.struck is not None:
                self.witness.struck(partner.booked[id(answer.struck)][1])
        return answer

    # ── back ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, call: Call, answer: PartnerAnswer) -> None:
        self.back(call, heard(call.request, answer))

    def back(self, call: Call, outcome: Outcome) -> None:
        """An answer, or the end of the connection, is on its way."""
        self.loop.call_later(call.back_s, self.end, call, outcome)

    def end(self, call: Call, outcome: Outcome) -> None:
        """The call is over for its caller; what comes later nobody hears."""
        if call.answered:
            return
        call.answered = True
        if call.timer is not None:
            call.timer.cancel()
        took_us = round((self.loop.time() - call.began_s) * 1_000_000)
        call.told(call.place, replace(outcome, took_us=took_us))

    def hit(self, call: Call, kind: str) -> None:
        made = self.witness.more(call.place, fault=kind)
        self.witness.hit(kind, **about(made))


# ── what the wire would say ──────────────────────────────────────────────────────────────────────────────────────────

NOT_THERE = {
    "refuse": Outcome(Sent.NOT_SENT, "connection refused", failure=Failure.CONNECT),
    "dns": Outcome(Sent.NOT_SENT, "the partner's name does not resolve", failure=Failure.DNS),
}
RESET = Outcome(Sent.UNKNOWN, "the connection broke before an answer", failure=Failure.LOST)
DECLINED = PartnerAnswer(400, {}, {"fault": "this is not done"})
"""A no that no partner says of a repeat, as some do by 409 and 422: nothing was done before either."""
BROKEN_OFF = Outcome(Sent.UNKNOWN, "the answer broke off", failure=Failure.LOST)
AFTER_COMMIT = ("error_after", "cut_after", "silence_after", "truncated", "invalid")


def timed_out(timeout_s: float) -> Outcome:
    return Outcome(Sent.UNKNOWN, f"no answer in {timeout_s:g} s", failure=Failure.TIMEOUT_AFTER)


def throttled(wait_s: float) -> PartnerAnswer:
    headers = {"retry-after": str(math.ceil(wait_s))} if wait_s else {}
    return PartnerAnswer(429, headers, {"fault": "too many requests"})


def as_received(request: Request) -> Received:
    """The request as it arrives: a copy, through the bytes that would travel."""
    body = None if request.body is None else decode_body(encode_json(request.body))
    return replace(received_of(request), body=body)


def sending_fault(request: Request) -> str:
    """Why the request cannot be put on the wire, or empty."""
    try:
        target(request)
    except Unsendable as unsendable:
        return str(unsendable)
    return fields_fault(request.headers) if request.headers else ""


def heard(request: Request, answer: PartnerAnswer, raw: bytes | None = None) -> Outcome:
    """What the engine's client makes of an answer; `raw` stands for its body."""
    malformed, body = "", None
    headers = {"content-type": "application/json", **answer.headers}
    try:
        body = decoded(answer.raw() if raw is None else raw, headers, answer.status, request.read, ANSWER_BYTES_MAX)
    except Unreadable as unreadable:
        malformed = str(unreadable)
    return Outcome(
        Sent.ANSWERED,
        status=answer.status,
        headers=headers,
        body=body,
        malformed=malformed,
        failure=Failure.MALFORMED if malformed else None,
    )


def half_of(body: object) -> object | None:
    """The body with the first half of its longest list; None where it has no list of two or more."""
    lists = list(lists_in(body, ()))
    if not lists:
        return None
    path, longest = max(lists, key=lambda found: len(found[1]))
    return with_value(body, path, longest[: len(longest) // 2])


def lists_in(value: object, path: tuple[str, ...]) -> "list[tuple[tuple[str, ...], list[object]]]":
    """(path, list) of every list of two or more that is reached through objects alone."""
    if isinstance(value, list):
        return [(path, value)] if len(value) > 1 else []
    if not isinstance(value, dict):
        return []
    return [found for name, inner in value.items() for found in lists_in(inner, (*path, name))]


def with_value(body: object, path: tuple[str, ...], value: object) -> object:
    if not path:
        return value
    assert isinstance(body, dict)
    return {**body, path[0]: with_value(body[path[0]], path[1:], value)}
