"""What the engine and the process that writes its store say to each other (`channel.py` carries it)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.errors import StoreBroken
from engine.store.files import StoreAddress


class Begin(NamedTuple):
    """The first word of all, the engine's: which file, and how long its log may grow before it begins anew."""

    address: StoreAddress
    log_bytes_max: int | None = None


class Opened(NamedTuple):
    """The file is open, or why not."""

    error: Exception | None = None


class Group(NamedTuple):
    """To be written in one transaction: (name of a verb, item). `disk_low`: outcomes alone."""

    entries: Sequence[tuple[str, Any]]
    disk_low: bool


class End(NamedTuple):
    """The last word, the engine's: nothing more is to be written."""


class Written(NamedTuple):
    """What came of it: results in the order of the entries, an exception among them to be raised where its entry was
    submitted; or what the group failed of, and with it the store. `took_s`: so long the disk was waited for."""

    outcome: list[Any] | Exception
    took_s: float = 0.0


class Pinned(NamedTuple):
    """So long a reader has kept the log from being moved."""

    seconds: float


class Lost(NamedTuple):
    """The disk failed while the log was moved."""

    error: StoreBroken
