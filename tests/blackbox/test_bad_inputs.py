"""The bad inputs that reliable systems are asked about, each with the answer it must get. One table; numbers as in the list.

Number 40 (formulas in an exported CSV) has no place here: nothing is exported.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from contract.bad_bodies import BAD
from stores import SQLITE, STORES, new_store

from blackbox.rig import FILES, SECRET, Rig, order_body, rig_at, settle
from engine.run.load import check
from engine.wire.http_server import ServerLimits

pytestmark = pytest.mark.slow
STRIPE_SECRET = b"whsec-of-decent-length"

MORE = {
    "charter/systems/stripe.yaml": """
system: stripe
kind: payments
webhooks: {verify: {scheme: stripe, secret: {secret: STRIPE_SECRET}}}
""",
    "specs/payments.yaml": """
integration: payments
version: 1
summary: Payments arrive and are looked at by nobody else.
owner: orders
impact: operations
receive:
  webhook: {path: /hooks/payments, system: stripe}
  id: body.id
  key: body.id
steps: []
""",
}


# ── files of a workspace ─────────────────────────────────────────────────────────────────────────────────────────────

SPEC = FILES["specs/shop-orders.yaml"]
MAPPING = FILES["mappings/order.yaml"]
BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)

WRITTEN: list[tuple[str, str, str, str]] = [
    ("1 merge-key bomb", "specs/shop-orders.yaml", "base: &b {a: 1}\nmore: {<<: *b}\n" + SPEC, "yaml-merge-key"),
    ("2 alias bomb", "specs/shop-orders.yaml", BOMB + SPEC, "yaml-alias"),
    ("3 recursive anchor", "specs/shop-orders.yaml", "a: &a [*a]\n" + SPEC, "yaml-alias"),
    ("4 duplicate key", "specs/shop-orders.yaml", SPEC + "\nversion: 2\n", "yaml-duplicate-key"),
    (
        "5 a tag of another language",
        "specs/shop-orders.yaml",
        SPEC.replace("version: 1", "version: !!python/name:os.system 1"),
        "yaml-tag",
    ),
    ("6 no is text, not false", "specs/shop-orders.yaml", SPEC.replace("version: 1", "version: no"), "wrong-type"),
    ("7 depth 5,000", "specs/shop-orders.yaml", "deep: " + "[" * 5000 + "]" * 5000 + "\n" + SPEC, "yaml-depth"),
    (
        "8 an integer of 100,000 digits",
        "specs/shop-orders.yaml",
        SPEC.replace("version: 1", f"version: {'9' * 100_000}"),
        "yaml-number",
    ),
    ("9 two documents", "specs/shop-orders.yaml", SPEC + "\n---\nb: 1\n", "yaml-documents"),
    ("9 a byte order mark", "specs/shop-orders.yaml", "\ufeff" + SPEC, "yaml-bom"),
    ("9 a tab", "specs/shop-orders.yaml", SPEC.replace("  contract:", "\tcontract:"), "yaml-tab"),
    ("10 an unknown key", "specs/shop-orders.yaml", SPEC.replace("summary:", "sumary:"), "unknown-key"),
    (
        "11 a secret in the clear",
        "charter/systems/erp.yaml",
        FILES["charter/systems/erp.yaml"].replace("{secret: ERP_TOKEN}", "s3cr3t-t0ken"),
        "literal-secret",
    ),
    (
        "36 a way out of the template",
        "mappings/order.yaml",
        MAPPING.replace("number: number", "number: {template: \"{{ ''.__class__ }}\"}"),
        "template-not-allowed",
    ),
    (
        "37 a loop in a template",
        "mappings/order.yaml",
        MAPPING.replace("number: number", 'number: {template: "{% for x in range(99999) %}x{% endfor %}"}'),
        "template-not-allowed",
    ),
    (
        "37 a format that eats memory",
        "mappings/order.yaml",
        MAPPING.replace("number: number", "number: {template: \"{{ '%1000000000d' % 1 }}\"}"),
        "template-not-allowed",
    ),
    (
        "38 a name that is not there",
        "specs/shop-orders.yaml",
        SPEC.replace("once: order.id", "once: ordr.id"),
        "unknown-name",
    ),
    ("39 a NUL in a table", "charter/tables/skus.csv", "a,b\nx\0,y\n", "table"),
    ("39 a ragged table", "charter/tables/skus.csv", "a,b\nx,y,z\n", "table"),
    ("39 an unclosed quote", "charter/tables/skus.csv", 'a,b\n"x,y\nz,w\n', "table"),
]


@pytest.mark.parametrize(("name", "file", "text", "code"), [pytest.param(*row, id=row[0]) for row in WRITTEN])
def test_bad_files_are_located_faults(name: str, file: str, text: str, code: str) -> None:
    files = {path: content.lstrip().encode() for path, content in FILES.items()} | {file: text.lstrip("\n").encode()}
    faults = check(files).faults
    assert code in {fault.code for fault in faults}, faults
    assert all(
        fault.mark.file == file and fault.mark.line > 0 and fault.message for fault in faults if fault.code == code
    )


def test_32_an_empty_or_one_byte_secret_stops_the_start(tmp_path: Path) -> None:
    with rig_at(tmp_path) as rig:
        for bad in ("", "x"):
            secrets = tmp_path / f"secrets-{len(bad)}"
            secrets.mkdir()
            (secrets / "SHOP_SECRET").write_text(bad)
            rig.more_environment = {"WAYBILL_SECRETS": str(secrets)}
            done = rig.waybill("run", str(rig.root), "--port", "0", "--admin-port", "0")
            assert done.returncode == 2
            assert "SHOP_SECRET" in done.stderr
            assert "Traceback" not in done.stderr


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=STORES)
def rig(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server_url: str
) -> Iterator[Rig]:
    """One engine for all of them, on each store: whatever one does must not disturb the next."""
    folder = tmp_path_factory.mktemp("bad")
    with (
        new_store(request.param, folder, postgres_server_url) as store,
        rig_at(folder, files={**FILES, **MORE}, store=store) as running,
    ):
        running.start_engine()
        yield running


def shop_signature(body: bytes) -> str:
    return base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256)).decode()


def stripe_signature(body: bytes, at: str | None = None, times: int = 1) -> str:
    stamp = at or str(int(time.time()))
    signature = hmac.digest(STRIPE_SECRET, stamp.encode() + b"." + body, hashlib.sha256).hex()
    return f"t={stamp}," + ",".join([f"v1={'0' * 64}"] * (times - 1) + [f"v1={signature}"])


def exchange(port: int, raw: bytes, timeout_s: float = 20) -> int:
    """Sends bytes as they are; the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(raw)
        answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1])


