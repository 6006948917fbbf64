"""How a mistake and its fault are written in a table."""

from collections.abc import Mapping

import pytest
from spec.minimal import MINIMAL, Edit, edited, read, text_at, told


def mistake(
    title: str, file: str, old: str, new: str, code: str, at: str, hint: str = "", *, also: tuple[Edit, ...] = ()
) -> object:
    """`new` written instead of `old` gives the fault `code` at the text `at`; the mend holds `hint`."""
    return pytest.param((file, old, new), also, code, at, hint, id=title)


def assert_told(
    edit: Edit, also: tuple[Edit, ...], code: str, at: str, hint: str, of: Mapping[str, str] = MINIMAL
) -> None:
    """The edits give one fault and no other, which stands at the text `at` and whose mend holds `hint`."""
    files = edited(*also, edit, of=of)
    _, faults = read(files)
    assert [fault.code for fault in faults] == [code], told(faults)
    assert text_at(files, faults[0]).startswith(at), f"{told(faults)}\npoints at: {text_at(files, faults[0])}"
    assert hint in faults[0].hint, faults[0].hint
    assert faults[0].severity == "error"
