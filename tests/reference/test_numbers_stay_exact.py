"""From the body's bytes to the partner's: ids of 30 digits, integers beyond 64 bits and decimals keep every digit."""

from pathlib import Path

from spec.minimal import MAPPING, MINIMAL, SPEC, TABLE, edited

from engine.contract.body import encode_json
from engine.run.load import load
from engine.wire.answers import Inbound
from harness.world import Ended, World, run

THIRTY = "123456789012345678901234567890"
NUMBERS = {
    "serial": THIRTY,
    "beyond_64_bits": str(2**64 + 1),
    "beyond_a_double": str(2**53 + 1),
    "below": str(-(2**63) - 1),
    "rate": "0.1000000000000000055511151231257827021181583404541015625",
    "price": "19.90",
    "small": "1E-10",
}
"""As they stand in the body, and as they must stand in the request."""
FIELDS = "".join(f"  {name}: {name}\n" for name in NUMBERS)
CHANGED = edited(
    (MAPPING, "  channel: {value: shop}\n", f"{FIELDS}  channel: {{value: shop}}\n"),
    (MAPPING, "table: statuses", "table: statuses, give: code"),
    (MAPPING, "{from: total_price, money: currency}", "{from: total_price, money: currency, round: half_even}"),
    (TABLE, MINIMAL[TABLE], f"theirs,ours,code:integer\npaid,settled,{THIRTY}\n"),
    (SPEC, '"order.total > `500000`"', "order.total == `0`"),
)


def ended(folder: Path, body: bytes) -> Ended:
    """The event as it ended in a world of its own."""
    for name, text in CHANGED.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    loaded = load(folder, "local")
    world = World(loaded)
    return world.ended(run(world.receive(loaded.plans["orders"], Inbound("POST", "/", {"x-event-id": "1"}, {}, body))))


def test_every_digit_of_a_body_reaches_the_partner(tmp_path: Path) -> None:
    numbers = ", ".join(f'"{name}": {digits}' for name, digits in NUMBERS.items())
    body = (
        f'{{"id": {THIRTY}, "status": "paid", "financial_status": "paid", "name": "#1", "currency": "EUR",'
        f' "total_price": {THIRTY}.985, "line_items": [{{"sku": "A-1", "price": "0.30"}}], {numbers}}}'
    )
    event = ended(tmp_path, body.encode())
    assert (event.status.value, event.key) == ("done", THIRTY), event.reason
    (call,) = event.calls
    sent = encode_json(call.body).decode()
    for name, digits in NUMBERS.items():
        assert f'"{name}":{digits},' in sent
    assert f'"id":"shop-{THIRTY}"' in sent
    assert f'"reference":"shop-{THIRTY}"' in sent
    assert f'"total":{THIRTY}98,' in sent
    assert f'"status":{THIRTY},' in sent
    assert '"price":30' in sent
