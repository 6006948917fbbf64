"""A store that is open for an engine: what the loops need of it, whatever kind it is.

`open.py` makes one from a URL; `embedded.py` and `postgres/engine.py` are the two kinds.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from engine.ports import Committer
from engine.store.database import Database
from engine.store.verbs import SqlStore

TellFact = Callable[[str, Mapping[str, str | int | float | None]], None]
"""Takes a fact: its name and what belongs to it."""
Read = TypeVar("Read")


class Surroundings(Struct, frozen=True):
    """What an open store is given by its engine; all of it is called in the loop. `failed` hears of an error after which
    nothing can be written, `tell` takes facts, `wake` says that there may be work."""

    failed: Callable[[BaseException], None]
    tell: TellFact
    wake: Callable[[], None]


class Health(Struct, frozen=True):
    """What a person watches a store by. `bytes` are of its parts (tables with their indexes, the file, the log);
    `dead_rows` wait for a vacuum; `commits` and the seconds that the writer waited for them are this engine's; ages are of the oldest transaction that is open, in seconds, and of the oldest row
    version that must be kept, in transactions."""

    bytes: Mapping[str, int] = {}
    dead_rows: Mapping[str, int] = {}
    commits: int = 0
    commit_s: float = 0.0
    partitions: int = 0
    oldest_transaction_s: float = 0.0
    oldest_version_age: int = 0


class OpenStore(Protocol):
    """`node` is this engine's number; `reader` reads for the loop; `shown` names the store in messages, no password in
    it, the same for whoever means the same store."""

    node: int
    store: SqlStore
    shown: str

    @property
    def committer(self) -> Committer: ...

    @property
    def reader(self) -> Database: ...

    def count(self, read: Callable[[Database], Read]) -> Read:
        """What `read` (of `readers.py`) gives. It may take a while, so it is asked beside the loop, by one at a time.
        Raises StoreAway."""

    def health(self) -> Health:
        """As `count`."""

    async def watch(self) -> None:
        """Looks after the store until it is cancelled: its disk, its log, what is over."""

    async def close(self) -> None:
        """Commits what is pending, then lets go of everything."""
