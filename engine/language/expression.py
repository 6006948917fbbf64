"""`compile_expression`: JMESPath text → a function of a document.

Pure and total: whatever the text and the document, it ends soon, or raises ExpressionError.
"""

from collections.abc import Mapping
from types import MappingProxyType

from engine.language.closures import compile_node
from engine.language.data import measure, without_floats
from engine.language.errors import ExpressionError
from engine.language.exact import BoundsError
from engine.language.frame import Frame, may_grow
from engine.language.parser import parse
from engine.language.tree import Node

_NO_VARIABLES: Mapping[str, object] = MappingProxyType({})


class Expression:
    """One compiled expression. Call it with a document: plain dict, list, str, bool, None, int and Decimal.

    `$name` reads a variable, else the field of that name of `$root`, which is the document unless it is a variable.
    Results may share structure with the document and must not be changed in place. Raises ExpressionError, of kind
    `undefined-variable` for a `$name` that is neither, of kind `budget` past a million steps.
    """

    __slots__ = ("_evaluator", "_grows", "text", "tree")

    def __init__(self, text: str, tree: Node) -> None:
        self.text = text
        self.tree = tree
        self._evaluator = compile_node(tree)
        self._grows = may_grow(tree)

    def __call__(self, document: object) -> object:
        """The value over a document of anybody's: binary floats in it are taken as the decimals they are written as."""
        return self.evaluate(without_floats(document), _NO_VARIABLES)

    def evaluate(self, document: object, variables: Mapping[str, object]) -> object:
        """The expression's value over the document, with variables, named without their `$`."""
        frame = Frame(document, variables)
        try:
            result = self._evaluator(document, frame)
            if self._grows:
                measure(result, frame)
        except BoundsError as error:
            raise ExpressionError(error.kind, str(error)) from None
        except RecursionError:  # only a caller that is itself near the interpreter's limit can get here
            raise ExpressionError("budget", "there is no room left to evaluate the expression in") from None
        return result

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile_expression(text: str) -> Expression:
    """The expression as a function. Raises ExpressionError with the offset of what is wrong and the mend."""
    return Expression(text, parse(text))
