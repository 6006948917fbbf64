"""The key that a workspace's pseudonyms are made with: drawn once, kept beside the store, never in a recording.

Whoever has it can find out which order a pseudonym stands for by trying orders, so it is a secret: readable by its
owner alone, and in the folder that `waybill init` tells git to leave out.
"""

import os
import secrets
from pathlib import Path

from engine.errors import UserError

KEY_BYTES = 32


def workspace_key(root: Path) -> bytes:
    """The key of the workspace at `root`, made if there is none yet. Raises UserError."""
    path = root / ".waybill" / "recordings.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
        else:
            key = secrets.token_bytes(KEY_BYTES)
            with os.fdopen(file, "wb") as opened:
                opened.write(key)
    except OSError as error:
        raise UserError(f"{path}: the key for pseudonyms cannot be kept there: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise UserError(f"{path}: it is no key of {KEY_BYTES} bytes; move it away, and a new one is made")
    return key
