"""`waybill check`, `explain` and `schema`: what reads a workspace and runs nothing."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import FAILED, HELD, WRONG
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.spec.codes import Explanation, FunctionPage, KeyPage


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
    """What a code means, a function does or a key is for; without any, all of them in a line each."""
    from engine.spec.codes import all_codes, all_functions, all_keys, explain_function, explain_key
    from engine.spec.codes import explain as find

    if arguments.code is None:
        sys.stdout.write("".join(f"{code:26}{summary(find(code))}\n" for code in all_codes()))
        sys.stdout.write("\nfunctions of expressions\n")
        sys.stdout.write("".join(f"{name:26}{summary(explain_function(name))}\n" for name in all_functions()))
        sys.stdout.write("\nkeys of the dialect\n")
        sys.stdout.write("".join(f"{name:26}{summary(explain_key(name))}\n" for name in all_keys()))
        return HELD
    name = arguments.code.removesuffix("()").removesuffix(":")
    found = [page for page in (find(name), explain_function(name), explain_key(name)) if page]
    if not found:
        from engine.spec.workspace import closest

        known = (*all_codes(), *all_functions(), *all_keys())
        raise UserError(f"there is no code, function or key `{arguments.code}`; {closest(name, known, 'codes')}")
    sys.stdout.write("\n".join(map(str, found)))
    return HELD


def summary(page: "Explanation | FunctionPage | KeyPage | None") -> str:
    assert page is not None
    return page.meaning.splitlines()[0]


def schema(arguments: argparse.Namespace) -> int:
    """The JSON Schema of a kind of file."""
    from engine.spec.schema import editor_schema

    sys.stdout.write(json.dumps(editor_schema(arguments.kind), indent=2, ensure_ascii=False) + "\n")
    return HELD
