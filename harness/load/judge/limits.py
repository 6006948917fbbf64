"""WHAT WAS USED → WHAT GIVES FIRST: every stage of the way with the rate at which it is full, and which of them it was.

A stage's rate is what it has over what one message takes of it: a quota's calls over the calls of a message, a pool's
places over the time that a message has one, one core over the engine's time for a message. Which stage it *was* is not
the least of these numbers alone, for one that is full makes others look full: without a core to run on calls seem slow
and every worker has an event; a slow disk keeps workers waiting. So the causes are asked in an order in which none can
be faked by a later one, and only then the fullest is taken.

A message may be several events, and one call each; all rates here are messages a minute. This file refuses to measure.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from harness.load.model import GateWork, Limiting, Measures, Work
from harness.load.numbers import milliseconds, share

ORDINARY_CALL_MS: Final = 50.0
ORDINARY_PLACES: Final = 32
"""What pool and partner are measured against where a pool is full: who is further from the ordinary is named. The pool
is a generous `concurrency`, as partners declare theirs."""
GROWN: Final = 2.0
"""A partner whose calls take so many times longer under load than before it is full itself."""
QUOTA_FULL: Final = 0.9
CPU_FULL: Final = 0.85
CPU_OWN: Final = 0.5
"""The whole machine is full by the engine's doing only where the engine takes so much of a core."""
STORE_FULL: Final = 0.5
MACHINE_FULL: Final = 0.95
HARDLY: Final = 0.6
KEY_COMPLETED_MIN: Final = 5
COMPLETED_MIN: Final = 5
"""Fewer completed events say nothing."""

StageName = Literal["quota", "partner", "pool", "key", "cpu", "store"]


class Stage(Struct, frozen=True, kw_only=True):
    """One stage of the way: which share of it was used, and at which rate it is full."""

    stage: StageName
    name: str
    used: float
    per_minute: float
    why: str

    @property
    def called(self) -> str:
        """As one says it: `quota erp`."""
        return f"{self.stage} {self.name}".strip()

    def told(self, per_minute: float | None = None) -> Limiting:
        return Limiting(self.stage, self.name, round(per_minute or self.per_minute, 1), self.why)


# ── the stages ───────────────────────────────────────────────────────────────────────────────────────────────────────


def stages(work: Work) -> tuple[Stage, ...]:
    """Every stage that a rate can be told of, the first to be full first."""
    if work.completed < COMPLETED_MIN or work.messages <= 0:
        return ()
    found = [*quotas(work), *pools(work), *workers(work), *key(work), *cpu(work), *store(work)]
    return tuple(sorted(found, key=lambda stage: (stage.per_minute, stage.stage, stage.name)))


def quotas(work: Work) -> list[Stage]:
    found = []
    for gate in work.gates:
        if gate.rate_per_s and gate.calls:
            each = calls_each(gate, work)
            found.append(
                Stage(
                    stage="quota",
                    name=gate.gate,
                    used=gate.calls / span_s(work) / gate.rate_per_s,
                    per_minute=60 * gate.rate_per_s / each,
                    why=f"{rate_text(gate.rate_per_s)} over {each:.3g} call{'' if each == 1 else 's'} a message",
                )
            )
    return found


def pools(work: Work) -> list[Stage]:
    """One system's calls at once."""
    found = []
    for gate in work.gates:
        if gate.places and gate.calls and gate.call_ms > 0:
            out = gate.calls / span_s(work) * gate.call_ms / 1_000
            stage, why = slow_or_small(gate, gate.places)
            found.append(
                Stage(
                    stage=stage,
                    name=gate.gate,
                    used=out / gate.places,
                    per_minute=60_000 * gate.places / gate.call_ms / calls_each(gate, work),
                    why=why,
                )
            )
    return found


