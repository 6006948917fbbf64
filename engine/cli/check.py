"""`waybill check`, `explain` and `schema`: what reads a workspace and runs nothing."""

import argparse
import json
import sys
from pathlib import Path

from engine.cli import FAILED, HELD, WRONG
from engine.errors import UserError


def check(arguments: argparse.Namespace) -> int:
    """Every fault and every finding in one pass."""
    from engine.cli.formats import render
    from engine.run.load import check as check_files
    from engine.wire.files import read_files

    files = read_files(Path(arguments.workspace))
    checked = check_files(files)
    sys.stdout.write(render(arguments.format, checked.faults, checked.findings, sorted(files)))
    if checked.faults:
        return WRONG
    return FAILED if any(finding.severity == "error" for finding in checked.findings) else HELD


def explain(arguments: argparse.Namespace) -> int:
    """What a code means; without one, all codes with their meaning in a line."""
    from engine.spec.codes import all_codes
    from engine.spec.codes import explain as find

    if arguments.code is None:
        for code in all_codes():
            found = find(code)
            assert found is not None
            sys.stdout.write(f"{code:26}{found.meaning.splitlines()[0]}\n")
        return HELD
    found = find(arguments.code)
    if found is None:
        from engine.spec.workspace import closest

        raise UserError(f"there is no code `{arguments.code}`; {closest(arguments.code, all_codes(), 'codes')}")
    sys.stdout.write(str(found))
    return HELD


def schema(arguments: argparse.Namespace) -> int:
    """The JSON Schema of a kind of file."""
    from engine.spec.schema import editor_schema

    sys.stdout.write(json.dumps(editor_schema(arguments.kind), indent=2, ensure_ascii=False) + "\n")
    return HELD
