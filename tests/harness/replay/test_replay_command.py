"""`waybill replay`, `plan` and `record` over the reference workspace: nothing changed is told where nothing did, a planted
change of a mapping with its blast radius and nothing else, and nobody's data anywhere.
"""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from shutil import copytree

import pytest
from blackbox.rig import FILES
from canaries import CANARIES, found_in, har
from real import ROOT
from traffic_made import HOUR_US, START, entry, recorded

from engine.cli import main
from engine.run.load import Loaded, load
from harness.recordings.read import read_all
from harness.replay.play import SPEEDS, facts, play, replayed
from harness.replay.traffic import parted

pytestmark = pytest.mark.slow

FOLDERS = ("charter", "mappings", "recordings", "specs")
SHOPIFY, MAPPING = "shopify-orders-to-erp", "mappings/shopify-order.yaml"
ORDERS = (
    "order-paid",
    "order-guest",
    "order-jpy",
    "order-large",
    "order-pending",
    "order-malformed",
    "order-unknown-sku",
)
DELIVERIES = (
    *((SHOPIFY, f"recordings/shopify/{name}.json") for name in ORDERS),
    ("easypost-labels", "recordings/wms/label-request.json"),
    ("tax-quotes", "recordings/checkout/tax-request.json"),
    ("stock-counts", "recordings/wms/counts.json"),
)
TAX_TOTAL = "  tax_total: {from: total_tax, money: currency}\n"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a proxy would have seen of ten deliveries, with what partners were asked and answered."""
    file = tmp_path_factory.mktemp("seen") / "seen.har"
    recorded(reference(), ROOT, DELIVERIES, file)
    return file


@pytest.fixture(scope="module")
def scrubbed(seen: Path, workspace: Path) -> Path:
    file = seen.with_suffix(".jsonl")
    assert main(["record", str(file), "--from", str(seen), "--workspace", str(workspace)]) == 0
    return file


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("workspaces") / "same")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference workspace, whose orders no longer say what their tax is."""
    root = copied(tmp_path_factory.mktemp("workspaces") / "changed")
    path = root / MAPPING
    assert path.read_text().count(TAX_TOTAL) == 1
    path.write_text(path.read_text().replace(TAX_TOTAL, ""))
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one integration."""
    root = tmp_path_factory.mktemp("workspaces") / "small"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@cache
def reference() -> Loaded:
    return load(ROOT, "local")


def copied(root: Path) -> Path:
    for folder in FOLDERS:
        copytree(ROOT / folder, root / folder)
    return root


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    capsys.readouterr()
    code = main([str(word) for word in words])
    return code, capsys.readouterr().out


# ── replay ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", ["seen", "scrubbed"])
def test_nothing_changed(
    which: str, request: pytest.FixtureRequest, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(capsys, "replay", request.getfixturevalue(which), "--workspace", workspace)
    assert code == 0, out
    assert out.startswith(f"HELD     {workspace}: 1 recording replayed\n")
    assert "  deliveries: 10\n" in out
    assert "  exchanges: 18 of 18 asked for again\n" in out
    assert "  clock: of the recording\n" in out


@pytest.mark.parametrize("which", ["seen", "scrubbed"])
def test_a_planted_change_is_told_with_its_blast_radius_and_nothing_else(
    which: str, request: pytest.FixtureRequest, changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = request.getfixturevalue(which)
    code, out = told(capsys, "replay", recording, "--workspace", changed)
    assert code == 1
    assert re.findall(r"  (\d+ of .*)", out) == ["3 of 18 events change: erp.create_order tax_total dropped, was 1737"]
    assert [line.split("#")[1] for line in out.split("was 1737\n    ")[1].splitlines()[0].split(", ")] == [
        "5",
        "7",
        "12",
    ]
    assert "missed" not in out


@pytest.mark.parametrize(("speed", "tempo"), [("1", "as recorded"), ("10", "10 times as fast"), ("max", "all at once")])
def test_the_tempo_is_told_and_kept(speed: str, tempo: str, seen: Path) -> None:
    """Ten deliveries, an hour apart."""
    loaded = reference()
    parts = parted(loaded, read_all([seen]), None)
    played = play(loaded, ROOT, parts, None, SPEEDS[speed], 1)
    assert facts(played, SPEEDS[speed])["tempo"] == tempo
    took_us = played.world.clock.now() - START
    assert took_us // HOUR_US == {"1": 9, "10": 0, "max": 0}[speed]
    assert (took_us >= 9 * HOUR_US // 10) is (speed != "max")


def test_a_planted_change_for_machines(scrubbed: Path, changed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, "replay", scrubbed, "--workspace", changed, "--format", "json")
    document = json.loads(out)
    assert (code, document["held"], document["events"], document["changed"]) == (1, False, 18, 3)
    assert [(one["operation"], one["path"], one["what"], one["events"]) for one in document["changes"]] == [
        ("erp.create_order", "body.tax_total", "dropped", 3)
    ]


def test_a_spec_alone(seen: Path) -> None:
    report = replayed(reference(), ROOT, read_all([seen]), "easypost-labels", 1)
    assert (report.facts["deliveries"], report.facts["ended"], report.held) == (1, "1 done", True)
    assert report.facts["exchanges"] == "3 of 5 asked for again"
    assert report.remarks == (
        "not compared: 2 exchanges that other integrations may have made",
        "not compared: 13 exchanges that no operation in question makes",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("replay", "{seen}", "--spec", "nothing"), "there is no integration `nothing`"),
        (("replay", "none.har"), "there is no file or folder none.har"),
        (("replay", "{foreign}", "--noise", "none"), "there is no file none"),
        (("replay", "{foreign}"), "nothing in these recordings is received or asked"),
        (("record", "{root}/a.har", "--from", "{seen}"), "a recording of Waybill is named .jsonl"),
        (("record", "{scrubbed}", "--from", "{seen}"), "exists; nothing is written over"),
        (("record", "{root}/b.jsonl", "--from", "{scrubbed}"), "is a recording of Waybill and scrubbed already"),
        (("record", "{root}/c.jsonl", "--from", "{seen}", "--system", "erp"), "--system says whom --forward leads to"),
        (("record", "{root}/d.jsonl", "--forward", "ftp://x", "--system", "no"), "there is no system `no`"),
        (("record", "{root}/e.jsonl", "--forward", "ftp://x"), "--forward is an address such as https://"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_a_sentence(
    words: tuple[str, ...],
    message: str,
    seen: Path,
    scrubbed: Path,
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    foreign = tmp_path / "foreign.har"
    foreign.write_text('{"log": {"entries": [{"request": {"url": "https://x.example/y"}}]}}')
    names = {"seen": str(seen), "scrubbed": str(scrubbed), "root": str(small), "foreign": str(foreign)}
    assert main([*(word.format(**names) for word in words), "--workspace", str(small)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_recorded_event_still_says_who_receives_it(workspace: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    event = workspace / "recordings" / "wms" / "counts.json"
    assert main(["record", str(kept), "--from", str(event), "--workspace", str(workspace)]) == 0
    assert [one.integration for one in read_all([kept])[0].exchanges] == ["stock-counts"]


def test_a_spec_is_a_name_or_a_file(seen: Path, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, "replay", seen, "--spec", workspace / "specs" / "easypost-labels.yaml")
    assert (code, out.startswith("HELD     easypost-labels: 1 recording replayed\n")) == (0, True)


def test_deliveries_alone_leave_nothing_to_compare_with(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, "replay", workspace / "recordings" / "wms", "--workspace", workspace)
    assert (code, out.startswith("EMPTY    ")) == (3, True)
    assert "  nothing to compare with: no answer of a partner is recorded" in out


# ── plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

EXAMPLES_WITH_TAX = 4
"""Examples of Shopify's orders that are told to the ERP with a tax."""


