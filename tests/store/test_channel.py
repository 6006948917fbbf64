"""Frames over pipes: whatever the pieces they come in, what was said is heard, once."""

import os
from collections.abc import Iterator

import pytest

from engine.store import channel
from engine.store.channel import Inbox, framed


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A pipe that holds all that is said here, and buffers of a page to begin with."""
    ends = channel.made_pipe()
    monkeypatch.setattr(channel, "PIPE_BYTES", 4096)
    yield ends
    for end in ends:
        os.close(end)


SAID = [0, "a word", b"x" * 5_000, ["many", b"y" * 30_000], None, b"z" * 4_000, "the last"]


@pytest.mark.parametrize("piece", [1, 7, 1000, 4096])
def test_what_was_said_is_heard_whatever_the_pieces(pipe: tuple[int, int], piece: int) -> None:
    hears, says = pipe
    inbox, heard = Inbox(hears), []
    raw = b"".join(bytes(framed(value)) for value in SAID)
    for at in range(0, len(raw), piece):
        os.write(says, raw[at : at + piece])
        heard += inbox.take() or []
    assert heard == SAID
    assert inbox.held == 0


def test_a_large_frame_is_collected_where_it_stands_and_its_room_given_back(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    inbox, buffers = Inbox(hears), set()
    raw, heard = bytes(framed(b"x" * 100_000)), []
    for at in range(0, len(raw), 1000):
        os.write(says, raw[at : at + 1000])
        heard += inbox.take() or []
        buffers.add(len(inbox.buffer))
    assert heard == [b"x" * 100_000]
    assert buffers == {len(raw), 4096}


def test_two_frames_in_one_read_are_two_values(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    os.write(says, bytes(framed("one")) + bytes(framed("two")) + bytes(framed("three"))[:9])
    inbox = Inbox(hears)
    assert inbox.take() == ["one", "two"]
    os.write(says, bytes(framed("three"))[9:])
    assert inbox.take() == ["three"]


def test_the_end_is_none_also_in_the_middle_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    hears, says = channel.made_pipe()
    os.write(says, bytes(framed("cut"))[:10])
    os.close(says)
    inbox = Inbox(hears)
    assert inbox.take() == []
    assert inbox.take() is None
    os.close(hears)
