"""What a template says, as frozen nodes: data, holes and conditions. Apart from Jinja, which is slow to import."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Path:
    """`order.lines[0].sku`; the first key is the name, the others are members (text) or items (int)."""

    offset: int
    keys: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """`value | name(argument)`; the argument is an expression of `default`, a text of `join`, an int of `truncate`."""

    offset: int
    name: str
    value: "Expression"
    argument: "Expression | None"


@dataclass(frozen=True, slots=True)
class Conditional:
    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class Compared:
    offset: int
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Logic:
    """`operator` is `and` or `or`."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negated:
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Choice:
    """`{% if %}`: the body of the first test that holds, else `otherwise`."""

    branches: "tuple[tuple[Expression, Body], ...]"
    otherwise: "Body"


Expression = Constant | Path | Filtered | Conditional | Compared | Logic | Negated
Body = tuple["str | Expression | Choice", ...]
