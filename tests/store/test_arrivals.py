"""What stands for a key in the index: one digest for each, and numbered keys side by side."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.store.keys import key_digest

NUMBERS = [0, 1, 9, 10, 255, 256, 6_000_000_000, 6_000_000_001, 10**18 - 1]


def test_numbered_keys_lie_in_their_order() -> None:
    digests = [key_digest("shop", str(number)) for number in NUMBERS]
    assert digests == sorted(digests)
    assert len({digest[:8] for digest in digests}) == 1
    assert {len(digest) for digest in digests} == {16}


ALIKE = [
    "7",
    "07",
    "007",
    "+7",
    "-7",
    "7.0",
    "7 ",
    "\u0667",
    "\uff17",
    "",
    "0",
    "00",
    str(10**18),
    str(10**18 - 1),
    "7" * 5000,
]


def test_keys_that_look_alike_are_not_the_same() -> None:
    assert len({key_digest("shop", key) for key in ALIKE}) == len(ALIKE)


NAMES = st.text("shop-", max_size=9)
KEYS = st.text("0123456789\u0667-x", max_size=20) | st.text(max_size=40)


@given(st.tuples(NAMES, KEYS), st.tuples(NAMES, KEYS))
@example(("shop", "1"), ("sho", "p1"))
@example(("shop", "1"), ("other", "1"))
def test_two_keys_have_two_digests(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (key_digest(*one) == key_digest(*other)) == (one == other)


@pytest.mark.parametrize("key", ["order-1", "1-a", "007", str(10**18)])
def test_other_keys_are_scattered(key: str) -> None:
    assert key_digest("shop", key)[:8] != key_digest("shop", "7")[:8]
    assert len(key_digest("shop", key)) == 16
