"""The socket of commands, from the command's side: who does not answer is told of in a sentence."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.wire.control import ask, short_path


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that takes connections; what becomes of them is the test's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        with short_path(tmp_path / "engine.sock") as short:
            made.bind(short)
        made.listen()
        yield made


def test_where_no_engine_listens_there_is_no_answer(tmp_path: Path) -> None:
    assert ask(tmp_path / "engine.sock", {}) is None


def test_an_engine_that_says_nothing_is_told_of(listener: socket.socket, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has not answered for 0.01 s, and may yet do what was asked"):
        ask(tmp_path / "engine.sock", {"store": "here"}, timeout_s=0.01)


def test_an_engine_that_goes_away_is_told_of(listener: socket.socket, tmp_path: Path) -> None:
    def accept_and_close() -> None:
        listener.accept()[0].close()

    going = threading.Thread(target=accept_and_close)
    going.start()
    with pytest.raises(UserError, match="went away without an answer"):
        ask(tmp_path / "engine.sock", {"store": "here"})
    going.join()
