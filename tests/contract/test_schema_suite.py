"""The public JSON Schema 2020-12 suite, against our contracts and against the library that is the oracle.

Never worse than the library, and every difference from the suite is in the table below with its reason.
"""

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from real import real_data
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from engine.contract.schema import ContractError, compile_contract

REFUSED_REFERENCE = {
    "anchor.json": 6,
    "defs.json": 2,
    "dynamicRef.json": 36,
    "optional/cross-draft.json": 1,
    "optional/dynamicRef.json": 2,
    "optional/id.json": 3,
    "optional/unknownKeyword.json": 3,
    "ref.json": 32,
    "refRemote.json": 31,
    "unevaluatedItems.json": 2,
    "unevaluatedProperties.json": 2,
}
"""Cases whose schema refers to anything but `#…`: a contract is one document."""

REFUSED_DIALECT = {"optional/format-assertion.json": 4, "vocabulary.json": 5}
"""Cases whose schema asks for a dialect with other vocabularies."""

FORMAT_ASSERTED = {"format.json": 19}
"""Cases in which a wrong date is right because formats are notes by default; to a contract they are rules."""

LIBRARY_WRONG = {
    "optional/dependencies-compatibility.json": 14,
    "optional/ecmascript-regex.json": 32,
    "optional/format-assertion.json": 2,
    "pattern.json": 3,
    "patternProperties.json": 2,
    "vocabulary.json": 1,
}
"""Cases in which `jsonschema` errs or raises: Python's `re` is no ECMA 262, `dependencies` is not read, vocabularies
are not minded. None of them is a case that ours gets wrong."""


def cases(folder: Path, parse_float: type) -> list[tuple[str, object, object, bool]]:
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


@pytest.mark.real
def test_our_contracts_keep_the_suite_but_for_the_known_differences() -> None:
    ran = cases(real_data() / "compliance" / "json-schema" / "tests" / "draft2020-12", Decimal)
    reference: Counter[str] = Counter()
    dialect: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for file, schema, data, valid in ran:
        try:
            wrong[file] += valid is bool(compile_contract("suite/case@1", schema).check(data))
        except ContractError as refused:
            leaves = any("leaves this document" in problem.message for problem in refused.problems)
            (reference if leaves else dialect)[file] += 1
    assert len(ran) == 1461
    assert reference == REFUSED_REFERENCE
    assert dialect == REFUSED_DIALECT
    assert +wrong == FORMAT_ASSERTED


@pytest.mark.real
def test_the_library_differs_elsewhere() -> None:
    suite = real_data() / "compliance" / "json-schema"
    registry = remotes(suite / "remotes")
    wrong: Counter[str] = Counter()
    for file, schema, data, valid in cases(suite / "tests" / "draft2020-12", float):
        try:
            wrong[file] += Draft202012Validator(schema, registry=registry).is_valid(data) is not valid
        except (TypeError, ValueError, OverflowError, re.error, Unresolvable):
            wrong[file] += 1
    assert +wrong == LIBRARY_WRONG
    assert not LIBRARY_WRONG.keys() & FORMAT_ASSERTED.keys()
