"""What is simulated and what came of it, as values: everything that a run hangs on, and all that is told of it.

A scenario is complete: the same one over the same workspace gives the same run, down to the hash of its trace. Times in
both are microseconds since the beginning of the run (`EventRow` alone keeps the engine's own, which begin at
`Scenario.begin_at`). This file refuses to judge: what is a violation is for whoever reads the run.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from engine.run.load import Loaded
from engine.store import EventRow
from engine.wire.answers import Inbound
from harness.world import BEGIN_AT

if TYPE_CHECKING:
    from harness.simulation.partners import Plays

CALL_FAULTS = (
    "refuse",
    "dns",
    "throttle",
    "expired",
    "decline",
    "error_before",
    "error_after",
    "cut_before",
    "cut_after",
    "silence_before",
    "silence_after",
    "slow",
    "truncated",
    "invalid",
    "partial",
)
"""What may go wrong with a call. `…_before` and `…_after` mean the partner's commit: before it nothing was done, after
it the effect is in its book and the caller does not hear of it.

`refuse`, `dns`: no connection, nothing went out. `throttle`: 429, with `Retry-After` where `seconds` is not 0.
`expired`: 401, at every call to the system from here on, until the engine has read its credentials again; no sooner
than `seconds` later. `decline`: 400, it will not do what it is asked. `error_…`: 5xx. `cut_…`: the connection is reset.
`silence_…`: no answer until the caller gives up. `slow`: the answer takes `seconds` longer. `truncated`: after the
commit the answer breaks off. `invalid`: after it, a 2xx whose body is no JSON. `partial`: of the longest list in the
body the partner takes the first half, and answers for that."""

SENDER_FAULTS = ("duplicate", "late", "ack_lost", "outage")
"""What may go wrong on the way in. `system` is then the sender's and `operation` the integration; `nth` is the
delivery.

