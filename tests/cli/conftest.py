"""Workspaces that the tests of the command line begin with."""

from pathlib import Path

import pytest
from blackbox.rig import Rig
from spec.minimal import edited
from spec.test_ten_faults import PLANTED

from engine.cli import main


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A workspace as `waybill init` makes it."""
    folder = tmp_path / "shop"
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    return folder


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A workspace with ten faults in four files."""
    rig = Rig(tmp_path / "broken", files=edited(*((file, old, new) for file, old, new, _, _ in PLANTED)))
    rig.write()
    return rig.root
