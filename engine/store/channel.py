"""What passes between the engine and the process that writes its store: values in frames, over two pipes.

A frame is its length in eight bytes and a pickle. Pickle, because both ends are this very program, started by one
another, and nobody else can have the pipes: of all that carries these values it costs the least (measured: three
microseconds for an arrival of 5 KB and back). Nothing here knows what is said.
"""

import contextlib
import fcntl
import io
import os
import pickle
from collections.abc import Iterator
from typing import Any

LENGTH_BYTES = 8
PIPE_BYTES = 1 << 20
"""As large as Linux lets anybody make a pipe. A group of orders passes in one piece then: in two, the second would wait
for a turn of a busy loop."""


def framed(value: Any) -> memoryview:
    """A value as it passes. Raises whatever keeps it from passing."""
    file = io.BytesIO()
    file.write(bytes(LENGTH_BYTES))
    pickle.Pickler(file, pickle.HIGHEST_PROTOCOL).dump(value)
    frame = file.getbuffer()
    frame[:LENGTH_BYTES] = (len(frame) - LENGTH_BYTES).to_bytes(LENGTH_BYTES)
    return frame


def unframed(frame: memoryview) -> Any:
    """The value of a whole frame."""
    return pickle.loads(frame[LENGTH_BYTES:])  # noqa: S301 — ourselves


def made_pipe() -> tuple[int, int]:
    """(the end to read from, the end to write to)."""
    ends = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a user who has many pipes may have no more of this size
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return ends


def send(end: int, value: Any) -> None:
    """Sends a value; it blocks."""
    left = framed(value)
    while left:
        left = left[os.write(end, left) :]


class Inbox:
    """Takes what comes at an end of a pipe. Into one buffer that stays: to have a new one of this size for each read
    costs six times what reading costs."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.buffer = bytearray(PIPE_BYTES)
        self.held = 0

    def take(self) -> list[Any] | None:
        """The values that are whole after one read; None where the other end is closed. Raises BlockingIOError where the
        end does not block and there is nothing."""
        with memoryview(self.buffer) as view:
            read = os.readv(self.end, [view[self.held :]])
            if not read:
                return None
            self.held += read
            values, at, wanted = [], 0, LENGTH_BYTES
            while self.held - at >= LENGTH_BYTES:
                wanted = LENGTH_BYTES + int.from_bytes(view[at : at + LENGTH_BYTES])
                if self.held - at < wanted:
                    break
                values.append(unframed(view[at : at + wanted]))
                at, wanted = at + wanted, LENGTH_BYTES
        self.keep(at, wanted)
        return values

    def keep(self, at: int, wanted: int) -> None:
        """What is there from `at` on is the beginning of a frame of so many bytes: it is moved only where it must be, or
        a large frame would be moved at each of its many reads."""
        size = max(wanted, PIPE_BYTES)
        if size == len(self.buffer) and not at:
            return
        rest = self.buffer[at : self.held]
        if size != len(self.buffer):
            self.buffer = bytearray(size)
        self.buffer[: len(rest)] = rest
        self.held = len(rest)

    def values(self) -> Iterator[Any]:
        """Everything that comes until the other end is closed; it blocks."""
        while (values := self.take()) is not None:
            yield from values
