"""`waybill init`, and where the reference workspace lies: beside the package in a checkout, inside it in a wheel."""

import argparse
import sys
from importlib.resources import files
from pathlib import Path

from engine.cli import HELD
from engine.errors import UserError

FOLDERS = ("charter", "mappings", "recordings", "specs")
IGNORED = ".waybill/\nsecrets/\n"


def reference_root() -> Path:
    """The folder that holds the reference workspace."""
    inside = Path(str(files("engine"))) / "workspace"
    return inside if inside.is_dir() else inside.parent.parent


def reference_files() -> dict[str, bytes]:
    """The reference workspace: path relative to its root → bytes."""
    root = reference_root()
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and path.suffix in (".yaml", ".csv", ".json")
    }


def init(arguments: argparse.Namespace) -> int:
    """Copies the reference workspace, and says what to do next."""
    target = Path(arguments.workspace)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target} exists and is not empty; choose a new folder")
    files = reference_files()
    for name, raw in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    (target / ".gitignore").write_text(IGNORED)
    integrations = sum(name.startswith("specs/") for name in files)
    sys.stdout.write(
        f"made {target}: {integrations} integrations, their systems, contracts, mappings and recordings\n"
        f"next:  waybill check {target}\n"
        f"       waybill try {target}/specs/shopify-orders-to-erp.yaml {target}/recordings/shopify/order-paid.json\n"
    )
    return HELD
