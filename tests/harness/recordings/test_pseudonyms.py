"""Pseudonyms keep the shape of a text, never collide, join what was joined, and depend on the key."""

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from harness.recordings.pseudonyms import Pseudonyms

KEY, OTHER = b"k" * 32, b"o" * 32
ONE = Pseudonyms(KEY)


def test_no_two_numbers_of_four_digits_become_one() -> None:
    changed = {ONE.number(number) for number in range(1000, 10_000)}
    assert len(changed) == 9000
    assert all(1000 <= number <= 9999 for number in changed)
    assert sum(ONE.number(number) == number for number in range(1000, 10_000)) < 20


def test_no_two_texts_of_a_shape_become_one() -> None:
    letters = [
        f"{a}{b}{digit}"
        for a in "abcdefghijklmnopqrstuvwxyz"
        for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for digit in range(10)
    ]
    assert len({ONE.text(text) for text in letters}) == len(letters)


def test_what_begins_with_a_zero_never_becomes_what_does_not() -> None:
    texts = [f"d-{number}" for number in range(100)] + [f"d-{number:02}" for number in range(10)]
    assert len({ONE.text(text) for text in texts}) == len(set(texts))


def test_nothing_becomes_what_stands_in_clear() -> None:
    clear = {str(number) for number in range(1000, 10_000, 3)} | {"erp", "wms"}
    beside = Pseudonyms(KEY, clear.__contains__)
    found = [beside.text(str(number), clear.__contains__) for number in range(1000, 10_000)]
    assert len(set(found)) == 9_000
    assert sum(text in clear for text in found) == 3_000
    assert all(beside.text(text) not in clear for text in ("abc", "xyz", "erq"))
    assert Pseudonyms(KEY, lambda _: True).text("abc") != "abc"  # where a field is hidden, nothing is in clear


@given(st.text())
def test_a_text_keeps_its_shape(text: str) -> None:
    changed = ONE.text(text)
    assert len(changed) == len(text)
    for before, after in zip(text, changed, strict=True):
        if not (before.isalpha() or before.isdigit() or before.isnumeric()):
            assert after == before
    assert ONE.text(text) == Pseudonyms(KEY).text(text)


@given(st.integers(min_value=10**8))
def test_a_number_and_its_digits_have_one_pseudonym(number: int) -> None:
    assert str(ONE.number(number)) == ONE.text(str(number))
    assert ONE.number(-number) == -ONE.number(number)


def test_what_was_joined_stays_joined() -> None:
    order = ONE.text("610445512101")
    assert ONE.text("gid://shopify/Order/610445512101", lambda run: not run.isdigit()) == f"gid://shopify/Order/{order}"
    assert ONE.text("shopify-610445512101").endswith(f"-{order}")


def test_a_uuid_stays_one_and_hexadecimals_stay_so() -> None:
    changed = ONE.text("see a1818e9d-dce6-567a-97d2-71f16ea06a65!")
    assert UUID(changed.split()[1].rstrip("!"))
    assert "a1818e9d" not in changed
    assert re.fullmatch(r"[a-z]{3}_[0-9a-f]{32}", ONE.text("shp_7d0da32f6f334b2d84024e249469b17f"))


def test_another_key_gives_another_pseudonym() -> None:
    assert ONE.text("Mira Lindqvist") != Pseudonyms(OTHER).text("Mira Lindqvist")
    assert ONE.text("\u5317\u4eac") != ONE.text("\u5317\u4ebb")
