"""The public JSON Schema 2020-12 suite, against our contracts and against the library that is the oracle.

Three things are told apart, and counted apart. A *wrong* answer judges a document otherwise than the suite: a contract
gives none. A *refusal* gives no answer at all: the schema does not compile, `waybill check` says where and why, and no
message is ever judged by it. A *stricter rule* is the one thing contracts add on purpose: `format` is a rule, where
the standard leaves it a note unless the reader chooses (JSON Schema Validation 2020-12, 7.2.1).

The library is counted by the same measure: what it gets wrong, and what it cannot answer without being handed the
documents of the suite's own web server, which no contract has.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from real import real_data
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from engine.contract.dialect import OPTIONS
from engine.contract.schema import ContractError, compile_contract

REFUSED_REFERENCE = {"dynamicRef.json": 13, "optional/cross-draft.json": 1, "refRemote.json": 31}
"""Cases whose schema refers to a document at http://localhost:1234/. A contract is one document, and is never completed
from the network: what it means would change without a commit, and reading it would wait for another machine."""

REFUSED_DIALECT = {"optional/format-assertion.json": 4, "vocabulary.json": 5}
"""Cases whose schema asks by `$schema` for a dialect with other vocabularies, described on that server too. Answering as
if it had asked for 2020-12 would be right for some of them by luck; the library does, and one is wrong."""

FORMAT_ASSERTED = {"format.json": 19}
"""Cases in which a wrong date is right, because there formats are notes. In a contract they are rules: a date nobody
checks is found by the partner. Read as notes, the same checker answers each of these as the suite does."""

LIBRARY_WRONG = {
    "optional/dependencies-compatibility.json": 14,
    "optional/ecmascript-regex.json": 32,
    "optional/format-assertion.json": 2,
    "pattern.json": 3,
    "patternProperties.json": 2,
    "vocabulary.json": 1,
}
"""Cases in which `jsonschema`, handed every document of that server, errs or raises: Python's `re` is no ECMA 262,
`dependencies` is not read, vocabularies are not minded. Six of them are at the top level."""

Case = tuple[str, object, object, bool]
FOLDER = Path("compliance", "json-schema", "tests", "draft2020-12")


def cases(folder: Path, parse_float: type) -> list[Case]:
    return [
        (file.relative_to(folder).as_posix(), group["schema"], test["data"], test["valid"])
        for file in sorted(folder.rglob("*.json"))
        for group in json.loads(file.read_bytes(), parse_float=parse_float)
        for test in group["tests"]
    ]


def remotes(folder: Path) -> Registry:
    """The documents the suite expects at http://localhost:1234/, for the library; ours has no use for them."""
    return Registry().with_resources(
        (
            f"http://localhost:1234/{file.relative_to(folder).as_posix()}",
            DRAFT202012.create_resource(json.loads(file.read_bytes())),
        )
        for file in sorted(folder.rglob("*.json"))
        if "draft3" not in file.parts and "draft4" not in file.parts
    )


def judged(ran: list[Case]) -> Iterator[tuple[Case, str]]:
    """Each case with what came of it: right, wrong, or why it was refused."""
    for case in ran:
        _, schema, data, valid = case
        try:
            answer = not compile_contract("suite/case@1", schema).check(data)
        except ContractError as refused:
            yield case, why(refused)
        else:
            yield case, "right" if answer is valid else "wrong"


def why(refused: ContractError) -> str:
    """Which of our two reasons it was; any other would be a schema of the suite that we cannot read."""
    if any("leaves this document" in problem.message for problem in refused.problems):
        return "reference"
    return "dialect" if all("another dialect" in problem.message for problem in refused.problems) else str(refused)


def by_file(found: list[tuple[Case, str]], what: str) -> Counter[str]:
    return Counter(case[0] for case, came in found if came == what)


def library(ran: list[Case], registry: Registry) -> Counter[str]:
    """What `jsonschema` gets wrong or cannot answer, by file."""
    missed: Counter[str] = Counter()
    for file, schema, data, valid in ran:
        try:
            missed[file] += Draft202012Validator(schema, registry=registry).is_valid(data) is not valid
        except (TypeError, ValueError, OverflowError, re.error, Unresolvable):
            missed[file] += 1
    return +missed


def top_level(missed: Counter[str]) -> int:
    return sum(count for file, count in missed.items() if not file.startswith("optional/"))


@pytest.mark.real
def test_our_contracts_keep_the_suite_but_for_the_known_differences() -> None:
    found = list(judged(cases(real_data() / FOLDER, Decimal)))
    assert len(found) == 1461
    assert sum(not file.startswith("optional/") for (file, *_), _ in found) == 1299
    assert by_file(found, "reference") == REFUSED_REFERENCE
    assert by_file(found, "dialect") == REFUSED_DIALECT
    assert by_file(found, "wrong") == FORMAT_ASSERTED
    assert {came for _, came in found} == {"right", "wrong", "reference", "dialect"}


@pytest.mark.real
def test_a_stricter_rule_is_the_only_difference_where_we_answer() -> None:
    """The cases counted as asserted formats, by our own checker with nothing changed but that."""
    notes = {**OPTIONS, "validate_formats": False}
    found = [case for case, came in judged(cases(real_data() / FOLDER, Decimal)) if came == "wrong"]
    assert len(found) == 19
    for file, schema, data, valid in found:
        assert jsonschema_rs.Draft202012Validator(schema, **notes).is_valid(data) is valid, file


@pytest.mark.real
def test_we_miss_no_more_than_the_library_does() -> None:
    """Wrong answers against wrong answers; then, by the same measure, with what cannot be answered offline."""
    suite = real_data()
    exact, floats = cases(suite / FOLDER, Decimal), cases(suite / FOLDER, float)
    helped = library(floats, remotes(suite / "compliance" / "json-schema" / "remotes"))
    assert helped == LIBRARY_WRONG
    assert top_level(helped) == 6
    found = list(judged(exact))
    assert sum((by_file(found, "wrong") - Counter(FORMAT_ASSERTED)).values()) == 0

    alone = library(floats, Registry())
    missed = by_file(found, "reference") + by_file(found, "dialect")
    assert top_level(missed) == 49 <= top_level(alone) == 50
    assert by_file(found, "reference") - alone == Counter(), (
        "all that we refuse for a reference, it cannot answer either"
    )
