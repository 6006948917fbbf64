"""A closed-loop HTTP/1.1 generator on a bare asyncio protocol, to measure servers faster than any client library is.

Each of `connections` keep-alive connections sends a request, waits for the answer, and sends the next. It reports what
the server did under that much concurrency; being closed-loop it slows down with the server, so its percentiles say
nothing of an open arrival rate (`waybill load` does). It understands answers with a Content-Length alone and refuses
redirects, TLS and retries. Run it in a process of its own, or it competes with the server for one interpreter.
"""

import asyncio
import gc
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from engine.wire.loop import loop_factory


def blast(
    port: int | Sequence[int],
    path: str,
    payloads_and_headers: Sequence[tuple[bytes, Mapping[str, str]]],
    connections: int = 64,
    seconds: float = 3.0,
    meter: Callable[[], float] = time.process_time,
) -> dict[str, Any]:
    """POSTs the payloads in turn to 127.0.0.1 for `seconds` (after a quarter second of warm-up, not counted); of several
    ports each gets its share of the connections.

    Gives `count` (answers counted), `per_second`, `statuses` ({status: answers}), `failed` (connections lost),
    `p50_ms`, `p99_ms` (of one request's round trip) and `metered` (what `meter` grew by meanwhile, such as a server's
    CPU seconds).
    """
    requests = [_request(path, *one) for one in payloads_and_headers]
    collecting = gc.isenabled()
    gc.disable()  # a look through all the payloads would be a pause of ours in their percentiles
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_blast([port] if isinstance(port, int) else port, requests, connections, seconds, meter))
    finally:
        if collecting:
            gc.enable()


def _request(path: str, payload: bytes, headers: Mapping[str, str]) -> bytes:
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(payload)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + payload


async def _blast(
    ports: Sequence[int], requests: Sequence[bytes], connections: int, seconds: float, meter: Callable[[], float]
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    tally = _Tally()
    turns = itertools.cycle(requests)
    peers = [
        (await loop.create_connection(lambda: _Peer(turns, tally), "127.0.0.1", ports[number % len(ports)]))[1]
        for number in range(connections)
    ]
    for peer in peers:
        peer.send()
    await asyncio.sleep(0.25)
    tally.clear()
    started, metered = loop.time(), meter()
    await asyncio.sleep(seconds)
    took_s, metered = loop.time() - started, meter() - metered
    tally.stopped = True
    trips = sorted(tally.trips_s)
    for peer in peers:
        peer.leave()
    if not trips:
        raise SystemExit(f"no answers from {list(ports)} in {seconds} s")
    return {
        "count": len(trips),
        "per_second": round(len(trips) / took_s),
        "statuses": dict(tally.statuses),
        "failed": tally.failed,
        "metered": metered,
        "p50_ms": round(trips[len(trips) // 2] * 1000, 2),
        "p99_ms": round(trips[len(trips) * 99 // 100] * 1000, 2),
    }


class _Tally:
    def __init__(self) -> None:
        self.stopped = False
        self.clear()

    def clear(self) -> None:
        self.trips_s: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.failed = 0


class _Peer(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, requests: Iterator[bytes], tally: _Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._now = time.perf_counter
        self._sent = 0.0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def send(self) -> None:
        self._sent = self._now()
        self._transport.write(next(self._requests))

    def leave(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        if not answered(got):
            self._got = got
            return
        self._got = b""
        if not self._tally.stopped:
            self._tally.trips_s.append(self._now() - self._sent)
            self._tally.statuses[int(got[9:12])] += 1
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._tally.stopped:
            self._tally.failed += 1


def answered(got: bytes) -> bool:
    """Whether an answer with a Content-Length has come whole."""
    head_end = got.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    head = got[:head_end].lower()
    at = head.find(b"\r\ncontent-length:")
    length = int(head[at + 17 :].partition(b"\r\n")[0]) if at >= 0 else 0
    return len(got) >= head_end + 4 + length


if __name__ == "__main__":
    port, path, connections, seconds, size = sys.argv[1:]
    print(blast(int(port), path, [(b'"' + b"x" * (int(size) - 2) + b'"', {})], int(connections), float(seconds)))
