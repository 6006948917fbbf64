"""Recordings from a store and by a proxy: what came is in them, scrubbed before it reached the disk, and can be played."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from blackbox.rig import FILES
from canaries import CANARIES, body, found_in, headers
from real import ROOT

from engine.cli import main
from engine.clock import SystemClock
from engine.errors import UserError
from engine.run.claim import Ports
from engine.run.intake import name
from engine.run.live import Live
from engine.run.load import Loaded, load
from engine.run.walk import Walk
from engine.store import ClaimRequest
from engine.store.committer import InlineCommitter
from engine.store.files import StoreAddress, open_writer
from engine.store.verbs import SqlStore
from engine.wire.answers import Inbound
from harness.recordings.proxy import Proxy
from harness.recordings.read import read_file
from harness.recordings.recorder import Recorder
from harness.recordings.said import Said, said_by
from harness.recordings.scrub import Scrubber
from harness.replay.play import replayed
from harness.world import EvenChance, SimulatedHttp, WorldClock, ignore

KEY = b"k" * 32


# ── from a store ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for file, text in FILES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def order(number: int) -> dict[str, Any]:
    person = {"customer": f"cus-{number % 3}", "email": CANARIES["e-mail"]}
    return {"id": f"NW-{CANARIES['order']}-{number}", "number": number, "total": "19.90", "currency": "EUR", **person}


async def lived(root: Path, loaded: Loaded, count: int) -> None:
    """An engine's life: orders arrive and are done, in the store of the workspace."""
    store, clock, http = SqlStore(), WorldClock(), SimulatedHttp(loaded)
    path = root / ".waybill" / "events.db"
    path.parent.mkdir(exist_ok=True)
    connection = open_writer(StoreAddress(path, None))
    committer = InlineCommitter(connection)
    live = Live(loaded.plans, loaded.systems, kept=lambda _: None, refresh=lambda _: None)
    ports = Ports(store, committer, http, live, clock, EvenChance(), ignore)
    (plan,) = loaded.plans.values()
    for number in range(count):
        clock.at += 60_000_000
        sent = {"x-shop-event": f"delivery-{number}", "authorization": headers()["Authorization"]}
        inbound = Inbound("POST", plan.receive.path, sent, {}, json.dumps(order(number)).encode())
        await committer.submit(store.accept, name(plan, inbound, clock.now()))
    for _ in range(count):
        now = clock.now()
        claimed = await committer.submit(store.claim, ClaimRequest(now, 1, now + 3_600_000_000))
        for delivery in claimed.deliveries:
            await Walk(ports, delivery).run()
    connection.close()


