"""pytest collects a workspace's tests: `pytest specs cases` runs the examples of each spec and each saved case.

pytest loads this in every project of an environment in which Waybill is installed, so it imports nothing of ours
until a file is collected that may be one of a workspace, and leaves alone what is not. A file of `specs/` is one
where a charter stands beside the folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHARTER = Path("charter") / "charter.yaml"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "WorkspaceFile | None":
    root = workspace_of(file_path)
    return None if root is None else WorkspaceFile.from_parent(parent, path=file_path, root=root)


def workspace_of(path: Path) -> Path | None:
    """The workspace that a spec or a case belongs to; None for any other file."""
    kind = {".yaml": "specs", ".json": "cases"}.get(path.suffix)
    if kind is None or kind not in path.parts:
        return None
    for folder in path.parents:
        if folder.name == kind and (folder.parent / CHARTER).is_file():
            return folder.parent
    return None


class WorkspaceFile(pytest.File):
    """One spec with its examples, or one case."""

    def __init__(self, *, root: Path, **named: Any) -> None:
        super().__init__(**named)
        self.root = root

    def collect(self) -> "Iterator[WorkspaceTest]":
        file = self.path.relative_to(self.root).as_posix()
        for test in tests_once(self.config, self.root):
            if test.file == file:
                yield WorkspaceTest.from_parent(self, name=test.name, test=test)


class WorkspaceTest(pytest.Item):
    """One example, or one case."""

    def __init__(self, *, test: Any, **named: Any) -> None:
        super().__init__(**named)
        self.test = test

    def runtest(self) -> None:
        from harness.testing.gather import check_one

        result = check_one(self.test)
        if not result.held:
            raise Differs(result.differences)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Differs):
            return "\n".join((f"{self.test.spec}: {self.test.name}", *map(str, excinfo.value.args[0])))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self.test.kind} {self.test.spec}: {self.test.name}"


class Differs(Exception):
    """What happened is not what a test expects; the differences, for people."""


def tests_once(config: pytest.Config, root: Path) -> Any:
    """The tests of a workspace, which is read once a session with all its cases. A faulty one fails the collection of
    its files, with every fault."""
    from engine.errors import UserError
    from engine.run.load import load
    from harness.testing.gather import expectations

    known: dict[Path, Any] = config.stash.setdefault(TESTS, {})
    if root not in known:
        try:
            known[root] = list(expectations(root, load(root, "local")))
        except UserError as error:
            known[root] = error
    if isinstance(known[root], UserError):
        raise pytest.Collector.CollectError(str(known[root]))
    return known[root]


TESTS: "pytest.StashKey[dict[Path, Any]]" = pytest.StashKey()
