"""Bad days of a machine: a full disk, a disk that fails, a file that somebody holds, a clock that jumps, a process that
is stopped. What is defined for each is what its test says; the partners' books are asked as in the matrix.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest
from stores import STORES

from harness.load.measure.watch import child_of
from survival.brand import make_sale
from survival.life import Life, Partners, beside, rig_beside, told

pytestmark = pytest.mark.slow

HELD_S = 2.0
REFUSED = 20
HOUR_S = 3600


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk in memory of this size; a skip that says so where we may not mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
        timeout=30,
    )
    if done.returncode:
        pytest.skip("a full disk is not tested here: mounting a small one takes root (and mount)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def fill(disk: Path) -> None:
    """Not one page is left; as if somebody else's file had grown."""
    with (disk / "somebody-else").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk(partners: Partners, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk, rig_beside(partners, disk, "sqlite") as rig:
        rig.log.symlink_to(tmp_path / "engine.log")  # a line that is cut off by the full disk says nothing
        life = Life(rig, make_sale("full-disk"), partners, [()], pause_s=0.1)

        async def happens() -> None:
            await life.until(0.3)
            fill(disk)
            while len(told(rig, "refused_full")) < REFUSED:  # outcomes wait, too, or find room in the log
                await asyncio.sleep(0.05)
            (disk / "somebody-else").unlink()

        asyncio.run(beside(life, happens))
        assert life.verdict() == []


@pytest.mark.parametrize("file", ["events.db-wal", "events.db"])
def test_a_failed_fsync(partners: Partners, tmp_path: Path, file: str) -> None:
    failing = tmp_path / "failing"
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale(f"fsync-{file}"), partners, [(f"sync={failing}",), ()])

        async def happens() -> None:
            await life.until(0.3)
            failing.write_text(file)

        asyncio.run(beside(life, happens))
        assert life.deaths == [4]
        assert "the disk failed under the store" in told(rig, "failed")[0]["reason"]
        assert "Traceback" not in rig.log.read_text()
        assert life.verdict() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=lambda number: number.name)
def test_the_process_that_writes_the_store_is_killed(
    partners: Partners, tmp_path: Path, number: signal.Signals
) -> None:
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale(f"writer-{number.name}"), partners, [(), ()])

        async def happens() -> None:
            await life.until(0.3)
            assert rig.engine is not None
            writer = child_of(rig.engine.pid)
            assert writer is not None
            os.kill(writer, number)

        asyncio.run(beside(life, happens))
        assert life.deaths == [4]
        assert f"the process that writes the store was killed by signal {number:d}" in told(rig, "failed")[0]["reason"]
        assert "Traceback" not in rig.log.read_text()
        assert life.verdict() == []


def test_a_file_that_somebody_holds(partners: Partners, tmp_path: Path) -> None:
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale("locked"), partners, [()])

        async def happens() -> None:
            await life.until(0.3)
            somebody = apsw.Connection(str(tmp_path / "events.db"))
            somebody.set_busy_timeout(5_000)
            somebody.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(HELD_S)
            somebody.execute("ROLLBACK")
            somebody.close()

        asyncio.run(beside(life, happens))
        assert life.verdict() == []


def test_a_reader_that_pins_the_log(partners: Partners, tmp_path: Path) -> None:
    store, log = tmp_path / "events.db", tmp_path / "events.db-wal"
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale("pinned", filler=200_000), partners, [()])

        async def happens() -> None:
            await life.until(0.1)
            somebody = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
            somebody.execute("BEGIN")
            somebody.execute("SELECT count(*) FROM delivery").fetchall()
            while not told(rig, "log_pinned"):
                await asyncio.sleep(0.1)
            before = store.stat().st_size
            assert before < log.stat().st_size - (4 << 20)
            somebody.execute("ROLLBACK")
            somebody.close()
            while store.stat().st_size < before + (4 << 20):
                await asyncio.sleep(0.05)

        asyncio.run(beside(life, happens))
        assert len(told(rig, "log_pinned")) == 1
        assert life.verdict() == []


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def set_clock(file: Path, seconds: int) -> None:
    """In one step: the engine reads it all the time."""
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["an hour ahead", "an hour back"])
def test_a_clock_that_is_set(partners: Partners, tmp_path: Path, jump_s: int) -> None:
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale(f"clock-{jump_s}"), partners, [(f"clock={clock}",)])

        async def happens() -> None:
            await life.until(0.3)
            set_clock(clock, jump_s)
            await asyncio.sleep(0.5)
            set_clock(clock, 0)

        asyncio.run(beside(life, happens))
        assert [round(fact["seconds"]) for fact in told(rig, "clock_set")] == [jump_s, -jump_s]
        assert told(rig, "lease_lost") == []
        assert life.verdict() == []


def test_an_engine_stopped_past_its_leases(partners: Partners, tmp_path: Path) -> None:
    with rig_beside(partners, tmp_path, "sqlite") as rig:
        life = Life(rig, make_sale("stopped"), partners, [("lease=1",)])

        async def happens() -> None:
            for share in (0.2, 0.4, 0.6):
                await life.until(share)
                assert rig.engine is not None
                rig.engine.send_signal(signal.SIGSTOP)
                await asyncio.sleep(4)
                rig.engine.send_signal(signal.SIGCONT)

        asyncio.run(beside(life, happens))
        assert told(rig, "lease_lost") == []
        assert life.verdict() == []


# ── an event that kills ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("store", STORES)
def test_an_event_that_kills_the_engine(partners: Partners, tmp_path: Path, store: str) -> None:
    sale = make_sale(f"{store}-poison")
    order = f"shop-{store}-poison-23"
    with rig_beside(partners, tmp_path, store) as rig:
        life = Life(rig, sale, partners, [[f"die=before-begin:1:{order}"]] * 4)
        asyncio.run(life.run())
        (poison,) = (event for event in rig.events() if sale.order_of[event["id"]] == order)
        assert (poison["status"], poison["reason"]) == ("quarantined", "the engine died 3 times while it ran")
        assert life.deaths == [-signal.SIGKILL] * 3
        assert [broken for broken in life.verdict() if poison["id"] not in broken and order not in broken] == []
