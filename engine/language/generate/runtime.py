"""What generated lines call: the rare ways, the checks and the errors. The common ways are lines of their own.

Each of these does what the tree says and nothing faster; that a short way does the same is the tests' matter.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from engine.language import exact
from engine.language.data import compare, equal, measure, type_name
from engine.language.errors import ExpressionError
from engine.language.exact import BoundsError, Number, is_number
from engine.language.frame import Applied, Frame
from engine.language.signature import Function, found_words, spend_text

TEXT_FREE_MAX = 1_024
"""Characters of a text that need not be paid for one by one."""
PLAIN_INT = 10**18
"""An int below it is written out without asking how long it is."""
NUMBERS = frozenset((int, Decimal, float))
LESS = {"<": "less", "<=": "less_or_equal", ">": "greater", ">=": "greater_or_equal"}
_MISSING = object()


def exhausted(frame: Frame) -> None:
    frame.spend(0)


def pay(frame: Frame, text: str) -> None:
    """For a text that was made: a few of them joined can be only so much longer than what they were made of."""
    spend_text(frame, len(text))


def variable(frame: Frame, name: str, offset: int) -> object:
    """`$name`: a variable of the frame, else a member of `$root`."""
    value = frame.variables.get(name, _MISSING)
    if value is not _MISSING:
        return value
    root = frame.variables.get("root", frame.document)
    return root if name == "root" else field_of_root(root, name, offset, ("root", *frame.variables))


def field_of_root(root: object, name: str, offset: int, known: tuple[str, ...]) -> object:
    if isinstance(root, dict) and name in root:
        return root[name]
    names = ", ".join(f"${each}" for each in sorted(set(known)))
    raise ExpressionError("undefined-variable", f"there is no ${name} here", offset, f"there are: {names}")


def less(left: object, right: object) -> bool | None:
    sign = compare(left, right)
    return None if sign is None else sign < 0


def less_or_equal(left: object, right: object) -> bool | None:
    sign = compare(left, right)
    return None if sign is None else sign <= 0


def greater(left: object, right: object) -> bool | None:
    sign = compare(left, right)
    return None if sign is None else sign > 0


def greater_or_equal(left: object, right: object) -> bool | None:
    sign = compare(left, right)
    return None if sign is None else sign >= 0


def plus(left: object, right: object, offset: int) -> Number:
    return _operate(exact.add, "+", left, right, offset)


def minus(left: object, right: object, offset: int) -> Number:
    return _operate(exact.subtract, "-", left, right, offset)


def times(left: object, right: object, offset: int) -> Number:
    return _operate(exact.multiply, "*", left, right, offset)


def _operate(
    operate: Callable[[Number, Number], Number], symbol: str, left: object, right: object, offset: int
) -> Number:
    if not (is_number(left) and is_number(right)):
        wrong = type_name(right if is_number(left) else left)
        hint = "where it may be missing, use not_null(x, `0`); a text becomes a number with to_number(x)"
        raise ExpressionError("invalid-type", f"`{symbol}` takes two numbers, not {wrong}", offset, hint)
    try:
        return operate(left, right)
    except BoundsError as error:
        raise ExpressionError(error.kind, f"`{symbol}`: {error}", offset) from None


def bound_call(function: Function, offset: int, count: int) -> Callable[..., object]:
    """A function as one place calls it: (frame, *arguments) → value, with its checks and its errors."""
    checks = tuple((index, function.check_of(index)) for index in range(count))
    run = function.call

    def called(frame: Frame, *values: object) -> object:
        for index, check in checks:
            value = values[index]
            if not check(value):
                raise function.wrong_type(index, found_words(value), offset)
            if type(value) is str and len(value) >= TEXT_FREE_MAX:
                spend_text(frame, len(value))
        try:
            return run(frame, *values)
        except BoundsError as error:
            raise ExpressionError(error.kind, f"{function.name}(): {error}", offset) from None

    return called


def out_of_bounds(error: BoundsError) -> ExpressionError:
    return ExpressionError(error.kind, str(error))


def no_room() -> ExpressionError:
    """Only a caller that is itself near the interpreter's limit can get there."""
    return ExpressionError("budget", "there is no room left to evaluate the expression in")


RUNTIME: Mapping[str, object] = {
    "Applied": Applied,
    "BoundsError": BoundsError,
    "EMPTY": {},
    "Frame": Frame,
    "NUMBERS": NUMBERS,
    "equal": equal,
    "exhausted": exhausted,
    "field_of_root": field_of_root,
    "greater": greater,
    "greater_or_equal": greater_or_equal,
    "less": less,
    "less_or_equal": less_or_equal,
    "measure": measure,
    "minus": minus,
    "no_room": no_room,
    "out_of_bounds": out_of_bounds,
    "pay": pay,
    "plus": plus,
    "times": times,
    "variable": variable,
}
"""The names that generated lines may use, besides Python's own."""
