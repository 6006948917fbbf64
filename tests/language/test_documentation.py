"""docs/expressions.md says what the code does: its functions, filters and budgets."""

import re

from real import ROOT

from engine.language import data, exact, frame, lexer, parser, template_parser
from engine.language.generate import mapping_runtime, template_runtime
from engine.spec.codes.functions import COMMUNITY, OURS, PAGES, SPECIFICATION

PAGE = (ROOT / "docs/expressions.md").read_text()
SOURCES = {SPECIFICATION: "specification", COMMUNITY: "Community", OURS: "Waybill"}


def test_the_table_of_functions_is_complete() -> None:
    written = re.findall(r"^\| `([a-z_]+\(.*\))` \| (\w+) \|$", PAGE, re.MULTILINE)
    assert written == [(PAGES[name].usage, SOURCES[PAGES[name].source]) for name in sorted(PAGES)]


def test_the_filters_are_those_that_templates_have() -> None:
    listed = re.search(r"the filters (.*?)\. Loops", PAGE, re.DOTALL)
    assert listed is not None
    assert tuple(re.findall(r"`(\w+)`", listed[1])) == template_parser.FILTERS


def test_the_budgets_are_those_that_hold() -> None:
    for number in (
        lexer.TEXT_MAX,
        frame.STEPS_MAX,
        mapping_runtime.MAPPING_STEPS_MAX,
        mapping_runtime.ITEMS_MAX,
        mapping_runtime.PROBLEMS_MAX,
        exact.DIGITS_MAX,
        template_parser.TEXT_MAX,
        template_runtime.OUTPUT_BYTES_MAX,
    ):
        assert f"{number:,}" in PAGE
    assert f"{parser.NESTING_MAX} levels" in PAGE
    assert f"{template_parser.NESTING_MAX} levels" in PAGE
    assert f"{data.DEPTH_MAX} levels" in PAGE
    assert f"1e±{exact.EXPONENT_MAX}" in PAGE
