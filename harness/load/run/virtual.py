"""THE SAME PROFILE IN VIRTUAL TIME: a sale day in about a minute, for questions of queueing and quotas.

The engine's own loops run as in `harness.simulation` (`simulated.py`). Partners count by their quotas and take their
latencies. Of CPU and disk virtual time knows nothing: what takes time in it was declared or is given, and the engine's
own work takes none. This file refuses to judge, and to begin what would take an hour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from engine.cli import WORKERS
from engine.errors import UserError
from engine.run.load import Loaded
from engine.store.sqlite import SqliteDatabase
from harness.load.measure.joined import measure
from harness.load.measure.ran import Ran
from harness.load.measure.work import declared, of_run
from harness.load.model import SECOND_US, Arrival, Measures, Message, PhaseSpan
from harness.load.run.plan import Plan, messages_of
from harness.load.run.simulated import LoadSimulation
from harness.load.send.arrivals import schedule
from harness.load.send.messages import signing_names
from harness.simulation.run import simulated_secret
from harness.simulation.scenario import Scenario
from harness.world import BEGIN_AT

CALL_S: Final = 0.005
"""A call, where nobody says otherwise: as the partners of a real run."""
DISK_S: Final = (0.002, 0.004)
"""A commit: as long as one takes under load, so that what comes meanwhile shares the next one, as it does there."""
MESSAGES_MAX: Final = 200_000
"""About a quarter of an hour."""


class Played(NamedTuple):
    """What came of it. `database` is the store as it stands, to be closed by whoever asked. Not `still`: something
    moved when its time was over."""

    ran: Ran
    database: SqliteDatabase
    still: bool


def play(
    loaded: Loaded,
    arrivals: Sequence[Arrival],
    messages: Sequence[Message],
    phases: tuple[PhaseSpan, ...],
    *,
    drain_s: float,
    seed: int = 1,
    workers: int = WORKERS,
    latencies_s: Mapping[str, tuple[float, ...]] | None = None,
) -> Played:
    """Sends what is due when it is due, and goes on until nothing moves, but no longer than `drain_s` after the last.
    `messages` are signed with `secrets_of`; `latencies_s` are by system or `system.operation`.

    Raises UserError where there is too much of it, or the engine fails."""
    if len(arrivals) > MESSAGES_MAX:
        raise UserError(
            f"{len(arrivals):,} messages are more than are sent in virtual time, {MESSAGES_MAX:,}; make the profile"
            " shorter, or lower with --times"
        )
    last_s = max(arrivals[-1].due_us / SECOND_US if arrivals else 0.0, max((one.end_s for one in phases), default=0.0))
    scenario = Scenario(
        seed=seed,
        sendings=(),
        until_s=last_s + drain_s,
        workers=workers,
        latencies_s=every_latency(loaded, latencies_s or {}),
        disk_s=DISK_S,
        begin_at=BEGIN_AT,
    )
    simulation = LoadSimulation(loaded, scenario, arrivals, messages)
    ended_s = simulation.carried_out(simulation.ended_at)
    if simulation.failure:
        raise UserError(f"the engine failed in virtual time: {simulation.failure}", exit_code=4)
    ran = Ran(
        began_us=BEGIN_AT,
        ended_us=BEGIN_AT + round(ended_s * SECOND_US),
        phases=phases,
        messages=messages,
        sent=simulation.open_senders.sent,
        rows=simulation.counting.rows,
        partners=simulation.counting.of_partners(simulation.kit.partners),
    )
    return Played(ran, simulation.store, simulation.still)


def run_virtual(
    plan: Plan,
    latencies_s: Mapping[str, tuple[float, ...]],
    look: Callable[[SqliteDatabase], object] = lambda _: None,
) -> Measures:
    """The measures of a profile in virtual time; see `play`. `look` sees the store before it is gone."""
    loaded, profile, options = plan.loaded, plan.profile, plan.options
    arrivals, phases = schedule(profile, options.seed)
    first: dict[int, int] = {}
    for arrival in arrivals:
        first.setdefault(arrival.message, arrival.due_us)
    making = messages_of(plan, secrets_of(signing_names(loaded, plan.specs)))
    count = max(first, default=-1) + 1
    messages = list(making.make(count, now=lambda number: BEGIN_AT + first.get(number, 0)))
    played = play(
        loaded,
        arrivals,
        messages,
        phases,
        drain_s=profile.drain_s,
        seed=options.seed,
        workers=options.workers,
        latencies_s=latencies_s,
    )
    try:
        look(played.database)
        return measured(loaded, played, options.workers)
    finally:
        played.database.close()


def measured(loaded: Loaded, played: Played, workers: int = WORKERS) -> Measures:
    """What was measured, with what was taken of everything."""
    ran, database = played.ran, played.database
    found = measure(loaded, ran, database)
    given, whole = declared(loaded, workers), found.drain_s is not None
    work = of_run(database, ran, found, given, whole=whole, virtual=True)
    return replace(found, work=work)


def secrets_of(names: Iterable[str]) -> dict[str, str]:
    """What senders sign with in a simulated run: its secrets are called after themselves."""
    return {name: simulated_secret(name) for name in names}


def every_latency(loaded: Loaded, given: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """Of every operation: what was given of it or of its system, else CALL_S."""
    return {
        f"{name}.{operation}": given.get(f"{name}.{operation}") or given.get(name) or (CALL_S,)
        for name in loaded.workspace.systems
        for operation in loaded.shape(name).operations
    }
