"""What an expression says, as frozen nodes: the parser writes them, closures and static checks read them.

Chains (`a.b.c`, `a | b`, `x || y || z`, `a + b - c`) are one flat node, so that the height of a tree says how deeply an
expression is nested and not how long it is. `offset` is where the node begins in the text. Every node but Literal and
Variable is evaluated against the *current* value, bodies and conditions of projections against an element.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Current:
    """`@`: the current value itself; also the body of a projection that ends."""

    offset: int


@dataclass(frozen=True, slots=True)
class Field:
    """A name: the member of the current object, null for anything else. `quoted` tells `"x"` from `x`."""

    offset: int
    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`."""

    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A JSON literal or a raw text."""

    offset: int
    value: object


@dataclass(frozen=True, slots=True)
class Index:
    """`[3]`: an item of the current list, from its end when negative."""

    offset: int
    position: int


@dataclass(frozen=True, slots=True)
class Chain:
    """`a.b[0] | c`: each part is evaluated against the value of the part before."""

    offset: int
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class ListProjection:
    """`source[*]` and what follows it."""

    offset: int
    source: "Node"
    body: "Node"


@dataclass(frozen=True, slots=True)
class ObjectProjection:
    """`source.*` and what follows it."""

    offset: int
    source: "Node"
    body: "Node"


@dataclass(frozen=True, slots=True)
class FlattenProjection:
    """`source[]` and what follows it."""

    offset: int
    source: "Node"
    body: "Node"


@dataclass(frozen=True, slots=True)
class SliceProjection:
    """`source[start:stop:step]` and what follows it."""

    offset: int
    source: "Node"
    start: int | None
    stop: int | None
    step: int | None
    body: "Node"


@dataclass(frozen=True, slots=True)
class FilterProjection:
    """`source[?condition]` and what follows it."""

    offset: int
    source: "Node"
    condition: "Node"
    body: "Node"


@dataclass(frozen=True, slots=True)
class ListSelect:
    """`[a, b]`."""

    offset: int
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class ObjectSelect:
    """`{a: x, b: y}`; of a key that stands twice the last wins, as in jmespath.py."""

    offset: int
    pairs: "tuple[tuple[str, Node], ...]"


@dataclass(frozen=True, slots=True)
class Or:
    offset: int
    operands: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class And:
    offset: int
    operands: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    offset: int
    operand: "Node"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of == != < <= > >=; `offset` is that of the left side."""

    offset: int
    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`first` and then, left to right, each operator (+ - *) with its operand. One node holds one precedence."""

    offset: int
    first: "Node"
    rest: "tuple[tuple[str, Node], ...]"


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`; that the function exists is checked later, so that a check can report every fault at once."""

    offset: int
    name: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Reference:
    """`&body`: an expression handed to a function, which evaluates it against each element."""

    offset: int
    body: "Node"


Projection = ListProjection | ObjectProjection | FlattenProjection | SliceProjection | FilterProjection
Node = (
    Current
    | Field
    | Variable
    | Literal
    | Index
    | Chain
    | ListProjection
    | ObjectProjection
    | FlattenProjection
    | SliceProjection
    | FilterProjection
    | ListSelect
    | ObjectSelect
    | Or
    | And
    | Not
    | Comparison
    | Arithmetic
    | Call
    | Reference
)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order of the text."""
    match node:
        case Chain(parts=nodes) | ListSelect(items=nodes) | Or(operands=nodes) | And(operands=nodes):
            return nodes
        case Call(arguments=nodes):
            return nodes
        case FilterProjection(source=source, condition=condition, body=body):
            return (source, condition, body)
        case (
            ListProjection(source=source, body=body)
            | ObjectProjection(source=source, body=body)
            | FlattenProjection(source=source, body=body)
            | SliceProjection(source=source, body=body)
        ):
            return (source, body)
        case ObjectSelect(pairs=pairs):
            return tuple(value for _, value in pairs)
        case Not(operand=only) | Reference(body=only):
            return (only,)
        case Comparison(left=left, right=right):
            return (left, right)
        case Arithmetic(first=first, rest=rest):
            return (first, *(operand for _, operand in rest))
        case _:
            return ()


def walk(tree: Node) -> Iterator[Node]:
    """Every node, each before those below it, left to right; without recursion."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def height(tree: Node) -> int:
    """How many nodes the longest way from the top to a leaf has; without recursion."""
    highest, level = 0, [tree]
    while level:
        highest += 1
        level = [child for node in level for child in children(node)]
    return highest
