"""What is said of two versions of a contract: by table, and that whatever is called compatible is, by documents."""

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from contract.pairs import DOCUMENTS, pairs
from hypothesis import HealthCheck, assume, given, settings
from real import ROOT, real_data

from engine.contract.body import BodyError, decode_body
from engine.contract.dialect import LINEAR
from engine.contract.schema import ContractError, check_schema, compile_contract
from engine.contract.versions import compatibility, subsumption
from engine.contract.versions.compatibility import BEYOND, CHANGES_MAX, Comparison, Each, compare, written
from engine.spec.yaml import compose, plain


@cache
def table() -> list[Any]:
    node, faults = compose(Path(__file__).with_name("compatibility.yaml").read_bytes(), "compatibility.yaml")
    assert not faults
    assert node is not None
    rows: Any = plain(node)
    return [pytest.param(row, id=row["name"]) for row in rows]


def told(comparison: Comparison) -> list[str]:
    return [f"{change.path}: {change.change}" for change in comparison.changes]


def test_the_table_is_long_enough() -> None:
    rows = [case.values[0] for case in table()]
    assert len(rows) >= 60
    assert len({row["name"] for row in rows}) == len(rows)


@pytest.mark.parametrize("row", table())
def test_what_is_said_of_two_versions(row: Any) -> None:
    comparison = compare(row["old"], row["new"])
    assert told(comparison) == row.get("changes", [])
    assert (comparison.backward, comparison.forward) == (row["backward"], row["forward"])


@pytest.mark.parametrize("row", table())
def test_the_other_way_round_the_two_directions_change_places(row: Any) -> None:
    comparison = compare(row["new"], row["old"])
    assert (comparison.forward, comparison.backward) == (row["backward"], row["forward"])


VERDICTS = {(True, True): "full", (True, False): "backward", (False, True): "forward", (False, False): "breaking"}


@pytest.mark.parametrize("row", table())
def test_documents_bear_the_table_out(row: Any) -> None:
    comparison = compare(row["old"], row["new"])
    assert comparison.verdict == VERDICTS[comparison.backward, comparison.forward]
    assert untrue(row["old"], row["new"], comparison) == []


def untrue(old: Any, new: Any, comparison: Comparison) -> list[Any]:
    """Documents that show a claim to be wrong."""
    was, is_ = (compile_contract("a/b@1", schema)._is_valid for schema in (old, new))  # `check` would tell why not
    found = []
    for document in DOCUMENTS if comparison.verdict != "breaking" else ():
        before, after = was(document), is_(document)
        if (comparison.backward and before and not after) or (comparison.forward and after and not before):
            found.append(document)
    return found


def test_whatever_is_called_compatible_is() -> None:
    seen: Counter[str] = Counter()

    @given(pairs())
    @settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
    def holds(pair: tuple[Any, Any]) -> None:
        old, new = pair
        assume(not check_schema(old) and not check_schema(new))
        comparison = compare(old, new)
        seen[comparison.verdict] += 1
        assert untrue(old, new, comparison) == []

    holds()
    assert min(seen[verdict] for verdict in VERDICTS.values()) >= 10, seen


WEAKENED: dict[str, tuple[Any, Any]] = {
    "required": ({}, {"required": ["a"]}),
    "type": ({"type": "number"}, {"type": "integer"}),
    "minimum": ({"minimum": 0}, {"minimum": 1}),
    "properties": (
        {"anyOf": [{"required": ["a"]}]},
        {"anyOf": [{"required": ["a"], "properties": {"a": {"type": "null"}}}]},
    ),
    "items": ({"not": {"minItems": 2}}, {"not": {"minItems": 2}, "anyOf": [{"items": {"type": "string"}}]}),
    "anyOf": ({"anyOf": [{"type": "null"}, {"type": "string"}]}, {"anyOf": [{"type": "null"}]}),
    "oneOf": ({"oneOf": [{"type": "string"}]}, {"oneOf": [{"type": "string"}, {"minLength": 1}]}),
    "not": ({"type": "string"}, {"type": "string", "not": {"const": "a"}}),
    "if": ({"type": "object"}, {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}}),
    "contains": ({"type": "array"}, {"type": "array", "contains": {"const": 1}}),
    "dependentRequired": ({}, {"dependentRequired": {"a": ["b"]}}),
    "propertyNames": ({}, {"propertyNames": {"maxLength": 1}}),
    "multipleOf": ({"multipleOf": Decimal("0.25")}, {"multipleOf": Decimal("0.5")}),
}
"""Pairs that are not compatible, and the rule that says so."""


