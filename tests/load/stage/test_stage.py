"""What a run stands on is there, and is gone afterwards, whatever happened in between."""

import asyncio
import os
import urllib.request
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.run.load import load
from harness.load.stage.built import Options, up


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children() -> set[str]:
    """Of this process, whichever of its threads started them."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: bytes = answer.read()
        return found


@pytest.mark.slow
def test_an_interrupted_start_leaves_nothing(root: Path):
    async def play() -> None:
        async with asyncio.timeout(0.5):
            async with up(root, load(root, "local"), Options(), 30.0):
                pytest.fail("it was not interrupted")

    before = children()
    with pytest.raises(TimeoutError):
        asyncio.run(play())
    assert not (root / ".waybill").exists()
    assert children() <= before


@pytest.mark.slow
def test_engine_and_partners_answer_and_nothing_is_left_of_them(root: Path):
    pids = []

    async def play() -> None:
        async with up(root, load(root, "local"), Options(latency=("erp=1ms",)), 30.0) as stage:
            assert stage.engine is not None
            assert stage.partners is not None
            pids.extend((stage.engine.pid, stage.partners.pid))
            assert await asyncio.to_thread(read, f"http://127.0.0.1:{stage.engine.admin_port}/ready") is not None
            assert b"erp" in await asyncio.to_thread(read, f"{stage.partners.admin_url}/_counts")
            assert set(stage.partners.urls) == set(stage.systems)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(play())
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)
    assert not (root / ".waybill").exists()


@pytest.mark.slow
def test_a_latency_of_nobody_is_told(root: Path):
    async def play() -> None:
        async with up(root, load(root, "local"), Options(latency=("nobody=1ms",)), 30.0):
            pass

    with pytest.raises(UserError, match="a latency is given for `nobody`"):
        asyncio.run(play())
    assert not (root / ".waybill").exists()
