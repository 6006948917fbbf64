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
from engine.errors import FaultyWorkspace, UserError
from engine.run.load import Loaded, load
from engine.store.files import StoreAddress
from engine.store.open import reading, store_address
from harness.recordings.exchange import Exchange, Recording
from harness.recordings.read import SUFFIXES, read_all
from harness.recordings.said import said_by
from harness.replay.compare import Change, Compared, compare
from harness.replay.recorded import RecordedHttp
from harness.replay.report import Report, Teller
from harness.replay.traffic import examples, parted, stored
from harness.replay.versions import version
from harness.replay.world import ReplayWorld, Sending
from harness.world import run

STORED, RECORDED = "stored", "recorded"


class Story(Struct, frozen=True):
    """Deliveries that one engine gets, and the partners' part of a recording (exchanges with their kinds)."""

    name: str
    sendings: tuple[Sending, ...]
    exchanges: tuple[tuple[Exchange, str], ...] = ()


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
        if (found := from_store(now, root, arguments)) is not None:
            story, passed = found
            stories.append(story)
            facts["stored"] = len(story.sendings)
            if passed:
                remarks = (f"not sent: {passed} stored events whose bodies are gone or that nobody receives here",)
        if not any(story.sendings for story in stories):
            raise UserError("there is nothing to send: no example, no recording of a delivery, no store")
        compared = planned(now, before, stories)
    report = Report(compared, {"against": arguments.against, **facts}, remarks=remarks)
    teller = Teller(said_by(now.workspace))
    word = f"{compared.changed:,} of {compared.events:,} events change" if compared.changes else "nothing changes"
    sys.stdout.write(teller.as_text(report, word, arguments.format))
    return HELD if report.held else FAILED


def planned(now: Loaded, before: Loaded, stories: Sequence[Story]) -> Compared:
    """Every story through both versions. An event of two stories is two events."""
    changes: list[Change] = []
    events = 0
    for story in stories:
        was, is_now = (played(loaded, story).told() for loaded in (before, now))
        compared = compare(was, is_now)
        events += compared.events
        changes += compared.changes
    return Compared(events, tuple(changes))


def played(loaded: Loaded, story: Story) -> ReplayWorld:
    """One story in a world of its own; what this version does not receive is not sent."""
    http = RecordedHttp(loaded)
    http.learn(loaded, story.exchanges, frozenset(loaded.called))
    world = ReplayWorld(loaded, http, story=story.name)
    run(world.play([one for one in story.sendings if one.integration in loaded.plans]))
    return world


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


def gather(
    now: Loaded, before: Loaded, root: Path, other: Path, recordings: Sequence[Recording]
) -> tuple[list[Story], dict[str, object]]:
    """(examples of both versions, those of now where both have one of a name, and recordings; how many of each)."""
    named = dict(examples(before, other)) | dict(examples(now, root))
    stories = [Story(name, sent) for name, sent in named.items()]
    events = [recording for recording in recordings if recording.kind != "event"]
    parts = parted(now, events, None)
    if events:
        stories.append(Story(RECORDED, parts.sendings, parts.exchanges))
    facts: dict[str, object] = {"examples": len(named)}
    if events:
        facts["recorded"] = len(parts.sendings)
    return stories, facts


def kept(root: Path) -> Iterator[Path]:
    """The recordings of a workspace that are not events of examples: those name their own."""
    for path in sorted((root / "recordings").rglob("*")):
        if path.suffix in SUFFIXES and path.suffix != ".json" and path.is_file():
            yield path


def from_store(loaded: Loaded, root: Path, arguments: argparse.Namespace) -> tuple[Story, int] | None:
    """(what an engine has stored, how many events cannot be sent again); None where there is no store, and none was
    named."""
    address = store_address(root, arguments.store)
    if arguments.store is None and isinstance(address, StoreAddress) and not address.path.exists():
        return None
    with reading(address) as database:
        sendings, passed = stored(loaded, database, arguments.limit)
    return Story(STORED, sendings), passed
