"""JSON values as expressions and templates see them: their type, truth, equality, text and size.

A document is plain Python: dict, list, str, bool, None, int, Decimal. Anything else is of type `unknown` and fits no
function. Everything that walks a document spends from a `Budget` and keeps its own stack or a depth limit, so neither a
large nor a deep document can hang or overflow the interpreter.
"""

from decimal import Decimal
from json.encoder import encode_basestring
from typing import Protocol

from engine.language.exact import BoundsError, is_number, number_text

DEPTH_MAX = 256


class NotJsonError(BoundsError):
    """A value that JSON cannot hold: a float, a key that is not text, an object of Python."""

    kind = "invalid-type"

    def __init__(self) -> None:
        super().__init__("the value is not JSON: it holds something else than texts, exact numbers, lists and objects")


class FloatMet(Exception):
    """A binary float stands where a number is looked at. Documents of ours hold none; whoever takes somebody else's
    reads it again without them."""


class DepthError(BoundsError):
    """A value is nested deeper than 256 levels."""

    def __init__(self) -> None:
        super().__init__(f"the value is nested deeper than {DEPTH_MAX} levels")


class Budget(Protocol):
    """Something that counts down and raises when nothing is left."""

    def spend(self, steps: int) -> None: ...


def type_name(value: object) -> str:
    """JMESPath's name of the value's type, `unknown` for what JSON cannot hold."""
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    refuse_float(value)
    return "unknown"


def refuse_float(value: object) -> None:
    """Raises FloatMet."""
    if isinstance(value, float):
        raise FloatMet


def is_false(value: object) -> bool:
    """JMESPath's falsehood: null, false, and empty texts, lists and objects. The number 0 is true."""
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def equal(left: object, right: object, budget: Budget) -> bool:
    """Deep equality of JSON values: 1 equals 1.0 (a Decimal), True does not equal 1, at any depth."""
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if not isinstance(left, (list, dict)):
        return _equal_scalars(left, right)
    stack: list[tuple[object, object]] = [(left, right)]
    while stack:
        one, other = stack.pop()
        if isinstance(one, list):
            if not isinstance(other, list) or len(one) != len(other):
                return False
            budget.spend(len(one) + 1)
            stack.extend(zip(one, other, strict=True))
        elif isinstance(one, dict):
            if not isinstance(other, dict) or one.keys() != other.keys():
                return False
            budget.spend(len(one) + 1)
            stack.extend((value, other[key]) for key, value in one.items())
        elif not _equal_scalars(one, other):
            return False
    return True


def _equal_scalars(left: object, right: object) -> bool:
    if is_number(left) and is_number(right):
        return left == right
    refuse_float(left)
    refuse_float(right)
    return type(left) is type(right) and not isinstance(left, Decimal) and left == right  # a NaN equals nothing


def canonical_text(value: object, budget: Budget) -> str:
    """The value as JSON without spaces, keys sorted, characters unescaped, every digit of a number kept.

    Equal objects give equal text, whatever the order of their keys. Raises BoundsError.
    """
    pieces: list[str] = []
    _write(value, pieces.append, budget, 0)
    return "".join(pieces)


class _Append(Protocol):
    def __call__(self, piece: str, /) -> None: ...


def _write(value: object, append: _Append, budget: Budget, depth: int) -> None:
    budget.spend(1)
    if isinstance(value, str):
        budget.spend(len(value) // 16)
        append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        append({None: "null", True: "true", False: "false"}[value])
    elif is_number(value):
        append(number_text(value))
    elif depth >= DEPTH_MAX:
        raise DepthError
    elif isinstance(value, list):
        append("[")
        for index, item in enumerate(value):
            append("," if index else "")
            _write(item, append, budget, depth + 1)
        append("]")
    elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
        budget.spend(sum(map(len, value)) // 16)
        append("{")
        for index, key in enumerate(sorted(value)):
            append("," if index else "")
            append(encode_basestring(key) + ":")
            _write(value[key], append, budget, depth + 1)
        append("}")
    else:
        refuse_float(value)
        raise NotJsonError


def measure(value: object, budget: Budget) -> None:
    """Spends for every node and every 16 characters of the value, shared ones as often as they appear.

    Nodes are shared freely while an expression runs, so ten characters of text can name a million of them; whoever
    writes the result out would pay for each. Raises DepthError.
    """
    stack = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, (list, dict)):
            if depth >= DEPTH_MAX:
                raise DepthError
            budget.spend(len(node) + 1)
            children = node if isinstance(node, list) else node.values()
            stack.extend((child, depth + 1) for child in children if isinstance(child, (list, dict, str)))
        elif isinstance(node, str):
            budget.spend(len(node) // 16)


def compare(left: object, right: object) -> int | None:
    """-1, 0 or 1 for two numbers or two texts (by code point), None for anything else."""
    if is_number(left) and is_number(right):
        return (left > right) - (left < right)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    refuse_float(left)
    refuse_float(right)
    return None


def without_floats(value: object) -> object:
    """The same data with every float as the Decimal it is written as (0.1 is 0.1); itself where there is none.

    Documents of ours never hold one; somebody else's may, from `json.loads`. What is not a number (NaN, infinity)
    becomes null, which JSON has instead. Deeper than DEPTH_MAX the data is left as it is: no expression gets there.
    """
    return _without_floats(value, DEPTH_MAX) if isinstance(value, float) or _holds_float(value) else value


_PLAIN = frozenset((str, int, bool, type(None), Decimal))
_NESTED = frozenset((dict, list))
_PLAIN_OR_NESTED = _PLAIN | _NESTED


def _holds_float(value: object) -> bool:
    """Looked for before anything is made anew; a bag of types for each list and object, which is quick."""
    nodes = [value] if isinstance(value, (dict, list)) else []
    for node in nodes:  # grows while it is read: breadth first, without recursion
        values = node.values() if isinstance(node, dict) else node
        types = set(map(type, values))
        if types <= _PLAIN:
            continue
        if not types <= _PLAIN_OR_NESTED:
            return True
        nodes.extend(each for each in values if type(each) in _NESTED)
    return False


def _without_floats(value: object, depth: int) -> object:
    if isinstance(value, float):
        return Decimal(repr(value)) if value == value and abs(value) != float("inf") else None
    if depth and isinstance(value, dict):
        made = {key: _without_floats(item, depth - 1) for key, item in value.items()}
        return made if any(made[key] is not value[key] for key in made) else value
    if depth and isinstance(value, list):
        items = [_without_floats(item, depth - 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
