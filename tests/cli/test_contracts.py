"""`waybill contract`: the registry as a person and a pipeline meet it."""

import json
from pathlib import Path

import pytest
from blackbox.rig import Rig
from jsonschema import Draft202012Validator
from spec.minimal import MINIMAL, TARGET

from engine.cli import main

Captured = pytest.CaptureFixture[str]

OLD = "type: object\nadditionalProperties: false\nrequired: [id]\nproperties:\n  id: {type: string}\n  total: {type: integer}\n"
WIDER = OLD + "  vat: {type: string}\n"
NARROWER = OLD.replace("{type: integer}", "{type: integer, minimum: 0}")
OTHER = NARROWER + "  vat: {type: string}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The minimal workspace with four versions of its target contract; its mapping and its spec use the first."""
    newer = {TARGET.replace("@1", f"@{n}"): text for n, text in ((1, OLD), (2, WIDER), (3, NARROWER), (4, OTHER))}
    rig = Rig(tmp_path / "shop", files={**MINIMAL, **newer})
    rig.write()
    return rig.root


def diff(shop: Path, *words: str) -> int:
    return main(["contract", "diff", *words, "--workspace", str(shop)])


# ── diff ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

VERDICTS = {
    ("1", "1"): ("full", {"backward": 0, "forward": 0, "full": 0}),
    ("1", "2"): ("backward", {"backward": 0, "forward": 1, "full": 1}),
    ("1", "3"): ("forward", {"backward": 1, "forward": 0, "full": 1}),
    ("1", "4"): ("breaking", {"backward": 1, "forward": 1, "full": 1}),
}


@pytest.mark.parametrize(("old", "new"), VERDICTS)
@pytest.mark.parametrize("required", ["backward", "forward", "full"])
def test_the_verdict_comes_first_and_the_exit_code_says_whether_what_is_required_holds(
    old: str, new: str, required: str, shop: Path, capsys: Captured
) -> None:
    verdict, codes = VERDICTS[old, new]
    assert diff(shop, f"canonical/order@{old}", f"canonical/order@{new}", "--require", required) == codes[required]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{verdict}: ")
    assert (lines[1:2] == [f"{required} compatibility is required, and does not hold"]) is bool(codes[required])


def test_backward_is_what_is_required_where_nothing_is_said(shop: Path) -> None:
    assert diff(shop, "canonical/order@1", "canonical/order@2") == 0
    assert diff(shop, "canonical/order@1", "canonical/order@3") == 1


def test_a_person_sees_the_changes_and_the_lines_they_reach(shop: Path, capsys: Captured) -> None:
    assert diff(shop, "canonical/order@1", "canonical/order@4") == 1
    assert capsys.readouterr() == (
        """\
breaking: neither is shown to take every document of the other
backward compatibility is required, and does not hold

2 changes from canonical/order@1 to canonical/order@4
  total  not backward: `minimum: 0` is new
  vat    not forward: the field is new

reaches 3 lines
  mappings/shop-order.yaml:8:10  writes total, which may no longer be taken
  specs/orders.yaml:16:12        reads total
  specs/orders.yaml:20:12        reads (all of it), and may find something else there
""",
        "",
    )


SHAPE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["old", "new", "verdict", "backward", "forward", "changes", "reaches"],
    "properties": {
        "old": {"type": "string"},
        "new": {"type": "string"},
        "verdict": {"enum": ["full", "backward", "forward", "breaking"]},
        "backward": {"type": "boolean"},
        "forward": {"type": "boolean"},
        "changes": {
            "items": {
                "additionalProperties": False,
                "required": ["path", "change", "backward", "forward"],
                "properties": {
                    "path": {"type": "string"},
                    "change": {"type": "string", "minLength": 1},
                    "backward": {"type": "boolean"},
                    "forward": {"type": "boolean"},
                },
            }
        },
        "reaches": {
            "items": {
                "additionalProperties": False,
                "required": ["file", "line", "column", "path", "use", "holds"],
                "properties": {
                    "file": {"type": "string"},
                    "line": {"minimum": 1},
                    "column": {"minimum": 1},
                    "path": {"type": "string"},
                    "use": {"enum": ["reads", "writes", "checks", "lacks"]},
                    "holds": {"type": "boolean"},
                },
            }
        },
    },
}


