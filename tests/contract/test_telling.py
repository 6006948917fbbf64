"""Telling what breaks a contract costs what is stated, whatever breaks it; and the short way tells what the long one does."""

import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest
from contract.test_schema import BROKEN, CANARY, WITH_CANARY
from contract.test_schema_suite import FOLDER, cases
from real import ROOT, real_data

from engine.contract import telling
from engine.contract.schema import Contract, ContractError, compile_contract

MEMORY_MIB_MAX = 96
"""How much memory telling may take beside the document: 20,000 looks of 1.7 KB, and a few copies of what it is about."""

TWO_THAT_LOOK_INSIDE = """{'$dynamicAnchor': 'n', 'anyOf': [{'type': 'string'}, *(
    {'type': 'array', 'items': {%s}, 'maxItems': most} for most in (5, 6))]}"""

COSTLY = {
    # 200,000 errors, 330 MB and 3 s before they were counted.
    "fifty alternatives for each of 4,000 lines": (
        "{'items': {'anyOf': [{'type': 'string', 'minLength': n} for n in range(50)]}}",
        "[1] * 4_000",
        "[0]",
    ),
    # 380,000 errors, 570 MB and 6 s.
    "two alternatives for a list of 190,000": (
        "{'anyOf': [{'items': {'type': 'string'}}, {'items': {'type': 'null'}}]}",
        "[1] * 190_000",
        "",
    ),
    # 2^60 errors: no machine has lived to tell.
    "sixty lists in one another, and two alternatives that look inside": (
        TWO_THAT_LOOK_INSIDE % "'$ref': '#'",
        "nested(60)",
        "",
    ),
    "the same through an anchor that is found when a document is read": (
        TWO_THAT_LOOK_INSIDE % "'$dynamicRef': '#n'",
        "nested(60)",
        "",
    ),
    "one text of 4 MB that fits none of fifty": (
        "{'anyOf': [{'type': 'string', 'maxLength': n} for n in range(50)]}",
        "'x' * 4_000_000",
        "",
    ),
    "fifty rules for a name of 4 MB": (
        "{'propertyNames': {'allOf': [{'maxLength': n} for n in range(50)]}}",
        "{'x' * 4_000_000: 1}",
        "",
    ),
    "a field that is not allowed, 190,000 times": (
        "{'additionalProperties': False}",
        "{f'k{n}': 1 for n in range(190_000)}",
        "",
    ),
    "a body nested in a schema's own meta-schema": (
        "{'$ref': 'https://json-schema.org/draft/2020-12/schema'}",
        "{'properties': {f'k{n}': {'type': 1} for n in range(60_000)}}",
        "",
    ),
    "the last of 190,000 lines": ("{'items': {'minimum': 0}}", "[*range(190_000), -1]", "[190000]"),
}

MEASURED = """
import resource
from engine.contract.schema import compile_contract

def nested(depth, value=1):
    for _ in range(depth):
        value = [value]
    return value

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

contract = compile_contract("a/b@1", {schema})
document = {document}
before = peak_mib()
violations = contract.check(document)
print(int(peak_mib() - before), len(violations), violations[0].path)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is counted in other units")
@pytest.mark.parametrize(("schema", "document", "path"), COSTLY.values(), ids=COSTLY)
def test_telling_takes_bounded_memory(schema: str, document: str, path: str) -> None:
    """In a process of its own: what the checker takes is not Python's to count."""
    program = MEASURED.replace("{schema}", schema).replace("{document}", document)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    mib, count, where = done.stdout.rstrip("\n").split(" ", 2)
    assert int(mib) < MEMORY_MIB_MAX
    assert int(count) == 1
    assert where == path


def first_of(contract: Contract, document: object, monkeypatch: pytest.MonkeyPatch) -> telling.Violation:
    """The violation that is told where all of them would cost too much."""
    monkeypatch.setattr(telling, "LOOKS_TOLD_IN_FULL_MAX", -1)
    (violation,) = contract.check(document)
    monkeypatch.undo()
    return violation


@pytest.mark.parametrize(("schema", "document", "path", "rule", "message"), BROKEN.values(), ids=BROKEN)
def test_the_short_way_tells_the_same_place_and_rule(
    schema: object, document: object, path: str, rule: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    violation = first_of(compile_contract("shop/order@1", schema), document, monkeypatch)
    assert (violation.path, violation.rule) == (path, rule)
    assert violation.message


@pytest.mark.parametrize(("schema", "document"), WITH_CANARY.values(), ids=WITH_CANARY)
def test_the_short_way_shows_nothing_of_a_document_either(
    schema: object, document: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    violation = first_of(compile_contract("shop/order@1", schema), document, monkeypatch)
    assert CANARY[-4:] not in f"{violation!r} {violation}"


TOLD_AT_THE_REFERENCE = ("$ref", "$dynamicRef", "dependencies")
"""Where the short way stops: what only the checker knows how to follow."""


@pytest.mark.real
def test_the_short_way_agrees_over_the_whole_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    told, stopped, other = 0, Counter[str](), []
    for file, schema, data, _ in cases(real_data() / FOLDER, Decimal):
        try:
            contract = compile_contract("suite/case@1", schema)
        except ContractError:
            continue
        violations = contract.check(data)
        if not violations:
            continue
        told += 1
        first = first_of(contract, data, monkeypatch)
        if first.rule in TOLD_AT_THE_REFERENCE:
            stopped[first.rule] += 1
        elif (first.path, first.rule) not in {(each.path, each.rule) for each in violations}:
            other.append((file, first.path, first.rule))
    assert told == 601
    assert stopped == {"dependencies": 6, "$dynamicRef": 4, "$ref": 12}
    assert other == [("maxContains.json", "", "contains"), ("propertyNames.json", "", "propertyNames: false")]


def test_all_violations_are_told_up_to_the_bound() -> None:
    contract = compile_contract("a/b@1", {"items": {"type": "string"}})
    assert len(contract.check([1] * 4_000, limit=10_000)) == 4_000
    assert len(contract.check([1] * 40_000, limit=10_000)) == 1
