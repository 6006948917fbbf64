"""`waybill plan`: what would change. The same deliveries through two versions of a workspace, and the effects compared.

What is sent: the examples of both, each a story of its own; the recordings below `recordings/`, and those named; what
an engine has stored. Partners are simulated, or played by the recordings, for both versions alike, under one seed and
at one moment: so whatever differs comes from the version.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from engine.cli import FAILED, HELD
from engine.cli.formats import plural
from engine.errors import FaultyWorkspace, UserError
from engine.run.load import Loaded, load
from engine.store.files import StoreAddress
from engine.store.open import reading, store_address
from harness.recordings.exchange import Recording
from harness.recordings.read import SUFFIXES, read_all
from harness.recordings.said import said_by
from harness.replay.compare import Change, Compared, compare
from harness.replay.recorded import RecordedHttp
from harness.replay.report import Report, Teller, radius
from harness.replay.traffic import Parts, examples, parted, stored
from harness.replay.versions import version
from harness.replay.world import ReplayWorld, Sending
from harness.world import run

STORED, RECORDED = "stored", "recorded"


class Story(Struct, frozen=True):
    """What one engine gets, by the version that it runs: what only one of them receives is sent to that one alone."""

    name: str
    before: Parts
    now: Parts


def same(name: str, sendings: tuple[Sending, ...]) -> Story:
    """A story whose deliveries say who receives them."""
    return Story(name, Parts(sendings, ()), Parts(sendings, ()))


def plan(arguments: argparse.Namespace) -> int:
    """The command."""
    root = Path(arguments.workspace)
    now = load(root, arguments.environment)
    with version(root, arguments.against) as other:
        try:
            before = load(other, arguments.environment)
        except FaultyWorkspace as faulty:
            raise UserError(
                f"{arguments.against} cannot be run, so nothing can be compared with it\n{faulty}"
            ) from None
        recordings = read_all([*kept(root), *(Path(name) for name in arguments.recording)])
        stories, facts = gather(now, before, root, other, recordings)
        remarks: tuple[str, ...] = ()
        if (found := from_store(now, before, root, arguments)) is not None:
            sendings, passed = found
            stories.append(same(STORED, sendings))
            facts["stored"] = len(sendings)
            if passed:
                remarks = (f"not sent: {passed} stored events whose bodies are gone or that nobody receives here",)
        if not any(story.before.sendings or story.now.sendings for story in stories):
            raise UserError("there is nothing to send: no example, no recording of a delivery, no store")
        compared, unplayed = planned(now, before, stories)
    report = Report(compared, {"against": arguments.against, **facts}, remarks=(*remarks, *unplayed))
    teller = Teller(said_by(now.workspace))
    word = radius(compared.changed, compared.events) if compared.changes else "nothing changes"
    sys.stdout.write(teller.as_text(report, word, arguments.format))
    return HELD if report.held else FAILED


def planned(now: Loaded, before: Loaded, stories: Sequence[Story]) -> tuple[Compared, tuple[str, ...]]:
    """(what every story comes to in both versions, what was of no use). An event of two stories is two events."""
    changes: list[Change] = []
    events = missed = unused = 0
    for story in stories:
        was, others_before = played(before, story.name, story.before)
        is_now, others = played(now, story.name, story.now)
        compared = compare(was.told(), is_now.told())
        events += compared.events
        changes += compared.changes
        missed += sum(bool(pair.nearest) for pair in is_now.recorded.pairs)
        unused += len(others & others_before)
    remarks = []
    if unused:
        remarks.append(f"of no use: {plural(unused, 'exchange')} that nobody receives here and no operation makes")
    if missed:
        remarks.append(
            f"not answered: {plural(missed, 'request')} that the recorded partners were not asked in this way;"
            " `waybill replay` says which"
        )
    return Compared(events, tuple(changes)), tuple(remarks)


def played(loaded: Loaded, name: str, parts: Parts) -> tuple[ReplayWorld, set[str]]:
    """One story in a world of its own, and the places of the exchanges that say nothing to this version."""
    http = RecordedHttp(loaded)
    others = http.learn(loaded, parts.exchanges, frozenset(loaded.called))
    world = ReplayWorld(loaded, http, story=name)
    run(world.play([one for one in parts.sendings if one.integration in loaded.plans]))
    return world, {one.place for one in others}


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


def gather(
    now: Loaded, before: Loaded, root: Path, other: Path, recordings: Sequence[Recording]
) -> tuple[list[Story], dict[str, object]]:
    """(examples of both versions, those of now where both have one of a name, and recordings; how many of each)."""
    named = dict(examples(before, other)) | dict(examples(now, root))
    stories = [same(name, sent) for name, sent in named.items()]
    facts: dict[str, object] = {"examples": len(named)}
    events = [recording for recording in recordings if recording.kind != "event"]
    if events:
        both = frozenset((*before.plans, *now.plans))
        was, is_now = (parted(loaded, events, None, both) for loaded in (before, now))
        stories.append(Story(RECORDED, was, is_now))
        facts["recorded"] = len({one.origin for one in (*was.sendings, *is_now.sendings)})
    return stories, facts


def kept(root: Path) -> Iterator[Path]:
    """The recordings of a workspace that are not events of examples: those name their own."""
    for path in sorted((root / "recordings").rglob("*")):
        if path.suffix in SUFFIXES and path.suffix != ".json" and path.is_file():
            yield path


def from_store(
    now: Loaded, before: Loaded, root: Path, arguments: argparse.Namespace
) -> tuple[tuple[Sending, ...], int] | None:
    """(what an engine has stored, how many events cannot be sent again); None where there is no store, and none was
    named."""
    address = store_address(root, arguments.store)
    if arguments.store is None and isinstance(address, StoreAddress) and not address.path.exists():
        return None
    with reading(address) as database:
        return stored(now, database, arguments.limit, frozenset((*before.plans, *now.plans)))
