"""Waybill's own recordings: one exchange a line, so that what a proxy saw is on disk as soon as it was answered.

The first line says what the file is. A line takes only an exchange that `Scrubber` has been over: `Scrubbed` is the
proof, and nothing else can be written here. Reading is strict: a line that is not ours is told with its number.
"""

from collections.abc import Iterator
from typing import Any, Final

from engine.contract.body import BodyError, decode_body, encode_json
from harness.recordings import parts
from harness.recordings.bounded import read_json
from harness.recordings.exchange import BODY_LIMITS, EXCHANGES_MAX, Became, Exchange, UnreadableRecording
from harness.recordings.scrub import Scrubbed

SUFFIX: Final = ".jsonl"
FIRST: Final = b'{"waybill_recording": 1}\n'
ANY: Final = b'{"waybill_recording":'


def line(scrubbed: Scrubbed) -> bytes:
    """An exchange as it is written."""
    one = scrubbed.exchange
    request: dict[str, object] = {
        "method": one.method,
        "host": one.host,
        "path": one.path,
        "query": [list(pair) for pair in one.query],
        "headers": dict(one.headers),
        **written(one.body),
    }
    answer = {"status": one.status, "headers": dict(one.answer_headers), **written(one.answer_body)}
    times = {} if one.at is None else {"at": one.at}
    named: dict[str, object] = {"integration": one.integration} if one.integration else {}
    if one.system:
        named["system"] = one.system
    if one.became is not None:
        named["became"] = {"status": one.became.status, "effects": [list(pair) for pair in one.became.effects]}
    document = {**times, "took_us": one.took_us, **named, "request": request, "answer": answer}
    return encode_json(document) + b"\n"


def written(body: bytes) -> dict[str, object]:
    """A body as JSON where it is JSON, so that a recording can be read and compared by people; else as its text."""
    if not body:
        return {}
    try:
        return {"json": decode_body(body, BODY_LIMITS)}
    except BodyError:
        return {"text": body.decode("utf-8", "replace")}


def read(raw: bytes, file: str) -> tuple[Exchange, ...]:
    """The exchanges of one of our recordings. Raises UnreadableRecording."""
    return tuple(exchanges(raw, file))


def exchanges(raw: bytes, file: str) -> Iterator[Exchange]:
    lines = [(place, text) for place, text in enumerate(raw.split(b"\n"), 1) if text.strip()][1:]
    if len(lines) > EXCHANGES_MAX:
        raise UnreadableRecording(f"{file}: it has {len(lines)} exchanges; at most {EXCHANGES_MAX} are read")
    for number, (place, text) in enumerate(lines, 1):
        document = read_json(text, f"{file} line {place}")
        try:
            yield exchange(document, file, number)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UnreadableRecording(f"{file} line {place}: it is no exchange of a Waybill recording") from None


def exchange(document: Any, file: str, number: int) -> Exchange:
    request, answer = document["request"], document["answer"]
    return Exchange(
        file=file,
        number=number,
        method=said(request["method"]),
        host=said(request["host"]),
        path=said(request["path"]),
        query=tuple((said(name), said(value)) for name, value in request["query"]),
        headers={said(name): said(value) for name, value in request["headers"].items()},
        body=as_sent(request),
        status=bounded(answer["status"], parts.STATUS_MAX),
        answer_headers={said(name): said(value) for name, value in answer["headers"].items()},
        answer_body=as_sent(answer),
        at=None if document.get("at") is None else bounded(document["at"], parts.MOMENT_MAX),
        took_us=bounded(document.get("took_us", 0), parts.NUMBER_MAX),
        integration=said(document.get("integration", "")),
        system=said(document.get("system", "")),
        became=ended(document.get("became")),
    )


def ended(became: Any) -> Became | None:
    if became is None:
        return None
    return Became(said(became["status"]), tuple((said(operation), said(once)) for operation, once in became["effects"]))


def said(value: object) -> str:
    """A text that can be written out again."""
    text = str(value)
    text.encode()
    return text


def bounded(value: object, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError
    return value


def as_sent(side: Any) -> bytes:
    return encode_json(side["json"]) if "json" in side else str(side.get("text", "")).encode()
