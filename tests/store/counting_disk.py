"""A disk that tells of its syncs, for the process that writes a store: one byte in a file for each."""

from pathlib import Path
from typing import Any

import apsw


class CountingFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 — SQLite's own name
        super().xSync(flags)
        with CountingDisk.told.open("ab") as file:
            file.write(b".")


class CountingDisk(apsw.VFS):
    """The real disk, and how often it was asked to make things last."""

    told: Path

    def __init__(self, told: str) -> None:
        CountingDisk.told = Path(told)
        super().__init__("counting", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return CountingFile(name, flags)