def request(body: bytes, path: str = "/hooks/orders", **headers: str) -> bytes:
    fields = {
        "Host": "localhost",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        f"POST {path} HTTP/1.1\r\n".encode()
        + b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields.items())
        + b"\r\n"
        + body
    )


def from_shop(event: str, body: bytes, **headers: str) -> bytes:
    return request(body, X_Shop_Event=event, **{"X_Shop_Signature": shop_signature(body), **headers})


@dataclass
class Odd:
    """An authentic body that must be stored and then stand where it says."""

    name: str
    body: bytes
    status: str = "quarantined"
    words: str = ""


PLAIN = order_body("1", "c", 1)
ODD = [
    Odd(
        "12 a key given twice",
        b'{"id": "1", "id": "2", "customer": "c", "number": 1, "total": "1.00", "currency": "EUR"}',
        words="twice",
    ),
    Odd("13 NaN", PLAIN.replace(b'"number": 1', b'"number": NaN')),
    Odd("13 Infinity", PLAIN.replace(b'"number": 1', b'"number": Infinity')),
    Odd("13 1e400 is no finite double", PLAIN.replace(b'"number": 1', b'"number": 1e401')),
    Odd("14 19.99 stays exact", order_body("fourteen", "fourteen", 14), status="done"),
    Odd("15 1e1000000", PLAIN.replace(b'"number": 1', b'"number": 1e1000000')),
    Odd("16 depth 100,000", b'{"customer": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    Odd("17 a million bytes of {}", b"[" + b",".join([b"{}"] * 300_000) + b"]"),
    Odd("18 half of a surrogate pair", PLAIN.replace(b'"c"', b'"\\ud800"')),
    Odd("19 UTF-16", PLAIN.decode().encode("utf-16")),
    Odd("20 an id of 30 digits", order_body("123456789012345678901234567890", "twenty", 20), status="done"),
    Odd("21 U+0000 in text", PLAIN.replace(b'"c"', b'"\\u0000"')),
    Odd("contract broken", order_body("2", "c", 2).replace(b'"19.99"', b'"19.9"'), words="total"),
    Odd("not JSON at all", b"hello"),
]


def test_authentic_but_odd_bodies_are_202_and_stand_where_a_person_finds_them(rig: Rig) -> None:
    for odd in ODD:
        assert exchange(rig.port, from_shop(odd.name, odd.body)) == 202, odd.name
    events = {event["id"]: event for event in asyncio.run(settle(rig))}
    for odd in ODD:
        event = events.get(odd.name) or next(event for event in events.values() if event["id"] == odd.name)
        assert event["status"] == odd.status, (odd.name, event)
        assert odd.words in (event["reason"] or ""), (odd.name, event)
    booked = {effect["order"] for effect in rig.effects()}
    assert {"shop-fourteen", "shop-123456789012345678901234567890"} <= booked


def test_every_bad_body_is_answered_and_stands_where_a_person_finds_it(rig: Rig) -> None:
    """The table of the reader, over the wire: what is too large is refused unread, all else is stored and told."""
    names = {f"bad-{number}": name for number, name in enumerate(BAD)}
    for event, name in names.items():
        raw = BAD[name].make()
        status = exchange(rig.port, from_shop(event, raw))
        assert status == (413 if len(raw) > ServerLimits().bytes_max else 202), name
    events = {event["id"]: event for event in asyncio.run(settle(rig)) if event["id"] in names}
    assert len(events) == sum(len(bad.make()) <= ServerLimits().bytes_max for bad in BAD.values()) > 80
    for event in events.values():
        assert (event["status"], bool(event["reason"])) == ("quarantined", True), names[event["id"]]


def test_an_id_that_cannot_be_read_is_stored_and_its_redelivery_is_a_duplicate(rig: Rig) -> None:
    body = order_body("no-id", "no-id", 1)
    raw = request(body, X_Shop_Signature=shop_signature(body))
    assert [exchange(rig.port, raw), exchange(rig.port, raw)] == [202, 200]


def test_33_and_34_replays_have_no_second_effect(rig: Rig) -> None:
    body = order_body("replayed", "replayed", 1)
    assert exchange(rig.port, from_shop("replay-1", body)) == 202
    assert exchange(rig.port, from_shop("replay-1", body)) == 200
    assert exchange(rig.port, from_shop("replay-2", body)) == 202
    asyncio.run(settle(rig))
    assert [effect["order"] for effect in rig.effects()].count("shop-replayed") == 1


def test_a_known_id_with_another_body_is_a_conflict(rig: Rig) -> None:
    assert exchange(rig.port, from_shop("conflict", order_body("conflict", "k", 1))) == 202
    assert exchange(rig.port, from_shop("conflict", order_body("conflict", "k", 2))) == 202
    events = [event for event in asyncio.run(settle(rig)) if event["id"] == "conflict"]
    assert [event["status"] for event in events] == ["done", "quarantined"]
    assert "conflict" in events[1]["reason"]


BODY = order_body("forged", "forged", 1)
GOOD = shop_signature(BODY)
PAYMENT = b'{"id": "evt_1"}'


def forged() -> list[tuple[str, bytes, int]]:
    """As they would come now: some of them are refused for their time."""
    now = int(time.time())
    return [
        ("27 no signature", request(BODY, X_Shop_Event="x"), 401),
        ("28 a signature that is not base64", request(BODY, X_Shop_Event="x", X_Shop_Signature="%%%"), 401),
        ("28 an empty signature", request(BODY, X_Shop_Event="x", X_Shop_Signature=""), 401),
        ("29 a signature outside ASCII", request(BODY, X_Shop_Event="x", X_Shop_Signature="ä" * 44), 401),
        ("30 a prefix of the signature", request(BODY, X_Shop_Event="x", X_Shop_Signature=GOOD[:20]), 401),
        ("30 a longer signature", request(BODY, X_Shop_Event="x", X_Shop_Signature=GOOD + "A"), 401),
        (
            "a damaged signature",
            request(BODY, X_Shop_Event="x", X_Shop_Signature=("A" if GOOD[0] != "A" else "B") + GOOD[1:]),
            401,
        ),
        ("a damaged body", request(BODY.replace(b"19.99", b"19.98"), X_Shop_Event="x", X_Shop_Signature=GOOD), 401),
        (
            "31 an underscore in the time",
            request(
                PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, f"{str(now)[:4]}_{str(now)[4:]}")
            ),
            401,
        ),
        (
            "31 a time that is no number",
            request(PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, "NaN")),
            401,
        ),
        (
            "31 six minutes ago",
            request(PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, str(now - 420))),
            401,
        ),
        (
            "31 in six minutes",
            request(PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, str(now + 420))),
            401,
        ),
        (
            "35 fifty signatures",
            request(PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, times=50)),
            401,
        ),
        (
            "a good payment",
            request(PAYMENT, "/hooks/payments", Stripe_Signature=stripe_signature(PAYMENT, times=2)),
            202,
        ),
    ]


