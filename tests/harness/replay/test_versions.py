"""Another version of a workspace as a folder: only plain files below a workspace's own folders come out of an archive."""

import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from engine.errors import UserError
from harness.replay import versions

MEMBERS = {
    "charter/charter.yaml": b"charter: A",
    "specs/a/b.yaml": b"integration: b",
    "README.md": b"not ours",
    "../charter/out.yaml": b"beside",
    "charter/../../out.yaml": b"beside",
    "/charter/absolute.yaml": b"at the top",
}


def archive() -> bytes:
    raw = BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in MEMBERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
        link = tarfile.TarInfo("charter/link.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return raw.getvalue()


def test_only_plain_files_of_the_workspace_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "side"
    folder.mkdir(parents=True)
    versions.unpack(archive(), folder)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if not path.is_dir()}
    assert written == {"in/side/charter/charter.yaml", "in/side/specs/a/b.yaml"}


def test_a_version_of_too_many_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "FILES_MAX", 0)
    with pytest.raises(UserError, match="the other version has more than 0 files"):
        versions.unpack(archive(), tmp_path)


def test_without_git_a_folder_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(UserError, match="there is no git here; name the folder of the other version instead"),
        versions.version(tmp_path, "HEAD"),
    ):
        pass
