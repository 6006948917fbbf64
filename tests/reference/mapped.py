"""A mapping of the reference workspace between its two contracts, apart from any integration that uses it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from real import ROOT

from engine.contract import Contract, compile_contract
from engine.language import FieldProblem, MappingError, Resources, Table, compile_mapping
from engine.run.load import Loaded, load
from engine.spec import shape
from engine.spec.value import to_value
from engine.wire.files import find_zone


@dataclass(frozen=True)
class Mapped:
    """`run` makes a target of a source, or raises MappingError; `source` and `target` say what each must be."""

    shaped: shape.Mapping
    source: Contract
    target: Contract
    run: Callable[[object], object]


def mapped(loaded: Loaded, name: str, tables: Mapping[str, Table] | None = None) -> Mapped:
    """The mapping as the workspace has it; with other tables than its own where they are given."""
    shaped: shape.Mapping = loaded.workspace.mappings[name].content
    fields = {key: to_value(value) for key, value in shaped.fields.items()}
    let = {key: to_value(value) for key, value in shaped.let.items()}
    resources = Resources(tables=tables or loaded.workspace.tables, zones=find_zone)
    models = loaded.workspace.models
    return Mapped(
        shaped,
        compile_contract(shaped.from_, models[shaped.from_].content),
        compile_contract(shaped.to, models[shaped.to].content),
        compile_mapping(fields, let, resources),
    )


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


def run(name: str, document: Any) -> Any:
    """The mapping's result, both ends held against their contracts."""
    mapping = mapped(reference(), name)
    assert [str(violation) for violation in mapping.source.check(document)] == []
    result = mapping.run(document)
    assert [str(violation) for violation in mapping.target.check(result)] == []
    return result


def refused(name: str, document: Any) -> tuple[FieldProblem, ...]:
    """Why the mapping makes nothing of a document that its contract holds."""
    mapping = mapped(reference(), name)
    assert [str(violation) for violation in mapping.source.check(document)] == []
    with pytest.raises(MappingError) as told:
        mapping.run(document)
    return told.value.problems
