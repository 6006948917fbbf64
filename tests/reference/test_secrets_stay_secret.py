"""Canaries: secrets, a customer's data and a partner's words, sent through every way an event can go, are told nowhere.

An engine process is led through success, failure, quarantine and nonsense; then whatever it says to people is read: its
log, its answers, /metrics, and `events`, `event`, `release`, `redrive`, `check` and a refused start.
"""

import asyncio
import base64
import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from blackbox.rig import FILES, SECRET, Rig, settle, signed

from engine.cli import main

TOKEN, PASSWORD = "canary-token-4b1d", "canary-password-77aa"
CUSTOMER, PARTNER = "canary-customer-5f2e", "canary-partner-90c3"
CANARIES = {
    "the shop's secret": SECRET.decode(),
    "the ERP's token": TOKEN,
    "the CRM's password": PASSWORD,
    "the CRM's sign-in": base64.b64encode(f"waybill:{PASSWORD}".encode()).decode(),
    "a customer's data": CUSTOMER,
    "a partner's words": PARTNER,
}


def canaries_in(text: str) -> list[str]:
    return [what for what, canary in CANARIES.items() if canary in text]


# ── the workspace ────────────────────────────────────────────────────────────────────────────────────────────────────

CRM = """
system: crm
kind: other
base_url: {local: {env: ERP_URL}}
auth: {basic: {user: waybill, password: {secret: CRM_PASSWORD}}}
retry: {attempts_max: 2, first: 20ms, factor: 2, cap: 50ms}
operations:
  note:
    request: {method: POST, path: /notes, body: input}
    effect: at_most_once
    identity: body.id
    answer: {status: 200}
"""
MODEL = """
$schema: https://json-schema.org/draft/2020-12/schema
type: object
required: [id, customer, total, currency]
properties:
  id: {type: string}
  customer: {type: string}
  total: {type: string, pattern: "^[0-9]+[.][0-9]{2}$"}
  currency: {type: string}
  tier: {enum: [gold, silver]}
additionalProperties: true
patternProperties: {"^no-": false}
"""
CANONICAL = """
$schema: https://json-schema.org/draft/2020-12/schema
type: object
required: [id, email]
properties:
  id: {type: string}
  email: {type: string, maxLength: 60}
  total: {type: integer}
"""
MAPPING = """
mapping: order
from: shop/order@1
to: canonical/order@1
fields:
  id: join('-', ['shop', id])
  email: email
  total: {from: total, money: currency}
  paid_at: {from: paid_at, time: utc, optional: true}
  weight: {from: weight, number: decimal, optional: true}
  grams: {from: grams, unit: g, from_unit: unit, optional: true}
  sum: {from: "amounts && sum(amounts)", optional: true}
  name: {template: "Order {{ name.first }}"}
  mode: {from: mode, default: ok}
"""
SPEC = (
    FILES["specs/shop-orders.yaml"]
    .replace("once: order.id\n    on_unknown: lookup\n", "once: order.id\n    on_unknown: lookup\n" + """\
  - id: note
    when: order.mode == 'crm'
    call: crm.note
    input: order
    once: order.id
""")
    .replace("  - id: erp\n", """\
  - id: review
    when: order.mode == 'hold'
    hold: {queue: desk, reason: "order {{ order.id }}"}
  - id: erp
""")
)  # fmt: skip
ERP = (
    FILES["charter/systems/erp.yaml"]
    .replace("timeout: 2s", "timeout: 300ms")
    .replace("attempts_max: 60", "attempts_max: 4")
)
WORKSPACE = {
    **FILES,
    "charter/systems/crm.yaml": CRM,
    "charter/systems/erp.yaml": ERP,
    "charter/models/shop/order@1.yaml": MODEL,
    "charter/models/canonical/order@1.yaml": CANONICAL,
    "mappings/order.yaml": MAPPING,
    "specs/shop-orders.yaml": SPEC,
}


# ── the partner ──────────────────────────────────────────────────────────────────────────────────────────────────────


