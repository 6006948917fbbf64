"""The documents of a run say what its result says, whatever texts hold."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from load.results import broken, invalid, result, with_capacity
from msgspec.structs import replace

from engine.errors import UserError
from harness.load.tell.files import as_json, escaped, fenced, junit, read_result, summary, write_files


@pytest.mark.parametrize("made", [result(), broken(), invalid(), with_capacity()])
def test_a_result_is_read_as_it_was_written(made, tmp_path: Path):
    write_files(tmp_path, made)
    assert read_result(tmp_path) == made
    assert read_result(tmp_path / "result.json") == made


def test_what_is_pinned_stands_at_the_top_of_the_document():
    document = msgspec.json.decode(as_json(with_capacity()))
    pinned = ("verdict", "accepted", "completed", "lost", "doubled", "out_of_order", "drain_s")
    assert [document[name] for name in pinned] == ["held", 12_000, 11_900, 0, 0, 0, 3.4]
    assert {"name", "limit", "measured", "held"} <= document["slo"][0].keys()
    assert document["capacity"] | {"probes": 0} == {
        "per_minute": 5940.0,
        "low": 5650.0,
        "high": 6240.0,
        "limiting": {"stage": "quota", "name": "erp", "per_minute": 6000.0, "why": "100/s ÷ 1 call per event"},
        "next_limit": {"stage": "cpu", "name": "", "per_minute": 28500.0, "why": "2.1 ms of CPU per event"},
        "probes": 0,
        "virtual": False,
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]", "is no result"),
        (b"{}", "is no result"),
        (b"\xff", "is no result"),
        (b'{"schema": 99}', "has schema 99"),
        (b'{"schema": 1}', "is no result"),
    ],
)
def test_what_is_no_result_is_refused(content: bytes, said: str, tmp_path: Path):
    file = tmp_path / "result.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_result(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"cannot read .*nothing\.json"):
        read_result(tmp_path / "nothing.json")


def counts(root: ET.Element) -> dict[str, str]:
    return {name: root.attrib[name] for name in ("tests", "failures", "errors", "skipped")}


def test_junit_has_a_case_for_each_promise():
    root = ET.fromstring(junit(result()))
    assert counts(root) == {"tests": "3", "failures": "0", "errors": "0", "skipped": "0"}
    assert [case.attrib["name"] for case in root.iter("testcase")] == [
        "the measurement is valid",
        "shopify-orders-to-erp accept.p99",
        "no loss",
    ]


def test_junit_fails_with_the_story_of_what_was_lost():
    root = ET.fromstring(junit(broken()))
    assert counts(root) == {"tests": "4", "failures": "2", "errors": "0", "skipped": "0"}
    slow, loss = root.iter("failure")
    assert "measured 41.2 s (window 12-22 s); promised 30s" in slow.attrib["message"]
    assert slow.text is not None
    assert "evt-17" not in slow.text
    assert loss.text is not None
    assert "evt-17: order </script><b>| 17" in loss.text
    assert "1.200 s  received" in loss.text


def test_junit_of_an_invalid_run_is_an_error_and_judges_nothing():
    root = ET.fromstring(junit(invalid()))
    assert counts(root) == {"tests": "3", "failures": "0", "errors": "1", "skipped": "2"}


def test_junit_is_xml_whatever_names_hold():
    made = result()
    odd = replace(made, slo=(replace(made.slo[0], name="a\x00b\x1b[2J\ud800<&\"'", held=False),), windows=("\x0b",))
    ET.fromstring(junit(odd))


def test_the_summary_says_the_verdict_first_and_every_promise():
    text = summary(broken())
    assert text.startswith("## Load: flash-sale broken\n\n- 1 acknowledged event was lost\n")
    assert "| ✗ | shopify-orders-to-erp complete.p99 | 30s | 41.2 s | window 12-22 s | 5,400 |" in text
    assert "dedupe\\_for 30m is too short" in text
    assert "```sh\nwaybill load shopify-orders-to-erp --profile flash-sale --seed 7\n```" in text


def test_the_summary_of_a_capacity_says_it_in_events_a_minute():
    assert "**Capacity 5,940/min**: 5,650/min held, 6,240/min did not. Gives first: quota erp at 6,000/min" in summary(
        with_capacity()
    )


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("a|b", "a\\|b"),
        ("<script>", "\\<script\\>"),
        ("`x` *y* [z](u)", "\\`x\\` \\*y\\* \\[z\\](u)"),
        ("a\nb", "a b"),
        ("\x1b[2J", "\\\\u001b\\[2J"),
    ],
)
def test_texts_are_no_markdown(content: str, shown: str):
    assert escaped(content) == shown


def test_a_fence_is_longer_than_those_within():
    assert list(fenced("a ```` b")) == ["`````sh", "a ```` b", "`````"]
