"""The table of values: what money, units, times and texts become, each row with its source or reason."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.language import FromExpression, MappingError, Resources, compile_value
from engine.spec.table import read_table
from engine.spec.yaml import compose, plain
from engine.wire.files import find_zone

NODE, FAULTS = compose(Path(__file__).with_name("values.yaml").read_bytes(), "values.yaml")
assert NODE is not None, FAULTS
TABLE: Any = plain(NODE)
TABLES = {name: read_table(text.encode(), f"{name}.csv")[0] for name, text in TABLE.pop("tables").items()}
ROWS = [
    pytest.param(
        row, id=f"{group}: {row['given']!r} by {', '.join(f'{key} {word}' for key, word in row['by'].items())}"
    )
    for group, rows in TABLE.items()
    for row in rows
]


def made(row: Any) -> object:
    by = {key: tuple(word) if isinstance(word, list) else word for key, word in row["by"].items()}
    value = FromExpression(text=by.pop("from", "x"), **by)
    document = {"x": row["given"], "currency": "EUR", "uom": "CS"}
    return compile_value(value, Resources(TABLES, find_zone))(document, {})


@pytest.mark.parametrize("row", ROWS)
def test_a_value_becomes(row: Any) -> None:
    assert row["why"]
    if "fails" in row:
        code, says = row["fails"]
        with pytest.raises(MappingError) as caught:
            made(row)
        (problem,) = caught.value.problems
        assert problem.code == code
        assert says in problem.message
    else:
        value, expected = made(row), row["expect"]
        # A decimal by its digits: 10.00 is not 10.
        assert str(value) == str(expected) if isinstance(expected, Decimal) else value == expected
        assert type(value) is type(expected)


def test_the_table_is_read_whole() -> None:
    assert FAULTS == ()
    assert None not in TABLES.values()
    assert [*TABLE] == ["money", "rounding", "numbers", "units", "packs", "times", "zones", "texts", "landing"]
    assert all(len(rows) >= 10 for rows in TABLE.values())
    assert len(ROWS) == 231
