"""The texts of a spec → functions of the scope they stand in, with where they are written in what goes wrong.

What is bound here is bound for good: a scope comes in as one dict, nothing is looked up by name any more. Which scope
that is, and that the names in it are right, was settled before (`scopes.py`).
"""

from collections.abc import Callable, Iterable, Mapping

from engine.contract.body import encode_json
from engine.contract.extract import compile_extractor
from engine.language import (
    ExpressionError,
    TemplateError,
    compile_expression,
    compile_template,
    paths_used,
)
from engine.language.errors import place_text
from engine.model import Verdict
from engine.spec import shape
from engine.spec.plan import Bound
from engine.spec.value import expressions_of, where

Rules = tuple[tuple[Bound, Verdict], ...]
NO_VARIABLES: Mapping[str, object] = {}


def body_of(scope: Mapping[str, object]) -> object:
    return scope["body"]


def bind(function: Callable[[object, Mapping[str, object]], object]) -> Bound:
    """In a scope the document and the variables are the same names; $root is the scope itself."""
    return lambda scope: function(scope, {**scope, "root": scope})


def expression(text: shape.Expression) -> Bound:
    evaluate = compile_expression(text.text).evaluate

    def bound(scope: Mapping[str, object]) -> object:
        try:
            return evaluate(scope, NO_VARIABLES)
        except ExpressionError as error:
            message = f"{error.message}{place_text(where(text), text.text, error.offset)}"
            raise ExpressionError(error.kind, message, error.offset, error.hint, error.code) from None

    return bound


def template(text: shape.Template) -> Bound:
    fill = compile_template(text.text)

    def bound(scope: Mapping[str, object]) -> object:
        try:
            return fill(scope, scope)
        except TemplateError as error:
            message = f"{error.message}{place_text(where(text), text.text, error.offset)}"
            raise TemplateError(message, error.offset, error.hint) from None

    return bound


def texts(pairs: list[tuple[str, Bound]], scope: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Query or header values as text; null leaves one out."""
    made = ((key, value(scope)) for key, value in pairs)
    return tuple((key, as_text(value)) for key, value in made if value is not None)


def as_text(value: object) -> str:
    """Text as it stands; numbers, booleans and the rest as JSON writes them."""
    return value if isinstance(value, str) else encode_json(value).decode()


def body_extractor(*named: shape.Value) -> Callable[[bytes], object] | None:
    """A decoder of only the paths that `id`, `key` and `revision` read below `body`; None where all of it is needed."""
    paths: set[tuple[str, ...]] = set()
    for value in named:
        if not isinstance(value, shape.Expression | shape.Converted):
            return None
        for text in expressions_of(value):
            used = paths_used(text.text)
            if used is None:
                return None
            paths |= {path[1:] for path in used if path and path[0] == "body"}
    if () in paths:
        return None
    return compile_extractor(frozenset(paths))


def nothing(_scope: Mapping[str, object]) -> str:
    return ""


def listed(values: list[Bound]) -> Bound | None:
    """A single value as it is, several as a list; None where there is none."""
    if len(values) < 2:
        return values[0] if values else None
    return lambda scope: [value(scope) for value in values]


def rules(given: Iterable[shape.OutcomeRule]) -> Rules:
    """What comes of a call means this, the first that holds."""
    return tuple((expression(rule.when), Verdict(rule.is_)) for rule in given)


def tables_named(values: Iterable[shape.Value | None]) -> tuple[str, ...]:
    """The tables that values, and those inside them, name; sorted."""
    found: set[str] = set()
    waiting = [*values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, shape.Converted):
            found |= {name for name in (value.table, value.packs) if name is not None}
        elif isinstance(value, shape.Object | shape.Items):
            waiting += value.fields.values()
    return tuple(sorted(found))
