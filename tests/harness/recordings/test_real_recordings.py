"""Every HAR file and cassette of the real data is read, and scrubbed. mitmproxy's own reading of five HAR files is the
oracle of ours.
"""

import json
from collections import Counter
from functools import cache
from hashlib import sha256

import pytest
from real import ROOT, real_data

from engine.run.load import load
from harness.recordings import own
from harness.recordings.exchange import Recording
from harness.recordings.read import read_all, read_bytes, read_file
from harness.recordings.said import said_by
from harness.recordings.scrub import Scrubber

pytestmark = pytest.mark.real

CASSETTES = ("avatax-large-body", "avatax-vcrpy", "easypost-rubyvcr", "easypost-vcrpy", "saleor-http-cassettes")


@cache
def recordings() -> tuple[Recording, ...]:
    traffic = real_data() / "traffic"
    cassettes = read_all([traffic / name for name in CASSETTES])
    return (*cassettes, *map(read_file, sorted((traffic / "har").rglob("*.har"))))


def test_every_one_is_read() -> None:
    files = Counter(one.kind for one in recordings())
    exchanges = Counter({kind: sum(len(one.exchanges) for one in recordings() if one.kind == kind) for kind in files})
    assert files == {"vcrpy": 125, "ruby-vcr": 38, "har": 8}
    assert exchanges == {"vcrpy": 198, "ruby-vcr": 64, "har": 30}
    assert {one.kind for one in recordings() if one.timed} == {"ruby-vcr", "har"}
    assert all(one.host and one.method.isupper() for recording in recordings() for one in recording.exchanges)


def test_every_file_of_their_folders_is_one() -> None:
    found = [
        path for name in (*CASSETTES, "har") for path in (real_data() / "traffic" / name).rglob("*") if path.is_file()
    ]
    read = {recording.file for recording in recordings()}
    # Where they come from, and what mitmproxy reads of the HAR files.
    assert Counter(path.suffix for path in found if str(path) not in read) == {".txt": 6, ".json": 5}


def test_bodies_that_are_json_can_be_decoded() -> None:
    told = Counter(
        "json" if own.written(one.answer_body).keys() == {"json"} else "other"
        for recording in recordings()
        for one in recording.exchanges
        if "json" in one.answer_headers.get("content-type", "") and one.answer_body
    )
    assert told["json"] > 200
    assert told["other"] == 0


@pytest.mark.parametrize("name", ["charles", "chrome", "insomnia", "postdata", "safari"])
def test_mitmproxy_reads_the_same(name: str) -> None:
    folder = real_data() / "traffic" / "har" / "har_files"
    flows = json.loads((folder / f"{name}.json").read_text())
    exchanges = read_file(folder / f"{name}.har").exchanges
    theirs = [
        (
            flow["request"]["method"],
            flow["request"]["path"].partition("?")[0],
            flow["response"]["status_code"],
            flow["request"]["contentHash"],
        )
        for flow in flows
    ]
    ours = [(one.method, one.path, one.status, sha256(one.body).hexdigest()) for one in exchanges]
    assert sorted(ours) == sorted(theirs)
    answers = {flow["response"]["contentHash"] for flow in flows}
    assert {sha256(one.answer_body).hexdigest() for one in exchanges} & answers


def test_all_of_it_can_be_scrubbed_and_read_again() -> None:
    scrubber = Scrubber(b"k" * 32, said_by(load(ROOT, "local").workspace))
    exchanges = [one for recording in recordings() for one in recording.exchanges]
    lines = b"".join(own.line(scrubber.scrub(one)) for one in exchanges)
    again = read_bytes(own.FIRST + lines, "all.jsonl").exchanges
    assert [(one.method, one.status, one.at) for one in again] == [
        (one.method, one.status, one.at) for one in exchanges
    ]
    assert len(again) == 292
    for word in (b"Elizabeth", b"Swan", b"Redondo", b"Harbor", b"test@example.com", b"Basic Og==", b"user@email.com"):
        assert word.lower() not in lines.lower(), word
