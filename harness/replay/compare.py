"""TWO RUNS → WHAT CHANGED, and for how many events. Pure.

Deeds of an event are paired by operation and identity, what is left by operation and order: a deed whose identity
changed is one change and not a deed lost and another won. The order of deeds to different partners is nobody's
promise and is not compared. Reads are compared like effects and told apart.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from harness.replay.semantic import differences
from harness.replay.told import Deed, EventTold, Name, Told


class Change(Struct, frozen=True):
    """One thing that is not as it was, of one event.

    `what`: `status`, `no longer told`, `newly told` (a deed), `identity`, or the kind of a field's difference.
    `operation` is empty for a status; `path` for a whole deed. `effect` False: only a read.
    """

    event: Name
    origin: str
    what: str
    operation: str = ""
    path: str = ""
    before: object = None
    after: object = None
    effect: bool = True

    @property
    def kind(self) -> tuple[str, str, str, bool]:
        """What changes of one kind share."""
        if self.what == "status":
            return self.what, "", f"{self.before} → {self.after}", True
        return self.what, self.operation, self.path, self.effect

    @property
    def field(self) -> str:
        """What of its operation changed: noise is of a field."""
        return self.path or "identity"


class Group(Struct, frozen=True):
    """Changes of one kind: which events, and one of the changes as an example."""

    events: tuple[Name, ...]
    origins: tuple[str, ...]
    example: Change


class Compared(Struct, frozen=True):
    """All changes between two runs. `events` counts those of either run."""

    events: int
    changes: tuple[Change, ...]

    @property
    def changed(self) -> int:
        return len({change.event for change in self.changes})

    def parted(self, first: Callable[[Change], bool]) -> "tuple[Compared, Compared]":
        """(the changes that `first` is true of, the others)."""
        sides: tuple[list[Change], list[Change]] = ([], [])
        for change in self.changes:
            sides[not first(change)].append(change)
        return Compared(self.events, tuple(sides[0])), Compared(self.events, tuple(sides[1]))

    def groups(self) -> list[Group]:
        """Changes by their kind, those that reach most events first."""
        found: dict[tuple[str, str, str, bool], dict[Name, Change]] = {}
        for change in self.changes:
            found.setdefault(change.kind, {}).setdefault(change.event, change)
        groups = [
            Group(
                tuple(by_event),
                tuple(dict.fromkeys(one.origin for one in by_event.values())),
                next(iter(by_event.values())),
            )
            for by_event in found.values()
        ]
        return sorted(groups, key=lambda group: -len(group.events))


def compare(before: Told, after: Told) -> Compared:
    """What is not as it was."""
    changes: list[Change] = []
    for name in dict.fromkeys((*before, *after)):
        changes += changes_of(name, before.get(name), after.get(name))
    return Compared(len({*before, *after}), tuple(changes))


def changes_of(name: Name, before: EventTold | None, after: EventTold | None) -> Iterator[Change]:
    origin = (after or before or EventTold(name, "", "", ())).origin
    was, now = before.status if before else "absent", after.status if after else "absent"
    if was != now:
        yield Change(name, origin, "status", before=was, after=now)
    yield from changed_deeds(name, origin, before.deeds if before else (), after.deeds if after else ())


def changed_deeds(name: Name, origin: str, before: Sequence[Deed], after: Sequence[Deed]) -> Iterator[Change]:
    for was, now in paired(before, after):
        if was is None or now is None:
            deed = was or now
            assert deed is not None
            what = "no longer told" if now is None else "newly told"
            yield Change(name, origin, what, deed.operation, effect=deed.effect)
            continue
        if was.identity != now.identity:
            yield Change(name, origin, "identity", was.operation, "", was.identity, now.identity, was.effect)
        for one in differences(was.content, now.content):
            yield Change(name, origin, one.kind, was.operation, one.path, one.before, one.after, was.effect)


def paired(before: Sequence[Deed], after: Sequence[Deed]) -> Iterator[tuple[Deed | None, Deed | None]]:
    """Each deed with the one that it was, in the order of before."""
    left = list(after)
    unpaired: list[Deed] = []
    for was in before:
        same = taken(left, was.operation, was.identity)
        if same is None:
            unpaired.append(was)
        else:
            yield was, same
    for was in unpaired:
        yield was, taken(left, was.operation)
    yield from ((None, now) for now in left)


def taken(left: list[Deed], operation: str, identity: str | None = None) -> Deed | None:
    """Takes the first deed of an operation, and of an identity where one is given, out of what is left."""
    for place, deed in enumerate(left):
        if deed.operation == operation and identity in (None, deed.identity):
            return left.pop(place)
    return None
