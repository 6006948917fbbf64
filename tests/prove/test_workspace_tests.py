"""`waybill test`: examples and cases, the reports, `--update`, and what pytest collects."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from workspaces import SPEC, lay

from engine.cli import main
from engine.model import Status
from engine.spec.shape import Expected
from harness.testing.gather import Checked
from harness.testing.pytest_plugin import workspace_of
from harness.testing.report import as_json, junit, text
from harness.testing.update import bring_up, difference, spliced
from harness.world import Ended

Captured = pytest.CaptureFixture[str]

RESULTS = (
    Checked("example", "orders", "an order", "specs/orders.yaml", ()),
    Checked("example", "orders", "a <bad> one", "specs/orders.yaml", ("status is held, not done", "calls are []")),
    Checked("example", "labels", "a label", "specs/labels.yaml", ()),
    Checked("case", "orders", "orders-nothing-twice-erp", "cases/orders-nothing-twice-erp.json", ()),
)


def test_text_tells_what_failed_what_holds_and_how_many() -> None:
    assert text(RESULTS).splitlines() == [
        "FAIL  orders: a <bad> one  (specs/orders.yaml)",
        "    status is held, not done",
        "    calls are []",
        "PASS  labels  1 example",
        "PASS  1 case",
        "3 of 4 tests hold",
    ]


def test_json_is_one_object_a_line() -> None:
    lines = [json.loads(line) for line in as_json(RESULTS).splitlines()]
    assert [line["held"] for line in lines] == [True, False, True, True]
    assert lines[1] == {
        "kind": "example",
        "spec": "orders",
        "name": "a <bad> one",
        "file": "specs/orders.yaml",
        "held": False,
        "differences": ["status is held, not done", "calls are []"],
    }


def test_junit_has_a_suite_for_each_file_and_a_failure_with_its_differences() -> None:
    root = ET.fromstring(junit(RESULTS))
    assert (root.get("tests"), root.get("failures")) == ("4", "1")
    assert [suite.get("name") for suite in root] == [
        "specs/orders.yaml",
        "specs/labels.yaml",
        "cases/orders-nothing-twice-erp.json",
    ]
    failure = root.find(".//failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == (
        "status is held, not done",
        "status is held, not done\ncalls are []",
    )


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def wrong(root: Path) -> Path:
    """A workspace whose example expects what does not happen, in every way it can."""
    expect = "[{status: done, calls: [erp.create_order], steps: {order: {total: 1999}}}]"
    odd = "[{status: held, calls: [], steps: {order: {total: 5, gone: 1}, none: 1}}]"
    return lay(root, (SPEC, expect, odd))


def test_an_example_that_does_not_hold_ends_with_1_and_one_that_does_with_0(tmp_path: Path, capsys: Captured) -> None:
    assert main(["test", "--workspace", str(lay(tmp_path / "right"))]) == 0
    assert capsys.readouterr().out == "PASS  orders  1 example\n1 of 1 test holds\n"
    assert main(["test", "orders", "--workspace", str(wrong(tmp_path / "wrong")), "--format", "junit"]) == 1
    told = capsys.readouterr().out
    assert "status is done, not held" in told
    assert ET.fromstring(told).get("failures") == "1"
    assert main(["test", "none", "--workspace", str(tmp_path / "right")]) == 2


def test_update_shows_the_difference_and_writes_what_happens_into_what_the_example_says(
    tmp_path: Path, capsys: Captured
) -> None:
    root = wrong(tmp_path)
    before = (root / SPEC).read_text()
    assert main(["test", "--update", "--workspace", str(root)]) == 0
    told, shown = capsys.readouterr()
    assert told.endswith("1 of 1 test holds\n")
    assert shown.splitlines()[:2] == ["--- specs/orders.yaml", "+++ specs/orders.yaml (updated)"]
    after = (root / SPEC).read_text()
    expect = "    expect: [{status: done, calls: [erp.create_order], steps: {order: {total: 1999}}}]  # and no more"
    assert expect in after.splitlines()
    assert f"+{expect}" in shown.splitlines()
    assert after[: after.index("examples:")] == before[: before.index("examples:")]
    assert main(["test", "--update", "--workspace", str(root)]) == 0
    assert capsys.readouterr().err == ""
    assert (root / SPEC).read_text() == after


def test_a_delivery_of_more_or_fewer_events_than_before_gets_an_expectation_for_each() -> None:
    end = Ended(Status.DONE, "e", "k", "", {"order": {"total": 7}}, ())
    written: list[object] = [{"status": "done"}]
    assert bring_up(written, [Expected(status="done")], [end, end])
    assert written == [{"status": "done"}, {"status": "done", "calls": []}]
    assert bring_up(written, [Expected(status="done")] * 2, [end])
    assert written == [{"status": "done"}]
    assert not bring_up(written, [Expected(status="done")], [end])


def test_only_the_examples_are_taken_from_what_was_laid_out_anew() -> None:
    text_ = "a:   1   # as it is\nexamples:\n  - {name: x}\n# the end\nb: 2\n"
    dumped = "a: 1 # as it is\nexamples:\n  - {name: y}\n# the end\nb: 2\n"
    assert spliced(text_, dumped) == "a:   1   # as it is\nexamples:\n  - {name: y}\n# the end\nb: 2\n"
    assert difference("f", "a\n", "a\n") == ""


def test_every_example_of_the_reference_workspace_is_brought_up_to_date_by_nothing(tmp_path: Path) -> None:
    """What holds stays byte for byte."""
    from engine.run.load import load
    from harness.testing.update import updated

    root = Path(__file__).resolve().parents[2]
    loaded = load(root, "local")
    for name in ("stock-counts", "payment-states-to-erp"):
        before = (root / f"specs/{name}.yaml").read_text()
        assert updated(root, loaded, name, before) == before


# ── pytest ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_files_of_a_workspace_are_collected(tmp_path: Path) -> None:
    root = lay(tmp_path)
    assert workspace_of(root / SPEC) == root
    assert workspace_of(root / "cases" / "a.json") == root
    for other in ("mappings/order.yaml", "recordings/order.json", "elsewhere/specs/a.yaml", "specs/readme.md"):
        assert workspace_of(root / other) is None


@pytest.mark.slow
def test_pytest_runs_examples_and_cases_of_a_workspace(tmp_path: Path) -> None:
    root = wrong(tmp_path)
    (root / "cases").mkdir()
    (root / "cases" / "odd.json").write_text("{}")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "specs", "cases"]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=root, timeout=120, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "2 failed" in ended.stdout
    assert "orders: an order\nrecordings/order.json: status is done, not held" in ended.stdout
    assert "is no case as `waybill prove` writes it" in ended.stdout
    assert "Traceback" not in ended.stdout
    lay(tmp_path)
    ended = subprocess.run([*words[:-1]], capture_output=True, text=True, cwd=root, timeout=120, check=False)
    assert (ended.returncode, "1 passed" in ended.stdout) == (0, True), ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_faulty_workspace_fails_its_collection_with_its_faults(tmp_path: Path) -> None:
    root = lay(tmp_path, (SPEC, "map: order", "map: odrer"))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "specs"]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=root, timeout=120, check=False)
    assert ended.returncode == 2
    assert "unknown-mapping" in ended.stdout


@pytest.mark.slow
def test_the_plugin_imports_nothing_of_ours_before_a_file_is_collected() -> None:
    look = "import sys, harness.testing.pytest_plugin; print(sorted(n for n in sys.modules if n.split('.')[0] in ('engine', 'hypothesis', 'aiohttp')))"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"
