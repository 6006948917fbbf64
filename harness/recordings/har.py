"""HAR 1.2 → EXCHANGES: what browsers and proxies export, in the order in which it was sent.

Exports are sorted by `startedDateTime` here, because some are in the order of completion; timings of -1 mean "does not
apply" and some are negative for no reason at all. An entry without a request is left out; everything else that may be
missing is. This file refuses to read pages, cookies and caches.
"""

from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from harness.recordings import parts
from harness.recordings.exchange import EXCHANGES_MAX, Exchange, UnreadableRecording


def read(document: Any, file: str) -> tuple[Exchange, ...]:
    """The exchanges of a HAR document. Raises UnreadableRecording."""
    entries = parts.items(parts.mapping(parts.mapping(document).get("log")).get("entries"))
    if len(entries) > EXCHANGES_MAX:
        raise UnreadableRecording(f"{file}: it has {len(entries)} entries; at most {EXCHANGES_MAX} are read")
    found = [exchange(entry, file) for entry in entries if parts.mapping(parts.mapping(entry).get("request"))]
    found.sort(key=lambda one: one.at or 0)
    return tuple(replace(one, number=number) for number, one in enumerate(found, 1))


def exchange(entry: Any, file: str) -> Exchange:
    request, response = parts.mapping(entry["request"]), parts.mapping(entry.get("response"))
    host, path, query = parts.address(request.get("url"))
    headers = parts.headers_of(request.get("headers"))
    answered = parts.headers_of(response.get("headers"))
    return Exchange(
        file=file,
        number=0,
        method=parts.text(request.get("method")).upper() or "GET",
        host=host,
        path=path,
        query=query,
        headers=headers,
        body=parts.inflated(posted(request.get("postData")), headers),
        status=parts.status(response.get("status")),
        answer_headers=answered,
        answer_body=parts.inflated(content(response.get("content")), answered),
        at=parts.moment(entry.get("startedDateTime")),
        took_us=parts.whole(entry.get("time"), 1_000),
    )


def posted(data: object) -> bytes:
    """A request's body: its text, or the fields of a form."""
    post = parts.mapping(data)
    if parts.text(post.get("encoding")) == "base64":  # not in the format, and written by some
        return parts.from_base64(post.get("text"))
    written = post.get("text")
    if isinstance(written, str) and written:
        return parts.as_bytes(written)
    fields = [
        (parts.text(one.get("name")), parts.text(one.get("value")))
        for one in map(parts.mapping, parts.items(post.get("params")))
    ]
    return urlencode(fields).encode()


def content(data: object) -> bytes:
    answer = parts.mapping(data)
    if parts.text(answer.get("encoding")).lower() == "base64":
        return parts.from_base64(answer.get("text"))
    return parts.as_bytes(answer.get("text"))
