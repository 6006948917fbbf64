"""What the loops need of the world, as Protocols: time, chance, the store's thread, the network out.

Production hands in the real things; the harness hands in its own, and runs the same loops. This file refuses to
hold any implementation.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from engine.model import Fact, Outcome, Request

Item = TypeVar("Item")
Result = TypeVar("Result")

Verb = Callable[[Any, Sequence[Item]], Sequence[Result | Exception]]
"""A store's verb: (connection, batch of items) → one result for each item, inside the caller's transaction. A result
that is an exception is raised where its item was submitted; the others stand."""


class Clock(Protocol):
    """Time. `now` is wall time in microseconds since 1970 UTC; `monotonic` is seconds that never go back."""

    def now(self) -> int: ...

    def monotonic(self) -> float: ...


class Chance(Protocol):
    """Randomness. `uniform` gives a float in [0, 1)."""

    def uniform(self) -> float: ...


class Committer(Protocol):
    """Runs verbs of the store in transactions and answers once they are on disk.

    `submit` returns after the commit that holds the item is durable, or raises what the verb raised, or `StoreFull`.
    Items submitted together may share one transaction; each verb's items keep their order.
    """

    def submit(self, verb: Verb[Item, Result], item: Item) -> Awaitable[Result]: ...

    def hand_in(self, verb: Verb[Item, Result], item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """As `submit`, for who does not wait: `done` is called with the result, or with what `submit` would raise."""


class HttpOut(Protocol):
    """Sends one request to a system and says what came of it; never raises for the network."""

    async def send(self, request: Request, timeout_s: float) -> Outcome: ...


Observer = Callable[[Fact], None]
"""Takes facts; must not block and must not raise."""
