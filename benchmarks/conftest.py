"""What the benchmarks share: the report they write to, printed last of all when the session ends.

They measure only when `make bench` asks (`--benchmark-enable`); a plain `pytest benchmarks` skips them, loudly. How much
CPU others used meanwhile is told under the table: above a few percent, look at the middle half before the ratio.
"""

import os
import platform
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import apsw
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.report import Report, Topic

HERE = Path(__file__).parent
TURNS = 5
Arguments = tuple[object, ...]
REPORT = pytest.StashKey[Report]()
STARTED = pytest.StashKey[tuple[float, float]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()
    config.stash[STARTED] = (time.monotonic(), busy_s())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("benchmark_disable") and not config.getoption("benchmark_enable"):
        for item in (item for item in items if HERE in item.path.parents):
            item.add_marker(pytest.mark.skip(reason="speed is measured by `make bench`"))


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    return request.config.stash[REPORT]


class Clocked:
    """pytest-benchmark's clock, its median handed on to the report."""

    def __init__(self, benchmark: BenchmarkFixture, report: Report) -> None:
        self.benchmark = benchmark
        self.report = report

    def call(self, group: str, target: Callable[..., object], *arguments: object) -> None:
        """Times calls that leave no trace, as many as pytest-benchmark finds right."""
        self.benchmark.group = group
        self.benchmark(target, *arguments)

    def commit(self, group: str, target: Callable[..., object], prepare: Callable[[], Arguments], rounds: int) -> None:
        """Times calls that do leave one: `prepare` gives the arguments of each, untimed. Two more go before, uncounted."""
        self.benchmark.group = group
        pedantic: Any = self.benchmark.pedantic  # untyped in the library
        pedantic(target, setup=lambda: (prepare(), {}), rounds=rounds, warmup_rounds=2)

    def put(self, topic: Topic, baseline: str | None = None, items: int = 0) -> None:
        """Puts this turn's median under a topic: as µs a round, or with `items` (in each round) as items a second."""
        timed = self.benchmark.stats
        assert timed is not None
        took_s = timed.stats.median
        self.report.add(topic, items / took_s if items else took_s * 1e6, baseline)


@pytest.fixture(scope="module", params=range(TURNS))
def turn(request: pytest.FixtureRequest) -> int:
    """Both sides of a module are timed in turn, several times over: what others do to this machine then falls on both."""
    number: int = request.param
    return number


@pytest.fixture
def clocked(benchmark: BenchmarkFixture, report: Report, turn: int) -> Clocked:
    return Clocked(benchmark, report)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    report = session.config.stash[REPORT]
    if report.baselines:
        print("\n".join([*report.lines(), "", *conditions(session.config)]))


def conditions(config: pytest.Config) -> list[str]:
    """Where and in what company this was measured."""
    started, busy_before_s = config.stash[STARTED]
    took_s, cores = time.monotonic() - started, os.cpu_count() or 1
    mine = os.times()
    others_s = busy_s() - busy_before_s - (mine.user + mine.system + mine.children_user + mine.children_system)
    versions = f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {platform.machine()}"
    others = max(0.0, others_s / (took_s * cores))
    return [
        f"  {versions}, {cores} cores; in these {took_s:.0f} s others and the kernel's own work took {others:.0%} of them.",
        "  The ratio is Waybill's figure through the baseline's of the same run; half of all samples lie in the middle half.",
    ]


def busy_s() -> float:
    """CPU seconds this machine has worked since its start, stolen ones included; 0 where there is no /proc to tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, stat.read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
