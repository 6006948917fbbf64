"""`waybill load` from its words to its files: a real engine, a partner and a few dozen messages."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from load.stage.test_stores import schemas
from load.stand import FILES

from engine.cli import main, parser
from engine.run.load import load
from harness.load.command import again, hash_of, with_told

PROFILE = """\
profile: quick
summary: A few dozen messages within seconds.
arrivals: even
again: 10%
drain: 20s
phases:
  - {name: warm-up, for: 1s, rate: 10/s, warm_up: true}
  - {name: rush, for: 2s, rate: 30/s}
"""
ORDER = {"headers": {"x-shopify-webhook-id": "w-1"}, "body": {"id": 700_001, "thing": 900_001, "name": "größer"}}
EXAMPLES = """\
examples:
  - {name: an order, events: [recordings/order.json], expect: [{status: done}]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    more = {"charter/profiles/quick.yaml": PROFILE, "recordings/order.json": json.dumps(ORDER)}
    for name, text in {**FILES, **more, "specs/orders.yaml": FILES["specs/orders.yaml"] + EXAMPLES}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def ask(root: Path, *words: str) -> int:
    return main(["load", "--workspace", str(root), *words])


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say how messages arrive, with --profile or --from; there are: quick"),
        (["--profile", "none"], "there is no profile `none` in charter/profiles; there are: quick"),
        (["nobody", "--profile", "quick"], "there is no integration `nobody`"),
        (["notes", "--profile", "quick"], "nobody sends to notes"),
        (["--from", "none.har"], "there is no file or folder none.har"),
        (["--profile", "quick", "--export", "k6"], "say where the script goes, with --out DIR"),
        (["--profile", "quick", "--store", "mysql://x"], "is not a store URL"),
        (["--profile", "quick", "--faults", "x"], "`x` is no fault"),
        (["--profile", "quick", "--latency", "erp"], "`erp` is no latency"),
        (["--profile", "quick", "--latency", "nobody=1ms"], "a latency is given for `nobody`"),
        (["--profile", "quick", "--baseline", "none.json"], "cannot read none.json"),
        (["--profile", "quick", "--out", "/dev/null/x"], "cannot write into /dev/null/x"),
        (["--profile", "quick", "--export", "k6", "--out", "/dev/null/x"], "cannot write into /dev/null/x"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_runs(
    root: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert ask(root, *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--times", "0"],
        ["--times", "x"],
        ["--generators", "17"],
        ["--workers", "0"],
        ["--capacity", "--virtual"],
        ["--profile", "a", "--from", "b"],
    ],
)
def test_words_that_mean_nothing_are_refused(root: Path, words: list[str]):
    with pytest.raises(SystemExit) as ended:
        ask(root, *words)
    assert ended.value.code == 2


def parsed(*words: str) -> argparse.Namespace:
    return parser().parse_args(["load", *words])


@pytest.mark.parametrize(
    "words",
    [
        ["orders", "--profile", "quick", "--seed", "3"],
        ["--workspace", "a b", "--from", "x.har", "--seed", "1", "--times", "4", "--workers", "8", "--capacity"],
        [
            "--profile",
            "p",
            "--seed",
            "1",
            "--latency",
            "erp=5ms",
            "--latency",
            "wms=1s",
            "--recording",
            "y",
            "--virtual",
        ],
    ],
)
def test_the_command_to_run_again_is_the_one_that_ran(words: list[str]):
    told = again(parsed(*words)).split(" ", 2)
    assert told[:2] == ["waybill", "load"]
    import shlex

    assert parsed(*shlex.split(told[2])) == parsed(*words)


def test_no_password_is_told():
    told = again(parsed("--profile", "p", "--store", "postgresql://waybill:word@db/x"))
    assert "postgresql://waybill@db/x" in told
    assert "word" not in told


def test_whom_a_named_one_tells_is_judged_too(root: Path):
    assert with_told(load(root, "local"), ["orders"]) == ("orders", "notes")


def test_the_same_files_are_the_same_word(root: Path, tmp_path: Path):
    assert hash_of(root) == hash_of(root)
    (tmp_path / "charter").mkdir()
    (tmp_path / "charter" / "charter.yaml").write_text("charter: x")
    first = hash_of(tmp_path)
    (tmp_path / "charter" / "charter.yaml").write_text("charter: y")
    assert hash_of(tmp_path) != first


# ── a run ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_run_and_its_files(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Whether the machine was quiet enough to believe it is another matter: what happened is exact all the same."""
    out = tmp_path / "out"
    code = ask(root, "--profile", "quick", "--seed", "2", "--out", str(out))
    told = capsys.readouterr()
    assert code in (0, 1, 3)
    assert told.out.startswith({0: "PASS", 1: "FAIL", 3: "INVALID"}[code] + "  quick  notes, orders  on ")
    assert {path.name for path in out.iterdir()} == {
        "report.html", "result.json", "junit.xml", "summary.md", "events.ndjson",
    }  # fmt: skip
    result = json.loads((out / "result.json").read_text())
    measures = result["measures"]
    assert result["verdict"] == {0: "held", 1: "broken", 3: "invalid"}[code]
    assert measures["offered"] == measures["sent"] > 70
    assert result["accepted"] == 70
    assert measures["duplicates"] == measures["sent"] - 70
    assert result["completed"] == 70
    assert (result["lost"], result["doubled"], result["out_of_order"]) == (0, 0, 0)
    assert measures["books"]["checked"] == 140  # a sales order and a note of each
    assert result["drain_s"] is not None
    assert sum(second["sent"] for second in measures["seconds"]) == measures["sent"]
    assert {name: ends["events"] for name, ends in measures["ends"].items()} == {"orders": 60, "notes": 60}
    events = [json.loads(line) for line in (out / "events.ndjson").read_text().splitlines()]
    assert len(events) == 140
    assert {event["status"] for event in events} == {"done"}
    names = {case.attrib["name"] for case in ET.parse(out / "junit.xml").iter("testcase")}
    assert {"no loss", "no second effect", "order", "orders accept.p99"} <= names
    assert list(root.glob(".waybill*")) == []


@pytest.mark.slow
def test_it_ends_with_0_where_only_a_report_is_asked_for(root: Path, capsys: pytest.CaptureFixture[str]):
    """An ERP that takes three seconds for an order breaks what `notes` promises nothing of, and `orders` does."""
    code = ask(root, "orders", "--profile", "quick", "--latency", "erp=21s", "--report-only", "--format", "json")
    result = json.loads(capsys.readouterr().out)
    assert code == {"held": 0, "broken": 0, "invalid": 3}[result["verdict"]]
    assert not all(slo["held"] for slo in result["slo"])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_leaves_nothing_behind(root: Path, tmp_path: Path, number: signal.Signals):
    words = [sys.executable, "-m", "engine", "load", "--workspace", str(root), "--profile", "quick", "--times", "3"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 90
        while b"offered" not in (tmp_path / "log").read_bytes():
            assert time.monotonic() < deadline
            assert running.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        left = descendants(running.pid)
        assert len(left) >= 3  # partners, engine, generator
        running.send_signal(number)
        assert running.wait(60) == 130
        assert not any(Path("/proc", str(pid)).exists() for pid in left)
    finally:
        running.kill()
        running.wait()
    assert list(root.glob(".waybill*")) == []


def descendants(pid: int) -> list[int]:
    """By Linux's own list; each process that a run starts is a child of it."""
    found: list[int] = []
    for task in Path("/proc", str(pid), "task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


# ── for k6 ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_for_k6_has_the_messages_and_limits(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "k6"
    assert ask(root, "--profile", "quick", "--export", "k6", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "WAYBILL_SECRET_SHOP_SECRET=" in said
    document = json.loads((out / "messages.json").read_text())
    assert len(document["messages"]) == 70
    assert all("hmac" not in name.lower() for each in document["messages"] for name in each["headers"])
    script = (out / "load.js").read_text()
    assert '"http_req_duration{integration:orders,phase:rush}": [\n      "p(99)<2000"\n    ]' in script
    assert os.environ.get("WAYBILL_SECRETS") is None


@pytest.mark.slow
def test_on_postgresql_it_has_a_schema_of_its_own(root: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]):
    code = ask(root, "--profile", "quick", "--store", postgres_url, "--generators", "2", "--format", "json")
    result = json.loads(capsys.readouterr().out)
    assert code in (0, 1, 3)
    assert (result["accepted"], result["completed"]) == (70, 70)
    assert (result["lost"], result["doubled"], result["out_of_order"]) == (0, 0, 0)
    assert result["run"]["store"] == "postgresql"
    assert result["measures"]["generator"]["processes"] == 2
    assert schemas(postgres_url) & {"public"} == {"public"}
    assert not any(name.startswith("waybill") for name in schemas(postgres_url))


@pytest.mark.slow
def test_in_virtual_time_the_same_messages_are_sent(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert ask(root, "--profile", "quick", "--seed", "2", "--virtual", "--out", str(out)) == 0
    result = json.loads((out / "result.json").read_text())
    assert (result["accepted"], result["completed"]) == (70, 70)
    assert result["run"]["virtual"] is True
    assert len((out / "events.ndjson").read_text().splitlines()) == 140
    assert "blind to CPU" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--faults", "slow=0.1"], ["--store", "sqlite:///x.db"], ["--generators", "2"]])
def test_virtual_time_takes_no_word_of_a_real_run(root: Path, words: list[str], capsys: pytest.CaptureFixture[str]):
    assert ask(root, "--profile", "quick", "--virtual", *words) == 2
    assert "is of a real run" in capsys.readouterr().err