def workers(work: Work) -> list[Stage]:
    """All deliveries at once. Where the calls of one slow partner have most of the workers, it is the partner."""
    if not work.running:
        return []
    used = work.running / work.workers
    called = [gate for gate in work.gates if gate.calls and "." not in gate.gate]
    most = max(called, key=lambda gate: gate.calls * gate.call_ms, default=None)
    stage: StageName = "pool"
    name, why = "workers", f"{work.running:.3g} of {work.workers} workers had an event"
    if most is not None and most.calls / span_s(work) * most.call_ms / 1_000 > work.running / 2:
        stage, slow = slow_or_small(most, work.workers // 2)
        if stage == "partner":
            name, why = most.gate, slow
    return [Stage(stage=stage, name=name, used=used, per_minute=per_minute(work) / used, why=why)]


def calls_each(gate: GateWork, work: Work) -> float:
    """Calls at a gate for one message."""
    return gate.per_message or gate.calls / work.messages


def slow_or_small(gate: GateWork, places: int) -> tuple[StageName, str]:
    """Whose fault it would be: the partner's, whose calls take long, or the pool's, which has few places."""
    full = f"{places} calls at once, {milliseconds(gate.call_ms)} each"
    if is_saturated(gate):
        return "partner", f"{full}, {gate.call_ms / gate.idle_call_ms:.2g} times as long as without load"
    slow, small = gate.call_ms / ORDINARY_CALL_MS, ORDINARY_PLACES / max(1, places)
    return ("partner", full) if slow > small else ("pool", full)


def is_saturated(gate: GateWork) -> bool:
    """It takes far longer than without load, and more than noise would: the partner is full."""
    slower = gate.idle_call_ms > 0 and gate.call_ms >= GROWN * gate.idle_call_ms
    return slower and gate.call_ms >= ORDINARY_CALL_MS


def key(work: Work) -> list[Stage]:
    hot = work.key
    if hot is None or hot.completed < KEY_COMPLETED_MIN or hot.serial_ms <= 0:
        return []
    part = (hot.came or hot.completed / work.completed) * work.completed / work.messages
    return [
        Stage(
            stage="key",
            name=hot.integration,
            used=hot.completed * hot.serial_ms / 1_000 / span_s(work),
            per_minute=60_000 / hot.serial_ms / part,
            why=(
                f"one key has {share(part)} of the messages, which run one at a time,"
                f" {milliseconds(hot.serial_ms)} each"
            ),
        )
    ]


def cpu(work: Work) -> list[Stage]:
    used = work.engine_cpu
    name, why = "engine", f"{milliseconds(work.engine_cpu / per_minute(work) * 60_000)} of one core for each message"
    if work.engine_cpu >= CPU_OWN and work.machine_cpu > used:
        used, name, why = work.machine_cpu, "machine", f"{share(work.machine_cpu)} of all cores are busy"
    if used <= 0:  # as in virtual time
        return []
    return [Stage(stage="cpu", name=name, used=used, per_minute=per_minute(work) / used, why=why)]


def store(work: Work) -> list[Stage]:
    """Full where the writer always waits and every worker waits for it. That the writer waits alone says little: on a
    slow disk it does so at any rate, since more events share a commit the longer one takes."""
    used = min(work.commit_busy, work.running / work.workers)
    if used <= 0:
        return []
    where = "disk" if work.store == "sqlite" else "database"
    why = (
        f"the writer waits {share(min(1.0, work.commit_busy))} of the time for the {where},"
        f" and {work.running:.3g} of {work.workers} workers have an event"
    )
    return [Stage(stage="store", name=work.store, used=used, per_minute=per_minute(work) / used, why=why)]


# ── what gives first ─────────────────────────────────────────────────────────────────────────────────────────────────


def first_of(work: Work) -> tuple[Stage, ...]:
    """The stages, the one that gave, or would give first, before the others."""
    found = stages(work)
    if not found:
        return ()
    first = cause(work, found)
    rest = [stage for stage in found if stage is not first and not is_echo(first, stage)]
    rest += unloaded_pools(work) if first.stage in ("cpu", "store") else []
    return (first, *sorted(rest, key=lambda stage: stage.per_minute))


def cause(work: Work, found: tuple[Stage, ...]) -> Stage:
    """Which of them it is; see the beginning of this file."""
    for stage, full in (("quota", QUOTA_FULL), ("cpu", CPU_FULL), ("store", STORE_FULL)):
        filled = [one for one in found if one.stage == stage and one.used >= full]
        if filled:  # of several quotas that are used up, the one that gave at the lowest rate
            return min(filled, key=lambda one: (round(one.per_minute), -one.used))
    fullest = max(found, key=lambda one: one.used)
    return starved(work) if work.machine_cpu >= MACHINE_FULL and is_strained(work, fullest) else fullest


def is_strained(work: Work, fullest: Stage) -> bool:
    """Whether on a machine without a free core a stage is full by that alone: calls take far longer than before, or
    nothing is full at all and it goes no faster."""
    grown = any(is_saturated(gate) for gate in work.gates)
    return (fullest.stage in ("pool", "partner") and grown) or (fullest.used < HARDLY and work.backlog_per_s > 0)


def starved(work: Work) -> Stage:
    return Stage(
        stage="cpu",
        name="machine",
        used=work.machine_cpu,
        per_minute=per_minute(work),
        why=f"{share(work.machine_cpu)} of all cores are busy, and the engine had {share(work.engine_cpu)} of one",
    )


def is_echo(first: Stage, other: Stage) -> bool:
    """Whether a stage only looks full because `first` is, or is the same one seen from another side."""
    if first.stage in ("cpu", "store"):
        return other.stage in ("pool", "partner", "key")
    return (other.stage, other.name) == (first.stage, first.name) or (
        other.stage in ("pool", "partner") and other.name == "workers" and other.used >= CPU_FULL
    )


def unloaded_pools(work: Work) -> list[Stage]:
    """The pools with the time that calls took before the load: what they would hold were the engine not in the way."""
    before = tuple(replace(gate, call_ms=gate.idle_call_ms, idle_call_ms=0.0) for gate in work.gates)
    return pools(replace(work, gates=before))


def limiting(measures: Measures) -> tuple[Limiting | None, Limiting | None]:
    """(what gave in this run, or would give first; what would give after it). None where nothing can be told.

    A generator that did not hold is named before all: what stands behind it was not put to the test."""
    work = measures.work
    found = first_of(work) if work is not None else ()
    told = [stage.told() for stage in found]
    if not measures.generator.held:
        why = measures.generator.reasons[0] if measures.generator.reasons else "it did not send what was due in time"
        told.insert(0, Limiting("generator", "", round(sent_per_minute(measures), 1), why))
    return (told[0] if told else None), (told[1] if len(told) > 1 else None)


def sent_per_minute(measures: Measures) -> float:
    """The most that was sent in a second, as a rate."""
    return 60.0 * max((second.sent for second in measures.seconds), default=0)


# ── on paper ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def projected(work: Work, nodes: int, rates_per_s: Mapping[str, float]) -> tuple[Stage, ...]:
    """The stages as they would be with so many nodes and these quotas, the first to be full first.

    More nodes bring cores, workers and bulkheads. They share quotas, declared concurrency, keys, the database, and
    partners that are full themselves. Nothing is known of what they cost one another: a projection, and no measurement.
    """
    gates = tuple(replace(gate, rate_per_s=rates_per_s.get(gate.gate, gate.rate_per_s)) for gate in work.gates)
    # What gave in the run is asked of the run as it was: with another quota it would have been another run.
    others = [stage for stage in first_of(work) if stage.stage != "quota"]
    found = [*quotas(replace(work, gates=gates)), *others]
    grown = [replace(stage, per_minute=stage.per_minute * nodes) if grows(work, stage) else stage for stage in found]
    return tuple(sorted(grown, key=lambda stage: stage.per_minute))


def grows(work: Work, stage: Stage) -> bool:
    """Whether another node brings more of it."""
    if stage.stage == "cpu":
        return True
    if stage.stage not in ("pool", "partner"):
        return False
    gate = next((gate for gate in work.gates if gate.gate == stage.name), None)
    return gate is None or not (gate.declared or is_saturated(gate))


# ── small words ──────────────────────────────────────────────────────────────────────────────────────────────────────


def span_s(work: Work) -> float:
    return max(0.001, work.end_s - work.begin_s)


def per_minute(work: Work) -> float:
    """Messages completed a minute, while it was measured."""
    return 60 * work.messages / span_s(work)


def rate_text(per_s: float) -> str:
    """A rate as people declare it."""
    return f"{per_s:g}/s" if per_s >= 1 or per_s * 60 < 1 else f"{per_s * 60:g}/min"
