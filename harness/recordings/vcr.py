"""VCR CASSETTES → EXCHANGES: those of vcrpy (YAML or JSON, `interactions`) and of Ruby's VCR (`http_interactions`).

They differ in where the status stands, how a body is written (a text, `{string}`, `{base64_string}`, a text in another
encoding, still gzipped or not) and whether there are times: Ruby writes `recorded_at`, when the answer was complete;
vcrpy writes none. An interaction without a request is left out.
"""

from collections.abc import Mapping
from typing import Any

from harness.recordings import parts
from harness.recordings.exchange import EXCHANGES_MAX, Exchange, UnreadableRecording

KINDS = {"interactions": "vcrpy", "http_interactions": "ruby-vcr"}
"""The key that a cassette's exchanges stand under → who wrote it."""

_RUBY_BYTES = ("ascii-8bit", "binary")


def read(document: Any, file: str) -> tuple[Exchange, ...]:
    """The exchanges of a cassette, in the order recorded. Raises UnreadableRecording."""
    cassette = parts.mapping(document)
    recorded = next((parts.items(cassette[key]) for key in KINDS if key in cassette), [])
    if len(recorded) > EXCHANGES_MAX:
        raise UnreadableRecording(f"{file}: it has {len(recorded)} interactions; at most {EXCHANGES_MAX} are read")
    kept = [one for one in map(parts.mapping, recorded) if parts.mapping(one.get("request"))]
    return tuple(exchange(one, file, number) for number, one in enumerate(kept, 1))


def exchange(one: Mapping[str, Any], file: str, number: int) -> Exchange:
    request, response = one["request"], parts.mapping(one.get("response"))
    host, path, query = parts.address(request.get("uri") or request.get("url"))
    headers, answered = parts.headers_of(request.get("headers")), parts.headers_of(response.get("headers"))
    status = response.get("status", response.get("status_code"))
    body = response["body"] if "body" in response else response.get("content")
    return Exchange(
        file=file,
        number=number,
        method=parts.text(request.get("method")).upper() or "GET",
        host=host,
        path=path,
        query=query,
        headers=headers,
        body=parts.inflated(body_bytes(request.get("body")), headers),
        status=parts.status(status.get("code") if isinstance(status, dict) else status),
        answer_headers=answered,
        answer_body=parts.inflated(body_bytes(body), answered),
        at=parts.moment(one.get("recorded_at")),
    )


def body_bytes(body: object) -> bytes:
    """A body however it is written."""
    if not isinstance(body, dict):
        return parts.as_bytes(body)
    if "base64_string" in body:
        return parts.from_base64(body["base64_string"])
    encoding = parts.text(body.get("encoding")).lower() or "utf-8"
    return parts.as_bytes(body.get("string"), "latin-1" if encoding in _RUBY_BYTES else encoding)
