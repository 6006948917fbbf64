"""`waybill test`: the examples of specs and the saved cases."""

import argparse
import sys
from pathlib import Path

from engine.cli import HELD
from engine.cli.formats import shown
from engine.run.load import Loaded, load
from harness.testing.gather import check_one, expectations
from harness.testing.report import FORMATS
from harness.testing.update import difference, updated
from harness.trial import load_chosen

FAILED = 1


def run(arguments: argparse.Namespace) -> int:
    """Tests; 1 where one does not hold. With `--update` it shows what examples would say, and writes that."""
    root, loaded, names = load_chosen(arguments.spec, arguments.workspace, arguments.environment)
    if arguments.update:
        update(root, loaded, names or list(loaded.plans))
        loaded = load(root, arguments.environment)
    results = [check_one(test) for test in expectations(root, loaded, tuple(names))]
    sys.stdout.write(FORMATS[arguments.format](results))
    return HELD if all(result.held for result in results) else FAILED


def update(root: Path, loaded: Loaded, names: list[str]) -> None:
    """Shows the difference of each spec on standard error, so that a report on standard output stays one; then writes.
    All are made before one is written: what cannot be read changes nothing."""
    made = []
    for name in names:
        file = loaded.workspace.integrations[name].file
        before = (root / file).read_text(encoding="utf-8")
        after = updated(root, loaded, name, before)
        if after != before:
            made.append((root / file, file, before, after))
    for path, file, before, after in made:
        sys.stderr.write("".join(f"{shown(line)}\n" for line in difference(file, before, after).splitlines()))
        path.write_text(after, encoding="utf-8", newline="\n")
