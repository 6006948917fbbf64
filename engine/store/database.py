"""What the verbs see of a database: a connection inside a transaction, and statements over many rows at once.

The verbs are written once, for SQLite and PostgreSQL. Each takes its whole batch, reads what it needs of all items in a
fixed number of statements, decides in Python and writes in a fixed number of statements: few switches of threads on
the one, few round trips on the other. What only one of them has (row locks, sequences, pages) stands behind a method
here. Nothing here opens, commits or retries: that is a committer's matter.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]
Value = str | int | bytes | None


class Database(Protocol):
    """One connection inside a transaction. Statements carry `?` marks, never a percent sign, and run on both.

    Times are integers, bodies and JSON are bytes, and a truth is 0 or 1. A verb holds what it must in this order, so
    that two nodes seldom wait for one another in a circle: keys and identities, then rows, by number.
    """

    @property
    def lock(self) -> str:
        """Ends a SELECT whose rows nobody else may change until the commit; empty where one connection writes."""

    @property
    def skip_locked(self) -> str:
        """As `lock`, but rows that somebody else holds are left out."""

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of a SELECT, or of what a statement RETURNING gives."""

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Runs an UPDATE or DELETE (or an INSERT … SELECT); how many rows it changed."""

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[Value]], tail: str = "") -> list[Row]:
        """Rows in few statements, whatever their number. `columns` are written as in SQL, `tail` is what follows the
        values (`ON CONFLICT … RETURNING …`); it gives what that returns."""

    def update(self, table: str, key: str, columns: str, rows: Sequence[Sequence[Value]]) -> None:
        """Sets columns of rows found by a unique key: each of `rows` is (key, value, value, …) with the values of all
        `columns`, written as in SQL."""

    def among(self, column: str, values: Iterable[Value]) -> tuple[str, list[Any]]:
        """A condition that a column is among these, and the values of its marks: `column IN (?, ?)`, `column = ANY(?)`.
        At least one, all of one type."""

    def each(self, values: Iterable[Value]) -> tuple[str, list[Any]]:
        """These as a table with the one column `value`, to stand in a FROM behind which a name is given, and the
        values of its marks. At least one, all of one type; SQLite may give one of them twice."""

    def hold(self, digests: Iterable[bytes]) -> None:
        """Nobody else decides about these keys, identities or effects until the commit (see `lock_number`). Statements
        that follow see what the one who had them before has written."""

    def numbers(self, table: str, count: int) -> Sequence[int]:
        """The next numbers of `event` or `message`, ascending, higher than every one given before to who held the same
        key. Not all need be used."""

    def now(self, asked_at: int, /) -> int:
        """The time that all who share this database go by; `asked_at` is that of whoever asks. Only quotas are taken by
        it: the rest stands to the clock of the node that runs it."""

    def silent_nodes(self) -> Sequence[int]:
        """Nodes that hold leases and were not heard of for too long, by the database's clock."""

    def room_bytes(self) -> int | None:
        """How many bytes a bounded store may still grow by, those kept for outcomes left out; None: no bound."""

    def pages_max(self) -> int | None:
        """How many pages a bounded store may have; None: no bound."""


def lock_number(digest: bytes) -> int:
    """A digest folded to the 64 bits, signed, of an advisory lock. Folded, not cut: digests of numbered keys differ in
    their last bytes alone. Two that fold alike merely wait for one another."""
    folded = 0
    for at in range(0, len(digest), 8):
        folded ^= int.from_bytes(digest[at : at + 8])
    return folded - (1 << 64) if folded >= 1 << 63 else folded
