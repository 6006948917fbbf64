"""A script for k6 sends the same messages at the same times under the same limits, and holds no secret."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.rules.signature import Verification, sign, verify
from harness.load.model import Message
from harness.load.send import k6
from harness.load.send.arrivals import schedule
from harness.load.send.k6 import Sender, export, scenarios, write
from harness.load.send.profile import Phase, Piece, Profile

SECRET = b"a-secret-of-decent-length"
SENDERS = {
    "orders": Sender("SHOP", "shopify", "", "base64"),
    "payments": Sender("PAY", "stripe", "", "hex"),
    "labels": Sender("CARRIER", "hmac-sha256", "X-Carrier-Signature", "hex"),
}
VERIFIES = {
    "orders": Verification("shopify", "", "base64", (SECRET,)),
    "payments": Verification("stripe", "", "hex", (SECRET,)),
    "labels": Verification("hmac-sha256", "X-Carrier-Signature", "hex", (SECRET,)),
}
MIN = 60_000_000
PROFILE = Profile(
    name="sale",
    phases=(
        Phase("warm-up", (Piece(10_000_000, 5.0, 5.0),), warm_up=True),
        Phase("rush", (Piece(10_000_000, 5.0, 25.0),)),
        Phase("outage", (Piece(5_000_000, 10.0, 10.0),), outage=True),
        Phase("catch-up", (Piece(5_000_000, 10.0, 10.0),)),
        Phase("recorded", (Piece(2_000_000, 3.0, 3.0), Piece(1_000_000, 9.0, 9.0))),
    ),
    arrivals="even",
)


def message(number: int) -> Message:
    integration = list(SENDERS)[number % 3]
    body = json.dumps({"id": number, "name": "Zoë"}, ensure_ascii=False).encode()
    signed = "".join(f"{name}: {value}\r\n" for name, value in sign(VERIFIES[integration], body, 10**15).items())
    head = (
        f"POST /hooks/{integration} HTTP/1.1\r\nHost: \r\nContent-Type: application/json\r\nX-Id: n-{number}\r\n"
        f"{signed}Content-Length: {len(body)}\r\n\r\n"
    )
    return Message(integration, head.encode() + body, (f"n-{number}",), (str(number),))


@pytest.fixture(scope="module")
def arrivals():
    return schedule(PROFILE, 1)[0]


@pytest.fixture(scope="module")
def made(arrivals):
    messages = [message(number) for number in range(1 + max(arrival.message for arrival in arrivals))]
    return export(PROFILE, arrivals, messages, SENDERS, {"orders": 250.0}, "http://127.0.0.1:8080")


def sent_by(executor) -> float:
    """How many iterations an executor starts."""

    def of(text: str) -> float:
        return float(text.removesuffix("ms").removesuffix("s")) / (1000 if text.endswith("ms") else 1)

    unit = of(executor["timeUnit"])
    if executor["executor"] == "constant-arrival-rate":
        return executor["rate"] / unit * of(executor["duration"])
    at, total = executor["startRate"], 0.0
    for stage in executor["stages"]:
        total += (at + stage["target"]) / 2 / unit * of(stage["duration"])
        at = stage["target"]
    return total


def test_each_phase_sends_as_many_as_the_schedule_has_in_it(arrivals):
    found = dict(scenarios(PROFILE, arrivals))
    assert list(found) == ["01_warm_up", "02_rush", "04_catch_up", "05_recorded"]
    for scenario in found.values():
        assert sent_by(scenario) == pytest.approx(int(scenario["env"]["COUNT"]), rel=0.02)
    assert int(found["04_catch_up"]["env"]["COUNT"]) == 100  # its own fifty, and the fifty that the outage held back
    assert sum(int(scenario["env"]["COUNT"]) for scenario in found.values()) == len(arrivals)


def test_phases_begin_where_they_did(arrivals):
    found = dict(scenarios(PROFILE, arrivals))
    assert [each["startTime"] for each in found.values()] == ["0ms", "10000ms", "25000ms", "30000ms"]
    assert [each["executor"] for each in found.values()] == [
        "constant-arrival-rate", "ramping-arrival-rate", "constant-arrival-rate", "ramping-arrival-rate",
    ]  # fmt: skip
    assert found["05_recorded"]["stages"] == [
        {"target": 180, "duration": "2000ms"},
        {"target": 540, "duration": "0s"},
        {"target": 540, "duration": "1000ms"},
    ]


def test_every_message_is_there_in_the_order_it_is_due(made, arrivals):
    document = json.loads(made["messages.json"])
    assert [document["messages"][place]["headers"]["X-Id"] for place in document["order"]] == [
        f"n-{arrival.message}" for arrival in sorted(arrivals, key=lambda arrival: (arrival.phase, arrival.due_us))
    ]


def test_no_secret_and_no_signature_is_written_down(made):
    whole = "".join(made.values()).lower()
    assert SECRET.decode() not in whole
    document = json.loads(made["messages.json"])
    assert all(list(each["headers"]) == ["Content-Type", "X-Id"] for each in document["messages"])


def test_limits_are_those_of_the_specs(made):
    script = made["load.js"]
    options = json.loads(script.split("export const options = ")[1].split(";\n\nfor")[0])
    assert options["thresholds"]["http_req_duration{integration:orders,phase:rush}"] == ["p(99)<250"]
    assert options["thresholds"]["dropped_iterations"] == ["count==0"]
    assert not any("warm-up" in name or "outage" in name for name in options["thresholds"])


def test_too_many_messages_are_refused(arrivals, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(k6, "MESSAGES_MAX", 10)
    with pytest.raises(UserError, match="a script holds 10; shorten it"):
        export(PROFILE, arrivals, [], SENDERS, {}, "http://x")


STUBS = {
    "index.js": "export const check = () => true;",
    "data.js": "export class SharedArray { constructor(_, make) { return make(); } };",
    "execution.js": "export default { scenario: { iterationInTest: 0 } };",
    "crypto.js": """import { createHmac } from 'node:crypto';
        export default { hmac: (_, secret, text, as) => createHmac('sha256', secret).update(text).digest(as) };""",
    "http.js": """const http = { sent: [], post(url, body, more) { http.sent.push({ url, body, ...more }); return {}; },
        expectedStatuses: () => null }; export default http;""",
}
DRIVER = """
    import { readFileSync } from 'node:fs';
    globalThis.open = (path) => readFileSync(path, 'utf8');
    globalThis.__ENV = JSON.parse(process.argv[2]);
    const http = (await import('k6/http')).default;
    const exec = (await import('k6/execution')).default;
    const { default: send, options } = await import('./load.js');
    for (const { env } of Object.values(options.scenarios))
      for (exec.scenario.iterationInTest = 0; exec.scenario.iterationInTest < env.COUNT; ++exec.scenario.iterationInTest) {
        Object.assign(__ENV, env);
        send();
      }
    console.log(JSON.stringify(http.sent));
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, to run the script's own lines")
def test_the_script_signs_so_that_the_engine_believes_it(made, arrivals, tmp_path: Path):
    write(tmp_path, made)
    modules = tmp_path / "node_modules" / "k6"
    modules.mkdir(parents=True)
    for name, content in STUBS.items():
        (modules / name).write_text(content)
    names = {".": "./index.js"} | {f"./{name.removesuffix('.js')}": f"./{name}" for name in STUBS}
    (modules / "package.json").write_text(json.dumps({"type": "module", "exports": names}))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "drive.js").write_text(DRIVER)
    said = {f"WAYBILL_SECRET_{sender.secret}": SECRET.decode() for sender in SENDERS.values()}
    words = ["node", "drive.js", json.dumps(said)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    sent = json.loads(done.stdout)
    assert len(sent) == len(arrivals)
    for request in sent:
        integration = request["tags"]["integration"]
        assert request["url"] == f"http://127.0.0.1:8080/hooks/{integration}"
        headers = {name.lower(): value for name, value in request["headers"].items()}
        now = int(headers.get("stripe-signature", "t=0,").split(",")[0][2:]) * 1_000_000
        assert verify(VERIFIES[integration], headers, request["body"].encode(), now)
    assert subprocess.run([*words[:2], "{}"], cwd=tmp_path, capture_output=True, timeout=60, check=False).returncode
