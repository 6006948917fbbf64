"""Planted bottlenecks, with real runs: each is named for what it is, at the rate that was planted.

One flooded run each, as the search makes it; the search itself is held against tables (`test_capacity.py`). What a
machine without a free core makes of CPU and disk is not asked here: those two are named, and no rate is expected.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blackbox.rig import FILES, order_body
from rich.console import Console

from engine.cli import main
from engine.run.load import load
from harness.load.judge.capacity import Trial
from harness.load.judge.limits import first_of, per_minute
from harness.load.model import Measures
from harness.load.run.plan import Plan
from harness.load.run.real import run_profile
from harness.load.run.trials import tried
from harness.load.send.profile import Profile
from harness.load.stage import built as stages
from harness.load.stage.built import Options
from harness.load.tell.view import View
from harness.processes import Engine

pytestmark = pytest.mark.slow

EXAMPLE = """
examples:
  - {name: an order, events: [recordings/order.json], expect: [{status: done, calls: [erp.create_order]}]}
"""
SLOW_DISK = """
from engine.store import committer
before = "from engine.store.writer import serve\\n"
assert before in committer.START
committer.START = committer.START.replace(before, before + '''
import time
from engine.store.writer import Writer
begins = Writer.commit_begins
def throttled(self):
    begins(self)
    time.sleep(0.15)
Writer.commit_begins = throttled
''')
"""
BUSY = """
import time
from engine.run import deliver
think = deliver.think_of
def slowly(walks):
    think(walks)
    until = time.thread_time() + 0.02 * len(walks)
    while time.thread_time() < until:
        pass
deliver.think_of = slowly
"""
WORKERS = 64
"""So many are out soon, where a disk or a partner is slow."""
RUN = "from engine.cli import main; raise SystemExit(main())"


def workspace(root: Path, erp: str = "", spec: tuple[str, str] = ("", "")) -> Path:
    changed = {"charter/systems/erp.yaml": ("timeout: 2s", f"timeout: 5s\n{erp}"), "specs/shop-orders.yaml": spec}
    for name, said in FILES.items():
        old, new = changed.get(name, ("", ""))
        text = said.replace(old, new, 1) if old else said
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.strip() + (EXAMPLE if name.startswith("specs/") else "\n"))
    (root / "recordings").mkdir(exist_ok=True)
    event = {"headers": {"x-shop-event": "e1000001"}, "query": {}, "body": json.loads(order_body("1000", "c-1000", 7))}
    (root / "recordings/order.json").write_text(json.dumps(event))
    return root


def flooded(root: Path, rate: float, *, extra: float = 0.0, profile: Profile | None = None, **options: Any) -> Measures:
    loaded = load(root, "local")
    planted = profile or Profile(name="planted", phases=())
    plan = Plan(root, loaded, planted, ("shop-orders",), Options(workers=WORKERS, **options))
    trial = Trial(purpose="saturate", rate_per_s=rate, hold_s=7, warm_up_s=2, drain_s=1, extra=extra)
    with View(Console(quiet=True)) as view:
        return run_profile(tried(plan, trial), view)


def named(measures: Measures) -> tuple[str, str, float]:
    """(stage, its name, messages completed a minute)."""
    assert measures.work is not None
    first = first_of(measures.work)[0]
    return first.stage, first.name, per_minute(measures.work)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plants code into the engine's process."""

    def plant(code: str) -> None:
        monkeypatch.setattr(stages, "Engine", partial(Engine, program=("-c", code + RUN)))

    return plant


def test_a_quota(tmp_path: Path) -> None:
    root = workspace(tmp_path, "quota: {rate: 20/s, burst: 20}")
    stage, name, rate = named(flooded(root, 32, extra=20))
    assert (stage, name) == ("quota", "erp")
    assert rate == pytest.approx(1_200, rel=0.1)


def test_a_slow_partner(tmp_path: Path) -> None:
    stage, name, rate = named(flooded(workspace(tmp_path), 50, latency=("erp=2s",)))
    assert (stage, name) == ("partner", "erp")
    assert rate == pytest.approx(WORKERS / 2 * 60, rel=0.1)


def test_a_small_pool(tmp_path: Path) -> None:
    root = workspace(tmp_path, "quota: {concurrency: 2}")
    stage, name, rate = named(flooded(root, 10, latency=("erp=400ms",)))
    assert (stage, name) == ("pool", "erp")
    assert rate == pytest.approx(2 / 0.4 * 60, rel=0.1)


def test_one_hot_key(tmp_path: Path) -> None:
    """One customer has nine of ten orders, and each is an effect of its own."""
    root = workspace(tmp_path, spec=("once: order.id", "once: event.id"))
    profile = Profile(name="hot", repeat=0.9, hot=0.01, phases=())
    measures = flooded(root, 10, profile=profile, latency=("erp=300ms",))
    assert named(measures)[:2] == ("key", "shop-orders")
    assert measures.work is not None
    assert measures.work.key is not None
    assert measures.work.key.serial_ms == pytest.approx(300, rel=0.2)


def test_a_slow_disk(tmp_path: Path, planted: Any) -> None:
    planted(SLOW_DISK)
    stage, name, _ = named(flooded(workspace(tmp_path), 150))
    assert (stage, name) == ("store", "sqlite")


def test_a_busy_core(tmp_path: Path, planted: Any) -> None:
    planted(BUSY)
    stage, name, rate = named(flooded(workspace(tmp_path), 80))
    assert stage == "cpu"
    assert name in ("engine", "machine")
    assert rate <= 1.1 * 60 / 0.02  # those of one claim all end at its end: that may lie just within what is counted


def test_a_slow_quota_from_the_command_line_to_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Looked at live, and met in virtual time."""
    root, out = workspace(tmp_path / "shop", "quota: {rate: 2/s}"), tmp_path / "out"
    code = main(["load", "shop-orders", "--workspace", str(root), "--capacity", "--out", str(out)])
    result = json.loads((out / "result.json").read_text())
    found = result["capacity"]
    assert found["per_minute"] == pytest.approx(120, rel=0.1)
    assert found["low"] < 120 < found["high"]
    assert (found["limiting"]["stage"], found["limiting"]["name"]) == ("quota", "erp")
    assert found["virtual"] is True
    assert found["next_limit"]["stage"] == "cpu"
    assert (result["verdict"], code) == ("held", 0)
    assert main(["capacity", str(out), "--quota", "erp=4/s"]) == 0
    assert "PROJECTION  240/min with 1 node, erp 4/s" in capsys.readouterr().out