`duplicate`: delivered twice, the second time `seconds` after the first (0: at the same moment). `late`: delivered
`seconds` later than it was sent, so that others overtake it. `ack_lost`: the sender does not hear the answer and
delivers again by its ladder. `outage`: this and all later deliveries are kept back for `seconds`, then come in one
burst."""

POINTS = ("accept", "claim", "begin", "send", "record", "recover")
"""Port calls that every engine passes; each has a point `before` and one `after`. The others are named by their
verb."""


class Sending(Struct, frozen=True):
    """One delivery as a sender makes it, before any redelivery by the sender itself.

    `inbound` needs no path and no signature: both are made where it is delivered, each time anew. `label` is how
    stories call it: "order 7". An integration that receives a topic is told the body as an event of that topic."""

    at_us: int
    integration: str
    inbound: Inbound
    label: str


class Fault(Struct, frozen=True):
    """The `nth` call (from 0) to an operation meets this; with `identity`, the `nth` of those that carry it."""

    kind: str
    system: str
    operation: str
    nth: int
    seconds: float = 0.0
    identity: str = ""


class Crash(Struct, frozen=True):
    """The power is cut at the nth passing (from 0, over all lives) of a point: "before send", "after record", …"""

    point: str
    nth: int


class Sender(Struct, frozen=True):
    """How a system delivers its webhooks: it waits `ack_s` for a 2xx and hears nothing later; after each failure it
    delivers again, by `ladder_s`, then it gives up. Systems that nobody says this of have what `senders.sender_of`
    gives them."""

    system: str
    ack_s: float = 5.0
    ladder_s: tuple[float, ...] = (10.0, 60.0, 300.0, 900.0, 3600.0, 3600.0, 3600.0, 3600.0)


class Limit(Struct, frozen=True):
    """What a partner really lets through, where its file does not say so: `rate` calls in `per_s`, at most `burst` at
    once, and `concurrency` under way (0: any). An empty `operation` is the whole system."""

    system: str
    operation: str = ""
    rate: int = 0
    per_s: float = 1.0
    burst: int = 0
    concurrency: int = 0


class People(Struct, frozen=True):
    """What people say of every event that waits for one, `after_s` later: `release` or `reject`."""

    action: str
    after_s: float = 600.0


class Scenario(Struct, frozen=True, kw_only=True):
    """One run. From `heal_at_us` on no fault fires; it goes on until nothing moves, or for `until_s`.

    `permute` also draws the order of task steps that are ready at once. `latencies_s` are observed answer times by
    `system.operation`, to draw from, `disk_s` least and most of a commit. Nobody ever comes for what waits for people,
    unless `people` do.
    """

    seed: int
    sendings: tuple[Sending, ...]
    faults: tuple[Fault, ...] = ()
    crashes: tuple[Crash, ...] = ()
    permute: bool = False
    heal_at_us: int | None = None
    until_s: float = 86_400.0 * 30
    senders: tuple[Sender, ...] = ()
    limits: tuple[Limit, ...] = ()
    latencies_s: Mapping[str, tuple[float, ...]] = {}
    people: People | None = None
    workers: int = 16
    disk_s: tuple[float, float] = (0.000_3, 0.003)
    begin_at: int = BEGIN_AT


class Effect(Struct, frozen=True):
    """One effect in a partner's book. `fields` is the body of the request that made it, `label` that of the sending it
    goes back to. `struck_at_us` is when it was taken back (None: it stands)."""

    system: str
    operation: str
    identity: str
    at_us: int
    fields: object
    label: str
    event: int = 0
    step: str = ""
    result: object = None
    struck_at_us: int | None = None


class CallMade(Struct, frozen=True):
    """One call as it went out. `sent`, `status` and `failure` are what the engine was told (empty: it was dead by
    then, or the run over), and `later_s` after how many seconds the partner asked to be called again (0: it did not);
    `fault` is what hit it; `booked` says that it wrote a row, `effect` its place in `Run.effects`."""

    at_us: int
    system: str
    operation: str
    identity: str
    event: int
    label: str
    step: str
    life: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: object
    once: str = ""
    fault: str = ""
    sent: str = ""
    status: int = 0
    failure: str = ""
    took_us: int = 0
    later_s: int = 0
    booked: bool = False
    effect: int | None = None


class Told(Struct, frozen=True):
    """What an event told under a topic, once it was on disk. `heard` are the (integration, id) of whoever receives the
    topic, and `missed` those of them that the store did not hold then."""

    event: int
    topic: str
    id: str
    key: str = ""
    at_us: int = 0
    heard: tuple[tuple[str, str], ...] = ()
    missed: tuple[tuple[str, str], ...] = ()


class Moment(Struct, frozen=True):
    """One line of the story. `kind`: `send` (a sender delivers; `nth` counts its tries), `answer` (what it was told,
    in `status`), `given_up`, `call`, `booked`, `told` (the engine hears of the call, in `status` and `detail`),
    `fault`, `crash` (at `detail`), `restart`, `accepted` (an event is on disk, `detail` says as what), `recorded` (an
    event stands at `detail`), `person`, `heal`, `failed`."""

    at_us: int
    kind: str
    label: str = ""
    event: int = 0
    system: str = ""
    operation: str = ""
    identity: str = ""
    step: str = ""
    status: int = 0
    nth: int = 0
    detail: str = ""


class Run(Struct, frozen=True):
    """What came of a scenario.

    `events` are as they stand at the end; `labels` says which sending each goes back to. `acknowledged` are the
    sendings, by their place, that got a 2xx. `fired` counts every fault and crash point of the scenario by its kind, 0
    for one that never happened; `quota` are calls beyond what a partner lets through. `passed` counts the port calls
    by point, `points` is their sum. `deadlock` is empty, or what waits for what. `trace` is the SHA-256 over every
    decision drawn or made; `ended_at_us` is when nothing moved any more."""

    events: tuple[EventRow, ...]
    effects: tuple[Effect, ...]
    calls: tuple[CallMade, ...]
    acknowledged: tuple[int, ...]
    moments: tuple[Moment, ...]
    fired: dict[str, int]
    points: int
    deadlock: str
    trace: str
    passed: dict[str, int]
    labels: dict[int, str]
    ended_at_us: int = 0
    lives: int = 1
    still: bool = True
    """False: something still moved when `until_s` was over."""
    failure: str = ""
    """Empty, or the error of ours that ended the engine."""
    told: tuple[Told, ...] = ()
    """What events told under topics, in order."""
    logged: tuple[str, ...] = ()
    """The engine's log, line by line."""
    behind: dict[int, int] = {}
    """Events that wait in the end for another one, whose effect is their own, and for which."""


def simulate(loaded: Loaded, scenario: Scenario, played: "Mapping[str, Plays]" = MappingProxyType({})) -> Run:
    """Runs a scenario over a workspace; `played` are systems whose part somebody else plays. Not for two threads at
    once.

    Raises ValueError for what the workspace or the simulation does not know, and Fenced where something touched the
    real world."""
    from harness.simulation.run import Simulation

    known(loaded, scenario)
    return Simulation(loaded, scenario, played).run()


def known(loaded: Loaded, scenario: Scenario) -> None:
    """Raises ValueError for an integration or a kind of fault that there is none of, or a time before the beginning."""
    for sending in scenario.sendings:
        if sending.integration not in loaded.plans:
            raise ValueError(f"there is no integration `{sending.integration}`; there are {', '.join(loaded.plans)}")
    kinds = (*CALL_FAULTS, *SENDER_FAULTS)
    for fault in scenario.faults:
        if fault.kind not in kinds:
            raise ValueError(f"there is no fault `{fault.kind}`; there are {', '.join(kinds)}")
        if not 0 <= fault.seconds < float("inf"):
            raise ValueError(f"`{fault.kind}` lasts {fault.seconds} seconds, which is no time")
    if scenario.people is not None and scenario.people.action not in ("release", "reject"):
        raise ValueError(f"people release or reject; they do not `{scenario.people.action}`")


def crashes_of(run: Run) -> tuple[Crash, ...]:
    """Every crash that the same scenario could have met, one at each passing of each point: for a bounded proof."""
    return tuple(Crash(point, nth) for point, count in run.passed.items() for nth in range(count))
