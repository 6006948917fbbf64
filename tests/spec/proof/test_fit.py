"""What is made against what is asked: only what never fits is told, with the way to the part that does not."""

import pytest

from engine.contract.static.kind import Kind
from engine.contract.static.of_schema import kind_of_schema
from engine.spec.proof.fit import misfit, uncovered


def kind(schema: object) -> Kind:
    return kind_of_schema("x", schema)


def exactly(**members: object) -> dict[str, object]:
    """An object with these members and no others, all of them there."""
    return {"type": "object", "properties": members, "required": [*members], "additionalProperties": False}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
NULLABLE = {"type": ["string", "null"]}
FRACTION = {"enum": [0.5]}
OPEN = {"type": "object", "properties": {"a": TEXT}}
NEVER = [
    pytest.param(TEXT, WHOLE, ("type-cannot-fit", ""), id="a text for a number"),
    pytest.param({"type": "null"}, TEXT, ("type-cannot-fit", ""), id="null for a text"),
    pytest.param(NULLABLE, {"type": ["integer", "object"]}, ("type-cannot-fit", ""), id="one of two for one of two others"),
    pytest.param(exactly(a=TEXT), exactly(a=WHOLE), ("type-cannot-fit", "a"), id="a member"),
    pytest.param(exactly(a=exactly(b=TEXT)), exactly(a=exactly(b=WHOLE)), ("type-cannot-fit", "a.b"), id="one below"),
    pytest.param({"type": "array", "items": TEXT}, {"type": "array", "items": WHOLE}, ("type-cannot-fit", "[]"), id="an item"),
    pytest.param(
        {"type": "array", "items": exactly(a=TEXT)}, {"items": exactly(a=WHOLE), "type": "array"}, ("type-cannot-fit", "[].a"), id="below an item"
    ),
    pytest.param(exactly(a=TEXT), exactly(a=TEXT, b=TEXT), ("target-required", "b"), id="a required one is missing"),
    pytest.param(exactly(a=TEXT, b=TEXT), exactly(a=TEXT), ("target-not-in-contract", "b"), id="one too many"),
    pytest.param({"enum": ["a", "b"]}, {"enum": ["c"]}, ("enum-not-covered", ""), id="other words"),
    pytest.param({"const": "a"}, {"pattern": "^b"}, ("value-not-in-contract", ""), id="a word that breaks a pattern"),
    pytest.param({"type": "string", "format": "date"}, {"format": "date-time"}, ("type-cannot-fit", ""), id="a date for an instant"),
]  # fmt: skip
PERHAPS = [
    pytest.param(NULLABLE, TEXT, id="what may be null"),
    pytest.param(NUMBER, WHOLE, id="a number that may be whole"),
    pytest.param({"type": ["array", "string"], "items": TEXT}, {"type": ["array", "string"], "items": WHOLE}, id="a list or a text"),
    pytest.param({"type": ["object", "null"], "properties": {"a": TEXT}, "required": ["a"]}, {"type": ["object", "null"], "properties": {"a": WHOLE}}, id="an object or null"),
    pytest.param({"type": "array", "maxItems": 0, "items": False}, {"type": "array", "items": WHOLE}, id="an empty list"),
    pytest.param(OPEN, exactly(a=WHOLE), id="a member that need not be there"),
    pytest.param(OPEN, exactly(a=TEXT, b=TEXT), id="a member that an open object may have"),
    pytest.param({"enum": ["a", "b"]}, {"enum": ["b", "c"]}, id="some words"),
    pytest.param({"enum": ["a", "b"]}, {"pattern": "^b"}, id="a word that keeps the pattern"),
    pytest.param({"type": "string", "format": "uri"}, {"format": "iri"}, id="formats that go together"),
    pytest.param({"type": "string", "format": "date"}, TEXT, id="any text"),
    pytest.param({}, exactly(a=TEXT), id="anything"),
    pytest.param(False, TEXT, id="what is never there"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "asked", "expected"), NEVER)
def test_what_never_fits(made: object, asked: object, expected: tuple[str, str]) -> None:
    found = misfit(kind(made), kind(asked))
    assert found is not None
    assert (found.code, found.path) == expected
    assert found.message
    assert found.hint


@pytest.mark.parametrize(("made", "asked"), PERHAPS)
def test_what_may_fit(made: object, asked: object) -> None:
    assert misfit(kind(made), kind(asked)) is None


def test_words_that_can_be_made_and_are_not_allowed() -> None:
    assert uncovered(kind({"enum": ["a", "b"]}), kind({"enum": ["b"]})) == {"a"}
    assert not uncovered(kind({"enum": ["a"]}), kind({"type": "string"}))
    assert not uncovered(kind({"type": "string"}), kind({"enum": ["a"]}))
