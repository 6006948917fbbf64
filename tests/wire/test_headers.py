"""Header fields as a plain mapping: names lower, repeated ones joined, every value readable text."""

import pytest
from multidict import CIMultiDict

from engine.wire.headers import lowered

FIELDS: dict[str, tuple[list[tuple[str, str]], dict[str, str]]] = {
    "none": ([], {}),
    "as most are": ([("Host", "a"), ("X-Sig", "b")], {"host": "a", "x-sig": "b"}),
    "one twice": ([("X-Sig", "one"), ("Host", "a"), ("x-sig", "two")], {"x-sig": "one, two", "host": "a"}),
    "UTF-8": ([("X-City", "Köln")], {"x-city": "Köln"}),
    "bytes of an older time": ([("X-Name", "J\udcf6rg")], {"x-name": "Jörg"}),
    "both, and one twice": (
        [("X-Name", "J\udcf6rg"), ("X-City", "Köln"), ("x-name", "Ada")],
        {"x-name": "Jörg, Ada", "x-city": "Köln"},
    ),
}


@pytest.mark.parametrize(("fields", "plain"), FIELDS.values(), ids=FIELDS)
def test_fields_become(fields: list[tuple[str, str]], plain: dict[str, str]) -> None:
    assert lowered(CIMultiDict(fields).items()) == plain