@pytest.mark.parametrize("new", ["1", "2", "3", "4"])
def test_a_pipeline_gets_one_document_of_the_stated_shape(new: str, shop: Path, capsys: Captured) -> None:
    diff(shop, "canonical/order@1", f"canonical/order@{new}", "--format", "json")
    document = json.loads(capsys.readouterr().out)
    assert not [*Draft202012Validator(SHAPE).iter_errors(document)]
    assert (document["old"], document["new"]) == ("canonical/order@1", f"canonical/order@{new}")
    assert document["verdict"] == VERDICTS["1", new][0]


def test_the_document_holds_what_a_person_sees(shop: Path, capsys: Captured) -> None:
    assert diff(shop, "canonical/order@1", "canonical/order@4", "--format", "json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["changes"] == [
        {"path": "total", "change": "`minimum: 0` is new", "backward": False, "forward": True},
        {"path": "vat", "change": "the field is new", "backward": True, "forward": False},
    ]
    where = {"file": "mappings/shop-order.yaml", "line": 8, "column": 10}
    assert document["reaches"][0] == {**where, "path": "total", "use": "writes", "holds": False}
    assert [each["file"] for each in document["reaches"]] == ["mappings/shop-order.yaml", *["specs/orders.yaml"] * 2]


def test_a_file_of_an_earlier_commit_is_known_by_where_it_lies(shop: Path, tmp_path: Path, capsys: Captured) -> None:
    earlier = tmp_path / "checkout" / TARGET
    earlier.parent.mkdir(parents=True)
    earlier.write_text(WIDER)
    assert diff(shop, str(earlier), "canonical/order@1") == 1
    out = capsys.readouterr().out
    assert "vat  not backward: the field is gone, and may not be there any more" in out
    assert "specs/orders.yaml:20:12  reads (all of it)\n" in out


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_two_files_are_compared_anywhere(
    suffix: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", '{"type": "string"}'), ("new", '{"type": ["string", "null"]}')):
        (tmp_path / f"{name}.{suffix}").write_text(text)
    assert main(["contract", "diff", f"old.{suffix}", f"new.{suffix}"]) == 0
    out = capsys.readouterr().out
    assert "(all of it)  not forward: `type` was string, is null or string" in out
    assert out.endswith("there is no workspace here to be reached\n")


def test_a_file_whose_place_names_no_contract_reaches_nothing_and_says_why(
    shop: Path, tmp_path: Path, capsys: Captured
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(NARROWER)
    assert diff(shop, "canonical/order@2", str(new), "--require", "forward") == 0
    out = capsys.readouterr().out
    assert out.endswith(f"reaches no line of the workspace\n  {new} has no name of a contract: none can use it\n")


WRONG = {
    "a name that is almost one": (("canonical/ordr@1", "canonical/order@1"), "did you mean `canonical/order@1`?"),
    "a version that is not there": (
        ("canonical/order@1", "canonical/order@9"),
        "there is no contract `canonical/order@9`",
    ),
    "a file that is not there": (("canonical/order@1", "nothing.yaml"), "there is no file nothing.yaml"),
    "a name that moves the cursor": (
        ("\x1b[2Jcanonical/order@1", "canonical/order@1"),
        "`\\u001b[2Jcanonical/order@1`",
    ),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_name_or_file_ends_with_2_and_a_mend(
    words: tuple[str, str], said: str, shop: Path, capsys: Captured
) -> None:
    assert diff(shop, *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "\x1b" not in err


FAULTY = {
    "a schema that is none, in YAML": (
        "a.yaml",
        "type: object\nproperties:\n  a: {type: strin}\n",
        "a.yaml:3:13: contract-schema",
    ),
    "a schema that is none, in JSON": (
        "a.json",
        '{"properties":\n  {"a": {"type": "strin"}}}',
        "a.json:2:18: contract-schema",
    ),
    "every fault at once": ("a.yaml", "type: strin\nminLength: -1\n", "a.yaml:2:12: contract-schema"),
    "no YAML": ("a.yaml", "a: [\n", "a.yaml:"),
    "an empty file": ("a.yaml", "", "a.yaml:1:1: empty-file"),
    "no JSON": ("a.json", "{", "a.json: the body is not JSON"),
}


@pytest.mark.parametrize(("name", "text", "said"), FAULTY.values(), ids=FAULTY)
def test_a_file_with_faults_ends_with_2_and_says_where(
    name: str, text: str, said: str, shop: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / name).write_text(text)
    assert diff(shop, "canonical/order@1", str(tmp_path / name)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_a_contract_of_the_workspace_with_faults_is_no_crash(shop: Path, capsys: Captured) -> None:
    (shop / TARGET).write_text("type: strin\n")
    assert diff(shop, "canonical/order@1", "canonical/order@2") == 2
    assert f"{TARGET} has faults, so `canonical/order@1` cannot be read" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_said_to_be_left_out(shop: Path, capsys: Captured) -> None:
    (shop / "specs" / "orders.yaml").write_text("integration: orders\n")
    assert diff(shop, "canonical/order@1", "canonical/order@3") == 1
    out, err = capsys.readouterr()
    assert "reaches 1 line\n" in out
    assert err == "waybill: specs/orders.yaml has faults and was left out; `waybill check` tells them\n"


# ── list, show ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_says_what_uses_each_contract(shop: Path, capsys: Captured) -> None:
    assert main(["contract", "list", str(shop)]) == 0
    assert (
        capsys.readouterr().out
        == """\
canonical/order@1  `to` of mappings/shop-order.yaml:3:5
canonical/order@2  used by nothing
canonical/order@3  used by nothing
canonical/order@4  used by nothing
shop/order@1       `from` of mappings/shop-order.yaml:2:7
                   `receive.contract` of specs/orders.yaml:9:13
"""
    )


def test_show_tells_a_contract_field_by_field(shop: Path, capsys: Captured) -> None:
    (shop / TARGET).write_text(
        """\
title: Order
required: [id, lines]
properties:
  id: {type: string, pattern: "^a"}
  status: {enum: [paid, open]}
  kind: {const: order}
  lines: {type: array, minItems: 1, items: {$ref: "#/$defs/line"}}
  pair: {prefixItems: [{type: string}, {type: number}], items: false}
  attributes: {additionalProperties: {type: [string, "null"]}}
  pay: {oneOf: [{type: object}, {type: "null"}]}
  parent: {$ref: "#"}
$defs: {line: {type: object, required: [sku], properties: {sku: {type: string, minLength: 1}, "unit-price": {type: integer}}}}
"""
    )
    assert main(["contract", "show", "canonical/order@1", "--workspace", str(shop)]) == 0
    assert (
        capsys.readouterr().out
        == """\
canonical/order@1: Order
  charter/models/canonical/order@1.yaml
  `to` of mappings/shop-order.yaml:3:5
  id                     string          required  pattern: ^a
  status                 string                    enum: paid, open
  kind                   string                    const: order
  lines                  array           required  minItems: 1
  lines[*]               object
  lines[*].sku           string          required  minLength: 1
  lines[*]."unit-price"  integer
  pair                   anything
  pair[0]                string
  pair[1]                number
  attributes             anything
  attributes.*           null or string
  pay                    anything                  exactly one of several alternatives
  parent                 anything
"""
    )


def test_show_of_what_is_not_there_names_the_nearest(shop: Path, capsys: Captured) -> None:
    assert main(["contract", "show", "canonical/order@11", "--workspace", str(shop)]) == 2
    assert "did you mean `canonical/order@1`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("list", "nowhere"),
        ("show", "a/b@1", "--workspace", "nowhere"),
        ("diff", "a/b@1", "a/b@2", "--workspace", "nowhere"),
    ],
)
def test_a_workspace_that_is_not_there_ends_with_2(words: tuple[str, ...], capsys: Captured) -> None:
    assert main(["contract", *words]) == 2
    assert capsys.readouterr().err == "waybill: there is no folder nowhere\n"
