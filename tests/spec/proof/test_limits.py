"""No contract and no expression makes a proof long: what cannot be said within its limits is not said."""

import string

import pytest
from spec.minimal import MAPPING, SOURCE, TARGET, read, told
from spec.proof.shop import edited, with_field

from engine.contract.static.kind import PARTS_MAX, Kind, text_of
from engine.contract.static.of_schema import kind_of_schema
from engine.language.parser import parse
from engine.spec.proof import prover
from engine.spec.proof.expression import STEPS_MAX, Inference, Steps
from engine.spec.proof.fit import DEPTH_MAX, misfit

NAMES = [*string.ascii_lowercase]
ENDLESS = {
    "type": "object",
    "required": NAMES,
    "properties": {name: {"$ref": "#/$defs/more"} for name in NAMES},
    "$defs": {"more": {"type": "object", "required": NAMES, "properties": {name: {"$ref": "#"} for name in NAMES}}},
}
"""Objects in objects without end, 26 in each."""
TWINS = {
    "anyOf": [{"properties": {name: {"$ref": "#"}}, "required": [name]} for name in NAMES],
    "allOf": [{"properties": {name: {"$ref": "#"}}} for name in NAMES],
}
"""As many shapes of itself as there are letters, and all of them at once."""
HARD = {
    "a long path": "a" + ".a" * 2_000,
    "values of values": "a" + ".*" * 60,
    "many alternatives": "a" + " || a" * 800,
    "lists of lists": "[" * 60 + "a" + "]" * 60,
    "functions in functions": "to_array(" * 60 + "a" + ")" * 60,
    "merged with itself": "merge(" + "@, " * 1_000 + "@)",
    "expressions in expressions": "map(&[" * 20 + "a" + "], @)" * 20,
    "a deep literal": "`" + "[" * 250 + "]" * 250 + "`",
    "filters in filters": "a[?" * 60 + "a" + "]" * 60,
}


@pytest.mark.parametrize("contract", [ENDLESS, TWINS], ids=["endless", "twins"])
@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_an_expression_made_to_hurt_is_inferred_within_its_steps(contract: object, text: str) -> None:
    source = kind_of_schema("source", contract)
    steps = Steps()
    kind = Inference({"root": source}, steps).kind(parse(text), source)
    assert isinstance(kind, Kind)
    assert steps.left > STEPS_MAX // 2 or contract is TWINS


def test_past_its_steps_anything_is_anything_and_nothing_is_told() -> None:
    source = kind_of_schema("source", {"type": "object", "properties": {"a": {"type": "string"}}})
    inference = Inference({"root": source}, Steps(2))
    inference.kind(parse("[a, b, c, a.d]"), source)
    assert [problem.message for problem in inference.problems] == ["source has no field `b`"]


def test_contracts_that_hold_themselves_are_compared_up_to_a_depth_and_a_number() -> None:
    endless, twins = kind_of_schema("one", ENDLESS), kind_of_schema("other", TWINS)
    assert misfit(endless, kind_of_schema("two", ENDLESS)) is None
    assert misfit(endless, twins) is None
    assert misfit(twins, endless) is None


def nested(levels: int, leaf: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": leaf}
    for _ in range(levels):
        schema = {"type": "object", "required": ["a"], "properties": {"a": schema}}
    return schema


def test_what_differs_below_that_depth_is_left_to_the_run() -> None:
    for levels, differs in ((DEPTH_MAX - 1, True), (DEPTH_MAX, False)):
        one, other = (kind_of_schema("x", nested(levels, leaf)) for leaf in ("string", "integer"))
        assert (misfit(one, other) is not None) == differs


def test_a_workspace_of_nothing_but_mistakes_tells_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prover, "FAULTS_MAX", 20)
    wide = "properties:\n" + "".join(f"  field_{number}: {{type: integer}}\n" for number in range(400))
    files = edited((SOURCE, "properties:\n  id: {type: integer}\n", f"{wide}  id: {{type: integer}}\n"))
    names = "\n".join(f"    n{number}: feild_{number}" for number in range(60))
    files[MAPPING] = files[MAPPING].replace("  # another field", f"  anything:\n   fields:\n{names}")
    _, faults = read(files)
    assert len(faults) == 20, told(faults)
    assert {fault.code for fault in faults} == {"path-not-in-contract"}


def test_values_in_values_are_proved_to_the_last() -> None:
    text = "name"
    for _ in range(12):
        text = f"{{fields: {{a: {text}}}}}"
    _, faults = read(edited(with_field(f"anything: {text}")))
    assert not faults, told(faults)
    _, faults = read(edited(with_field(f"anything: {text.replace('name', 'nmae')}")))
    assert [fault.code for fault in faults] == ["path-not-in-contract"]


def test_a_long_chain_of_let_is_no_deep_kind() -> None:
    let = "let:\n  v0: '[name]'\n" + "".join(f"  v{place}: '[$v{place - 1}]'\n" for place in range(1, 600))
    files = edited(with_field("anything: $v599"))
    files[MAPPING] = files[MAPPING].replace("let: {shop: \"'shop'\"}\n", f"{let}  shop: \"'shop'\"\n")
    _, faults = read(files)
    assert not faults, told(faults)


def test_an_enumeration_of_many_texts_counts_and_a_union_of_many_does_not() -> None:
    many = [f"word-{number}" for number in range(1_500)]
    _, faults = read(
        edited((TARGET, "enum: [shop, market]", f"enum: [{', '.join(many)}]"), with_field("channel: {value: shop}"))
    )
    assert [fault.code for fault in faults] == ["enum-not-covered"]
    assert len(faults[0].message) + len(faults[0].hint) < 400
    assert text_of(many).texts is None
    assert PARTS_MAX < 1_000