def test_what_is_not_authentic_is_401_and_leaves_nothing(rig: Rig) -> None:
    before, rows = len(rig.events()), forged()
    answers = {name: exchange(rig.port, raw) for name, raw, _ in rows}
    assert answers == {name: status for name, _, status in rows}
    assert len(rig.events()) - before == sum(status == 202 for status in answers.values())


ZIPPED = gzip.compress(b" " * (300 << 20), 9)
SMALL = order_body("t", "t", 1)
HEAD = b"POST /hooks/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
TRANSPORT: list[tuple[str, bytes, int]] = [
    ("22 300 MB in 300 KB of gzip", request(ZIPPED, Content_Encoding="gzip"), 413),
    ("23 damaged gzip", request(gzip.compress(SMALL)[:-9] + b"damaged!!", Content_Encoding="gzip"), 400),
    ("24 a length and chunks", HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("24 two lengths", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    ("24 a folded header", HEAD + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", 400),
    ("24 two hosts", HEAD + b"Host: other\r\nContent-Length: 0\r\n\r\n", 400),
    ("25 a head that never ends", b"POST /hooks/orders HTTP/1.1\r\nHost: x\r\n", 408),
    ("25 a body that never comes", HEAD + b"Content-Length: 10\r\n\r\nabc", 408),
    ("26 too large", request(b" " * (2 << 20)), 413),
    ("26 a type we do not take", request(SMALL, Content_Type="image/png"), 415),
    ("headers too large", request(SMALL, X_Large="x" * 20_000), 431),
    ("another path", request(SMALL, "/nothing/here"), 404),
]


@pytest.mark.parametrize("rig", [SQLITE], indirect=True)  # no store hears of them
@pytest.mark.parametrize(("name", "raw", "status"), [pytest.param(*row, id=row[0]) for row in TRANSPORT])
def test_what_is_not_http_we_take_is_refused_before_it_is_read(rig: Rig, name: str, raw: bytes, status: int) -> None:
    assert exchange(rig.port, raw) == status


def test_after_all_of_it_the_engine_takes_orders_and_its_log_holds_no_body(rig: Rig) -> None:
    assert exchange(rig.port, from_shop("alive", order_body("alive", "alive", 1))) == 202
    asyncio.run(settle(rig))
    assert "shop-alive" in {effect["order"] for effect in rig.effects()}
    log = rig.log.read_text()
    assert "19.99" not in log
    assert SECRET.decode() not in log
    assert all(json.loads(line) for line in log.splitlines())
