"""What a run leaves behind, for whoever measures it: what was sent, watched and booked, and between which moments.

The partners are asked for their books when nothing moves any more. This file refuses to read a store, and to count.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiohttp
from msgspec import Struct

from engine.errors import UserError
from harness.load.measure.books import Book, read_book
from harness.load.measure.watch import Row
from harness.load.model import SECOND_US, Message, PhaseSpan, Sent


class Partners(Struct, frozen=True):
    """What the partners' process tells after a run: books and counts by system, and what was answered by second since
    1970."""

    books: Mapping[str, Book] = {}
    counts: Mapping[str, Mapping[str, int]] = {}
    seconds: Mapping[int, Mapping[str, int]] = {}


class Ran(Struct, frozen=True, kw_only=True):
    """What a run leaves behind. `began_us` is the wall clock at the moment from which arrivals count, `ended_us` when
    nobody waited any longer. `messages` are read twice, in the order of their numbers; `sent` once, in any order."""

    began_us: int
    ended_us: int
    phases: tuple[PhaseSpan, ...]
    messages: Iterable[Message]
    sent: Iterable[Sent]
    rows: Sequence[Row]
    partners: Partners = Partners()
    processes: int = 1


async def ask_partners(
    session: aiohttp.ClientSession, admin_url: str, systems: Iterable[str], since_us: int
) -> Partners:
    """Raises UserError where they do not answer."""

    async def page(path: str) -> Any:
        async with session.get(f"{admin_url}{path}") as answer:
            return await answer.json()

    try:
        told = {name: read_book(await page(f"/_book?system={name}")) for name in systems}
        counts = (await page("/_counts"))["systems"]
        seconds = (await page(f"/_seconds?since={since_us // SECOND_US}"))["seconds"]
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError) as error:
        raise UserError(f"the partners do not tell their books ({type(error).__name__})", exit_code=4) from None
    return Partners(told, counts, {int(at): counted for at, counted in seconds.items()})
