"""What a mapping's generated lines call when a field fails: problems are kept, each with its way; nothing is raised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from engine.language.data import type_name
from engine.language.errors import ConversionError, ExpressionError, FieldProblem, LanguageError, MappingError
from engine.language.exact import BoundsError
from engine.language.frame import STEPS_MAX, Frame
from engine.language.values import UNSET

ITEMS_MAX = 100_000
PROBLEMS_MAX = 1_000
MAPPING_STEPS_MAX = 10 * STEPS_MAX
FAILURES = (LanguageError, BoundsError)


@dataclass(frozen=True, slots=True)
class Place:
    """One field: its way in the target, what is said when it is null, the expression or template that makes it, and
    the file and line where that is written."""

    way: tuple[str, ...]
    null: str
    text: str
    where: str

    def path(self, indexes: tuple[int, ...]) -> str:
        pieces = [self.way[0]]
        for index, part in zip(indexes, self.way[1:], strict=True):
            pieces += (str(index), part)
        return "".join(pieces)


class Reading(Frame):
    """One run over a document: its steps, the problems so far, and how many items of lists may still be made."""

    steps_max: ClassVar[int] = MAPPING_STEPS_MAX

    left: int = MAPPING_STEPS_MAX
    problems: list[FieldProblem] = []  # noqa: RUF012 — a struct's: each one gets a list of its own
    items_left: int = ITEMS_MAX

    def fail(
        self,
        place: Place,
        indexes: tuple[int, ...],
        code: str,
        message: str,
        on_missing: str | None = None,
        offset: int | None = None,
        missing: tuple[str, str, str] | None = None,
    ) -> None:
        path = place.path(indexes)
        self.problems.append(FieldProblem(path, code, message, on_missing, missing, place.text, offset, place.where))


def is_null(frame: Reading, place: Place, indexes: tuple[int, ...]) -> None:
    frame.fail(place, indexes, "required", place.null)


def failed(frame: Reading, place: Place, indexes: tuple[int, ...], error: LanguageError | BoundsError) -> None:
    """Keeps what a field's attempt ended with."""
    if isinstance(error, BoundsError):
        frame.fail(place, indexes, "too-large", str(error))
        return
    message = f"{error.message}: {error.hint}" if error.hint else error.message
    if isinstance(error, ConversionError):
        frame.fail(place, indexes, error.code, message, error.on_missing, missing=error.missing)
    elif isinstance(error, ExpressionError):
        frame.fail(place, indexes, error.code, message, offset=error.offset)
    else:
        frame.fail(place, indexes, "template", message, offset=getattr(error, "offset", None))


def items(frame: Reading, place: Place, indexes: tuple[int, ...], value: object) -> list[object] | None:
    """The list that `each` goes over, None after a problem."""
    if not isinstance(value, list):
        if value is None:
            frame.fail(place, indexes, "required", f"{place.null} is null, and a list is needed")
        else:
            frame.fail(
                place, indexes, "not-a-list", f"{place.null} is of type {type_name(value)}, and a list is needed"
            )
        return None
    frame.items_left -= len(value)
    if frame.items_left < 0:
        frame.fail(place, indexes, "too-large", f"more than {ITEMS_MAX} items would be made")
        return None
    return value


def too_many_steps(frame: Reading, place: Place, indexes: tuple[int, ...]) -> None:
    if not any(problem.code == "too-large" for problem in frame.problems):
        frame.fail(place, indexes, "too-large", f"the mapping takes more than {MAPPING_STEPS_MAX} steps here")


def refuse(frame: Reading) -> None:
    raise MappingError(tuple(frame.problems))


MAPPING_RUNTIME: Mapping[str, object] = {
    "FAILURES": FAILURES,
    "Reading": Reading,
    "UNSET": UNSET,
    "failed": failed,
    "is_null": is_null,
    "items": items,
    "refuse": refuse,
    "too_many_steps": too_many_steps,
}
