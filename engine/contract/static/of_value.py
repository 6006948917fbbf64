"""VALUES against kinds: the type and the kind of one value, and why a kind does not admit it.

For literals, which a person writes into a specification and which can be judged before anything runs. The rules of a
kind are checked by the checker that checks documents, so that a literal is refused for the same reasons. Refuses to be
exact where kinds are not: what it lets pass may still break the contract.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine.contract.schema import Contract, compile_contract
from engine.contract.static.kind import (
    FALSE,
    FRACTION,
    INTEGER,
    LIST,
    NEVER,
    NULL,
    OBJECT,
    PARTS_MAX,
    TEXT,
    TRUE,
    UNKNOWN,
    Declared,
    Kind,
    Later,
    item_of,
    words_of,
)
from engine.contract.violations import path_text, sentence

LITERAL_DEPTH_MAX: Final = 64
"""Deeper parts of a literal are not judged."""


def type_of(value: object) -> int:
    """The type of a JSON value as a bit; 0 for what is no JSON."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, str):
        return TEXT
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            return 0
        return INTEGER if exponent >= 0 or not any(digits[exponent:]) else FRACTION
    if isinstance(value, list):
        return LIST
    return OBJECT if isinstance(value, dict) else 0


def kind_of_value(value: object) -> Kind:
    """The kind that admits this value and hardly another."""
    types = type_of(value)
    if isinstance(value, str):
        return Kind(types, texts=frozenset([value]))
    if isinstance(value, list):
        return Kind(types, items=tuple(map(_later, value)) if len(value) <= PARTS_MAX else None)
    if isinstance(value, dict):
        members = {name: _later(member) for name, member in value.items()}
        return Kind(types, members=Declared(members, frozenset(members), Later(lambda: NEVER), UNKNOWN))
    return Kind(types)


def _later(value: object) -> Later:
    return Later(lambda: kind_of_value(value))


# ── why not ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kind does not admit a value: the keyword of the schema that is broken, what must be instead, in words, and
    where inside the value (`lines[0].sku`; empty: the value itself). It holds nothing of the value but names."""

    rule: str
    message: str
    path: str = ""

    def __str__(self) -> str:
        return f"`{self.path}` {self.message}" if self.path else self.message


def refused(kind: Kind, values: Iterable[object]) -> Iterator[tuple[object, Refusal]]:
    """Those of the values that the kind does not admit, each with the first reason why."""
    judge = _Judge()
    for value in values:
        found = next(judge.refusals(kind, value, ()), None)
        if found is not None:
            yield value, found


def refusal(kind: Kind, value: object) -> Refusal | None:
    """The first reason why the kind does not admit the value; None where it does."""
    return next((found for _, found in refused(kind, [value])), None)


Path = tuple[str | int, ...]


class _Judge:
    """Holds values against kinds; the checks of their rules are compiled once each."""

    __slots__ = ("checks",)

    def __init__(self) -> None:
        self.checks: dict[int, tuple[Kind, Contract]] = {}

    def refusals(self, kind: Kind, value: Any, path: Path) -> Iterator[Refusal]:
        if not type_of(value) & kind.types:
            message = f"must be {words_of(kind.types)}" if kind.types else "must not be there"
            yield Refusal("type", message, path_text(path))
            return
        if isinstance(value, str) and kind.texts is not None and value not in kind.texts:
            yield Refusal("enum", sentence("enum", sorted(kind.texts)), path_text(path))
        if kind.rules:
            yield from self.broken_rules(kind, value, path)
        if len(path) >= LITERAL_DEPTH_MAX:
            return
        if isinstance(value, list):
            item = item_of(kind)
            for place, each in enumerate(value):
                yield from self.refusals(item, each, (*path, place))
        elif isinstance(value, dict):
            for name in sorted(kind.members.required.difference(value)):
                yield Refusal("required", f"lacks the field `{name}`", path_text(path))
            for name, each in value.items():
                member = kind.members.find(name).kind
                if member.types:
                    yield from self.refusals(member, each, (*path, name))
                else:
                    yield Refusal("additionalProperties", f"holds `{name}`, which is not allowed", path_text(path))

    def broken_rules(self, kind: Kind, value: object, path: Path) -> Iterator[Refusal]:
        known = self.checks.get(id(kind.rules))
        if known is None:
            # The kind is kept beside its check: as long as it lives, no other rules have its rules' identity.
            known = self.checks[id(kind.rules)] = (kind, compile_contract("", {"allOf": list(kind.rules)}))
        for violation in known[1].check(value, limit=1):
            rule = violation.rule.partition(":")[0]
            yield Refusal(rule, violation.message, path_text((*path,)))
