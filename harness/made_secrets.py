"""Secrets made up for a run on this machine: nobody's real ones are read, and none outlives the run's folder.

This file refuses to say what a secret is for.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path

from engine.charter.trust import secrets_of
from engine.spec import shape

MADE_BYTES = 24


def make_secrets(folder: Path, systems: Iterable[shape.System]) -> dict[str, str]:
    """Makes every secret of these systems up, a file for each in a new `folder`; secret → its value."""
    folder.mkdir(mode=0o700)
    named = {secret.name for system in systems for secret, _ in secrets_of(system)}
    made = {name: secrets.token_hex(MADE_BYTES) for name in sorted(named)}
    for name, value in made.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(f"{value}\n")
    return made
