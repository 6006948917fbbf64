"""What one evaluation carries: its document, its variables, and the steps it may still take.

Steps bound time and memory together. The text of an expression is bounded, so only what repeats is charged: each
element of a projection costs as much as its body has nodes, each text made costs its length, and so on. That keeps the
price of counting off the plain paths that most expressions are.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from msgspec import Struct

from engine.language import tree
from engine.language.errors import ExpressionError
from engine.language.tree import Node

STEPS_MAX = 1_000_000
GROWTH_FREE = 16  # a result at most this many times the document need not be measured
WRAPPERS_FREE = 32  # nor one wrapped in at most this many levels
_UNBOUNDED = 1_000_000


class Frame(Struct):
    """One evaluation over a document. `$name` is a variable, else a field of `$root`, which is the document itself
    unless it is among the variables. `left` counts the steps down.

    A struct, since one is made for every evaluation, and this way in C.
    """

    steps_max: ClassVar[int] = STEPS_MAX

    document: object
    variables: Mapping[str, object]
    left: int = STEPS_MAX

    def spend(self, steps: int) -> None:
        """Takes steps off the budget; raises ExpressionError of kind `budget` when none are left."""
        self.left -= steps
        if self.left < 0:
            hint = "filter before you combine, or split the work into steps"
            raise ExpressionError("budget", f"the expression takes more than {self.steps_max} steps here", None, hint)


class Applied:
    """`&body` at run time: called with one element, it gives the body's value for it.

    `body` is a function of (current value, frame, *names): `names` holds the variables that it reads.
    """

    __slots__ = ("_body", "_frame", "_names", "_weight")

    def __init__(self, body: Callable[..., object], weight: int, frame: Frame, names: tuple[object, ...]) -> None:
        self._body = body
        self._weight = weight
        self._frame = frame
        self._names = names

    def __call__(self, element: object) -> object:
        self._frame.spend(self._weight)
        return self._body(element, self._frame, *self._names)


def weight(node: Node) -> int:
    """What evaluating the node once costs, loops inside it apart."""
    return sum(1 for _ in tree.walk(node))


def may_grow(node: Node) -> bool:
    """Whether the result can be much larger or deeper than the document, so that it has to be measured."""
    wrappers = sum(isinstance(below, (tree.ListSelect, tree.ObjectSelect, tree.Call)) for below in tree.walk(node))
    return wrappers > WRAPPERS_FREE or _growth(node, in_loop=False) > GROWTH_FREE


def _growth(node: Node, *, in_loop: bool) -> int:
    """How often one node of the input can at most stand in the output."""
    growth = 1
    match node:
        case tree.Variable() | tree.Literal() if in_loop:
            growth = _UNBOUNDED
        case tree.Chain(parts=parts):
            for part in parts:
                growth = min(_UNBOUNDED, growth * _growth(part, in_loop=in_loop))
        case tree.ListSelect() | tree.ObjectSelect():
            growth = sum(_growth(child, in_loop=in_loop) for child in tree.children(node))
        case tree.Or(operands=operands) | tree.And(operands=operands):
            growth = max(_growth(operand, in_loop=in_loop) for operand in operands)
        case tree.Call(arguments=arguments):
            given = [_growth(each, in_loop=in_loop) for each in arguments if not isinstance(each, tree.Reference)]
            growth = max(1, sum(given))
            for argument in arguments:
                if isinstance(argument, tree.Reference):
                    growth *= _growth(argument.body, in_loop=True)
        case (
            tree.ListProjection(source=source, body=body)
            | tree.ObjectProjection(source=source, body=body)
            | tree.FlattenProjection(source=source, body=body)
            | tree.SliceProjection(source=source, body=body)
            | tree.FilterProjection(source=source, body=body)
        ):
            growth = _growth(source, in_loop=in_loop) * _growth(body, in_loop=True)
    return min(_UNBOUNDED, growth)
