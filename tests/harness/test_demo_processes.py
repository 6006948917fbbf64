"""Children of the demo: how they end, and what is told of one that ends by itself."""

import asyncio
import socket
from pathlib import Path

import pytest

from harness.demo.processes import PORTS, Process, free_ports, python
from harness.faults import seeded

pytestmark = pytest.mark.slow

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = "import time; print('up', flush=True); time.sleep(60)"


def test_a_process_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    process = Process("the engine", python("-c", "import sys; sys.exit('no such folder')"), tmp_path / "log", {})

    async def run() -> None:
        await (await process.start()).wait()

    asyncio.run(run())
    assert process.ended
    error = process.failed()
    assert error.exit_code == 4
    assert str(error) == "the engine ended with 1; its last words:\n  no such folder"


@pytest.mark.parametrize(("program", "code"), [(POLITE, -15), (DEAF, -9)])
def test_who_does_not_end_when_asked_is_killed(tmp_path: Path, program: str, code: int) -> None:
    process = Process("child", python("-c", program), tmp_path / "log", {})

    async def run() -> int | None:
        running = await process.start(piped=True)
        assert running.stdout is not None
        assert await running.stdout.readline() == b"up\n"
        await process.end(0.3)
        return running.returncode

    assert asyncio.run(run()) == code


def test_ending_what_never_started_or_has_ended_does_nothing(tmp_path: Path) -> None:
    process = Process("child", python("-c", "pass"), tmp_path / "log", {})

    async def run() -> None:
        await process.kill()
        assert not process.ended
        await (await process.start()).wait()
        await process.end(1)
        await process.kill()
        assert process.ended

    asyncio.run(run())


def test_ports_are_free_and_not_those_of_outgoing_connections() -> None:
    first, second = free_ports(seeded(1))
    assert first != second
    assert {first, second} <= set(PORTS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        assert first not in free_ports(seeded(1))
