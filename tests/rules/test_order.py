"""Which revision is the older one."""

from decimal import Decimal

import pytest

from engine.model import Revision
from engine.rules.order import older, revision_of, revision_value


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1,), (2,)),
        ((9,), (10,)),
        ((Decimal("1.9"),), (2,)),
        (("2026-11-01T09:30:00Z",), ("2026-11-01T09:30:01Z",)),
        (("10",), ("9",)),
        ((10,), ("1",)),
        (("a", 1), ("a", 2)),
        (("a", 9), ("b", 1)),
        (("a",), ("a", 0)),
        ((10**30,), (10**30 + 1,)),
    ],
)
def test_of_two_revisions_one_is_older(left: Revision, right: Revision) -> None:
    assert older(left, right)
    assert not older(right, left)


@pytest.mark.parametrize("revision", [(1,), ("a", Decimal("1.50")), ()])
def test_none_is_older_than_itself(revision: Revision) -> None:
    assert not older(revision, revision)


def test_the_same_number_written_otherwise_is_the_same() -> None:
    assert not older((Decimal("1.0"),), (1,))
    assert not older((1,), (Decimal("1.0"),))


@pytest.mark.parametrize(
    ("value", "revision"),
    [
        ("a", ("a",)),
        (7, (7,)),
        (Decimal("1.5"), (Decimal("1.5"),)),
        (["a", 7], ("a", 7)),
        ("", ("",)),
        (None, None),
        (True, None),
        ([], None),
        (["a", None], None),
        ([["a"]], None),
        ({"a": 1}, None),
    ],
)
def test_a_revision_is_a_text_a_number_or_a_list_of_these(value: object, revision: Revision | None) -> None:
    assert revision_of(value) == revision


def test_expressions_see_the_value_or_the_list() -> None:
    assert [revision_value(one) for one in (None, ("a",), ("a", 7))] == [None, "a", ["a", 7]]