def test_what_an_engine_has_stored_is_recorded_and_replays_to_the_same_ends(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(workspace, "local")
    asyncio.run(lived(workspace, loaded, 12))
    file = workspace / "recordings" / "stored.jsonl"
    assert main(["record", str(file), "--stored", "--workspace", str(workspace)]) == 0
    assert "recorded 12 exchanges in" in capsys.readouterr().out
    text = file.read_text()
    assert list(found_in(text)) == []
    recording = read_file(file)
    assert recording.timed
    ends = [one.became for one in recording.exchanges]
    assert {end.status for end in ends if end} == {"done"}
    assert {operation for end in ends if end for operation, _ in end.effects} == {"erp.create_order"}
    report = replayed(loaded, workspace, [recording], None, 1)
    assert (report.facts["deliveries"], report.held, report.compared.events) == (12, True, 12)


def test_an_end_that_is_another_now_is_told(workspace: Path) -> None:
    asyncio.run(lived(workspace, load(workspace, "local"), 5))
    file = workspace / "recordings" / "stored.jsonl"
    assert main(["record", str(file), "--stored", "--workspace", str(workspace), "--limit", "3"]) == 0
    spec = workspace / "specs" / "shop-orders.yaml"
    spec.write_text(
        spec.read_text().replace("version: 1", "version: 2").replace("receive:\n", 'receive:\n  when: "`false`"\n')
    )
    report = replayed(load(workspace, "local"), workspace, [read_file(file)], None, 1)
    told = [
        (len(group.events), group.example.what, group.example.operation, group.example.after)
        for group in report.compared.groups()
    ]
    assert told == [(3, "status", "", "ignored"), (3, "no longer told", "erp.create_order", None)]


def test_a_plan_sends_what_is_stored(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(lived(workspace, load(workspace, "local"), 4))
    other = tmp_path_factory.mktemp("other") / "before"
    copytree(workspace, other)
    mapping = next((workspace / "mappings").glob("*.yaml"))
    mapping.write_text(mapping.read_text().replace("id: join('-', ['shop', id])", "id: join('_', ['shop', id])"))
    capsys.readouterr()
    code = main(["plan", str(workspace), "--against", str(other)])
    out = capsys.readouterr().out
    assert (code, "  stored: 4\n" in out) == (1, True), out
    assert "4 of 4 events change: erp.create_order identity changed, (a text) → (a text)" in out
    assert list(found_in(out)) == []


def test_a_plan_tells_what_is_received_no_more(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """An integration that is gone, or listens elsewhere, is a change for all that it was sent, and no reason to stop."""
    asyncio.run(lived(workspace, load(workspace, "local"), 4))
    file = workspace / "stored.jsonl"
    assert main(["record", str(file), "--stored", "--workspace", str(workspace), "--limit", "3"]) == 0
    foreign = workspace / "foreign.jsonl"
    foreign.write_text(file.read_text().replace('"integration":"shop-orders"', '"integration":"long-gone"'))
    other = tmp_path_factory.mktemp("other") / "before"
    copytree(workspace, other)
    spec = workspace / "specs" / "shop-orders.yaml"
    spec.write_text(spec.read_text().replace("integration: shop-orders", "integration: shop"))
    spec.rename(spec.with_name("shop.yaml"))
    capsys.readouterr()
    words = ["plan", str(workspace), "--against", str(other), "--recording", str(file), "--recording", str(foreign)]
    assert main(words) == 1
    out = capsys.readouterr().out
    assert "  recorded: 3\n" in out
    assert "  7 of 7 events change: status done → absent\n" in out
    assert "  7 of 7 events change: erp.create_order no longer told\n" in out
    assert "  of no use: 3 exchanges that nobody receives here and no operation makes\n" in out


def test_a_plan_sends_to_each_version_what_it_listens_for(
    workspace: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(workspace, "local")
    (plan,) = loaded.plans.values()
    entry = {
        "request": {
            "method": "POST",
            "url": f"https://intake.example{plan.receive.path}",
            "headers": [{"name": "X-Shop-Event", "value": "e-1"}],
            "postData": {"text": json.dumps(order(1))},
        }
    }
    (workspace / "recordings").mkdir(exist_ok=True)
    (workspace / "recordings" / "seen.har").write_text(json.dumps({"log": {"entries": [entry]}}))
    other = tmp_path_factory.mktemp("other") / "before"
    copytree(workspace, other)
    spec = workspace / "specs" / "shop-orders.yaml"
    spec.write_text(spec.read_text().replace(plan.receive.path, "/hooks/elsewhere"))
    assert main(["plan", str(workspace), "--against", str(other)]) == 1
    out = capsys.readouterr().out
    assert "  1 of 1 event changes: status done → absent\n" in out


# ── by a proxy ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def echoing(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/v1/slow":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    raw = await request.read()
    answer = web.Response(
        status=201, body=raw or b"{}", headers={"Content-Type": "application/json", "X-Seen": request.path_qs}
    )
    answer.headers["X-Fields"] = ",".join(request.headers).lower()
    answer.headers.add("Set-Cookie", CANARIES["cookie"])
    answer.headers.add("Set-Cookie", "second=1")
    return answer


def through(
    tmp_path: Path,
    ask: Callable[[aiohttp.ClientSession, str], Awaitable[Any]],
    said: Said | None = None,
    system: str = "",
) -> tuple[Any, Path]:
    """What `ask` gives through a proxy in front of a partner that echoes, and the recording."""
    file = tmp_path / "seen.jsonl"

    async def run() -> Any:
        runner = web.ServerRunner(web.Server(echoing, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        with Recorder(file) as recorder:
            proxy = Proxy(
                f"http://127.0.0.1:{site.port}/v1/", recorder, Scrubber(KEY, said or Said()), SystemClock(), system
            )
            port = await proxy.start("127.0.0.1", 0)
            try:
                async with aiohttp.ClientSession() as session:
                    return await ask(session, f"http://127.0.0.1:{port}")
            finally:
                await proxy.stop()
                await runner.cleanup()

    return asyncio.run(run()), file


def test_a_proxy_hands_on_everything_and_records_it_scrubbed(tmp_path: Path) -> None:
    async def ask(session: aiohttp.ClientSession, url: str) -> Any:
        address = f"{url}/orders%20a?api_key={CANARIES['api key in the query']}&q=1"
        async with session.post(
            address, json=body(), headers={**headers(), "Content-Type": "application/json"}
        ) as answer:
            return answer.status, answer.headers.getall("Set-Cookie"), answer.headers["X-Seen"], await answer.json()

    (status, cookies, seen, echoed), file = through(tmp_path, ask)
    assert (status, cookies) == (201, [CANARIES["cookie"], "second=1"])
    assert seen == f"/v1/orders%20a?api_key={CANARIES['api key in the query']}&q=1"
    assert echoed == json.loads(json.dumps(body()))
    text = file.read_text()
    assert list(found_in(text)) == []
    (one,) = read_file(file).exchanges
    assert (one.method, one.status, one.body == one.answer_body) == ("POST", 201, True)
    assert one.at is not None
    assert (file.stat().st_mode & 0o777) == 0o600


def test_what_is_said_to_the_proxy_alone_goes_no_further(tmp_path: Path) -> None:
    async def ask(session: aiohttp.ClientSession, url: str) -> Any:
        said = {"Proxy-Authorization": "Basic cHJveHk6cHJveHk=", "TE": "trailers", "X-Kept": "1"}
        async with session.post(f"{url}/orders", json={}, headers=said) as answer:
            return answer.headers["X-Fields"].split(",")

    seen, _ = through(tmp_path, ask)
    assert "x-kept" in seen
    assert not {"proxy-authorization", "te"} & set(seen)


def test_what_is_not_answered_is_502_and_recorded_without_an_answer(tmp_path: Path) -> None:
    async def ask(session: aiohttp.ClientSession, url: str) -> Any:
        async with session.get(f"{url}/slow") as answer:
            return answer.status

    status, file = through(tmp_path, ask, system="erp")
    (one,) = read_file(file).exchanges
    assert (status, one.status, one.system) == (502, 0, "erp")


def test_what_the_workspace_says_stays_readable(tmp_path: Path) -> None:
    async def ask(session: aiohttp.ClientSession, url: str) -> Any:
        async with session.post(
            f"{url}/sales-orders", json={"payment_status": "paid", "customer_id": "cus-NW311"}
        ) as answer:
            return answer.status

    _, file = through(tmp_path, ask, said_by(load(ROOT, "local").workspace))
    (one,) = read_file(file).exchanges
    assert one.path.endswith("/sales-orders")
    assert json.loads(one.body)["payment_status"] == "paid"
    assert b"cus-NW311" not in one.body


def test_a_recording_is_never_written_over_and_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Scrubber(KEY, Said()).scrub(read_file(a_recording(tmp_path)).exchanges[0])
    with Recorder(tmp_path / "new" / "a.jsonl") as recorder:
        monkeypatch.setattr("harness.recordings.recorder.EXCHANGES_MAX", 2)
        assert [recorder.write(one) for _ in range(3)] == [True, True, False]
    assert len(read_file(tmp_path / "new" / "a.jsonl").exchanges) == 2
    with pytest.raises(UserError, match="nothing is written over"):
        Recorder(tmp_path / "new" / "a.jsonl")
    with pytest.raises(UserError, match="--forward is an address"), Recorder(tmp_path / "b.jsonl") as recorder:
        Proxy("ftp://partner.example", recorder, Scrubber(KEY, Said()), SystemClock())
    assert not (tmp_path / "b.jsonl").exists()


def test_a_disk_that_is_full_costs_nobody_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three exchanges gets half a line onto the disk; the answers arrive, the recording can be read."""
    real, lines = os.write, 0

    def write(file: int, data: bytes) -> int:
        nonlocal lines
        if data.startswith(b'{"at"'):
            lines += 1
        if lines != 2:
            return real(file, data)
        if data.startswith(b'{"at"'):
            return real(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    async def ask(session: aiohttp.ClientSession, url: str) -> list[int]:
        monkeypatch.setattr("harness.recordings.recorder.os.write", write)
        found = []
        for number in range(3):
            async with session.post(f"{url}/orders", json={"n": number}) as answer:
                found.append(answer.status)
        monkeypatch.undo()
        return found

    statuses, file = through(tmp_path, ask)
    assert statuses == [201, 201, 201]
    assert [json.loads(one.body)["n"] for one in read_file(file).exchanges] == [0, 2]


def a_recording(tmp_path: Path) -> Path:
    path = tmp_path / "a.har"
    path.write_text('{"log": {"entries": [{"request": {"url": "https://a.example/"}}]}}')
    return path


@pytest.mark.slow
def test_the_command_records_until_it_is_told_to_stop(workspace: Path) -> None:
    """A process of its own, as a person starts it; SIGTERM ends it."""
    file = workspace / "recordings" / "seen.jsonl"
    words = [
        "record",
        str(file),
        "--forward",
        "http://127.0.0.1:9/v1",
        "--system",
        "erp",
        "--port",
        "0",
        "--workspace",
        str(workspace),
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "engine", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline()
        url = line.split()[2].rstrip(",")

        async def ask() -> int:
            async with aiohttp.ClientSession() as session, session.post(f"{url}/sales-orders", json=body()) as answer:
                return answer.status

        assert asyncio.run(ask()) == 502  # nobody listens behind it
        child.send_signal(signal.SIGTERM)
        out, error = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    assert (child.returncode, error) == (0, "")
    assert f"recorded 1 exchange in {file}, scrubbed\n" in out
    (one,) = read_file(file).exchanges
    assert (one.path.endswith("/sales-orders"), one.status, one.system) == (True, 0, "erp")
    assert list(found_in(line + out + file.read_text())) == []
