"""The http client of the moment: a reload or renewed credentials put a new one in, and no call that is out is cut off.

It sends nothing by itself and decides nothing; when a client is due to be replaced is the engine's to say.
"""

from collections.abc import Coroutine

from engine.model import Outcome, Request
from engine.wire.http_client import HttpClient


class ClientInUse:
    """The http client of the moment. A reload puts a new one in; the old one closes once its calls have ended."""

    def __init__(self, client: HttpClient) -> None:
        self.client = client
        self.calls = {client: 0}

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        client = self.client
        self.calls[client] += 1
        try:
            return await client.send(request, timeout_s)
        finally:
            self.calls[client] -= 1
            if client is not self.client and not self.calls[client]:
                await self.retire(client)

    def replace(self, client: HttpClient) -> Coroutine[None, None, None]:
        """Puts a client in, at once; what is awaited is that the old one closes. Were it put in only where that is
        awaited, as a task of its own, it could come after a newer one and put that out."""
        old, self.client = self.client, client
        self.calls[client] = 0
        return self.close_unused(old)

    async def close_unused(self, client: HttpClient) -> None:
        if not self.calls.get(client):
            await self.retire(client)

    async def retire(self, client: HttpClient) -> None:
        if self.calls.pop(client, None) is not None:
            await client.close()
