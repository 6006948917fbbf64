"""A kind that is made against the kind that is asked for: why no value of the one is ever one of the other.

One-sided on purpose: what *may* be unfit is no fault, for the run sees the value and has an answer for it (quarantine).
Lists are judged by their items, though an empty one would fit: a list that fits only when it is empty is a mistake.
Refuses to look deeper than `DEPTH_MAX` levels.
"""

from dataclasses import dataclass
from typing import Final

from engine.contract.static.kind import LIST, OBJECT, TEXT, Kind, item_of
from engine.contract.static.of_value import refused
from engine.spec.proof.words import converting, describe, listed
from engine.spec.workspace import closest

DEPTH_MAX: Final = 8
NAMES_MAX: Final = 200
"""Of an object with more members than this the rest is not compared."""
PAIRS_MAX: Final = 1_000
"""How many parts one comparison looks at; contracts that hold themselves have no end of them."""
JUDGED_MAX: Final = 100
"""Of more texts than this none is held against rules of the contract that are no enumeration."""
OTHERWISE: Final = "another value is needed here, or another type in the contract"
_APART: Final = frozenset(("date-time", "date", "time", "email", "uuid", "ipv4", "ipv6"))
"""Formats of which no text has two."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why it never fits. `path` leads to the part (`lines[].sku`; empty: the value itself)."""

    code: str
    message: str
    hint: str = ""
    path: str = ""

    def below(self, name: str) -> "Misfit":
        dot = "." if self.path and not self.path.startswith("[") else ""
        return Misfit(self.code, self.message, self.hint, f"{name}{dot}{self.path}")


def misfit(made: Kind, asked: Kind) -> Misfit | None:
    """Why nothing of the kind `made` is of the kind `asked`; None where something may be."""
    return _Fitting().misfit(made, asked, DEPTH_MAX)


class _Fitting:
    """One comparison, of so many parts at most; what is beyond them may fit."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = PAIRS_MAX

    def misfit(self, made: Kind, asked: Kind, depth: int) -> Misfit | None:
        self.left -= 1
        if not made.types or not depth or self.left < 0:
            return None
        common = made.types & asked.types
        if not common:
            message = f"{describe(asked)} is asked for, and this is {describe(made)}"
            return Misfit("type-cannot-fit", message, converting(made, asked.types) or OTHERWISE)
        if common == TEXT:
            return _texts(made, asked)
        if common == OBJECT:
            return self.objects(made, asked, depth - 1)
        if common == LIST:
            found = self.misfit(item_of(made), item_of(asked), depth - 1)
            return found.below("[]") if found else None
        return None

    def objects(self, made: Kind, asked: Kind, depth: int) -> Misfit | None:
        """Only members that are always there, and those that never can be, prove anything."""
        for name in sorted(asked.members.required)[:NAMES_MAX]:
            if not made.members.find(name).kind.types:
                message = f"the field `{name}` is required, and this has none"
                return Misfit("target-required", message, f"add `{name}`", name)
        for name in sorted(made.members.required)[:NAMES_MAX]:
            member = made.members.find(name).kind
            wanted = asked.members.find(name).kind
            if not wanted.types and member.types:
                hint = closest(name, asked.members.names(), "fields")
                return Misfit("target-not-in-contract", f"the field `{name}` is not allowed here", hint, name)
            if found := self.misfit(member, wanted, depth):
                return found.below(name)
        return None


def _texts(made: Kind, asked: Kind) -> Misfit | None:
    if made.texts is not None and asked.texts is not None and not made.texts & asked.texts:
        hint = closest(min(made.texts), asked.texts, "allowed texts")
        return Misfit("enum-not-covered", f"{listed(made.texts)} is none of the texts that are allowed", hint)
    if {made.format, asked.format} <= _APART and made.format != asked.format:
        message = f"a text written as {asked.format} is asked for, and this is written as {made.format}"
        return Misfit("type-cannot-fit", message, "`time: utc` makes an instant of it, `time: date` a date")
    if made.texts is not None and asked.rules and len(made.texts) <= JUDGED_MAX:
        broken = list(refused(asked, made.texts))
        if broken and len(broken) == len(made.texts):
            message = f"{listed(made.texts)} {broken[0][1]}"
            return Misfit("value-not-in-contract", message, "write a text that keeps the rule, or mend the contract")
    return None


def uncovered(made: Kind, asked: Kind) -> frozenset[str]:
    """The texts, of the few that can be made, that an enumeration asked for does not hold."""
    if made.texts is None or asked.texts is None or not made.types & asked.types & TEXT:
        return frozenset()
    return made.texts - asked.texts
