"""WHAT A GENERATOR READS AND WRITES: the schedule, the messages, and what came of each, as files of framed records.

A record is four bytes of length and a MessagePack array. Files, not pipes: several generators read one, nobody blocks
anybody, and memory does not grow with the run. What is read was written by ourselves a moment before; a damaged file is
our own mistake, and loud. This file refuses to know what a record is for.
"""

import mmap
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TypeVar

from msgspec import Struct, msgpack

from harness.load.model import Arrival, Message, Sent

Record = TypeVar("Record", bound=Struct)

LENGTH_BYTES: Final = 4
BUFFER_BYTES: Final = 256 << 10


class Writer:
    """Appends records to a file, in pieces of 256 KiB."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._encode = msgpack.Encoder().encode
        self._ready = bytearray()
        self.count = 0

    def __call__(self, record: Struct) -> None:
        raw = self._encode(record)
        self._ready += len(raw).to_bytes(LENGTH_BYTES, "big")
        self._ready += raw
        self.count += 1
        if len(self._ready) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        view = memoryview(bytes(self._ready))
        self._ready.clear()
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write(path: Path, records: Iterable[Struct]) -> int:
    """Writes a file of records; how many."""
    with Writer(path) as append:
        for record in records:
            append(record)
    return append.count


def read(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The records of a file, one by one. A last one that was not written whole is left out: its writer was killed."""
    decode: Callable[[bytes], Any] = msgpack.Decoder(kind).decode
    with path.open("rb", buffering=BUFFER_BYTES) as file:
        while len(head := file.read(LENGTH_BYTES)) == LENGTH_BYTES:
            length = int.from_bytes(head, "big")
            raw = file.read(length)
            if len(raw) < length:
                return
            yield decode(raw)


def read_arrivals(path: Path) -> Iterator[Arrival]:
    return read(path, Arrival)


def read_sent(path: Path) -> Iterator[Sent]:
    return read(path, Sent)


class MessageFile:
    """A file of messages, each found by its number; the file is mapped, so that what is far away takes no memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        empty = path.stat().st_size == 0
        self._map = b"" if empty else mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._decode = msgpack.Decoder(Message).decode
        self._begins = array("Q")
        at, size = 0, len(self._map)
        while at + LENGTH_BYTES <= size:
            self._begins.append(at + LENGTH_BYTES)
            at += LENGTH_BYTES + int.from_bytes(self._map[at : at + LENGTH_BYTES], "big")
        if at != size:
            self.close()
            raise ValueError(f"{path} ends within a message")
        self._begins.append(at + LENGTH_BYTES)

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __getitem__(self, number: int) -> Message:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self._decode(self._map[self._begins[number] : self._begins[number + 1] - LENGTH_BYTES])

    def close(self) -> None:
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self._file.close()
