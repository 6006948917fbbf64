"""A VALUE → THE PLACES IT READS: of the dialect's values what `language.places` says of an expression.

For whoever asks what a change of a contract reaches (`uses`), and for the compiler, which lets go of what no step reads
any more. This file knows of no contract, and refuses to judge.
"""

from collections.abc import Mapping

from engine.language import LanguageError
from engine.language.places import NOWHERE, Every, Origin, Origins, Read, elements, expression_places, template_places
from engine.spec import shape
from engine.spec.steps import every_step, texts_of
from engine.spec.value import expressions_of

ROOT: Origins = frozenset((Origin(()),))
Variables = Mapping[str, Origins]
Reads = list[tuple[shape.Written, Read]]
"""Texts of a value, each with a place that it reads."""


def value_reads(value: shape.Value, current: Origins, variables: Variables) -> tuple[Reads, Origins]:
    """What a value reads, and where it comes from itself as far as it is not made anew."""
    if isinstance(value, shape.Expression):
        return _text(value, current, variables)
    if isinstance(value, shape.Converted):
        reads, origins = _text(value.from_, current, variables)
        for text in expressions_of(value)[1:]:
            reads += _text(text, current, variables)[0]
        return reads, origins
    if isinstance(value, shape.Filled):
        return _text(value.template, current, variables)
    if isinstance(value, shape.Items):
        reads, origins = _text(value.each, current, variables)
        # That there is a list is read; of its items only what the fields read.
        reads = [(text, Read(read.offset, read.steps, whole=False)) for text, read in reads]
        variables = {"root": ROOT, **variables, "parent": current, "index": NOWHERE}
        return reads + _fields(value.fields, elements(origins), variables), NOWHERE
    return _fields(value.fields, current, variables) if isinstance(value, shape.Object) else [], NOWHERE


def _fields(fields: Mapping[str, shape.Value], current: Origins, variables: Variables) -> Reads:
    return [read for value in fields.values() for read in value_reads(value, current, variables)[0]]


def _text(text: shape.Written, current: Origins, variables: Variables) -> tuple[Reads, Origins]:
    try:
        if isinstance(text, shape.Template):
            return [(text, read) for read in template_places(text.text, current, variables)], NOWHERE
        reads, origins = expression_places(text.text, current, variables)
    except LanguageError:  # which is a fault already
        return [], NOWHERE
    return [(text, read) for read in reads], origins


def reads_body(step: shape.Step) -> bool:
    """May a step, or one inside it, read the body of its event, or what that was split from? Rather yes than no."""
    return any(
        (inner.map is not None and inner.from_ is None) or any(_reaches_body(text) for text in texts_of(inner))
        for _, inner in every_step((step,))
    )


def _reaches_body(value: shape.Value) -> bool:
    reads, _ = value_reads(value, ROOT, {"root": ROOT})
    return any(not read.steps or read.steps[0] in ("body", "envelope", Every.FIELD) for _, read in reads)
