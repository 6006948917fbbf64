"""A PROFILE, ITS SCHEDULE AND MESSAGES → a script for k6, for teams that already run it on many machines.

Each phase is a scenario of an arrival-rate executor (k6's open model) that sends as many messages as the schedule has
in it: second deliveries and what an outage held back are in them. Secrets stay where they are; k6 signs. This file
refuses to promise what k6 cannot see: the limits it gets are those on the answer.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from engine.errors import UserError
from harness.load.model import SECOND_US, Arrival, Message
from harness.load.send.profile import Phase, Profile

SCRIPT, MESSAGES = "load.js", "messages.json"
MESSAGES_MAX: Final = 200_000
BYTES_MAX: Final = 256 << 20
PER: Final = 60
"""k6 takes whole numbers of iterations in a unit of time; in a minute, a rate of 0.25/s is one."""
VUS_MIN: Final = 10
VUS_MAX: Final = 2_000
ANSWER_S: Final = 0.25
"""How long an answer takes, for the number of virtual users that are made ready."""
LEFT_OUT: Final = ("host", "content-length", "connection")


class Sender(Struct, frozen=True):
    """How the messages of one integration are signed: which secret, and where the signature stands."""

    secret: str
    scheme: str
    header: str
    encoding: str
    prefix: str = ""

    @property
    def signed_header(self) -> str:
        return {"stripe": "stripe-signature", "shopify": "x-shopify-hmac-sha256"}.get(self.scheme, self.header.lower())


class Parts(Struct, frozen=True):
    """One message, taken apart."""

    integration: str
    path: str
    headers: dict[str, str]
    body: str


def export(
    profile: Profile,
    arrivals: Sequence[Arrival],
    messages: Sequence[Message],
    senders: Mapping[str, Sender],
    limits_ms: Mapping[str, float],
    url: str,
) -> dict[str, str]:
    """The files: name → content. `limits_ms` are the promises on the accept p99, by integration. Raises UserError."""
    if len(arrivals) > MESSAGES_MAX:
        raise UserError(
            f"the profile has {len(arrivals)} messages, and a script holds {MESSAGES_MAX}; shorten it, or send fewer"
        )
    size = sum(len(message.raw) for message in messages)
    if size > BYTES_MAX:
        raise UserError(
            f"the messages have {size >> 20} MiB, and a script holds {BYTES_MAX >> 20}; shorten the profile"
        )
    shaped = [taken_apart(message, senders[message.integration]) for message in messages]
    ordered = sorted(arrivals, key=lambda arrival: arrival.phase)  # stable: by phase, in each as they are due
    document = {
        "messages": [
            {"integration": one.integration, "path": one.path, "headers": one.headers, "body": one.body}
            for one in shaped
        ],
        "order": [arrival.message for arrival in ordered],
    }
    used = {message.integration for message in messages}
    known = {
        name: {
            "secret": sender.secret,
            "scheme": sender.scheme,
            "header": sender.signed_header,
            "encoding": "base64" if sender.scheme == "shopify" else sender.encoding,
            "prefix": sender.prefix,
        }
        for name, sender in sorted(senders.items())
        if name in used
    }
    options = {
        "discardResponseBodies": True,
        "scenarios": dict(scenarios(profile, ordered)),
        "thresholds": thresholds(profile, {name: limits_ms[name] for name in limits_ms if name in used}),
    }
    script = (files(__package__) / "k6_script.js").read_text()
    for mark, value in (("__SENDERS__", as_js(known)), ("__OPTIONS__", as_js(options)), ("__URL__", url)):
        script = script.replace(mark, value)
    return {SCRIPT: script, MESSAGES: json.dumps(document, ensure_ascii=False, separators=(",", ":"))}


def as_js(value: Any) -> str:
    """JSON is JavaScript since ES2019; names are kebab-case or escaped, so nothing in them ends a script."""
    return json.dumps(value, indent=2)


def taken_apart(message: Message, sender: Sender) -> Parts:
    """A request as it is sent, without what its client or its signature adds."""
    head, _, body = message.raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(":", 1) for line in lines)
    left_out = {*LEFT_OUT, sender.signed_header}
    headers = {name: value.strip() for name, value in fields.items() if name.lower() not in left_out}
    return Parts(message.integration, first.split(" ")[1], headers, body.decode())


# ── the schedule ─────────────────────────────────────────────────────────────────────────────────────────────────────


def scenarios(profile: Profile, ordered: Sequence[Arrival]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A scenario for each phase in which something is sent."""
    counts = [0] * len(profile.phases)
    for arrival in ordered:
        counts[arrival.phase] += 1
    first, begin_us = 0, 0
    for place, (phase, count) in enumerate(zip(profile.phases, counts, strict=True)):
        if count:
            yield (
                f"{place + 1:02}_{phase.name.replace('-', '_')}",
                {
                    **executor(phase, count),
                    "startTime": span(begin_us),
                    "gracefulStop": "30s",
                    "env": {"FIRST": str(first), "COUNT": str(count)},
                    "tags": {"phase": phase.name},
                },
            )
        first += count
        begin_us += phase.length_us


def executor(phase: Phase, count: int) -> dict[str, Any]:
    """The phase's own shape, as high as it takes for its count."""
    if phase.due and not phase.outage:
        pieces = [
            (piece.length_us, piece.begin * count / phase.due, piece.end * count / phase.due) for piece in phase.pieces
        ]
    else:
        rate = count * SECOND_US / phase.length_us
        pieces = [(phase.length_us, rate, rate)]
    highest = max(rate for _, *rates in pieces for rate in rates)
    users = min(VUS_MAX, max(VUS_MIN, math.ceil(highest * ANSWER_S)))
    made = {"timeUnit": f"{PER}s", "preAllocatedVUs": users, "maxVUs": min(VUS_MAX, 20 * users)}
    if len(pieces) == 1 and pieces[0][1] == pieces[0][2]:
        length_us, rate, _ = pieces[0]
        return {
            "executor": "constant-arrival-rate", "rate": per(rate), "duration": span(length_us), **made,
        }  # fmt: skip
    stages = []
    at = pieces[0][1]
    for length_us, begin, end in pieces:
        if per(begin) != per(at):
            stages.append({"target": per(begin), "duration": "0s"})
        stages.append({"target": per(end), "duration": span(length_us)})
        at = end
    return {"executor": "ramping-arrival-rate", "startRate": per(pieces[0][1]), "stages": stages, **made}


def per(rate: float) -> int:
    """A rate in messages a second, as k6 takes it; what is sent at all is sent at least once a minute."""
    return max(1, round(rate * PER)) if rate > 0 else 0


def span(length_us: int) -> str:
    return f"{length_us // 1_000}ms"


def thresholds(profile: Profile, limits_ms: Mapping[str, float]) -> dict[str, list[Any]]:
    """The promises on the answer, in every phase that counts; and that the load was sent at all, else it is no answer.

    k6's durations are service times. What it could not send in time it drops and counts, which is its send lag: one
    dropped is too many here, as an unsent arrival makes `waybill load` invalid.
    """
    found: dict[str, list[Any]] = {
        "dropped_iterations": ["count==0"],
        "checks": ["rate>0.999"],
    }
    for name, limit in sorted(limits_ms.items()):
        for phase in profile.phases:
            if not phase.warm_up and not phase.outage:
                metric = f"http_req_duration{{integration:{name},phase:{phase.name}}}"
                found[metric] = [f"p(99)<{limit:g}"]
    return found


def write(folder: Path, made: Mapping[str, str]) -> None:
    for name, content in made.items():
        (folder / name).write_text(content)
