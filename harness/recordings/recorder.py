"""The file that a recording is written to: new, one scrubbed exchange a line, each on its way to the disk at once.

It takes `Scrubbed` and nothing else, and writes over nothing. Where nothing came of it, nothing is left.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import UserError
from harness.recordings import own
from harness.recordings.exchange import BYTES_MAX, EXCHANGES_MAX
from harness.recordings.scrub import Scrubbed


class Recorder:
    """An open recording; `count` exchanges are in it. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        if path.suffix != own.SUFFIX:
            raise UserError(f"{path}: a recording of Waybill is named {own.SUFFIX}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UserError(f"{path} exists; nothing is written over, so choose another name") from None
        except OSError as error:
            raise UserError(f"{path}: it cannot be written: {error.strerror}") from None
        self.path = path
        self.count = 0
        self._bytes = os.write(self._file, own.FIRST)

    def write(self, scrubbed: Scrubbed) -> bool:
        """Adds an exchange; False where it is as long as one may be. Raises UserError where the disk does not
        take it, and leaves what was there before."""
        line = own.line(scrubbed)
        if self.count >= EXCHANGES_MAX or self._bytes + len(line) > BYTES_MAX:
            return False
        left = line
        try:
            while left:  # a regular file takes all of it at once, unless its disk is full
                left = left[os.write(self._file, left) :]
        except OSError as error:
            os.ftruncate(self._file, self._bytes)  # half a line would make all of it unreadable
            os.lseek(self._file, self._bytes, os.SEEK_SET)
            raise UserError(f"{self.path}: it cannot be written: {error.strerror}") from None
        self._bytes += len(line)
        self.count += 1
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
        if error is not None and not self.count:
            self.path.unlink()
