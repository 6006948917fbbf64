"""What every kind of recording is read into: requests and their answers, as they went over the wire.

Values only. Bodies are bytes without their content encoding; header names are lower-case, repeated fields joined. An
exchange says what was recorded and nothing of what it means: which operation it calls, or whose webhook it is, is found
by whoever knows a workspace.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.contract.body import BodyLimits
from engine.errors import UserError

BYTES_MAX: Final = 64 << 20
"""Of one recording: a browser's afternoon is 1 MiB, and 400 MB were exported from one that nobody had cleared."""
EXCHANGES_MAX: Final = 100_000
BODY_BYTES_MAX: Final = 16 << 20
"""Of one body, its content encoding undone."""
BODY_LIMITS: Final = BodyLimits(bytes_max=BODY_BYTES_MAX, nodes_max=2_000_000)


class UnreadableRecording(UserError):
    """A file is no recording, or more than one may be; the message names the file and what is wrong, never contents."""


class Became(Struct, frozen=True):
    """What a recording engine made of an event: how it ended, and the effects it had, as (operation, once)."""

    status: str
    effects: tuple[tuple[str, str], ...] = ()


class Exchange(Struct, frozen=True):
    """One request and its answer.

    `path` is percent-encoded and begins with a slash, `query` is decoded. `status` 0: no answer came. `at` is when the
    request was sent, microseconds since 1970, None where the recording does not say; `took_us` how long the answer
    took. `integration` is set where the recording itself names who received it, `became` what became of it there;
    `system` where it names the partner.
    """

    file: str
    number: int
    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    status: int = 0
    answer_headers: Mapping[str, str] = {}
    answer_body: bytes = b""
    at: int | None = None
    took_us: int = 0
    integration: str = ""
    system: str = ""
    became: Became | None = None

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file} #{self.number}"


class Recording(Struct, frozen=True):
    """One file of recorded traffic. `kind` is `har`, `vcrpy`, `ruby-vcr`, `waybill` or `event`; `timed` says that its
    exchanges have times of their own; `scrubbed` that it was written by us."""

    file: str
    kind: str
    exchanges: tuple[Exchange, ...]
    timed: bool
    scrubbed: bool = False
