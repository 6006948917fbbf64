"""The words that all of the load shares: what was planned, what was measured, what is said of it.

Values alone, so that each part (arrivals, generator, measures, verdict, capacity, reports) can be held against tables.
Times on the way are whole microseconds of one monotonic clock, counted from the run's beginning; what people read is
seconds and events a minute. This file refuses to measure, to judge and to write.
"""

from typing import Final, Literal

from msgspec import Struct, field

SCHEMA: Final = 1
"""The version of `result.json`; raised when the meaning of a field changes, not when one is added."""

SECOND_US: Final = 1_000_000

QUANTILES: Final = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)

# ── what was planned ─────────────────────────────────────────────────────────────────────────────────────────────────


class Arrival(Struct, frozen=True, array_like=True):
    """One message that is due: `due_us` from the beginning, `message` counts in the run, `phase` in the profile.

    `again` tells a delivery of a message that was due before: a duplicate, or what an outage held back.
    """

    due_us: int
    message: int
    phase: int
    again: bool = False


class PhaseSpan(Struct, frozen=True):
    """A phase of the profile as it was run. `counted` is false for a warm-up, whose latencies are judged by nobody;
    in an `outage` nothing is sent, and what was due comes afterwards."""

    name: str
    begin_s: float
    end_s: float
    counted: bool = True
    outage: bool = False


class Message(Struct, frozen=True, array_like=True):
    """One request as its sender sends it, signed. `ids` and `keys` are what the engine will call its events by."""

    integration: str
    raw: bytes
    """The whole HTTP/1.1 request but for its Host field's value, which is the engine's."""
    ids: tuple[str, ...]
    keys: tuple[str, ...]


class Sent(Struct, frozen=True, array_like=True):
    """What came of one arrival, as the generator saw it: one record of its stream on disk.

    `status` is 0 where no answer came, `event` the first of the engine's numbers in it (0: none). `answered_us` is -1
    where none came; `sent_us` is -1 for what was never sent.
    """

    message: int
    phase: int
    due_us: int
    sent_us: int
    answered_us: int
    status: int
    event: int


# ── what was measured ────────────────────────────────────────────────────────────────────────────────────────────────


class Latency(Struct, frozen=True):
    """One distribution, in milliseconds; a quantile is absent where fewer samples than it needs were taken
    (p99 needs 1,000). `histogram` is the HDR's own mergeable text."""

    count: int
    mean_ms: float
    max_ms: float
    quantiles_ms: dict[str, float]
    """`"0.99"` → milliseconds."""
    histogram: str = ""


class Second(Struct, frozen=True, kw_only=True):
    """One second of the run. Counts are of this second; `backlog` and `oldest_s` are as they stood at its end."""

    at_s: int
    due: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    completed: int = 0
    backlog: int = 0
    oldest_s: float = 0.0
    calls: int = 0
    retries: int = 0
    engine_cpu: float = 0.0
    """Of one core: the busier of the engine's processes."""
    engine_rss_mib: float = 0.0
    generator_cpu: float = 0.0
    """Of one core: the busiest of the generator's processes."""
    machine_cpu: float = 0.0
    """Busy share of all cores, whoever had them."""
    commit_busy: float = 0.0
    """Share of the second in which the engine's writer waited for the disk or the database."""
    running: int = 0
    """Events that a worker had, at its end."""
    accept_p99_ms: float | None = None
    complete_p99_ms: float | None = None
    accept_p50_ms: float | None = None
    """Few seconds hold the thousand samples that a p99 asks for; a median and a longest are honest with fewer. What
    completes is of the second in which it does, and every latency is the corrected one."""
    accept_max_ms: float | None = None
    complete_p50_ms: float | None = None
    complete_max_ms: float | None = None
    statuses: dict[str, int] = field(default_factory=dict)
    """What partners answered in it: `"erp 429"` → count."""


class PartnerMeasures(Struct, frozen=True, kw_only=True):
    """One partner over the run."""

    system: str
    requests: int
    statuses: dict[str, int]
    booked: int
    repeated: int
    """Repeats of an effect that the partner knew, and did not do again."""
    throttled: int
    quota: str = ""
    """As declared: `25/s, burst 50, concurrency 8`."""
    latency: Latency | None = None
    """As the engine saw its calls."""


class Violation(Struct, frozen=True, kw_only=True):
    """One promise that was broken, with the story of its event: lines of (second, what)."""

    kind: Literal["lost", "doubled", "out_of_order"]
    what: str
    event: str = ""
    timeline: tuple[tuple[float, str], ...] = ()


