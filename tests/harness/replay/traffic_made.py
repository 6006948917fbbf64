"""Traffic of the reference workspace, as a proxy on both sides of an engine would have seen it: a HAR file with the
deliveries and with what partners were asked and answered.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.contract.body import encode_json
from engine.model import Outcome, Request
from engine.rules.opening import time_text
from engine.run.load import Loaded
from harness.replay.recorded import RecordedHttp
from harness.replay.world import ReplayWorld, Sending
from harness.trial import read_event
from harness.world import run

HOUR_US = 3_600_000_000
START = 1_793_527_200_000_000


class Seen(RecordedHttp):
    """Partners that are simulated, and seen by a proxy."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded)
        self.entries: list[dict[str, Any]] = []
        self.world: ReplayWorld | None = None

    async def send(self, request: Request, timeout_s: float) -> Outcome:
        outcome = await super().send(request, timeout_s)
        assert self.world is not None
        base = self.world.loaded.shape(request.system).base_url["production"]
        url = f"{base}{self.calls[-1].url.partition('}')[2]}"
        headers = [{"name": name, "value": value} for name, value in request.headers]
        headers.append({"name": "Authorization", "value": "Bearer canary-bearer-of-the-proxy"})
        self.entries.append(
            entry(self.world.clock.now(), request.method, url, headers, request.body, outcome.status, outcome.body)
        )
        return outcome


def entry(at: int, method: str, url: str, headers: Any, body: object, status: int, answer: object) -> dict[str, Any]:
    kind = "application/json"
    if isinstance(answer, dict) and answer.keys() == {"content_type", "base64", "bytes", "sha256"}:
        kind, content = answer["content_type"], {"encoding": "base64", "text": answer["base64"]}
    else:
        content = {} if answer is None else {"text": encode_json(answer).decode()}
    posted = {} if body is None else {"postData": {"mimeType": "application/json", "text": encode_json(body).decode()}}
    return {
        "startedDateTime": time_text(at),
        "time": 3,
        "request": {"method": method, "url": url, "headers": headers, **posted},
        "response": {
            "status": status,
            "headers": [{"name": "Content-Type", "value": kind}],
            "content": content,
        },
    }


def recorded(loaded: Loaded, root: Path, deliveries: Sequence[tuple[str, str]], file: Path) -> None:
    """Sends (integration, event file) through the workspace, an hour apart, and writes what was seen."""
    http = Seen(loaded)
    world = http.world = ReplayWorld(loaded, http)
    inbound = []
    sendings = []
    for number, (integration, name) in enumerate(deliveries):
        received = read_event(root / name, raw=False)
        at = START + number * HOUR_US
        sendings.append(Sending(integration, received, name, at))
        headers = [{"name": key, "value": value} for key, value in received.headers.items()]
        path = loaded.plans[integration].receive.path
        inbound.append(
            entry(at, "POST", f"https://intake.northwind.example{path}", headers, json.loads(received.body), 202, None)
        )
    run(world.play(sendings))
    file.write_text(json.dumps({"log": {"entries": [*http.entries, *inbound]}}))
