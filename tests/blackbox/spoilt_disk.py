"""A disk that is spoilt from outside, for the process that writes a store."""

from pathlib import Path
from typing import Any

import apsw

kept: list[apsw.VFS] = []
"""The library holds on to a disk by name only."""


def fail_sync(file: str) -> None:
    """While the file exists, no fsync of a file whose name ends with its content succeeds."""
    path = Path(file)

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("spoilt", "unix", makedefault=True)

        def xOpen(self, name: Any, flags: list[int]) -> "File":  # noqa: N802 — the library's name
            return File(name, flags)

    class File(apsw.VFSFile):
        def __init__(self, name: Any, flags: list[int]) -> None:
            super().__init__("unix", name, flags)
            self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

        def xSync(self, flags: int) -> None:  # noqa: N802
            if path.exists() and self.name.endswith(path.read_text()):
                raise apsw.IOError("disk I/O error")
            super().xSync(flags)

    kept.append(Disk())
