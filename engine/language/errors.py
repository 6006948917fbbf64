"""What this room says when something is wrong: one family of exceptions, and `Problem` values for checks.

    LanguageError              a text, a document or a value did not fit
    ├── ExpressionError        an expression cannot be compiled, or failed over a document
    ├── TemplateError          the same for a text with holes
    ├── ConversionError        one value cannot be converted (raised inside, carried out by MappingError)
    └── MappingError           all fields of a value that failed, together

They are `ValueError`s and not `WaybillError`s: a document that does not fit is a matter of its event (quarantine), not
a reason to stop the engine. Messages hold names and types; the one exception is the text missing from a table, which a
person needs in order to add the row.
"""

from dataclasses import dataclass

CODE_OF_KIND = {
    "syntax": "expression-syntax",
    "unknown-function": "unknown-function",
    "invalid-arity": "wrong-arity",
    "invalid-type": "wrong-type",
    "invalid-value": "wrong-value",
    "undefined-variable": "unknown-variable",
    "budget": "too-large",
}
"""The code of the `Problem` that a check makes of an `ExpressionError` without a code of its own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake found in a text without running it. `offset` counts characters from 0 in that text."""

    offset: int
    code: str
    message: str
    hint: str = ""


Missing = tuple[str, str, str]
"""A row that a table does not have: the table, the column, and the text that was looked up there. Where the row is
there and a cell of it is empty, the column is both, `sku → case`."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that could not be made.

    `path` is the way to the field in the target (`lines[2].sku`, empty for a value that is not inside fields);
    `on_missing` is what the field says of a row missing from its table (`quarantine`, `hold`, `fail`), and `missing`
    what that row would be, so that it can be counted: (table, column, the text looked up); both None for any other
    problem. `expression` is the expression or template that makes the field, `offset` the place in it, None where no
    place can be named, `where` the file and line it is written in, empty where it stands in no file.
    """

    path: str
    code: str
    message: str
    on_missing: str | None = None
    missing: Missing | None = None
    expression: str = ""
    offset: int | None = None
    where: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    @property
    def told(self) -> str:
        """The problem in a line, with where the mapping makes the field; a missing row is mended in its table alone."""
        if self.missing is not None:
            return str(self)
        return f"{self}{place_text(self.where, self.expression, self.offset)}"


_SHOWN_MAX = 80


def place_text(where: str, text: str, offset: int | None) -> str:
    """Where in which file, to end a sentence: ` (specs/a.yaml:7, character 3 of `a + b`)`; empty for no file."""
    if not where or offset is None:
        return f" ({where})" if where else ""
    shown = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    return f" ({where}, character {offset + 1} of `{' '.join(shown.split())}`)"


class LanguageError(ValueError):
    """A text, a document or a value does not fit. `message` says what, `hint` what to write instead (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}: {hint}" if hint else message)
        self.message = message
        self.hint = hint


class ExpressionError(LanguageError):
    """An expression cannot be compiled, or failed over a document.

    `kind` is one of the JMESPath compliance suite's words (syntax, unknown-function, invalid-arity, invalid-type,
    invalid-value), JEP-11's `undefined-variable`, or `budget` where it asks for more than it may have. `offset` counts
    characters in the expression's text, None where no place can be named. `code` is the one a check reports.
    """

    def __init__(self, kind: str, message: str, offset: int | None = None, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.offset = offset
        self.code = code or CODE_OF_KIND[kind]


class TemplateError(LanguageError):
    """A text with holes cannot be compiled (`problems` holds every fault), or a hole could not be filled."""

    def __init__(
        self, message: str, offset: int | None = None, hint: str = "", problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message, hint)
        self.offset = offset
        self.problems = problems


class ConversionError(LanguageError):
    """One value cannot be converted. `code`, `on_missing` and `missing` become those of the field's `FieldProblem`."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        on_missing: str | None = None,
        missing: Missing | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.code = code
        self.on_missing = on_missing
        self.missing = missing


class MappingError(LanguageError):
    """A value could not be made; `problems` holds every field that failed, in the order of the fields."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