@pytest.mark.parametrize("keyword", WEAKENED)
def test_a_proof_that_proves_too_much_is_found_by_documents(keyword: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the check: with one proof made to say yes, documents contradict."""
    old, new = WEAKENED[keyword]
    assert untrue(old, new, compare(old, new)) == []
    monkeypatch.setitem(subsumption._PROOFS, keyword, lambda *_: True)
    assert untrue(old, new, compare(old, new))


# ── the oracle ───────────────────────────────────────────────────────────────────────────────────────────────────────

PROVEN_ELSEWHERE = [
    # Both take more as more is looked at; we compare what stands beside `unevaluated…` only as a whole.
    ("unevaluatedProperties beside alternatives", "backward"),
    ("counted items are looked at", "forward"),
]
"""What the library can show and we cannot."""


def covers(wide: Any, narrow: Any) -> str:
    """What `jsonschema-rs` says: yes, no, unknown, or why it cannot say."""
    options = {"draft": 20, "validate_formats": True, "pattern_options": LINEAR, "offline": True}
    try:
        return str(jsonschema_rs.canonicalize(wide, **options).covers(jsonschema_rs.canonicalize(narrow, **options)))
    except jsonschema_rs.canonical.CanonicalizationError as error:
        return type(error).__name__


def test_the_library_contradicts_nothing_and_shows_little_more() -> None:
    more, asked = [], Counter[str]()
    for row in (case.values[0] for case in table()):
        for way, wide, narrow in (("backward", row["new"], row["old"]), ("forward", row["old"], row["new"])):
            answer = covers(wide, narrow)
            asked[answer] += 1
            assert not (answer == "no" and row[way]), row["name"]
            if answer == "yes" and not row[way]:
                more.append((row["name"], way))
    assert more == PROVEN_ELSEWHERE
    assert asked["yes"] > 80
    assert asked["no"] > 30


# ── contracts as they are ────────────────────────────────────────────────────────────────────────────────────────────


def models() -> dict[str, Any]:
    found = {}
    for path in sorted((ROOT / "charter" / "models").rglob("*.yaml")):
        node, _ = compose(path.read_bytes(), path.name)
        assert node is not None
        found[path.stem] = plain(node)
    return found


@pytest.mark.parametrize("name", models())
def test_a_contract_is_fully_compatible_with_itself_and_one_more_required_field_is_found(name: str) -> None:
    schema = models()[name]
    assert compare(schema, deepcopy(schema)) == Comparison(())
    stricter = {**schema, "required": [*schema.get("required", ()), "vat"]}
    comparison = compare(schema, stricter)
    assert (comparison.verdict, told(comparison)) == ("forward", ["vat: is required now"])


@pytest.mark.real
def test_real_schemas_compare_with_themselves_and_with_each_other() -> None:
    """Schemas of the wild, several thousand lines some of them: no crash, no hang, and each is itself."""
    schemas = []
    for file in sorted((real_data() / "compliance" / "schemastore").rglob("*.json")):
        try:
            schema = decode_body(file.read_bytes())
        except BodyError:
            continue
        if isinstance(schema, dict) and "properties" in schema:
            schema.pop(
                "$schema", None
            )  # most are written for older dialects, and keep the rules of this one all the same
            schemas += [schema] if not check_schema(schema) else []
    assert len(schemas) == 16
    for schema, other in zip(schemas, [*schemas[1:], schemas[0]], strict=True):
        assert compare(schema, deepcopy(schema)) == Comparison(())
        assert compare(schema, {**schema, "title": "other", "minProperties": 1000}).forward
        assert compare(schema, other).changes


# ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def chain(length: int, last: Any) -> Any:
    """Definitions that each refer to the next twice: 2^length places in a document."""
    definitions: dict[str, Any] = {
        f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}}}
        for n in range(length)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": last}}


def ladder(length: int, last: Any) -> Any:
    """Alternatives of which one leads to the next alternatives, at the same place of a document."""
    definitions: dict[str, Any] = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"const": n}]} for n in range(length)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": last}}


def row(length: int, last: Any) -> Any:
    definitions = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}", "minLength": 1} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": last}}


def alternatives(count: int) -> Any:
    return {
        "allOf": [
            {"anyOf": [{"required": [f"p{n}"]}, {"required": [f"q{n}"]}, {"minProperties": n}]} for n in range(count)
        ]
    }


BOUNDED = {
    "a million places that changed": (chain(20, {"type": "string"}), chain(20, {"type": "null"}), "breaking"),
    "definitions in a row, deeper than any document": (
        chain(3000, {"type": "string"}), chain(3000, {"type": "null"}), "breaking"),
    "alternatives within alternatives, 3,000 deep": (
        ladder(3000, {"type": "string"}), ladder(3000, {"type": "null"}), "breaking"),
    "references in a row, 3,000 of them": (
        row(3000, {"type": "string"}), row(3000, {"type": ["string", "null"]}), "backward"),
    "forty alternatives over alternatives": (alternatives(40), alternatives(41), "forward"),
    "a thousand fields": (
        {"properties": {f"f{n}": {"type": "string"} for n in range(1000)}},
        {"properties": {f"f{n}": {"type": "null"} for n in range(1000)}}, "breaking"),
    "twenty patterns": (
        {"patternProperties": {f"^{n}": {"type": "string"} for n in range(20)}},
        {"patternProperties": {f"^{n}": {"type": "string"} for n in range(21)}}, "breaking"),
    "ten thousand values": ({"enum": [*range(10_000)]}, {"enum": [*range(10_001)]}, "backward"),
    "two thousand alternatives": (
        {"oneOf": [{"const": n} for n in range(2000)]}, {"oneOf": [{"const": n} for n in range(2001)]}, "breaking"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "verdict"), BOUNDED.values(), ids=BOUNDED)
def test_no_pair_takes_more_steps_than_stated(
    old: Any, new: Any, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[subsumption.Prover] = []

    class Counted(subsumption.Prover):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(compatibility, "Prover", Counted)
    comparison = compare(old, new)
    assert comparison.verdict == verdict
    assert len(comparison.changes) <= CHANGES_MAX + 1
    (prover,) = made
    assert prover.steps <= 1.01 * subsumption.STEPS_MAX


def test_what_could_not_be_compared_to_the_end_says_so() -> None:
    comparison = compare(chain(20, {"type": "string"}), chain(20, {"type": "null"}))
    assert told(comparison)[-1] == f": {BEYOND}"


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ((), ""),
        (("lines", Each.ITEM, "unit_price"), "lines[*].unit_price"),
        (("attributes", Each.FIELD), "attributes.*"),
        ((Each.FIELD, "a"), "*.a"),
        (("headers", "x-id"), 'headers."x-id"'),
        (("pair", 1, 0), "pair[1][0]"),
        ((Each.ITEM, Each.ITEM), "[*][*]"),
    ],
)
def test_paths_are_written_as_people_write_them(steps: Any, path: str) -> None:
    assert written(steps) == path


def test_of_what_refers_to_itself_a_change_is_told_once_and_said_where_it_holds_again() -> None:
    def tree(kind: str) -> Any:
        return {
            "$defs": {"n": {"properties": {"left": {"$ref": "#/$defs/n"}, "v": {"type": kind}}}},
            "$ref": "#/$defs/n",
        }

    comparison = compare(tree("integer"), tree("number"))
    assert told(comparison) == ["v: `type` was integer, is number"]
    assert comparison.again == ((("left",), ()),)


def test_long_values_and_long_lists_are_cut() -> None:
    (change,) = compare({"enum": ["x" * 100]}, {"enum": [f"v{n}" for n in range(9)] + ["x" * 100]}).changes
    assert change.change == "`v0`, `v1`, `v2`, `v3`, `v4` and 4 more may stand here too"
    (change,) = compare({"enum": ["x" * 100, "y"]}, {"enum": ["y"]}).changes
    assert change.change == f"`{'x' * 59}…` may not stand here any more"


@pytest.mark.parametrize(("old", "new"), [({"type": "strin"}, {}), ({}, {"$ref": "b.json"}), ([], {})])
def test_what_is_no_contract_is_not_compared(old: Any, new: Any) -> None:
    with pytest.raises(ContractError):
        compare(old, new)


def test_binary_floats_mean_the_decimals_they_are_written_as() -> None:
    assert (
        compare({"multipleOf": 0.01, "const": 0.1}, {"multipleOf": Decimal("0.01"), "enum": [Decimal("0.10")]}).verdict
        == "full"
    )
