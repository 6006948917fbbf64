"""What the demo asks of its processes, beside its own loop: to be ready, to tell their counts, to show their books.

How processes start and end is `harness.processes`'s matter; here are only the demo's own needs, which wait without
holding up the picture.
"""

import asyncio
from typing import Any

import aiohttp

from harness.processes import HOST, Engine, PartnerProcess


async def begin(process: Engine | PartnerProcess) -> None:
    """Starts it and waits until it is ready. Raises UserError with its last words where it never is."""
    process.start(piped=True)
    await asyncio.to_thread(process.read_ports)


async def metrics(engine: Engine, session: aiohttp.ClientSession) -> str | None:
    """The page of the moment; None while the engine does not answer."""
    try:
        async with session.get(f"http://{HOST}:{engine.admin_port}/metrics") as answer:
            return await answer.text() if answer.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None


async def ask(partner: PartnerProcess, session: aiohttp.ClientSession, page: str) -> dict[str, Any]:
    """`_book` or `_counts`. Raises UserError with its last words where it does not answer."""
    try:
        async with session.get(f"{partner.admin_url}/{page}") as answer:
            data: dict[str, Any] = await answer.json()
            return data
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise partner.failed() from None
