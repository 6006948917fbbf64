"""What one generator process of `waybill load` sends on time, measured by sending more and more of it."""

import sys
import time
from pathlib import Path

import msgspec

from benchmarks.rig import ROOT
from harness.load.model import Message
from harness.load.send.arrivals import arrivals
from harness.load.send.facts import Facts
from harness.load.send.feed import write
from harness.load.send.generator import Orders
from harness.load.send.profile import steady
from harness.processes import Process, python

BODY = b'{"note": "%b"}' % (b"x" * 4_700)
RAW = b"POST /hooks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
LAG_MS_MAX = 10.0
START_S = 2.0
HELD_S = 3.0


def generated(port: int, rate: float, folder: Path) -> Facts:
    """What a generator process says of an even rate for three seconds."""
    count = write(folder / "schedule", arrivals(steady("bench", rate, HELD_S), 1))
    write(folder / "messages", (Message("bench", RAW, ("e",), ("k",)) for _ in range(count)))
    orders = Orders(
        host="127.0.0.1",
        port=port,
        schedule=str(folder / "schedule"),
        messages=str(folder / "messages"),
        sent=str(folder / "sent"),
        begin_ns=time.monotonic_ns() + int((START_S + count / 200_000) * 1e9),
        connections_max=64,
        answer_s=10.0,
    )
    (folder / "orders").write_bytes(msgspec.json.encode(orders))
    words = python("-m", "harness.load.send.generator", str(folder / "orders"))
    process = Process("a generator", words, folder / "log", {}, folder=ROOT, life_s=60.0)
    process.start(piped=True)
    try:
        return msgspec.json.decode(process.read_line(), type=dict[str, Facts])["facts"]
    except BaseException:
        print(process.failed(), file=sys.stderr)
        raise
    finally:
        process.end(10.0)


def holds(facts: Facts) -> bool:
    """Whether all was sent, on time, and answered."""
    answered = sum(count for status, count in facts.statuses.items() if status.startswith("2"))
    return not facts.unsent and answered == facts.due and facts.lag.quantiles_ms["0.99"] < LAG_MS_MAX