class Books(Struct, frozen=True, kw_only=True):
    """The partners' books against what was acknowledged. `checked` counts the effects looked at."""

    checked: int
    lost: int
    doubled: int
    out_of_order: int
    unprotected: int = 0
    """Doubles where nobody promised otherwise."""
    unfinished: int = 0
    """Acknowledged, and neither ended nor with a person when the drain's time was over."""
    violations: tuple[Violation, ...] = ()
    """The first of each kind, twenty at most."""


class Generator(Struct, frozen=True, kw_only=True):
    """Whether the load was what it says."""

    processes: int
    lag: Latency
    """From due to sent."""
    cpu: float
    """The busiest process's share of one core, in its busiest five seconds."""
    unsent: int
    clock_jump_ms: float
    """By how much the wall clock moved against the monotonic one."""
    held: bool = True
    reasons: tuple[str, ...] = ()
    steal: float = 0.0
    """Share of the machine that others had while it ran: of a virtual machine, what its host took."""


class Window(Struct, frozen=True, kw_only=True):
    """A latency of one integration over a part of the run: all that counts of it (`run`), one of its phases, or the ten
    seconds in which it was worst (`window`; with `complete`, of what was due in them)."""

    integration: str
    of: Literal["accept", "complete"]
    over: Literal["run", "phase", "window"]
    name: str
    """The phase; of a window the phase in which it begins."""
    begin_s: float
    end_s: float
    latency: Latency


class Ends(Struct, frozen=True, kw_only=True):
    """What came of the events of one integration, those due while it was warming up left out. `good`: done, ignored or
    superseded; `failed`: dead, quarantined, compensated or discarded; `person`: held, or waiting for an event of a
    topic; `unfinished`: still to be moved when the run was over; `late`: later than `sla.complete.within`, whatever
    became of them."""

    events: int
    good: int
    failed: int
    person: int
    unfinished: int
    late: int
    longest_s: float


class StageTime(Struct, frozen=True, kw_only=True):
    """Where an event's time went: a stage of the waterfall, over the counted phases."""

    stage: Literal["send", "accept", "queue", "engine", "partner", "retry", "gate", "person"]
    latency: Latency


class GateWork(Struct, frozen=True, kw_only=True):
    """What passed one gate, a system's (`erp`) or an operation's, and what it allows. Zero: no such limit."""

    gate: str
    calls: int
    call_ms: float
    """Mean, as the engine saw its calls."""
    idle_call_ms: float = 0.0
    """The same before the load came; 0: not measured."""
    rate_per_s: float = 0.0
    burst: int = 0
    places: int = 0
    """Calls at once: as declared, or one system's part of the workers."""
    declared: bool = False
    """The places are the quota's `concurrency`."""
    per_message: float = 0.0
    """Calls of a message over the whole run, where all of it was carried out: of what stands in a queue the busiest
    part sees too few. 0: what that part saw."""


class KeyWork(Struct, frozen=True, kw_only=True):
    """The key with the most events. `serial_ms` is how long it takes from one of them to the next when both are there;
    of whom the key is, is nobody's business here."""

    integration: str
    completed: int
    serial_ms: float
    came: float = 0.0
    """Its part of all events that came: of those completed it has fewer, once they stand in its queue. 0: as of those
    completed."""


class Work(Struct, frozen=True, kw_only=True):
    """What the busiest steady part of the run took of everything that may give first. `judge/limits.py` reckons from
    this alone, so that a result on paper can be projected without its workspace."""

    begin_s: float
    end_s: float
    completed: int
    messages: float
    """As many messages: a message may be several events."""
    workers: int
    engine_cpu: float
    """Of one core: the busier of the engine's processes."""
    machine_cpu: float = 0.0
    commit_busy: float = 0.0
    running: float = 0.0
    """Workers that had an event, on the average."""
    backlog_per_s: float = 0.0
    gates: tuple[GateWork, ...] = ()
    key: KeyWork | None = None
    integrations: dict[str, int] = field(default_factory=dict)
    """Integration → events completed in it."""
    store: Literal["sqlite", "postgresql"] = "sqlite"
    virtual: bool = False


