"""A STORE AFTER A RUN → WORK: what its busiest steady part took of everything that may give first.

Calls and their times come from the events' own stories, so that look-ups, retries and what topics brought forth count
as what they are; quotas and places from what is declared; the engine's share of cores, disk and workers from what was
watched each second. Each is read in a few statements, whatever the length of the run. This file refuses to judge.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from engine.rules.quota import Quota
from engine.run.load import Loaded
from engine.store.database import Database
from harness.load.measure.ran import Ran
from harness.load.measure.steady import steady
from harness.load.model import SECOND_US, GateWork, KeyWork, Measures, Second, Work

GONE: Final = ("done", "ignored", "superseded", "compensated")
"""What was carried out, or needed no carrying out."""


class Declared(Struct, frozen=True):
    """What a workspace and an engine's options say: `quotas` by gate, `workers`, `places` of each system at once."""

    quotas: Mapping[str, Quota]
    workers: int
    bulkhead: int


def declared(loaded: Loaded, workers: int) -> Declared:
    quotas = {gate: quota for system in loaded.systems.values() for gate, quota in system.quotas.items()}
    called = {call.operation.system for plan in loaded.plans.values() for call in plan.calls()}
    # As `Gates.bulkhead`: half of the workers, so that one that hangs does not take all, unless it is the only one.
    return Declared(quotas, workers, max(1, workers // 2) if len(called) > 1 else workers)


def work_of(
    database: Database,
    seconds: Sequence[Second],
    window: tuple[float, float],
    began_at_us: int,
    given: Declared,
    *,
    messages_per_event: float = 1.0,
    idle_ms: Mapping[str, float] | None = None,
    store: Literal["sqlite", "postgresql"] = "sqlite",
    virtual: bool = False,
) -> Work | None:
    """What was taken in a window of seconds from the run's beginning, which was at `began_at_us` of the engine's clock.
    `idle_ms` is how long calls took before the load, by gate. None where nothing was completed."""
    begin_us, end_us = (began_at_us + round(at * SECOND_US) for at in window)
    ended = database.rows(
        "SELECT integration, count(*) FROM delivery WHERE status IN (?, ?, ?, ?)"
        " AND finished_at >= ? AND finished_at < ? GROUP BY integration ORDER BY integration",
        (*GONE, begin_us, end_us),
    )
    integrations = {str(name): int(count) for name, count in ended}
    completed = sum(integrations.values())
    if not completed:
        return None
    inside = [second for second in seconds if window[0] <= second.at_s < window[1]]
    return Work(
        begin_s=window[0],
        end_s=window[1],
        completed=completed,
        messages=completed * messages_per_event,
        workers=given.workers,
        engine_cpu=mean([second.engine_cpu for second in inside]),
        machine_cpu=mean([second.machine_cpu for second in inside]),
        commit_busy=mean([second.commit_busy for second in inside]),
        running=mean([second.running for second in inside]),
        backlog_per_s=(inside[-1].backlog - inside[0].backlog) / (len(inside) - 1) if len(inside) > 1 else 0.0,
        gates=gates_of(calls_of(database, begin_us, end_us), given, idle_ms or {}),
        key=hottest(database, begin_us, end_us),
        integrations=integrations,
        store=store,
        virtual=virtual,
    )


def of_run(
    database: Database,
    ran: Ran,
    measures: Measures,
    given: Declared,
    *,
    whole: bool,
    idle_ms: Mapping[str, float] | None = None,
    store: Literal["sqlite", "postgresql"] = "sqlite",
    virtual: bool = False,
) -> Work | None:
    """What was taken in the steady part of a run, of which `measures` tell already. `whole`: so little was left undone
    that all of the run tells the calls of a message."""
    over = sum(measures.ended.get(status, 0) for status in GONE)
    work = work_of(
        database,
        measures.seconds,
        steady(ran.phases, measures.seconds),
        ran.began_us,
        given,
        messages_per_event=measures.completed / over if over else 1.0,
        idle_ms=idle_ms,
        store=store,
        virtual=virtual,
    )
    if work is None or not whole:
        return work
    return of_whole(work, calls_of(database, ran.began_us, ran.ended_us + SECOND_US), measures.completed)


def of_whole(work: Work, calls: "Calls", messages: int) -> Work:
    """With the calls of a message over a whole run, all of which was carried out. What stands in a queue in the busiest
    part is not called in it: a quota of a few messages among many would look wider than it is."""
    if not messages:
        return work
    gates = [replace(gate, per_message=calls[gate.gate][0] / messages) for gate in work.gates if gate.gate in calls]
    return replace(work, gates=tuple(gates))


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────

Calls = Mapping[str, tuple[int, float]]
"""Gate → calls and their mean time in milliseconds."""


def calls_of(database: Database, begin_us: int, end_us: int) -> dict[str, tuple[int, float]]:
    """What was called in a while, by operation and by system."""
    found: dict[str, tuple[int, float]] = {}
    for operation, count, took_us in database.rows(
        "SELECT operation, count(*), sum(took_us) FROM line WHERE operation <> '' AND took_us > 0"
        " AND at >= ? AND at < ? GROUP BY operation ORDER BY operation",
        (begin_us, end_us),
    ):
        for gate in (str(operation), str(operation).partition(".")[0]):
            calls, whole_ms = found.get(gate, (0, 0.0))
            found[gate] = (calls + int(count), whole_ms + int(took_us) / 1_000)
    return {gate: (calls, whole_ms / calls) for gate, (calls, whole_ms) in found.items()}


def gates_of(calls: Calls, given: Declared, idle_ms: Mapping[str, float]) -> tuple[GateWork, ...]:
    """Every gate that was passed and that has a limit."""
    found = []
    for gate, (count, call_ms) in calls.items():
        quota = given.quotas.get(gate)
        if quota is None and "." in gate:
            continue
        quota = quota or Quota(gate)
        bulkhead = given.bulkhead if "." not in gate else 0
        binds = bool(quota.concurrency) and (not bulkhead or quota.concurrency <= bulkhead)
        found.append(
            GateWork(
                gate=gate,
                calls=count,
                call_ms=call_ms,
                idle_call_ms=idle_ms.get(gate, 0.0),
                rate_per_s=rate_of(quota),
                burst=quota.burst if quota.rate else 0,
                places=quota.concurrency if binds else bulkhead,
                declared=binds,
            )
        )
    return tuple(found)


def rate_of(quota: Quota) -> float:
    """Calls a second in the long run; 0 where there is no such limit."""
    rates = [quota.rate * SECOND_US / quota.per_us] if quota.rate else []
    rates += [SECOND_US / quota.spacing_us] if quota.spacing_us else []
    return min(rates, default=0.0)


# ── the hottest key ──────────────────────────────────────────────────────────────────────────────────────────────────


def hottest(database: Database, begin_us: int, end_us: int) -> KeyWork | None:
    """The key of which most was completed, and how long one of its events keeps it from the next.

    That is from the beginning of its first call to its end, and what passes until the next one's first call where that
    one was waiting: to be recorded, claimed and begun. What it may have waited for besides (a worker, a gate) is left
    out as far as can be: the lower quartile is taken, and no more than its calls took.
    """
    most = database.rows(
        "SELECT key_digest, min(integration), count(*) FROM delivery WHERE status = 'done' AND finished_at >= ?"
        " AND finished_at < ? GROUP BY key_digest ORDER BY count(*) DESC LIMIT 1",
        (begin_us, end_us),
    )
    if not most or int(most[0][2]) < 2:
        return None
    digest, integration, count = most[0]
    times = database.rows(
        "SELECT min(line.at - line.took_us), delivery.finished_at, event.received_at FROM delivery"
        " JOIN event ON event.event = delivery.event"
        " JOIN line ON line.event = delivery.event AND line.operation <> '' AND line.took_us > 0"
        " WHERE delivery.key_digest = ? AND delivery.status = 'done' AND delivery.finished_at >= ?"
        " AND delivery.finished_at < ? GROUP BY delivery.event, delivery.finished_at, event.received_at"
        " ORDER BY delivery.finished_at",
        (digest, begin_us, end_us),
    )
    taken_ms = mean([(int(ended) - int(began)) / 1_000 for began, ended, _ in times])
    between = sorted(
        max(0, int(after[0]) - int(before[1])) / 1_000 for before, after in pairwise(times) if after[2] < before[1]
    )
    between_ms = between[len(between) // 4] if between else 0.0
    serial_ms = taken_ms + min(between_ms, taken_ms)
    ((its, all_events),) = database.rows(
        "SELECT count(CASE WHEN key_digest = ? THEN 1 END), count(*) FROM delivery", (digest,)
    )
    return KeyWork(
        integration=str(integration), completed=int(count), serial_ms=serial_ms, came=int(its) / int(all_events)
    )


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
