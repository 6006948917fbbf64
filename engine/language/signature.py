"""How a function of expressions is declared and how its arguments are checked; no function lives here.

Types are the specification's words: `number`, `string`, `array`, `object`, `array-number`, …, `any`, and `expref` for
`&expression`. Arity and exprefs are checked when an expression is compiled, types when it runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.language.data import type_name
from engine.language.errors import ExpressionError
from engine.language.exact import BoundsError, Number, integral, is_number
from engine.language.frame import Frame

Check = Callable[[object], bool]


class ArgumentError(BoundsError):
    """A function refuses the value of an argument; the message says why and shows no value."""


class ArgumentTypeError(BoundsError):
    """An argument is of the right type, but what it holds or gives is not."""

    kind = "invalid-type"


def _array_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_CHECKS: dict[str, Check] = {
    "any": lambda _value: True,
    "number": is_number,
    "string": _is_text,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "array-number": _array_of(is_number),
    "array-string": _array_of(_is_text),
    "array-object": _array_of(lambda value: isinstance(value, dict)),
}
_WORDS = {
    "any": "anything",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "an object",
    "array-number": "a list of numbers",
    "array-string": "a list of texts",
    "array-object": "a list of objects",
    "expref": "an &expression",
}
_PLACES = ("first", "second", "third", "fourth")


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its parameters' types (alternatives separated by `|`), how many may be left out, and its body.

    With `variadic` the last parameter may be repeated. `call` takes the frame, to spend from, and the arguments.
    """

    name: str
    parameters: tuple[str, ...]
    call: Callable[..., object]
    optional: int = 0
    variadic: bool = False

    def wrong_arity(self, count: int) -> str:
        """What is wrong with this number of arguments, or nothing."""
        most = len(self.parameters)
        least = most - self.optional
        if count < least or (count > most and not self.variadic):
            wanted = f"at least {least}" if self.variadic else f"{least} to {most}" if self.optional else str(most)
            return f"{self.name}() takes {wanted} argument{'s' * (wanted != '1')}, not {count}"
        return ""

    def parameter(self, index: int) -> str:
        return self.parameters[min(index, len(self.parameters) - 1)]

    def check_of(self, index: int) -> Check:
        """The check of the argument at this place; an expref needs none, it was checked when it was compiled."""
        alternatives = self.parameter(index).split("|")
        if alternatives == ["expref"]:
            return _CHECKS["any"]
        checks = tuple(_CHECKS[word] for word in alternatives)
        return checks[0] if len(checks) == 1 else lambda value: any(check(value) for check in checks)

    def wrong_type(self, index: int, found: str, offset: int) -> ExpressionError:
        wanted = " or ".join(_WORDS[word] for word in self.parameter(index).split("|"))
        place = _PLACES[index] if index < len(_PLACES) else f"{index + 1}th"
        return ExpressionError("invalid-type", f"{self.name}() takes {wanted} as its {place} argument, {found}", offset)


def found_words(value: object) -> str:
    """How an error names what stands there instead: its type, never its value."""
    if isinstance(value, list) and value:
        return f"not a list with {' and '.join(sorted({type_name(item) for item in value}))}"
    return f"not {type_name(value)}"


def whole(number: Number, least: int | None = None) -> int:
    """A numeric argument as an int; ArgumentError where it is not whole or less than `least`."""
    result = integral(number)
    if result is None:
        raise ArgumentError("a whole number is needed")
    if least is not None and result < least:
        raise ArgumentError(f"a number of at least {least} is needed")
    return result


def spend_text(frame: Frame, length: int) -> None:
    """Pays for a text of that many characters before it is made."""
    frame.spend(length // 16)
