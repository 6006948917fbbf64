"""Finds the recorded real payloads, which are never copied into this repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def real_data() -> Path:
    """The folder WAYBILL_REAL_DATA names (default ../shared beside the repository), or a skip that says so."""
    folder = Path(os.environ.get("WAYBILL_REAL_DATA", ROOT.parent / "shared"))
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip(f"no real payloads at {folder}: set WAYBILL_REAL_DATA to run this test")
    return folder
