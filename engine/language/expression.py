"""`compile_expression`: JMESPath text → a function of a document.

Pure and total: whatever the text and the document, it ends soon, or raises ExpressionError.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.language.data import FloatMet, without_floats
from engine.language.generate.expressions import Scope, evaluate
from engine.language.generate.runtime import RUNTIME
from engine.language.generate.source import Code, Made, Module
from engine.language.parser import parse
from engine.language.tree import Node

NO_VARIABLES: Mapping[str, object] = MappingProxyType({})
HANDLER = (
    "except BoundsError as error:",
    "raise out_of_bounds(error) from None",
)
_CLEAN = frozenset((str, int, bool, type(None)))


class Expression:
    """One compiled expression. Call it with a document: plain dict, list, str, bool, None, int and Decimal.

    `$name` reads a variable, else the field of that name of `$root`, which is the document unless it is a variable.
    Results may share structure with the document and must not be changed in place. Raises ExpressionError, of kind
    `undefined-variable` for a `$name` that is neither, of kind `budget` past a million steps.
    """

    __slots__ = ("evaluate", "text", "tree")

    evaluate: Callable[[object, Mapping[str, object]], object]
    """(document, variables) → value; variables are named without their `$`. Documents hold no binary floats."""

    def __init__(self, text: str, tree: Node) -> None:
        self.text = text
        self.tree = tree
        self.evaluate = generate(tree)

    def __call__(self, document: object) -> object:
        """The value over a document of anybody's: binary floats in it are taken as the decimals they are written as."""
        try:
            result = self.evaluate(document, NO_VARIABLES)
        except FloatMet:  # rare, and the only case in which a whole document has to be read for them
            result = self.evaluate(without_floats(document), NO_VARIABLES)
        return result if type(result) in _CLEAN else without_floats(result)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def generate(tree: Node) -> Callable[[object, Mapping[str, object]], object]:
    """The tree as a function of (document, variables)."""
    module = Module(RUNTIME)
    code = Code(module, "evaluate", ("document", "variables"), "Frame(document, variables)")
    made = evaluate(code, tree, Scope(Made("document", is_given=True), dynamic=True))
    code.line(f"return {made.text}")
    code.finish((*HANDLER,))
    return module.function("evaluate")


def compile_expression(text: str) -> Expression:
    """The expression as a function. Raises ExpressionError with the offset of what is wrong and the mend."""
    return Expression(text, parse(text))
