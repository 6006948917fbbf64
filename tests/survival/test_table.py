"""The README's table of failures and the tests that show them say the same, and the matrix leaves nothing out."""

import ast
import re
from collections.abc import Iterator

from blackbox.spoilt_engine import crash_points
from real import ROOT
from stores import SQLITE, STORES

from engine.store.open import SCHEMES
from survival.test_crash_points import POINTS

HEADING = "## When things go wrong"
NAMED = re.compile(r"`(\S+\.py)::(\w+)`")

Test = tuple[str, str]
"""(file below tests/, function)."""


def rows() -> list[str]:
    """The rows of the table, without its head."""
    section = (ROOT / "README.md").read_text().split(HEADING, 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def found_in(file: str) -> Iterator[Test]:
    for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield file, node.name


def exists(test: Test) -> bool:
    file, _ = test
    return (ROOT / "tests" / file).is_file() and test in set(found_in(file))


def test_each_row_names_a_failure_what_happens_and_tests_that_exist() -> None:
    assert len(rows()) > 10
    for row in rows():
        failure, happens, named = (cell.strip() for cell in row.strip("|").split("|"))
        assert failure
        assert happens
        tests = NAMED.findall(named)
        assert tests, row
        assert [test for test in tests if not exists(test)] == []


def test_a_test_that_does_not_exist_is_seen() -> None:
    assert not exists(("survival/test_bad_days.py", "test_nothing"))
    assert not exists(("survival/test_nothing.py", "test_a_full_disk"))


def test_every_failure_that_is_tested_here_has_a_row() -> None:
    told = {test for row in rows() for test in NAMED.findall(row)}
    folder = ROOT / "tests/survival"
    files = [f"survival/{path.name}" for path in folder.glob("test_*.py") if path.name != "test_table.py"]
    tests = [test for file in files for test in found_in(file)]
    assert len(tests) > 5
    assert [test for test in tests if test not in told] == []


def test_every_point_and_every_store_is_in_the_matrix() -> None:
    assert sorted(point for kind in POINTS.values() for point in kind) == sorted(crash_points())
    assert {scheme.removesuffix("://") for scheme in SCHEMES} == {*STORES, "postgres"} - {SQLITE}
