"""Another version of a workspace, as a folder: one that is there, or a revision of git for as long as it is needed.

`git archive` is asked for the workspace's own folders alone; what it gives is taken apart here, bounded, and no member
that is not a plain file below them is written. This file refuses to change a working copy.
"""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from engine.errors import UserError
from engine.wire.files import FILES_MAX, FOLDERS

ARCHIVE_BYTES_MAX = 512 << 20
GIT_S_MAX = 60


@contextmanager
def version(root: Path, against: str) -> Iterator[Path]:
    """The folder of the version that `against` names: a workspace's folder, or a revision of the one at `root`."""
    if Path(against).is_dir():
        yield Path(against)
        return
    archive = revision(root, against)
    with TemporaryDirectory(prefix="waybill-plan-") as folder:
        unpack(archive, Path(folder))
        yield Path(folder)


def revision(root: Path, name: str) -> bytes:
    """The workspace's folders at a revision, as a tar. Raises UserError."""
    unknown = UserError(f"`{name[:60]}` is neither the folder of a workspace nor a revision of git in {root}")
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found is None:
        raise unknown
    commit = found.decode().strip()
    there = git(root, "ls-tree", "--name-only", commit) or b""
    folders = [folder for folder in FOLDERS if folder in there.decode().split("\n")]
    archive = git(root, "archive", "--format=tar", commit, "--", *folders) if folders else None
    if archive is None:
        raise UserError(f"revision `{name[:60]}` holds no workspace at {root}")
    return archive


def git(root: Path, *arguments: str) -> bytes | None:
    """What git answers; None where it refuses."""
    try:
        done = subprocess.run(  # noqa: S603 — words of ours, and a revision behind --end-of-options
            ["git", "-C", str(root), *arguments],  # noqa: S607 — the user's own git
            capture_output=True,
            timeout=GIT_S_MAX,
            check=False,
        )
    except FileNotFoundError:
        raise UserError("there is no git here; name the folder of the other version instead") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"git did not answer within {GIT_S_MAX} s") from None
    if len(done.stdout) > ARCHIVE_BYTES_MAX:
        raise UserError(f"the other version is larger than {ARCHIVE_BYTES_MAX >> 20} MiB")
    return done.stdout if done.returncode == 0 else None


def unpack(archive: bytes, folder: Path) -> None:
    """Writes the plain files of a tar below the workspace's folders."""
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        for number, member in enumerate(tar):
            path = PurePosixPath(member.name)
            if not member.isfile() or path.is_absolute() or ".." in path.parts or path.parts[0] not in FOLDERS:
                continue
            if number > FILES_MAX:
                raise UserError(f"the other version has more than {FILES_MAX} files")
            content = tar.extractfile(member)
            assert content is not None
            target = folder.joinpath(*path.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
