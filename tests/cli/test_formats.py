"""Reports in every format, with contents that try to break out of it."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from engine.cli.formats import FORMATS, render
from engine.errors import Fault, Mark

FAULT = Fault(
    "unknown-key", Mark("specs/a.yaml", 3, 5), "steps[0].oncee", "unknown key `oncee`", "did you mean `once`?"
)
WARNING = Fault("contract-missing", Mark("specs/b.yaml", 9, 1), "receive", "nothing checks it", "add one", "warning")
NOTE = Fault("unused", Mark("mappings/c.yaml", 1, 1), "", "nothing refers to it", "", "note")
GRAVE = Fault("once-missing", Mark("specs/a.yaml", 7, 3), "steps[1]", "no identity", "add `once:`", "error")
FILES = ("mappings/c.yaml", "specs/a.yaml", "specs/b.yaml", "specs/d.yaml")

HOSTILE = (
    "\x1b[2J\x07 clears the screen",
    "two\nlines\r\nand\rmore",
    "]]> <b>&amp; \"quotes\" 'and' </failure>",
    "::error file=x::forged",
    "%0A::error::forged, a: b",
    "\u202e backwards \u2028 and a line",
    "a nul \x00, a bell \x07, half \ud800 a pair, \uffff nothing",
    "grüße, 日本語, 🚚",
)


def fault_of(text: str) -> Fault:
    return Fault("unknown-key", Mark(f"specs/{text}.yaml", 1, 2), f"steps.{text}", text, text)


def test_text_is_grouped_by_file_with_the_mend_below_and_a_count() -> None:
    assert render("text", [FAULT], [GRAVE, WARNING, NOTE], FILES) == (
        "mappings/c.yaml:1:1: unused (note): nothing refers to it\n"
        "\n"
        "specs/a.yaml:3:5: unknown-key: unknown key `oncee`\n"
        "    did you mean `once`?\n"
        "specs/a.yaml:7:3: once-missing: no identity\n"
        "    add `once:`\n"
        "\n"
        "specs/b.yaml:9:1: contract-missing (warning): nothing checks it\n"
        "    add one\n"
        "\n"
        "1 fault, 1 error, 1 warning, 1 note in 4 files\n"
    )


@pytest.mark.parametrize(
    ("faults", "findings", "files", "line"),
    [
        ([], [], FILES, "nothing to report in 4 files"),
        ([], [], ("a",), "nothing to report in 1 file"),
        ([FAULT, FAULT], [], FILES, "2 faults in 4 files"),
        ([], [WARNING, WARNING, NOTE], FILES, "2 warnings, 1 note in 4 files"),
    ],
)
def test_the_last_line_counts(faults: list[Fault], findings: list[Fault], files: tuple[str, ...], line: str) -> None:
    for format_ in ("text", "github"):
        assert render(format_, faults, findings, files).splitlines()[-1] == line


def test_json_is_one_document_with_every_part_of_a_fault() -> None:
    report = json.loads(render("json", [FAULT], [NOTE], FILES))
    assert report["faults"] == [
        {
            "code": "unknown-key",
            "severity": "error",
            "file": "specs/a.yaml",
            "line": 3,
            "column": 5,
            "path": "steps[0].oncee",
            "message": "unknown key `oncee`",
            "hint": "did you mean `once`?",
        }
    ]
    assert [finding["severity"] for finding in report["findings"]] == ["note"]
    assert report["files"] == 4


def test_sarif_has_a_rule_for_each_code_and_a_place_for_each_result() -> None:
    report = json.loads(render("sarif", [FAULT], [WARNING, NOTE, NOTE], FILES))
    assert (report["version"], len(report["runs"])) == ("2.1.0", 1)
    assert report["$schema"].endswith("sarif-schema-2.1.0.json")
    run = report["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["unknown-key", "contract-missing", "unused"]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("unknown-key", "error"),
        ("contract-missing", "warning"),
        ("unused", "note"),
        ("unused", "note"),
    ]
    first = run["results"][0]
    assert first["message"]["text"] == "unknown key `oncee`\ndid you mean `once`?"
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "specs/a.yaml"},
                "region": {"startLine": 3, "startColumn": 5},
            },
            "logicalLocations": [{"fullyQualifiedName": "steps[0].oncee"}],
        }
    ]
    assert "logicalLocations" not in run["results"][-1]["locations"][0]


def test_a_name_that_looks_like_an_address_stays_a_relative_reference() -> None:
    report = json.loads(render("sarif", [fault_of("a b:c%#?ü")], [], ()))
    place = report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "specs/a%20b%3Ac%25%23%3F%C3%BC.yaml"


def test_junit_has_a_case_for_each_sound_file_and_a_failure_for_each_error() -> None:
    root = ET.fromstring(render("junit", [FAULT], [GRAVE, WARNING, NOTE], FILES))
    suite = root.find("testsuite")
    assert suite is not None
    assert root.tag == "testsuites"
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "2", "0")
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "mappings/c.yaml",
        "specs/b.yaml",
        "specs/d.yaml",
        "specs/a.yaml:3:5 unknown-key",
        "specs/a.yaml:7:3 once-missing",
    ]
    assert [failure.get("type") for failure in suite.iter("failure")] == ["unknown-key", "once-missing"]
    output = suite.findtext("system-out") or ""
    assert "contract-missing: nothing checks it" in output
    assert "unused: nothing refers to it" in output


def test_github_has_one_command_a_line_with_its_level() -> None:
    lines = render("github", [FAULT], [WARNING, NOTE], FILES).splitlines()
    assert lines == [
        "::error file=specs/a.yaml,line=3,col=5,title=unknown-key::unknown key `oncee`%0Adid you mean `once`?",
        "::warning file=specs/b.yaml,line=9,col=1,title=contract-missing::nothing checks it%0Aadd one",
        "::notice file=mappings/c.yaml,line=1,col=1,title=unused::nothing refers to it",
        "1 fault, 1 warning, 1 note in 4 files",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_content_moves_the_cursor_or_forges_a_line_of_text(text: str) -> None:
    out = render("text", [fault_of(text)], [], [f"specs/{text}.yaml"])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", out)
    hint = [line for line in out.splitlines() if line.startswith("    ")]
    assert len(out.splitlines()) == len(hint) + 3
    out.encode()


@pytest.mark.parametrize("text", HOSTILE)
def test_json_and_sarif_give_back_the_very_content(text: str) -> None:
    report = json.loads(render("json", [fault_of(text)], [], [text]))
    assert (report["faults"][0]["message"], report["faults"][0]["path"]) == (text, f"steps.{text}")
    result = json.loads(render("sarif", [fault_of(text)], [], [text]))["runs"][0]["results"][0]
    assert result["message"]["text"] == f"{text}\n{text}"
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", uri)


@pytest.mark.parametrize("text", HOSTILE)
def test_junit_stays_xml(text: str) -> None:
    root = ET.fromstring(render("junit", [fault_of(text)], [NOTE], [text]))
    assert len(list(root.iter("failure"))) == 1
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure", "system-out"}


@pytest.mark.parametrize("text", HOSTILE)
def test_github_stays_one_command(text: str) -> None:
    lines = render("github", [fault_of(text)], [], [text]).split("\n")
    assert len(lines) == 3
    properties, _, data = lines[0].removeprefix("::error ").partition("::")
    assert [part.partition("=")[0] for part in properties.split(",")] == ["file", "line", "col", "title"]
    assert ":" not in properties
    assert "\r" not in data


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_to_report_is_a_whole_report_too(format_: str) -> None:
    assert render(format_, [], [], FILES).endswith("\n")
    assert render(format_, [], [], ()).endswith("\n")


def test_a_format_that_does_not_exist_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        render("yaml", [], [], FILES)
