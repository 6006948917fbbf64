"""Faults and findings → text, JSON, SARIF, JUnit, GitHub annotations. Pure functions, for `waybill check --format`.

Whatever a file's name or a message holds, the output stays what it claims to be: valid JSON or XML, one annotation a
line, and nothing that moves a terminal's cursor. Names of files come from a disk that anybody may have written to.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import quote
from xml.etree import ElementTree as ET

from engine.errors import Fault, pointed_at
from engine.rules.opening import time_text

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
GITHUB_WORDS = {"error": "error", "warning": "warning", "note": "notice"}
# C0, DEL, C1, what turns the direction of text (CVE-2021-42574), what else ends a line, and halves of surrogate pairs.
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def render(format_: str, faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """The report in one of FORMATS, ending in a newline. `files` are all files read, faulty or not.

    Raises KeyError for a format that is none of FORMATS.
    """
    return FORMATS[format_](faults, findings, files)


def text(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """For people: grouped by file, `file:line:column: code: message`, the expression with a caret and the mend
    below, and a line that counts."""
    groups: dict[str, list[str]] = {}
    for fault in (*faults, *findings):
        mark = fault.mark
        kind = fault.code if fault.severity == "error" else f"{fault.code} ({fault.severity})"
        lines = [f"{shown(mark.file)}:{mark.line}:{mark.column}: {kind}: {shown(fault.message)}"]
        lines += [f"    {shown(line)}" for line in pointed_at(fault.quoted, fault.offset)]
        lines += [f"    {shown(line)}" for line in fault.hint.splitlines()]
        groups.setdefault(mark.file, []).append("\n".join(lines))
    blocks = ["\n".join(group) for _, group in sorted(groups.items())]
    return "\n\n".join([*blocks, count_line(faults, findings, files)]) + "\n"


def count_line(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """`2 faults, 1 warning in 14 files`."""
    counts = Counter(finding.severity for finding in findings)
    told = [
        (len(faults), "fault"),
        (counts["error"], "error"),
        (counts["warning"], "warning"),
        (counts["note"], "note"),
    ]
    said = ", ".join(plural(count, word) for count, word in told if count)
    return f"{said or 'nothing to report'} in {plural(len(files), 'file')}"


def moment(at: int) -> str:
    """Microseconds since 1970 as people read them: to the second."""
    return f"{time_text(at)[:19]}Z"


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def shown(content: str) -> str:
    """A text as a terminal may be given it: what cannot be seen is written out."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", content)


def as_json(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """For scripts: one document, `{"faults": […], "findings": […], "files": 14}`."""
    report = {"faults": [plain(fault) for fault in faults], "findings": [plain(each) for each in findings]}
    return json.dumps({**report, "files": len(files)}, indent=2) + "\n"


def plain(fault: Fault) -> dict[str, str | int]:
    return {
        "code": fault.code,
        "severity": fault.severity,
        "file": fault.mark.file,
        "line": fault.mark.line,
        "column": fault.mark.column,
        "path": fault.path,
        "message": fault.message,
        "hint": fault.hint,
        **({"expression": fault.quoted, "offset": fault.offset} if fault.quoted else {}),
    }


def sarif(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """For code scanning: SARIF 2.1.0 (OASIS, 2023). Columns count code points; what a code means stands in `rules`."""
    from engine.spec.codes import explain

    told = (*faults, *findings)
    rules = []
    for code in dict.fromkeys(fault.code for fault in told):
        rule: dict[str, object] = {"id": code}
        explanation = explain(code)
        if explanation is not None:
            rule["shortDescription"] = {"text": explanation.meaning}
            rule["fullDescription"] = {"text": explanation.why}
            rule["help"] = {"text": explanation.mend}
        rules.append(rule)
    run = {
        "tool": {"driver": {"name": "Waybill", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": uri(file)}} for file in files],
        "results": [sarif_result(fault) for fault in told],
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def sarif_result(fault: Fault) -> dict[str, object]:
    mark = fault.mark
    location: dict[str, object] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(mark.file)},
            "region": {"startLine": mark.line, "startColumn": mark.column},
        }
    }
    if fault.path:
        location["logicalLocations"] = [{"fullyQualifiedName": fault.path}]
    words = fault.message + (f"\n{fault.hint}" if fault.hint else "")
    return {"ruleId": fault.code, "level": fault.severity, "message": {"text": words}, "locations": [location]}


def uri(file: str) -> str:
    """A relative reference by RFC 3986, a colon encoded too: before the first slash it would end a scheme."""
    return quote(file.encode("utf-8", "replace"), safe="/")


def junit(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """For CI: a test case per file, and per error a failed one instead. Warnings and notes are output, no failures."""
    failed = [fault for fault in (*faults, *findings) if fault.severity == "error"]
    mild = [finding for finding in findings if finding.severity != "error"]
    broken = {fault.mark.file for fault in failed}
    sound = [file for file in files if file not in broken]
    suite = ET.Element(
        "testsuite", name="waybill check", tests=str(len(sound) + len(failed)), failures=str(len(failed)), errors="0"
    )
    for file in sound:
        ET.SubElement(suite, "testcase", classname="waybill.check", name=xml_text(file))
    for fault in failed:
        name = f"{fault.mark} {fault.code}"
        case = ET.SubElement(suite, "testcase", classname="waybill.check", name=xml_text(name))
        failure = ET.SubElement(case, "failure", type=fault.code, message=xml_text(fault.message))
        failure.text = xml_text(str(fault))
    if mild:
        ET.SubElement(suite, "system-out").text = xml_text("\n".join(map(str, mild)))
    root = ET.Element("testsuites", suite.attrib)
    root.append(suite)
    return xml(root)


def xml(root: ET.Element) -> str:
    """A document, laid out for people too."""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def xml_text(content: str) -> str:
    """What XML 1.0 can hold: ElementTree escapes markup, and would write characters that no parser accepts."""
    return "\n".join(shown(line) for line in content.split("\n"))


def github(faults: Sequence[Fault], findings: Sequence[Fault], files: Sequence[str]) -> str:
    """For GitHub Actions: one workflow command a line, and the line that counts as plain output.

    Escapes as actions/toolkit does (packages/core/src/command.ts): %, CR, LF in data, also `:` and `,` in properties.
    """
    lines = []
    for fault in (*faults, *findings):
        mark = fault.mark
        where = (
            f"file={github_property(mark.file)},line={mark.line},col={mark.column},title={github_property(fault.code)}"
        )
        words = fault.message + (f"\n{fault.hint}" if fault.hint else "")
        lines.append(f"::{GITHUB_WORDS[fault.severity]} {where}::{github_data(words)}")
    return "\n".join([*lines, count_line(faults, findings, files)]) + "\n"


def github_data(content: str) -> str:
    escaped = content.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return shown(escaped)


def github_property(content: str) -> str:
    return github_data(content).replace(":", "%3A").replace(",", "%2C")


Format = Callable[[Sequence[Fault], Sequence[Fault], Sequence[str]], str]
FORMATS: dict[str, Format] = {"text": text, "json": as_json, "sarif": sarif, "junit": junit, "github": github}
