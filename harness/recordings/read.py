"""A PATH → RECORDINGS: what kind a file is, is seen from its contents, not from its name.

A folder gives all recordings below it. Events as `waybill try` takes them, `{headers, query, body}`, are recordings of
one delivery. This file refuses to follow links out of a folder and to guess: what is no recording is told.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from engine.contract.body import encode_json
from engine.errors import UserError
from harness.recordings import har, own, parts, vcr
from harness.recordings.bounded import read_json, read_yaml
from harness.recordings.exchange import BYTES_MAX, Exchange, Recording, UnreadableRecording

SUFFIXES: Final = (".har", ".json", own.SUFFIX, ".yaml", ".yml")
FILES_MAX: Final = 10_000
ALL_BYTES_MAX: Final = 256 << 20


def read_all(paths: Sequence[Path]) -> list[Recording]:
    """The recordings that these files and folders hold. Raises UserError."""
    found: list[Recording] = []
    size = 0
    for path in paths:
        for file in files(path):
            size += file.stat().st_size
            if size > ALL_BYTES_MAX:
                raise UserError(f"the recordings hold more than {ALL_BYTES_MAX >> 20} MiB; name fewer")
            found.append(read_file(file))
            if len(found) > FILES_MAX:
                raise UserError(f"more than {FILES_MAX} recordings; name fewer")
    return found


def files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise UserError(f"there is no file or folder {path}")
    top = path.resolve()
    inside = [one for one in sorted(path.rglob("*")) if one.is_file() and one.suffix in SUFFIXES]
    if not inside:
        raise UserError(f"there is no recording below {path}; one ends in {', '.join(SUFFIXES)}")
    for one in inside:
        if not one.resolve().is_relative_to(top):
            raise UserError(f"{one} leads out of {path}; copy the file instead of linking it")
        yield one


def read_file(path: Path) -> Recording:
    """One recording. Raises UnreadableRecording."""
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableRecording(f"{path}: it cannot be read: {error.strerror}") from None
    return read_bytes(raw, str(path), yaml=path.suffix in (".yaml", ".yml"))


def read_bytes(raw: bytes, file: str, *, yaml: bool = False) -> Recording:
    """The recording that these bytes are. Raises UnreadableRecording."""
    if raw.startswith(own.FIRST.rstrip()):
        exchanges = own.read(raw, file)
        return Recording(file, "waybill", exchanges, any(one.at is not None for one in exchanges), scrubbed=True)
    if raw.startswith(own.ANY):
        raise UnreadableRecording(f"{file}: another version of Waybill wrote it, and this one cannot read it")
    document = read_yaml(raw, file) if yaml else read_json(raw, file)
    top = parts.mapping(document)
    wrapped = parts.mapping(next(iter(top.values()))) if len(top) == 1 else {}
    if "log" in top or "log" in wrapped:  # a HAR in one more object is what some exporters hand to a program
        return made(file, "har", har.read(top if "log" in top else wrapped, file))
    kind = next((kind for key, kind in vcr.KINDS.items() if key in top), None)
    if kind is not None:
        return made(file, kind, vcr.read(document, file))
    if "body" in top and not set(top) - {"headers", "query", "body"}:
        return made(file, "event", (event(top, file),))
    raise UnreadableRecording(
        f"{file}: it is neither HAR (`log`), nor a VCR cassette (`interactions`, `http_interactions`), nor a recording"
        " of Waybill, nor an event (`{headers, query, body}`)"
    )


def made(file: str, kind: str, exchanges: tuple[Exchange, ...]) -> Recording:
    return Recording(file, kind, exchanges, any(one.at is not None for one in exchanges))


def event(document: Any, file: str) -> Exchange:
    query = parts.mapping(document.get("query"))
    try:
        body = encode_json(document["body"])
    except ValueError:
        raise UnreadableRecording(f"{file}: its body holds half a surrogate pair, which nobody can send") from None
    return Exchange(
        file=file,
        number=1,
        method="POST",
        host="",
        path="/",
        query=tuple((parts.text(str(name)), parts.text(str(value))) for name, value in query.items()),
        headers=parts.headers_of(document.get("headers")),
        body=body,
    )
