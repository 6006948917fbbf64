"""The three families of error, and nothing else.

A specification's mistakes are `Fault` values: collected, sorted and shown all at once, never raised one by one.
The world's mistakes are `engine.model.Outcome` values. Ours are exceptions below `WaybillError`; they stop what is
running and are loud, except `UserError`, whose text is written for the person at the terminal and ends the command
with its exit code.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a workspace: what, where, why, and what to write instead.

    `path` is the way to the node in the document (`steps[2].call`), `hint` the mend (may be empty),
    `severity` is `error` (exit 2), or for findings of the charter `error`, `warning` or `note`. `quoted` is the
    expression or template that is at fault, `offset` the character in it, counted from 0; empty for anything else.
    """

    code: str
    mark: Mark
    path: str
    message: str
    hint: str = ""
    severity: str = "error"
    quoted: str = ""
    offset: int = 0

    def __str__(self) -> str:
        below = [*pointed_at(self.quoted, self.offset), *([self.hint] if self.hint else [])]
        return "".join([f"{self.mark}: {self.code}: {self.message}", *(f"\n    {line}" for line in below)])


QUOTED_CHARS_MAX = 100


def pointed_at(text: str, offset: int) -> tuple[str, ...]:
    """The line of a text that holds the character at `offset`, cut to what one can read, and a caret below it."""
    if not text.strip():
        return ()
    start = text.rfind("\n", 0, min(offset, len(text))) + 1
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end].rstrip()
    column = min(max(0, offset - start), len(line))
    cut = max(0, min(column - QUOTED_CHARS_MAX // 2, len(line) - QUOTED_CHARS_MAX))
    shown = line[cut : cut + QUOTED_CHARS_MAX]
    before, after = "…" if cut else "", "…" if cut + QUOTED_CHARS_MAX < len(line) else ""
    return (f"{before}{shown}{after}", " " * (len(before) + column - cut) + "^")


class WaybillError(Exception):
    """Something of ours is wrong; exit 4."""


class UserError(WaybillError):
    """The command or its surroundings are wrong; the text says what to do. Exit 2 unless `exit_code` says otherwise."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class FaultyWorkspace(UserError):
    """The workspace has faults; they are carried, all of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class StoreFull(WaybillError):
    """No room for a new event; intake answers 503 until there is."""


class StoreAway(StoreFull):
    """The database cannot be reached or takes nothing; intake answers 503 until it does."""


class StoreBroken(WaybillError):
    """The store cannot be trusted (corrupt page, failed fsync, wrong version); the engine stops."""


class StatementFailed(WaybillError):
    """A statement of ours was refused by the database: a defect. The text is the database's own first line and code,
    since what it says further may hold customers' data."""


class Gone(WaybillError):
    """A plan or a system that an event needs is no longer there; the event is held, the engine runs on."""


class LeaseLost(WaybillError):
    """A record came with a fencing token that is no longer the newest; it was refused."""
