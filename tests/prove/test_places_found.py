"""Places in plain data, and what a document is when one of them changes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.prove.places import at, differences, leaves, put, replaced, without, written

DOCUMENT = {"id": 7, "lines": [{"sku": "A", "n": Decimal("1.50")}, {"sku": "B"}], "note": None}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def test_leaves_come_in_the_order_written_and_stand_where_they_are_said_to() -> None:
    found = list(leaves(DOCUMENT))
    assert [written(place) for place, _ in found] == ["id", "lines[0].sku", "lines[0].n", "lines[1].sku", "note"]
    assert all(at(DOCUMENT, place) == value for place, value in found)


@pytest.mark.parametrize(
    ("place", "made"),
    [
        (("id",), {**DOCUMENT, "id": 8}),
        (("new", "deep"), {**DOCUMENT, "new": {"deep": 8}}),
        (("lines", 1, "sku"), {**DOCUMENT, "lines": [DOCUMENT["lines"][0], {"sku": 8}]}),
        ((), 8),
    ],
)
def test_a_copy_has_the_value_there_and_the_document_stays_as_it_was(
    place: tuple[str | int, ...], made: object
) -> None:
    before = repr(DOCUMENT)
    assert put(DOCUMENT, place, 8) == made
    assert repr(DOCUMENT) == before


def test_a_field_and_an_item_can_be_left_out() -> None:
    assert without(DOCUMENT, ("note",)) == {"id": 7, "lines": DOCUMENT["lines"]}
    assert without(DOCUMENT, ("lines", 0)) == {**DOCUMENT, "lines": [{"sku": "B"}]}
    assert without(DOCUMENT, ("lines", 0, "n"))["lines"][0] == {"sku": "A"}


def test_a_word_is_another_wherever_it_stands_and_within_longer_texts_if_it_is_long() -> None:
    document = {"id": 450789469, "ref": "gid://Order/450789469", "short": "7", "text": "a7", "on": True, "one": 1}
    assert replaced(document, {450789469: 450789470, "7": "8", 1: 2}) == {
        "id": 450789470,
        "ref": "gid://Order/450789470",
        "short": "8",
        "text": "a7",
        "on": True,
        "one": 2,
    }


@given(PLAIN, PLAIN)
def test_differences_lead_from_one_document_to_the_other(old: object, new: object) -> None:
    made = old
    for place, value, gone in differences(old, new):
        made = without(made, place) if gone else put(made, place, value)
    assert repr(made) == repr(new) or made == new
