"""`waybill replay`: recordings through this workspace, and what it asks of its partners compared with what was asked.

Replayed twice, under two chances and at two moments: what differs between these is noise, and told apart. Nothing of a
recording is written anywhere; the reports show no value that is not harmless.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from engine.cli import FAILED, HELD, INVALID
from engine.cli.formats import plural
from engine.errors import UserError
from engine.run.load import Loaded
from harness.recordings.exchange import Exchange, Recording
from harness.recordings.read import read_all
from harness.recordings.said import said_by
from harness.replay import noise as noises
from harness.replay.compare import Change, Compared, compare
from harness.replay.recorded import Known, RecordedHttp
from harness.replay.report import Report, Teller
from harness.replay.told import Deed, EventTold, Name, Told
from harness.replay.traffic import Parts, examples, parted
from harness.replay.world import ReplayWorld, Sending
from harness.trial import load_chosen
from harness.world import run

SPEEDS: Mapping[str, int] = {"1": 1, "10": 10, "max": 0}
SEEDS = (1, 2)
NUMBERS_APART = 4_000


class Played(Struct, frozen=True):
    """One replay: its world, as it stands at the end, and what it was made from. `whole`: of all integrations, so that
    somebody should ask for everything in it."""

    world: ReplayWorld
    known: tuple[Known, ...]
    whole: bool
    others: tuple[Exchange, ...]
    sendings: tuple[Sending, ...]


def replay(arguments: argparse.Namespace) -> int:
    """The command."""
    chosen = [] if arguments.spec is None else [arguments.spec]
    root, loaded, names = load_chosen(chosen, arguments.workspace, arguments.environment)
    spec = next(iter(names), None)
    recordings = read_all([Path(name) for name in arguments.recordings])
    accepted = noises.read(Path(arguments.noise)) if arguments.noise else []
    report = replayed(loaded, root, recordings, spec, SPEEDS[arguments.speed], accepted)
    teller = Teller(said_by(loaded.workspace))
    word = f"{spec or root}: {plural(len(recordings), 'recording')} replayed"
    sys.stdout.write(teller.as_text(report, word, arguments.format))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """1 where something changed; 3 where nothing could be compared, only noise changed that nobody has accepted, or
    two replays did not even do the same things."""
    if report.empty:
        return INVALID
    if not report.held:
        return FAILED
    _, unreviewed = noises.told_apart(report.noise, report.proposed)
    return INVALID if unreviewed.changes or report.unsteady.changes else HELD


def replayed(
    loaded: Loaded,
    root: Path,
    recordings: Sequence[Recording],
    spec: str | None,
    speed: int,
    accepted: Collection[noises.Noise] = (),
) -> Report:
    """Replays twice and compares. Raises UserError where the recordings have nothing to do with the workspace."""
    parts = parted(loaded, recordings, spec)
    first, second = (play(loaded, root, parts, spec, speed, seed) for seed in SEEDS)
    inferred, unsteady = noises.infer(of_interest(first, compare(first.world.told(), second.world.told())))
    recorded, made = recorded_and_made(first)
    compared = compare(recorded, made)
    scrubbed = any(recording.scrubbed for recording in recordings)
    opaque: Sequence[Change] = ()
    if scrubbed:
        compared, opaque = without_opaque(compared, Teller(said_by(loaded.workspace)))
    compared = Compared(len(first.world.named()), compared.changes)
    changes, noise = noises.told_apart(compared, [*accepted, *inferred])
    known = frozenset(accepted)
    proposed = tuple(one for one in inferred if one not in known)
    empty = not first.known and all(one.became is None for one in first.sendings)
    return Report(
        changes, facts(first, speed), misses(first), noise, proposed, remarks(first, opaque, empty), empty, unsteady
    )


def of_interest(played: Played, twice: Compared) -> Compared:
    """The changes without those of requests to simulated partners, which are compared with nothing."""
    systems = played.world.recorded.systems
    asked, _ = twice.parted(lambda change: not change.operation or change.operation.partition(".")[0] in systems)
    return asked


def play(loaded: Loaded, root: Path, parts: Parts, spec: str | None, speed: int, seed: int) -> Played:
    """One replay under one seed."""
    calls = loaded.called if spec is None else called_by(loaded, spec)
    # Nobody knows what a partner that is simulated would have answered: with another seed it gives other numbers.
    http = RecordedHttp(loaded, 0 if seed == 1 else NUMBERS_APART * seed)
    others = http.learn(loaded, parts.exchanges, frozenset(calls))
    sendings = parts.sendings
    if not sendings:
        if not http.known:
            raise UserError("nothing in these recordings is received or asked by an integration of this workspace")
        asking = [name for name in loaded.plans if called_by(loaded, name) & http.systems and spec in (None, name)]
        found = [sent for name in asking for _, sent in examples(loaded, root, name)]
        sendings = tuple({one.origin: one for sent in found for one in sent}.values())
        if not sendings:
            raise UserError(
                "the recordings hold answers of partners and nobody who asks: add an event, {headers, query, body}"
            )
    world = ReplayWorld(loaded, http, seed)
    begin = [one.exchange.at for one in http.known if one.exchange.at is not None]
    if begin and all(one.at is None for one in sendings):
        world.clock.at = min(begin) + world.shift_us
    run(world.play(sendings, speed))
    return Played(world, tuple(http.known), spec is None, tuple(others), sendings)


def called_by(loaded: Loaded, integration: str) -> set[str]:
    calls = loaded.plans[integration].calls()
    return {operation.system for step in calls for operation in (step.operation, *step.others)}


# ── what was recorded, and what is asked now ─────────────────────────────────────────────────────────────────────────


def recorded_and_made(played: Played) -> tuple[Told, Told]:
    """The deeds of every event as they were recorded and as they are now. What the recording does not know, of systems
    that were simulated, is in neither; what was not found in it is told as a miss."""
    world = played.world
    before: dict[int, list[Deed]] = {}
    after: dict[int, list[Deed]] = {}
    for pair in world.recorded.pairs:
        if pair.known is not None:
            before.setdefault(pair.event, []).append(deed_of(world, pair.known))
            after.setdefault(pair.event, []).append(Deed(pair.operation, pair.identity, pair.effect, pair.content))
    recorded: Told = {}
    made: Told = {}
    for one in played.known:  # what is not asked for any more, by the event that has its lane, or by nobody
        owner = world.recorded.lanes.get(one.lane, 0)
        if owner and not one.by:
            before.setdefault(owner, []).append(deed_of(world, one))
        elif not one.by and not one.lane and played.whole:
            name = Name("", one.exchange.place)
            recorded[name] = EventTold(name, one.exchange.place, "", (deed_of(world, one),))
            made[name] = EventTold(name, one.exchange.place, "", ())
    for event, name, status in world.named():
        was, now, expected = before.get(event, []), after.get(event, []), status
        became = world.sent[event].became if event in world.sent else None
        if became is not None:
            expected = became.status
            was = was + [Deed(operation, once, True, None) for operation, once in became.effects]
            now = now + [Deed(operation, once, True, None) for operation, once in world.effects(event)]
        origin = world.origins.get(event, "")
        recorded[name] = EventTold(name, origin, expected, tuple(was))
        made[name] = EventTold(name, origin, status, tuple(now))
    return recorded, made


def deed_of(world: ReplayWorld, known: Known) -> Deed:
    return Deed(known.operation, known.identity, world.recorded.effects.get(known.operation, True), known.content)


def without_opaque(compared: Compared, teller: Teller) -> tuple[Compared, Sequence[Change]]:
    """(changes, those between two pseudonyms): what a text made of others was before it was scrubbed, nobody knows."""

    def opaque(change: Change) -> bool:
        if change.what != "changed":  # an identity is made of what stays joined
            return False
        sides = (change.before, change.after)
        return all(isinstance(side, str | int) and not teller.shows(side, change) for side in sides)

    hidden, rest = compared.parted(opaque)
    return rest, hidden.changes


def misses(played: Played) -> tuple[Mapping[str, str], ...]:
    recorded = played.world.recorded
    return tuple(
        {"operation": pair.operation, "origin": played.world.origins.get(pair.event, ""), "nearest": pair.nearest}
        for pair in recorded.pairs
        if pair.nearest
    )


def facts(played: Played, speed: int) -> dict[str, object]:
    world = played.world
    statuses = Counter(status for _, _, status in world.named())
    timed = any(one.at is not None for one in played.sendings)
    clock = timed or any(one.exchange.at is not None for one in played.known)
    return {
        "deliveries": len(played.sendings),
        "ended": ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())),
        "exchanges": f"{sum(bool(one.by) for one in played.known)} of {len(played.known)} asked for again",
        "clock": "of the recording" if clock else "made up, for the recording has no times",
        "tempo": ("as recorded" if speed == 1 else f"{speed} times as fast" if speed else "all at once")
        if timed
        else "made up, a second between two deliveries: none of them has a time",
    }


def remarks(played: Played, opaque: Sequence[Change], empty: bool) -> tuple[str, ...]:
    """What was not compared, and why."""
    world = played.world
    found = []
    lanes = {one.lane for one in played.known if one.lane}
    unplayed = len(lanes - set(world.recorded.lanes))
    if unplayed:
        found.append(f"not played: {unplayed} of {len(lanes)} cassettes, which no event asked for")
    unasked = sum(not one.by and not one.lane for one in played.known)
    if unasked and not played.whole:
        found.append(f"not compared: {unasked} exchanges that other integrations may have made")
    if played.others:
        found.append(f"not compared: {len(played.others)} exchanges that no operation in question makes")
    if world.recorded.simulated:
        counted = ", ".join(f"{name} ({count})" for name, count in sorted(world.recorded.simulated.items()))
        found.append(f"simulated, for nothing of them is recorded: {counted}")
    if empty:
        found.append(
            "nothing to compare with: no answer of a partner is recorded, nor how an event ended;"
            " `waybill plan --against` compares two versions"
        )
    if opaque:
        found.append(
            f"compared by presence only: {len(opaque)} texts that were made of others before they were scrubbed"
        )
    return tuple(found)
