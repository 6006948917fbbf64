"""Reads a workspace's files, and the zones of the machine: what the pure rooms are handed instead of a disk.

It refuses to follow a link out of the workspace, and to read more of a file than people write.
"""

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import UserError
from engine.spec.workspace import FILE_BYTES_MAX

FOLDERS = ("charter", "mappings", "specs", "recordings")
SUFFIXES = (".yaml", ".yml", ".csv", ".json")
FILES_MAX = 20_000


def read_files(root: Path) -> dict[str, bytes]:
    """Every file of the workspace at `root`: path relative to it, with slashes → bytes. Recordings are listed, not
    read."""
    if not root.is_dir():
        raise UserError(f"there is no folder {root}")
    files: dict[str, bytes] = {}
    for folder in FOLDERS:
        for name, path in find_files(root, folder):
            files[name] = b"" if folder == "recordings" else read_bounded(path)
            if len(files) > FILES_MAX:
                raise UserError(f"more than {FILES_MAX} files in {root}; is it a workspace?")
    if not files:
        raise UserError(
            f"{root} is not a workspace: it has none of the folders {', '.join(FOLDERS)}; `waybill init DIR` makes one"
        )
    return files


def find_files(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """The files below one folder of a workspace: path relative to its root, and where it is."""
    top = root.resolve()
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in SUFFIXES or path.name.startswith(".") or path.is_dir():
            continue
        if not path.is_file():
            if not (path.is_symlink() or path.exists()):
                continue  # removed since the folder was listed
            raise UserError(f"{path} is no file that can be read, perhaps a link that leads nowhere; mend or remove it")
        if not path.resolve().is_relative_to(top):
            raise UserError(f"{path} leads out of the workspace; copy the file instead of linking it")
        yield path.relative_to(root).as_posix(), path


def read_bounded(path: Path) -> bytes:
    """The file; of one that is too large a byte too many, which whoever reads the workspace tells as its fault."""
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def read_named(path: Path) -> bytes:
    """A file that a user named. Raises UserError where it is not there, or too large."""
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    content = read_bounded(path)
    if len(content) > FILE_BYTES_MAX:
        raise UserError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB")
    return content


def find_zone(name: str) -> tzinfo | None:
    """The rules of a time zone, or None where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