CHATTER: dict[str, tuple[int, str, dict[str, str]]] = {
    # what the order asks for: (status, body, headers); an empty body says back everything that was heard
    "refused": (422, "", {}),
    "unauthorized": (401, "", {"WWW-Authenticate": f'Basic realm="{PARTNER}"'}),
    "redirect": (307, "", {"Location": f"http://{PARTNER}.example/{TOKEN}"}),
    "error": (500, "", {}),
    "strange": (500, "", {}),
    "busy": (429, "", {"Retry-After": PARTNER}),
    "not json": (201, f'{{"id": {PARTNER}', {}),
    "html": (201, f"<p>{PARTNER}</p>", {"Content-Type": f"text/html; x={PARTNER}"}),
}


class Gossip(ThreadingHTTPServer):
    """A partner that says back what it was told, in every place where a partner can say something."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Gossiping)
        self.heard: list[str] = []


class Gossiping(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gossip

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.heard.append(f"{self.headers['Authorization']} {raw}")
        mode = "unauthorized" if self.path == "/notes" else json.loads(raw)["mode"]
        if mode in ("cut", "not http"):
            self.wfile.write(f"{PARTNER} {TOKEN}\r\n\r\n".encode() if mode == "not http" else b"")
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mode == "slow":
            time.sleep(0.6)
        status, body, headers = CHATTER.get(mode, (201, "", {}))
        self.say(status, body or json.dumps({"id": f"{PARTNER}-1", "error": self.server.heard[-1]}), headers)

    def do_GET(self) -> None:
        """The look-up, which never helps."""
        if "strange" in self.path:
            self.say(200, json.dumps({"items": 5, "note": f"{PARTNER} {CUSTOMER}"}), {})
        else:
            self.say(500, f"{PARTNER} {self.headers['Authorization']}", {})

    def say(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status, PARTNER)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may be tired of waiting
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """What was said to it is in `heard`."""


@contextmanager
def gossiping_partner() -> Iterator[Gossip]:
    with Gossip() as partner:
        threading.Thread(target=partner.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield partner
        partner.shutdown()


# ── the ways of an event ─────────────────────────────────────────────────────────────────────────────────────────────


def body(**changed: object) -> bytes:
    """An order of one customer; the id says which way it goes. A field given as None is left out."""
    order: dict[str, object] = {
        "id": "?",
        "customer": "customer-1",
        "email": f"{CUSTOMER}@example.com",
        "name": {"first": CUSTOMER},
        "total": "19.99",
        "currency": "EUR",
        "note": f"{CUSTOMER} {TOKEN}",
        **changed,
    }
    return json.dumps({name: value for name, value in order.items() if value is not None}).encode()


def going(mode: str) -> bytes:
    name = mode.replace(" ", "-")
    return body(id=name, customer=f"customer-{name}", mode=mode)


BODIES: dict[str, tuple[bytes, str, str]] = {
    # way: (body, how it ends, what its reason must say)
    "success": (going("ok"), "done", ""),
    "held for a person": (going("hold"), "held", "order shop-hold"),
    "refused by the partner": (going("refused"), "dead", "answered 422"),
    "401 from the partner": (going("unauthorized"), "dead", "answered 401"),
    "401 from a partner with a password": (going("crm"), "dead", "answered 401"),
    "a redirect": (going("redirect"), "dead", "answered 307"),
    "a partner that fails, look-up included": (going("error"), "held", "4 attempts spent"),
    "a look-up whose answer fits nothing": (going("strange"), "held", "4 attempts spent"),
    "a partner that is busy": (going("busy"), "dead", "4 attempts spent; the last: answered 429"),
    "a connection cut after the request": (going("cut"), "held", "4 attempts spent"),
    "an answer that comes too late": (going("slow"), "held", "4 attempts spent"),
    "an answer that is not JSON": (going("not json"), "held", "4 attempts spent"),
    "an answer in HTML": (going("html"), "held", "4 attempts spent"),
    "an answer that is not HTTP": (going("not http"), "held", "4 attempts spent"),
    "a text that breaks its pattern": (body(total=CUSTOMER), "quarantined", "total: must match the pattern"),
    "a word that is none of the contract's": (body(tier=CUSTOMER), "quarantined", "tier: must be one of"),
    "a type that is another": (body(currency={CUSTOMER: CUSTOMER}), "quarantined", "currency: must be string"),
    "a field with a forbidden name": (body(**{f"no-{CUSTOMER}": 1}), "quarantined", "*: must not be there"),
    "a required field that is missing": (body(currency=None), "quarantined", "currency is missing"),
    "a currency that is none": (body(currency=CUSTOMER), "quarantined", "not one of ISO 4217"),
    "a time that is none": (body(paid_at=CUSTOMER), "quarantined", "paid_at"),
    "a number that is none": (body(weight=CUSTOMER), "quarantined", "weight"),
    "a unit that is none": (body(grams=1, unit=CUSTOMER), "quarantined", "grams"),
    "an expression over another type": (body(amounts=[CUSTOMER]), "quarantined", "sum"),
    "a hole that cannot be filled": (body(name=CUSTOMER), "quarantined", "name"),
    "a result that breaks our own contract": (body(email=CUSTOMER * 9), "quarantined", "email: must have at most 60"),
    "a key that is no text": (body(customer={CUSTOMER: 1}), "quarantined", "receive.key"),
    "not JSON": (f'{{"id": {CUSTOMER}'.encode(), "quarantined", "not JSON"),
    "a key given twice": (f'{{"{CUSTOMER}": 1, "{CUSTOMER}": 2, "customer": "c"}}'.encode(), "quarantined", "one key twice"),
    "not UTF-8": (f'{{"customer": "c", "a": "{CUSTOMER}'.encode() + b'\xff"}', "quarantined", "not UTF-8"),
    "a number too long": (f'{{"customer": "c", "{CUSTOMER}": {"9" * 2000}}}'.encode(), "quarantined", "digits"),
    "nested too deep": (f'{{"customer": "c", "{CUSTOMER}": {"[" * 99 + "]" * 99}}}'.encode(), "quarantined", "nested deeper"),
}  # fmt: skip
EVENTS = {way.replace(" ", "-"): row for way, row in BODIES.items()}
GOSSIPED = {"x-customer": CUSTOMER, "Cookie": f"session={CUSTOMER}", "Authorization": f"Bearer {TOKEN}"}

Heard = list[tuple[str, str]]
"""(who said it, the text)."""


async def send_all(rig: Rig) -> Heard:
    """Every event, then what never becomes one; everything that the engine answered."""
    heard: Heard = []
    url = f"http://127.0.0.1:{rig.port}/hooks/orders?who={CUSTOMER}"

    async def answer(what: str, expected: int, **request: Any) -> None:
        async with session.request(**{"method": "POST", "url": url, **request}) as got:
            heard.append((f"answer to {what}", f"{got.status} {dict(got.headers)} {await got.text()}"))
            assert got.status == expected, heard[-1]

    async with aiohttp.ClientSession() as session:
        for event, (raw, _, _) in EVENTS.items():
            await answer(event, 202, data=raw, headers={**signed(event, raw), **GOSSIPED})
        other = body(id="other", note=CUSTOMER)
        await answer("a conflict", 202, data=other, headers=signed("success", other))
        nameless = {name: value for name, value in signed("", other).items() if name != "X-Shop-Event"}
        await answer("an event without id", 202, data=other, headers=nameless)
        await answer("a repeat", 200, data=EVENTS["success"][0], headers=signed("success", EVENTS["success"][0]))
        for signature in (CUSTOMER, SECRET.decode(), base64.b64encode(SECRET).decode()):
            await answer(
                "a false signature", 401, data=other, headers={**signed("false", other), "X-Shop-Signature": signature}
            )
        await answer(
            "another path",
            404,
            url=f"http://127.0.0.1:{rig.port}/{CUSTOMER}?{TOKEN}",
            data=other,
            headers=signed("path", other),
        )
        await answer("another method", 405, method="GET", headers=GOSSIPED)
        await answer(
            "another encoding", 415, data=other, headers={**signed("enc", other), "Content-Encoding": CUSTOMER}
        )
        await answer(
            "a header too large", 431, data=other, headers={**signed("large", other), "x-customer": CUSTOMER * 4000}
        )
    for bad in (f"{CUSTOMER} {TOKEN}\r\n\r\n", f"POST /hooks/orders HTTP/1.1\r\nHost: a\r\n{CUSTOMER}\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(bad.encode())
        text = (await reader.read()).decode()
        writer.close()
        assert text.startswith("HTTP/1.1 400 "), text
        heard.append(("answer to what is not HTTP", text))
    return heard


async def read_metrics(rig: Rig) -> str:
    url = f"http://127.0.0.1:{rig.admin_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as got:
        return await got.text()


@dataclass
class Story:
    """What became of the events, and everything that was said to people about them."""

    events: list[dict[str, Any]]
    heard: Heard
    partner_heard: list[str]
    stored: bytes


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("canaries")
    with gossiping_partner() as partner:
        rig = Rig(folder / "workspace", files=dict(WORKSPACE), partner_port=partner.server_port)
        rig.more_environment = {"WAYBILL_SECRET_ERP_TOKEN": TOKEN, "WAYBILL_SECRET_CRM_PASSWORD": PASSWORD}
        rig.write()
        try:
            rig.start_engine()
            heard = asyncio.run(send_all(rig))
            events = asyncio.run(settle(rig, 60))
            heard += told_by_commands(rig, events)
            heard.append(("the log of a refused reload", refused_reload(rig)))
            heard.append(("/metrics", asyncio.run(read_metrics(rig))))
            rig.stop()
            heard.append(("the log", (folder / "engine.log").read_text()))
            stored = (rig.root / ".waybill/events.db").read_bytes()
            yield Story(events, heard, partner.heard, stored)
        finally:
            rig.stop()


def told_by_commands(rig: Rig, events: list[dict[str, Any]]) -> Heard:
    root = ("--workspace", str(rig.root))
    held, dead = ([event["event"] for event in events if event["status"] == status] for status in ("held", "dead"))
    commands = [("events", *root), ("events", *root, "--format", "json")]
    commands += [("event", event["event"], *root) for event in events[:1]]
    commands.append(("release", *held[:1], "--by", "ada", "--reason", "seen", *root))
    commands.append(("redrive", *dead[:1], *root))
    heard = []
    for command in commands:
        done = rig.waybill(*command)
        assert (done.returncode, done.stderr) == (0, "")
        heard.append((f"waybill {command[0]}", done.stdout))
    asyncio.run(settle(rig, 60))
    return heard


def refused_reload(rig: Rig) -> str:
    """A secret written into the YAML: the fault that says so must not say it."""
    system = rig.root / "charter/systems/erp.yaml"
    system.write_text(ERP.lstrip().replace("{secret: ERP_TOKEN}", TOKEN))
    assert rig.engine is not None
    rig.engine.send_signal(signal.SIGHUP)
    log = rig.root.parent / "engine.log"
    deadline = time.monotonic() + 30
    while "reload_refused" not in log.read_text():
        assert time.monotonic() < deadline, "the workspace with a secret in it was never refused"
        time.sleep(0.05)
    return log.read_text()


# ── what is asserted ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_every_way_was_gone_to_its_end_and_says_why_it_ended_there(story: Story) -> None:
    by_id = {event["id"]: event for event in story.events if "conflict" not in (event["reason"] or "")}
    ended = {way: (by_id[way]["status"], by_id[way]["reason"] or "") for way in EVENTS}
    wrong = {way: end for way, end in ended.items() if end[0] != EVENTS[way][1] or EVENTS[way][2] not in end[1]}
    assert not wrong
    assert len(story.events) == len(EVENTS) + 2 == 34


@pytest.mark.slow
def test_the_canaries_were_really_there(story: Story) -> None:
    """Without this the test below could pass because nothing was ever at stake."""
    heard = "\n".join(story.partner_heard)
    assert canaries_in(heard) == ["the ERP's token", "the CRM's sign-in", "a customer's data"]
    assert CUSTOMER.encode() in story.stored


@pytest.mark.slow
def test_nothing_that_is_said_to_people_holds_a_canary(story: Story) -> None:
    told = {who for who, _ in story.heard}
    assert told >= {"the log", "/metrics", "waybill events", "waybill event", "waybill release", "waybill redrive"}
    leaks = {f"{who}: {what}" for who, text in story.heard for what in canaries_in(text)}
    assert leaks == set()
    log = next(text for who, text in story.heard if who == "the log")
    facts = [json.loads(line)["fact"] for line in log.splitlines()]
    assert {"started", "rejected", "conflict", "recorded", "reload_refused", "stopped"} <= set(facts)
    assert "literal-secret" in log


@pytest.mark.slow
def test_no_secret_is_in_the_store_or_beside_it(story: Story) -> None:
    """Bodies and headers are kept, for they are the event; what signs us in or verifies a sender is not."""
    ours = {"the shop's secret", "the CRM's password", "the CRM's sign-in"}
    assert ours.isdisjoint(canaries_in(story.stored.decode("latin-1")))


@pytest.mark.slow
def test_the_story_of_each_event_holds_no_canary(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / ".waybill/events.db"
    written.parent.mkdir()
    written.write_bytes(story.stored)
    told = 0
    for event in story.events:
        for format_ in ("text", "json"):
            assert main(["event", event["event"], "--workspace", str(tmp_path), "--format", format_]) == 0
            out, err = capsys.readouterr()
            assert canaries_in(out + err) == [], event["event"]
            told += "401" in out
    assert told >= 4


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "junit", "github"])
def test_a_secret_written_into_a_file_is_found_and_not_repeated(
    format_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        **WORKSPACE,
        "charter/systems/erp.yaml": ERP.replace("{secret: ERP_TOKEN}", TOKEN),
        "charter/systems/crm.yaml": CRM.replace("{secret: CRM_PASSWORD}", PASSWORD),
        "charter/systems/shop.yaml": FILES["charter/systems/shop.yaml"].replace(
            "{secret: SHOP_SECRET}", SECRET.decode()
        ),
    }
    Rig(tmp_path, files=files).write()
    assert main(["check", str(tmp_path), "--format", format_]) == 2
    out, err = capsys.readouterr()
    assert out.count("literal-secret") >= 3
    assert canaries_in(out + err) == []


STARTS: dict[str, tuple[dict[str, str | bytes], str]] = {
    "a line break inside": ({"ERP_TOKEN": f"{TOKEN}\r\nX-Other: {TOKEN}"}, "system erp: the sign-in header"),
    "not UTF-8": ({"ERP_TOKEN": TOKEN.encode() + b"\xff"}, "not UTF-8"),
    "too large": ({"ERP_TOKEN": TOKEN * 8000}, "larger than"),
    "a password in the address": ({"ERP_URL": f"http://waybill:{PASSWORD}@127.0.0.1:9"}, "holds a user or a password"),
    "an address that is none": ({"ERP_URL": f"ftp://{PASSWORD}"}, "the environment variable ERP_URL gives no address"),
}  # fmt: skip


async def serve_nothing(_engine: object) -> None:
    raise AssertionError("the engine started")


@pytest.mark.parametrize("name", STARTS)
def test_a_secret_that_stops_the_start_is_named_and_not_shown(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, said = STARTS[name]
    values: dict[str, str | bytes] = {"SHOP_SECRET": SECRET, "ERP_TOKEN": TOKEN, "CRM_PASSWORD": PASSWORD, **given}
    address = values.pop("ERP_URL", "http://127.0.0.1:9")
    assert isinstance(address, str)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for secret, value in values.items():
        (secrets / secret).write_bytes(value if isinstance(value, bytes) else value.encode())
    monkeypatch.setattr("engine.run.app.Engine.serve", serve_nothing)
    monkeypatch.setenv("WAYBILL_SECRETS", str(secrets))
    monkeypatch.setenv("ERP_URL", address)
    Rig(tmp_path / "workspace", files=dict(WORKSPACE)).write()
    assert main(["run", str(tmp_path / "workspace"), "--port", "0", "--admin-port", "0"]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert canaries_in(out + err) == []
