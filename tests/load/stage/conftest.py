"""What the tests of a stage share."""

from pathlib import Path

import pytest

from engine.cli.workspace import reference_files


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference workspace, with an ERP whose address is written down."""
    folder = tmp_path_factory.mktemp("workspace")
    for name, raw in reference_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw.replace(b"{env: ERP_URL}", b"https://erp-test.northwind.example"))
    return folder
