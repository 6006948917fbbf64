"""Children: how they say that they are ready, how they end, and what is told of one that ends by itself."""

import socket
from pathlib import Path

import pytest

from engine.errors import UserError
from harness import processes
from harness.faults import seeded
from harness.processes import PORTS, Engine, Process, free_ports, python

pytestmark = pytest.mark.slow

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = "import time; print('up', flush=True); time.sleep(60)"


def test_a_process_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    process = Process("the engine", python("-c", "import sys; sys.exit('no such folder')"), tmp_path / "log", {})
    process.start(piped=True)
    with pytest.raises(UserError) as raised:
        process.read_line()
    assert process.ended
    assert raised.value.exit_code == 4
    assert str(raised.value) == "the engine ended with 1; its last words:\n  no such folder"


@pytest.mark.parametrize(("program", "code"), [(POLITE, -15), (DEAF, -9)])
def test_who_does_not_end_when_asked_is_killed(tmp_path: Path, program: str, code: int) -> None:
    process = Process("child", python("-c", program), tmp_path / "log", {})
    process.start(piped=True)
    assert process.read_line() == "up\n"
    assert process.end(0.3) == code


def test_who_never_says_that_it_is_ready_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_S", 0.2)
    process = Process("child", python("-c", "import time; time.sleep(60)"), tmp_path / "log", {})
    process.start(piped=True)
    with pytest.raises(UserError, match="child is not ready"):
        process.read_line()
    assert process.is_alive
    assert process.kill() == -9


def test_an_engine_that_says_something_else_than_its_ports_is_not_ready(tmp_path: Path) -> None:
    engine = Engine(tmp_path, tmp_path / "log", {}, program=("-c", POLITE))
    with pytest.raises(UserError, match="the engine is not ready"):
        engine.start_ready()
    assert engine.kill() == -9


def test_a_life_that_is_too_long_is_ended(tmp_path: Path) -> None:
    process = Process("child", python("-c", POLITE), tmp_path / "log", {}, life_s=0.2)
    process.start()
    assert process.wait(30) == -9


def test_waiting_has_an_end(tmp_path: Path) -> None:
    process = Process("child", python("-c", POLITE), tmp_path / "log", {})
    process.start()
    with pytest.raises(TimeoutError, match="child has not ended"):
        process.wait(0.1)
    assert process.kill() == -9


def test_ending_what_never_started_or_has_ended_does_nothing(tmp_path: Path) -> None:
    process = Process("child", python("-c", "pass"), tmp_path / "log", {})
    assert process.kill() is None
    assert not process.ended
    process.start()
    assert process.wait() == 0
    assert process.end(1) == 0
    assert process.kill() == 0
    assert process.ended


def test_ports_are_free_and_not_those_of_outgoing_connections() -> None:
    first, second = free_ports(seeded(1))
    assert first != second
    assert {first, second} <= set(PORTS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        assert first not in free_ports(seeded(1))
