"""Keys of the dialect, as `waybill explain` tells them: every key, from the types that the reader uses."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from engine.spec import shape
from engine.spec.annotations import keys, sample
from engine.spec.codes import all_keys, explain_key
from engine.spec.codes.keys import DOCUMENTS, VALUES, walk
from engine.spec.read import Reader
from engine.spec.yaml import Mapping, compose

FOUND = [found for kind in (*DOCUMENTS.values(), *VALUES) for found in walk(kind, "", ())]
SHAPES = {
    kind
    for kind in vars(shape).values()
    if isinstance(kind, type) and is_dataclass(kind) and any("help" in field.metadata for field in fields(kind))
}


def test_every_key_of_every_shape_has_a_page_and_no_page_is_of_another() -> None:
    of_shapes = {name for kind in SHAPES for name in (*keys(kind), *getattr(kind, "LATER", ()))}
    assert {*all_keys()} == of_shapes | {*shape.LATER_DOCUMENTS}
    assert {kind for _, kind, _ in FOUND} == SHAPES


@pytest.mark.parametrize(("name", "kind"), sorted({(name, kind) for name, kind, _ in FOUND}, key=str))
def test_what_a_page_shows_as_an_example_is_what_the_reader_takes(name: str, kind: Any) -> None:
    if name not in keys(kind):
        assert "not of this release" in str(explain_key(name))
        return
    field, annotation = keys(kind)[name]
    written = f"{name}: {sample(annotation, field.metadata)}"
    assert f"    For example  {written}\n" in str(explain_key(name))
    node, faults = compose(written, "example.yaml")
    assert not faults
    assert isinstance(node, Mapping)
    reader = Reader()
    reader.part(node.entries[0][1], annotation, name, field.metadata)
    assert [str(fault) for fault in reader.faults] == []


def test_a_page_tells_each_place_and_what_stands_inside() -> None:
    assert str(explain_key("undo")) == (
        "undo\n\n"
        "  charter/systems/NAME.yaml: operations.NAME.undo\n"
        "    how to take its effect back\n"
        '    For example  undo: {call: cancel_order, input: "{id: result}"}\n'
        "    How to take an effect back. Its `once` is that of the effect undone.\n"
        "      call           an operation of the same system, with an effect of its own\n"
        "      input          its input; sees input, once and result of the call undone\n"
    )
    each = str(explain_key("each"))
    assert "  specs/NAME.yaml: steps[].each\n" in each
    assert "  wherever a value stands\n" in each
    assert "default `dead_letter`" in str(explain_key("on_failure"))
    assert explain_key("ech") is None
