"""One shop's messages, signed as its senders sign in virtual time, for tests of load."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from blackbox.rig import FILES, order_body

from engine.rules.signature import sign
from engine.run.load import Loaded, load
from harness.load.model import Arrival, Message
from harness.simulation.run import kit_of

ERP = "charter/systems/erp.yaml"
SPEC = "specs/shop-orders.yaml"
SHOP = "shop-orders"


@lru_cache
def shop(*changes: tuple[str, str, str]) -> Loaded:
    """The workspace with texts replaced: (file, what, by what)."""
    contents = dict(FILES)
    for path, old, new in changes:
        assert old in contents[path], f"{old!r} is not in {path}"
        contents[path] = contents[path].replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        for path, text in contents.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.lstrip())
        return load(Path(folder), "local")


def messages(loaded: Loaded, count: int, hot: int = 0) -> Iterator[Message]:
    """Orders, each by a customer of its own; of every hundred the first `hot` are of one customer's."""
    (path, route), *_ = kit_of(loaded).routes.items()
    for number in range(count):
        customer = "everybody" if number % 100 < hot else f"c{number}"
        body = order_body(str(number), customer, number)
        signed = sign(route.verification, body, 1_800_000_000_000_000)
        fields = {"host": "", "x-shop-event": f"e{number}", **signed, "content-length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        raw = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
        yield Message(SHOP, raw, (f"e{number}",), (customer,))


def evenly(rate: float, for_s: float, begin_s: float = 0.0, first: int = 0) -> list[Arrival]:
    count = round(rate * for_s)
    return [Arrival(round((begin_s + number / rate) * 1_000_000), first + number, 0) for number in range(count)]


def in_order(*parts: Sequence[Arrival]) -> list[Arrival]:
    return sorted((arrival for part in parts for arrival in part), key=lambda arrival: arrival.due_us)
