"""The official JMESPath compliance suite, every case of it but the benchmarks."""

import json
from decimal import Decimal

import pytest
from real import real_data

from engine.language import ExpressionError, compile_expression

CASES = 892


@pytest.mark.real
def test_every_case_of_the_suite_gives_the_result_or_the_kind_of_error_it_names():
    ran, wrong = 0, []
    for path in sorted((real_data() / "compliance" / "jmespath").glob("*.json")):
        if path.name == "benchmarks.json":
            continue
        for group in json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal):
            for case in group["cases"]:
                ran += 1
                outcome = evaluated(case["expression"], group["given"])
                expected = ("error", case["error"]) if "error" in case else ("result", case["result"])
                if outcome != expected:
                    wrong.append((path.name, case["expression"], expected, outcome))
    assert not wrong
    assert ran == CASES


def evaluated(text, given):
    try:
        return ("result", compile_expression(text)(given))
    except ExpressionError as error:
        return ("error", error.kind)