class Measures(Struct, frozen=True, kw_only=True):
    """All that was measured in one run."""

    phases: tuple[PhaseSpan, ...]
    seconds: tuple[Second, ...]
    offered: int
    sent: int
    accepted: int
    """Messages that are durable: answered 202, or 200 as known already."""
    events: int
    """Events of them; a message may hold many, or news for several integrations."""
    duplicates: int
    refused: dict[str, int]
    """Status → messages turned away: `429`, `503`."""
    failed: int
    completed: int
    ended: dict[str, int]
    """Final status → events."""
    accept: Latency
    """Due → answered (corrected)."""
    accept_service: Latency
    """Sent → answered."""
    complete: Latency
    """Due → done (corrected), without time held for a person."""
    complete_service: Latency
    """Received → done."""
    by_phase: dict[str, dict[str, Latency]]
    """Phase → `accept`, `accept_service`, `complete`, `complete_service`."""
    by_integration: dict[str, dict[str, Latency]]
    stages: tuple[StageTime, ...]
    partners: tuple[PartnerMeasures, ...]
    books: Books
    generator: Generator
    drain_s: float | None
    """From the last arrival to an empty backlog; None where it never was."""
    backlog_slope_per_s: float
    """Growth of the backlog over the last steady phase."""
    backlog_max: int
    oldest_max_s: float
    calls_per_event: float
    engine_cpu_us_per_event: float
    windows: tuple[Window, ...] = ()
    ends: dict[str, Ends] = field(default_factory=dict)
    """Integration → what came of its events."""
    work: Work | None = None
    """None where too little was completed to reckon from."""


# ── what is said of it ───────────────────────────────────────────────────────────────────────────────────────────────


class Slo(Struct, frozen=True, kw_only=True):
    """One promise and what was measured. `where` names the phase or the window in which it was worst.

    `name` is `INTEGRATION accept.p99`, `… complete.p99`, `… complete.within`, `… complete.success`, `… peak.drain`,
    or one of every run: `no loss`, `no second effect`, `order`, `backlog`.
    """

    name: str
    limit: str
    measured: str
    held: bool
    margin: float | None = None
    """Measured over limit: below 1 is held. None where there is no such number."""
    where: str = ""
    samples: int = 0
    judged: bool = True
    """False: too few samples to say so. It then counts as held, and `measured` says why that means little."""


class Limiting(Struct, frozen=True):
    """What gives first. `name` is a gate, a partner, an integration, or empty; `per_minute` is where it gives."""

    stage: Literal["quota", "partner", "pool", "key", "cpu", "store", "generator"]
    name: str
    per_minute: float | None = None
    why: str = ""

    @property
    def called(self) -> str:
        """As one says it: `quota erp`, `generator`."""
        return f"{self.stage} {self.name}".strip()


class Probe(Struct, frozen=True, kw_only=True):
    """One rate that was tried, or computed (`virtual`)."""

    per_minute: float
    held: bool
    completed_per_minute: float
    backlog_slope_per_s: float
    complete_p99_ms: float | None
    virtual: bool = False
    why: str = ""


class Capacity(Struct, frozen=True, kw_only=True):
    """Events a minute, between `low` (held) and `high` (did not)."""

    per_minute: float
    low: float
    high: float
    limiting: Limiting
    next_limit: Limiting | None = None
    probes: tuple[Probe, ...] = ()
    virtual: bool = False
    """The limit was too slow to be probed live, and was found in virtual time, which knows nothing of CPU."""


class Run(Struct, frozen=True, kw_only=True):
    """What would be needed to run it again, and to know what was run."""

    command: str
    profile: str
    specs: tuple[str, ...]
    seed: int
    workspace_hash: str
    version: str
    python: str
    machine: str
    """Cores and memory; no name of it."""
    store: Literal["sqlite", "postgresql"]
    began_at: str
    took_s: float
    virtual: bool = False


class Result(Struct, frozen=True, kw_only=True):
    """`result.json`. Pinned for whoever reads it: `verdict`, `slo`, `accepted`, `completed`, `lost`, `doubled`,
    `out_of_order`, `drain_s`, `capacity`."""

    schema: int = SCHEMA
    verdict: Literal["held", "broken", "invalid"]
    why: tuple[str, ...]
    """The reasons, the worst first, as a person would say them; none where it held."""
    slo: tuple[Slo, ...]
    accepted: int
    completed: int
    lost: int
    doubled: int
    out_of_order: int
    drain_s: float | None
    limiting: Limiting | None = None
    """Of this profile: what gave, or would give first."""
    windows: tuple[str, ...] = ()
    """Declared windows that the worst backlog outlived, as sentences."""
    capacity: Capacity | None = None
    run: Run
    measures: Measures