def test_a_plan_without_a_change(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, "plan", workspace, "--against", ROOT)
    assert (code, out.startswith("HELD     nothing changes\n")) == (0, True)
    assert re.search(r"  examples: 1\d\d\n", out)


def test_a_planted_change_is_planned_with_its_blast_radius_and_nothing_else(
    changed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = told(capsys, "plan", changed, "--against", ROOT, "--format", "json")
    document = json.loads(out)
    assert (code, document["held"]) == (1, False)
    found = {(one["operation"], one["path"], one["what"]) for one in document["changes"]}
    assert found == {("erp.create_order", "body.tax_total", "dropped"), ("emit orders", "body.tax_total", "dropped")}
    assert {one["events"] for one in document["changes"]} == {EXAMPLES_WITH_TAX, EXAMPLES_WITH_TAX + 1}
    assert all("shopify" in origin for one in document["changes"] for origin in one["origins"])


def test_a_plan_sends_recordings_too(changed: Path, scrubbed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = told(capsys, "plan", changed, "--against", ROOT, "--recording", scrubbed)
    assert code == 1
    assert "  recorded: 10\n" in out
    assert " events change: erp.create_order tax_total dropped, was 1737\n" in out
    assert re.search(rf"  {EXAMPLES_WITH_TAX + 3} of \d+ events change: erp.create_order tax_total dropped", out)


def test_a_plan_against_a_revision_of_git(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "repository" / "shop"
    copytree(workspace, root)

    def git(*words: str) -> None:
        identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "as it was")
    (root / MAPPING).write_text((root / MAPPING).read_text().replace(TAX_TOTAL, ""))
    code, out = told(capsys, "plan", root, "--against", "HEAD")
    assert code == 1
    assert f"  {EXAMPLES_WITH_TAX} of " in out
    assert {line.split(": ")[1] for line in out.splitlines() if " events change: " in line} == {
        "erp.create_order tax_total dropped, was 1737",
        "emit orders tax_total dropped, was 1737",
    }
    assert main(["plan", str(root), "--against=--output=x"]) == 2
    assert main(["plan", str(root), "--against", "no-such"]) == 2
    assert "`no-such` is neither the folder of a workspace nor a revision of git" in capsys.readouterr().err


def test_a_version_that_cannot_run_is_told(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = copied(tmp_path / "broken")
    (broken / MAPPING).write_text("mapping: [")
    assert main(["plan", str(workspace), "--against", str(broken)]) == 2
    assert "cannot be run, so nothing can be compared with it" in capsys.readouterr().err


# ── nobody's data ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_canary_is_in_a_recording_a_report_or_a_message(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deliveries full of canaries, through import, replay, a changed replay, noise and mistakes: all output is read."""
    raw = tmp_path / "raw.har"
    raw.write_bytes(har("/hooks/shopify/orders", "intake.northwind.example"))
    partner = tmp_path / "partner.har"
    partner.write_bytes(har("/sales-orders", "erp.northwind.example"))
    assert set(found_in(raw.read_text())) == set(CANARIES)
    kept = tmp_path / "kept.jsonl"
    said = ""
    for words in (
        ("record", kept, "--from", raw, partner),
        ("replay", raw, partner),
        ("replay", raw, partner, "--format", "json"),
        ("replay", kept),
        ("replay", kept, "--format", "json"),
        ("plan", workspace, "--against", ROOT, "--recording", raw, "--recording", kept),
        ("replay", raw, "--spec", "tax-quotes"),
    ):
        main([*map(str, words), *(() if words[0] == "plan" else ("--workspace", str(workspace)))])
        captured = capsys.readouterr()
        said += captured.out + captured.err
    assert "1 recording replayed" in said
    assert "no longer told" in said
    assert list(found_in(said)) == []
    assert list(found_in(kept.read_text())) == []
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path not in (raw, partner)]
    left += [path for path in (workspace / ".waybill").rglob("*") if path.is_file()]
    assert kept in left
    for path in left:
        assert list(found_in(path.read_bytes().decode("latin-1"))) == [], path


# ── noise ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_noise_is_found_proposed_and_passed_only_once_somebody_accepts_it(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ERP is told when an order came; the recording engine was five milliseconds later than this one."""
    root = tmp_path / "noisy"
    copytree(small, root)
    spec = root / "specs" / "shop-orders.yaml"
    text = spec.read_text()
    assert text.count("input: order") == 1
    spec.write_text(text.replace("input: order", 'input: "merge(order, {seen_at: event.received_at})"'))
    body = {"id": "7", "customer": "c", "number": 7, "total": "19.90", "currency": "EUR"}
    made = {"id": "shop-7", "customer": "c", "number": 7, "total_minor": 1990, "seen_at": "2026-11-01T10:00:00.005000Z"}
    sent = entry(
        START,
        "POST",
        "https://intake.example/hooks/orders",
        [{"name": "X-Shop-Event", "value": "e-7"}],
        body,
        202,
        None,
    )
    told_erp = entry(
        START, "POST", "https://erp.internal/sales-orders", [], {**made, "external_id": "shop-7"}, 201, {"id": "so-1"}
    )
    recording = tmp_path / "seen.har"
    recording.write_text(json.dumps({"log": {"entries": [sent, told_erp]}}))
    code, out = told(capsys, "replay", recording, "--workspace", root)
    assert code == 3, out
    assert (
        "noise, in 1 event: erp.create_order seen_at changed, 2026-11-01T10:00:00.005000Z → 2026-11-01T10:00:00.000000Z"
        in out
    )
    accepted = tmp_path / "noise.txt"
    accepted.write_text(out.partition("put this into the file of --noise:\n")[2])
    assert accepted.read_text().split() == ["erp.create_order", "body.seen_at", "time"]
    code, out = told(capsys, "replay", recording, "--workspace", root, "--noise", accepted)
    assert (code, "put this into the file" in out, "noise, in 1 event" in out) == (0, False, True)
