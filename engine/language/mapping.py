"""Values → functions of a document, and whole mappings: every field is tried, and all that fail are told together.

Inside `each` bare names are the item's; `$root` is the source document, `$parent` what the list was read from, `$index`
the item's place; the fields of `$root` stay readable as `$name`. Fields of the target are in no scope.
Results may share structure with the document and with literals, and must not be changed in place.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.language.convert import Resources, conversions
from engine.language.data import type_name
from engine.language.errors import ConversionError, ExpressionError, FieldProblem, LanguageError, MappingError
from engine.language.exact import BoundsError
from engine.language.expression import Expression, compile_expression
from engine.language.templates import compile_template
from engine.language.values import UNSET, Each, Fields, FromExpression, Literal, Text, Value

ITEMS_MAX = 100_000
PROBLEMS_MAX = 1_000
_TEXT_SHOWN_MAX = 60

CompiledValue = Callable[[object, Mapping[str, object]], object]
"""(document, variables) → the value. Raises MappingError."""


class _Absent:
    """The type of ABSENT: an optional field without a value, or one that failed."""


_ABSENT = _Absent()


class _Reading:
    """One run over a document: the problems so far, and how many items of lists may still be made."""

    __slots__ = ("items_left", "problems")

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []
        self.items_left = ITEMS_MAX

    def fail(
        self, code: str, message: str, on_missing: str | None = None, missing: tuple[str, str, str] | None = None
    ) -> _Absent:
        self.problems.append(FieldProblem("", code, message, on_missing, missing))
        return _ABSENT

    def locate(self, since: int, key: str) -> None:
        """Puts `key` before the paths of the problems that came since."""
        for index in range(since, len(self.problems)):
            problem = self.problems[index]
            dot = "." if problem.path and not problem.path.startswith("[") else ""
            self.problems[index] = replace(problem, path=f"{key}{dot}{problem.path}")

    @property
    def full(self) -> bool:
        return len(self.problems) >= PROBLEMS_MAX


_Reader = Callable[[object, Mapping[str, object], _Reading], object]


def compile_value(
    value: Value, resources: Resources, *, required: bool = True, what: str = "the document"
) -> CompiledValue:
    """The value as a function of (document, variables); variables are named without their `$`.

    With `required`, a null that has neither `default` nor `optional` is a problem, as it always is inside `fields`;
    without, it stays null. `what` names the document in messages. Raises LanguageError where a text cannot be compiled;
    the function raises MappingError, whose problems have paths relative to the value.
    """
    reader = _compile(value, resources, required, what)

    def compiled(document: object, variables: Mapping[str, object]) -> object:
        reading = _Reading()
        result = reader(document, variables, reading)
        if reading.problems:
            raise MappingError(tuple(reading.problems))
        return None if result is _ABSENT else result

    return compiled


def compile_mapping(
    fields: Mapping[str, Value], let: Mapping[str, Value], resources: Resources, *, what: str = "the source document"
) -> Callable[[object], dict[str, object]]:
    """A whole mapping as a function of its source document.

    `let` is evaluated once, in order, each seeing those before it as `$name`; a null there stays null. Fields are made
    when every `let` was. Raises LanguageError where a text cannot be compiled; the function raises MappingError.
    """
    names = [(name, _compile(value, resources, required=False, what=what)) for name, value in let.items()]
    target = _compile(Fields(fields), resources, required=True, what=what)

    def mapped(document: object) -> dict[str, object]:
        reading = _Reading()
        variables: dict[str, object] = {"root": document}
        for name, reader in names:
            since = len(reading.problems)
            value = reader(document, variables, reading)
            reading.locate(since, f"let.{name}")
            variables[name] = None if value is _ABSENT else value
        result = target(document, variables, reading) if not reading.problems else None
        if reading.problems or not isinstance(result, dict):
            raise MappingError(tuple(reading.problems))
        return result

    return mapped


def _compile(value: Value, resources: Resources, required: bool, what: str) -> _Reader:
    match value:
        case FromExpression():
            return _from_expression(value, resources, required, what)
        case Literal(value=literal):
            return lambda _document, _variables, _reading: literal
        case Text():
            return _text(value)
        case Fields(fields=fields):
            return _fields(fields, resources, what)
        case Each():
            return _each(value, resources, what)


def _from_expression(
    value: FromExpression,
    resources: Resources,
    required: bool,
    what: str,
) -> _Reader:
    expression = compile_expression(value.text)
    converters = [
        (each.run, compile_expression(each.operand) if each.operand else None) for each in conversions(value, resources)
    ]
    default = value.default
    absent = _ABSENT if value.optional else None
    null = f"{_shown(value.text)} is null in {what}"

    def read(document: object, variables: Mapping[str, object], reading: _Reading) -> object:
        try:
            result = expression.evaluate(document, variables)
            for convert, operand in converters:
                if result is not None and result is not UNSET:
                    result = convert(result, operand.evaluate(document, variables) if operand else None)
        except ConversionError as error:
            return reading.fail(error.code, _sentence(error), error.on_missing, getattr(error, "missing", None))
        except ExpressionError as error:
            return reading.fail(error.code, _sentence(error))
        except BoundsError as error:
            return reading.fail("too-large", str(error))
        if result is not None and result is not UNSET:
            return result
        if default is not UNSET:
            return default
        if required and absent is None:
            return reading.fail("required", null)
        return absent

    return read


def _sentence(error: LanguageError) -> str:
    return f"{error.message}: {error.hint}" if error.hint else error.message


def _shown(text: str) -> str:
    return f"`{text if len(text) <= _TEXT_SHOWN_MAX else text[:_TEXT_SHOWN_MAX] + '…'}`"


def _text(value: Text) -> _Reader:
    template = compile_template(value.template)

    def text(document: object, variables: Mapping[str, object], reading: _Reading) -> object:
        try:
            return template(document, variables)
        except LanguageError as error:
            return reading.fail("template", _sentence(error))

    return text


def _fields(fields: Mapping[str, Value], resources: Resources, what: str) -> _Reader:
    readers = tuple((name, _compile(value, resources, required=True, what=what)) for name, value in fields.items())

    def read(document: object, variables: Mapping[str, object], reading: _Reading) -> object:
        result: dict[str, object] = {}
        for name, reader in readers:
            since = len(reading.problems)
            value = reader(document, variables, reading)
            if len(reading.problems) > since:
                reading.locate(since, name)
            elif value is not _ABSENT:
                result[name] = value
            if reading.full:
                break
        return result

    return read


def _each(value: Each, resources: Resources, what: str) -> _Reader:
    expression = compile_expression(value.each)
    item_fields = _fields(value.fields, resources, f"an item of {_shown(value.each)}")
    source = f"{_shown(value.each)} in {what}"

    def read(document: object, variables: Mapping[str, object], reading: _Reading) -> object:
        items = _items(expression, document, variables, reading, source)
        if items is None:
            return _ABSENT
        # One dictionary for all items: nothing keeps it once a field is made, and a copy costs more than most fields.
        inner = {**variables, "root": variables.get("root", document), "parent": document}
        result = []
        for index, item in enumerate(items):
            inner["index"] = index
            since = len(reading.problems)
            result.append(item_fields(item, inner, reading))
            reading.locate(since, f"[{index}]")
            if reading.full:
                break
        return result

    return read


def _items(
    expression: Expression, document: object, variables: Mapping[str, object], reading: _Reading, source: str
) -> list[object] | None:
    try:
        items = expression.evaluate(document, variables)
    except ExpressionError as error:
        reading.fail(error.code, _sentence(error))
        return None
    if items is None:
        reading.fail("required", f"{source} is null, and a list is needed")
        return None
    if not isinstance(items, list):
        reading.fail("not-a-list", f"{source} is of type {type_name(items)}, and a list is needed")
        return None
    reading.items_left -= len(items)
    if reading.items_left < 0:
        reading.fail("too-large", f"more than {ITEMS_MAX} items would be made")
        return None
    return items
