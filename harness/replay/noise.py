"""NOISE: fields that differ between two replays of the same thing, under another chance and at another moment.

They say nothing of a change, and they drown what does. Which they are is found by replaying twice, never by a list of
names; and what is found is proposed, with its kind, for a person to accept. Accepted noise stands in a file of the
workspace's owner, one line each; until it does it is told apart, and nothing is passed over silently.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from engine.errors import UserError
from engine.wire.files import read_named
from harness.replay.compare import Change, Compared

LINES_MAX = 10_000
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{16,}")


class Noise(Struct, frozen=True, order=True):
    """A field of an operation whose value is another one each time; `kind` is `time`, `uuid`, `number`, `token` or
    `text`."""

    operation: str
    path: str
    kind: str

    def __str__(self) -> str:
        return f"{self.operation} {self.path} {self.kind}"


def infer(twice: Compared) -> tuple[list[Noise], Compared]:
    """(the noise that two replays of one thing show, what comes and goes). A deed, a field or a status that is there
    only once is no noise: it is a defect."""
    valued, unsteady = twice.parted(lambda change: bool(change.operation) and change.what in ("changed", "identity"))
    return sorted({Noise(one.operation, one.field, kind_of(one)) for one in valued.changes}), unsteady


def kind_of(change: Change) -> str:
    for word, pattern in (("uuid", _UUID), ("time", _TIME), ("token", _TOKEN)):
        if all(isinstance(side, str) and pattern.fullmatch(side) for side in (change.before, change.after)):
            return word
    return "text" if isinstance(change.before, str) else "number"


def told_apart(compared: Compared, noise: Iterable[Noise]) -> tuple[Compared, Compared]:
    """(what changed, what is noise)."""
    known = {(one.operation, one.path) for one in noise}
    return compared.parted(lambda change: (change.operation, change.field) not in known)


def read(path: Path) -> list[Noise]:
    """The noise that somebody has accepted: lines `OPERATION PATH KIND`, `#` begins a remark. Raises UserError."""
    try:
        lines = read_named(path).decode().splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: it cannot be read; accepted noise is lines such as `erp.create_order body.sent_at time`"
        ) from None
    if len(lines) > LINES_MAX:
        raise UserError(f"{path}: more than {LINES_MAX} lines")
    found = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        # `emit TOPIC` is an operation of two words.
        if words and len(words) not in (3, 4):
            raise UserError(f"{path}:{number}: write OPERATION PATH KIND, such as `erp.create_order body.sent_at time`")
        if words:
            found.append(Noise(" ".join(words[:-2]), words[-2], words[-1]))
    return found
