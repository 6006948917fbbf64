"""Secrets: where they are read, and the type that keeps them out of logs, errors, traces and reports.

`{secret: NAME}` is the file NAME in the directory that WAYBILL_SECRETS names (a mounted secret), else the environment
variable WAYBILL_SECRET_NAME. This file refuses to cache, to list and to guess: a secret that is empty, unreadable or
misnamed is a `SecretProblem`, which stops the start.
"""

import os
import re
from pathlib import Path
from typing import Never

from engine.errors import UserError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
"""What may be called a secret; no dot and no slash, so that a name never leaves its directory."""

BYTES_MAX = 64 * 1024

HIDDEN = "<secret>"


class SecretProblem(UserError):
    """A secret cannot be used; the text names it and says what to do, and holds nothing of its value."""


class Secret:
    """A value that only `reveal` shows. Not a `str`: whoever formats, logs, pickles or compares it gets nothing."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> Never:
        """Refuses pickling and copying, either of which would carry the value somewhere else."""
        raise TypeError("a secret is not pickled or copied")


def read_secret(name: str) -> Secret | None:
    """The secret NAME, or None where there is neither a file nor a variable.

    One trailing newline is stripped, since editors and `echo` leave one. Raises `SecretProblem` for a bad name, an
    empty value, a file that cannot be read, is larger than 64 KiB or is not UTF-8.
    """
    if not NAME.fullmatch(name):
        raise SecretProblem(f"{name!r} is no name of a secret: write letters, digits, _ and -, as in ERP_TOKEN")
    value = _from_file(name)
    if value is None:
        value = os.environ.get(f"WAYBILL_SECRET_{name}")
    if value is None:
        directory = os.environ.get("WAYBILL_SECRETS")
        if directory and not Path(directory).is_dir():
            raise SecretProblem(f"there is no secret {name}: WAYBILL_SECRETS names a folder that does not exist")
        return None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise SecretProblem(f"the secret {name} is empty: give it a value, or remove it and what refers to it")
    return Secret(value)


def _from_file(name: str) -> str | None:
    directory = os.environ.get("WAYBILL_SECRETS")
    if not directory:
        return None
    try:
        with (Path(directory) / name).open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SecretProblem(
            f"the secret {name} cannot be read from the directory in WAYBILL_SECRETS: {reason}"
        ) from None
    if len(raw) > BYTES_MAX:
        raise SecretProblem(f"the secret {name} is larger than {BYTES_MAX} bytes: is it the right file?")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # The error's own text shows bytes of the secret.
        raise SecretProblem(
            f"the secret {name} is not UTF-8 text: write it again as text, for example in base64"
        ) from None
