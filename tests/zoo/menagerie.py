"""An animal or its twin as a workspace in a folder, checked and proved as a person would."""

from collections.abc import Iterator
from pathlib import Path

from engine.run.load import load
from harness.prove.profiles import PROFILES
from harness.prove.promises import step_id
from harness.prove.prover import prove
from harness.prove.sides import Violation

SEED = 0


def broken(root: Path) -> set[tuple[str, str]]:
    """(property, step) of everything that `waybill prove --profile quick` finds in a workspace."""
    return {(found.breaks, step_id(found.step)) for found in violations(root)}


def violations(root: Path) -> Iterator[Violation]:
    loaded = load(root, "local")
    for integration in loaded.plans:
        for failure in prove(root, loaded, integration, PROFILES["quick"], SEED).failures:
            yield failure.violation
