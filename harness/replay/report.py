"""WHAT CHANGED → text for people, one JSON object for machines. No value of a customer's is in either.

A value is shown where it is known to be harmless (`Scrubber.is_plain`); of any other only its kind. Events are named by
where they came from: a file and a place in it, an example, an event of the store.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from engine.cli.formats import plural, shown
from engine.contract.body import encode_json
from harness.recordings.said import Said
from harness.recordings.scrub import Scrubber
from harness.replay.compare import Change, Compared, Group
from harness.replay.noise import Noise

ORIGINS_MAX = 5
GROUPS_MAX = 200


class Report(Struct, frozen=True):
    """Everything a run has to tell. `facts` are counts and words by name, in the order told."""

    compared: Compared
    facts: Mapping[str, object]
    misses: tuple[Mapping[str, str], ...] = ()
    noise: Compared = Compared(0, ())
    proposed: tuple[Noise, ...] = ()
    remarks: tuple[str, ...] = ()
    empty: bool = False
    """Nothing could be compared."""
    unsteady: Compared = Compared(0, ())
    """What one of two replays of the same thing did and the other did not."""

    @property
    def held(self) -> bool:
        return not self.compared.changes and not self.misses and not self.empty


class Teller:
    """Tells reports; `said` is what the workspace's own files say."""

    def __init__(self, said: Said) -> None:
        self.scrubber = Scrubber(b"", said)  # asked what is harmless, never for a pseudonym

    def as_text(self, report: Report, word: str, kind: str) -> str:
        """All of it as a command writes it; `kind` is `json` or `text`."""
        if kind == "json":
            return encode_json(self.as_json(report)).decode() + "\n"
        return "".join(f"{shown(line)}\n" for line in self.as_lines(report, word))

    def as_json(self, report: Report) -> dict[str, object]:
        return {
            "held": report.held,
            "empty": report.empty,
            **report.facts,
            "events": report.compared.events,
            "changed": report.compared.changed,
            "changes": [self.group_fields(group) for group in report.compared.groups()[:GROUPS_MAX]],
            "misses": [dict(miss) for miss in report.misses],
            "noise": [self.group_fields(group) for group in report.noise.groups()[:GROUPS_MAX]],
            "unsteady": [self.group_fields(group) for group in report.unsteady.groups()[:GROUPS_MAX]],
            "proposed_noise": [str(one) for one in report.proposed],
            "remarks": list(report.remarks),
        }

    def group_fields(self, group: Group) -> dict[str, object]:
        change = group.example
        return {
            "what": change.what,
            "operation": change.operation or None,
            "path": self.path(change.path) or None,
            "effect": change.effect,
            "events": len(group.events),
            "before": self.value(change.before, change),
            "after": self.value(change.after, change),
            "origins": list(group.origins[:ORIGINS_MAX]),
        }

    def as_lines(self, report: Report, word: str) -> Iterator[str]:
        """The verdict first, then what changed, those that reach most events first."""
        compared = report.compared
        yield f"{'HELD   ' if report.held else 'EMPTY  ' if report.empty else 'CHANGED'}  {word}"
        for name, value in report.facts.items():
            yield f"  {name.replace('_', ' ')}: {value}"
        for group in compared.groups()[:GROUPS_MAX]:
            yield f"  {radius(len(group.events), compared.events)}: {self.words(group.example)}"
            yield f"    {listed(group.origins)}"
        by_operation: dict[str, list[Mapping[str, str]]] = {}
        for miss in report.misses:
            by_operation.setdefault(miss["operation"], []).append(miss)
        for operation, missed in by_operation.items():
            for miss in missed[:ORIGINS_MAX]:
                yield f"  missed {operation} for {miss['origin']}: {miss['nearest']}"
            if len(missed) > ORIGINS_MAX:
                yield f"  missed {operation} {len(missed) - ORIGINS_MAX:,} more times"
        for group in report.unsteady.groups()[:GROUPS_MAX]:
            count = plural(len(group.events), "event")
            yield f"  one replay did, another did not, in {count}: {self.words(group.example)}"
            yield f"    {listed(group.origins)}"
        for group in report.noise.groups()[:GROUPS_MAX]:
            yield f"  noise, in {plural(len(group.events), 'event')}: {self.words(group.example)}"
        if report.proposed:
            yield "  differs each time it is run; if that is as it should be, put this into the file of --noise:"
            yield from (f"    {one}" for one in report.proposed)
        yield from (f"  {remark}" for remark in report.remarks)

    def words(self, change: Change) -> str:
        """One change as people say it."""
        if change.what == "status":
            return f"status {change.before} → {change.after}"
        read = "" if change.effect else " (a read)"
        if change.what in ("no longer told", "newly told"):
            return f"{change.operation} {change.what}{read}"
        where = f"{change.operation} {self.path(change.path).removeprefix('body.') or 'identity'}"
        before, after = (written(self.value(side, change)) for side in (change.before, change.after))
        if change.what == "dropped":
            return f"{where} dropped{read}, was {before}"
        if change.what == "added":
            return f"{where} added{read}, is {after}"
        return f"{where} changed{read}, {before} → {after}"

    def path(self, path: str) -> str:
        """A path as it may be shown: somebody may use data for names of fields."""
        names = (name.removesuffix("[]") for name in path.split("."))
        kept = [name if self.scrubber.field(name) == name else "(a name)" for name in names]
        ends = ("[]" * name.count("[]") for name in path.split("."))
        return ".".join(f"{name}{end}" for name, end in zip(kept, ends, strict=True))

    def value(self, value: object, change: Change) -> object:
        """The value where it is harmless, else what kind of value it is."""
        if value is None or isinstance(value, bool) or change.what == "status":
            return value
        if isinstance(value, dict):
            return "(an object)"
        if isinstance(value, list):
            return "(a list)"
        if self.shows(value, change):
            return value
        return "(a text)" if isinstance(value, str) else "(a number)"

    def shows(self, value: object, change: Change) -> bool:
        """Is a single value harmless where it changed?"""
        name = change.path.rpartition(".")[2].removesuffix("[]")
        return change.what != "identity" and self.scrubber.is_plain(value, name)


def radius(changed: int, events: int) -> str:
    """How far something reaches: `412 of 18,400 events change`."""
    return f"{changed:,} of {events:,} event{'s' * (events != 1)} change{'s' * (changed == 1)}"


def written(value: object) -> str:
    return "null" if value is None else shown(str(value))


def listed(origins: Sequence[str]) -> str:
    more = f", and {len(origins) - ORIGINS_MAX} more" if len(origins) > ORIGINS_MAX else ""
    return ", ".join(shown(origin) for origin in origins[:ORIGINS_MAX]) + more
