"""CHECKED → TEXT, JSON, JUNIT: what `waybill test` prints, as pure functions."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from engine.cli.formats import plural, shown, xml, xml_text
from engine.contract.body import encode_json
from harness.testing.gather import Checked


def text(results: Sequence[Checked]) -> str:
    """For people: what failed with its differences, a line for each integration that holds, and a line that counts."""
    return "".join(f"{shown(line)}\n" for line in told(results))


def told(results: Sequence[Checked]) -> Iterator[str]:
    for result in results:
        if not result.held:
            yield f"FAIL  {result.spec}: {result.name}  ({result.file})"
            yield from (f"    {line}" for difference in result.differences for line in difference.splitlines())
    specs = dict.fromkeys(result.spec for result in results if result.kind == "example")
    for spec in specs:
        mine = [result for result in results if result.spec == spec and result.kind == "example"]
        if all(result.held for result in mine):
            yield f"PASS  {spec}  {plural(len(mine), 'example')}"
    cases = [result for result in results if result.kind == "case"]
    if cases and all(result.held for result in cases):
        yield f"PASS  {plural(len(cases), 'case')}"
    failed = sum(not result.held for result in results)
    verb = "holds" if len(results) == 1 else "hold"
    yield f"{len(results) - failed} of {plural(len(results), 'test')} {verb}"


def as_json(results: Sequence[Checked]) -> str:
    """For scripts: one object a line."""
    return "".join(
        encode_json(
            {
                "kind": result.kind,
                "spec": result.spec,
                "name": result.name,
                "file": result.file,
                "held": result.held,
                "differences": list(result.differences),
            }
        ).decode()
        + "\n"
        for result in results
    )


def junit(results: Sequence[Checked]) -> str:
    """For CI: a test case for each, below a suite for each file."""
    failed = sum(not result.held for result in results)
    root = ET.Element("testsuites", name="waybill test", tests=str(len(results)), failures=str(failed), errors="0")
    for file in dict.fromkeys(result.file for result in results):
        mine = [result for result in results if result.file == file]
        broken = sum(not result.held for result in mine)
        suite = ET.SubElement(
            root, "testsuite", name=xml_text(file), tests=str(len(mine)), failures=str(broken), errors="0"
        )
        for result in mine:
            name = f"waybill.{result.kind}.{result.spec}"
            case = ET.SubElement(suite, "testcase", classname=xml_text(name), name=xml_text(result.name))
            if not result.held:
                failure = ET.SubElement(case, "failure", type=result.kind, message=xml_text(result.differences[0]))
                failure.text = xml_text("\n".join(result.differences))
    return xml(root)


FORMATS = {"text": text, "json": as_json, "junit": junit}
