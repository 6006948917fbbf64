"""The reference workspace under the proof: clean as it is, and no name of its mappings can be misspelled unnoticed."""

import re
from pathlib import Path

import pytest
from real import ROOT

from engine.cli.workspace import reference_files
from engine.errors import FaultyWorkspace
from engine.run.load import check, load
from engine.spec.proof import prove

FILES = reference_files()
MAPPING = "mappings/shopify-order.yaml"
READ = re.compile(rb"(?:from|each|money): ([a-z_.]+)[,}\n]")
"""Plain paths, where a mapping reads them."""


def test_it_is_clean() -> None:
    checked = check(FILES)
    assert not checked.faults
    proof = prove(checked.workspace, ())
    assert (proof.faults, proof.findings) == ((), ())


def test_no_name_that_a_mapping_reads_can_be_misspelled_unnoticed() -> None:
    """Every plain path of the order's mapping, its last name misspelled, all at once: each is told where it stands."""
    header, fields = FILES[MAPPING].split(b"\nfields:")
    lines = fields.split(b"\n")
    expected = []
    for place, line in enumerate(lines):
        lines[place], count = READ.subn(lambda match: match[0][:-1] + b"x" + match[0][-1:], line + b"\n")
        expected += [header.count(b"\n") + 2 + place] * count
        lines[place] = lines[place].removesuffix(b"\n")
    faults = check({**FILES, MAPPING: header + b"\nfields:" + b"\n".join(lines)}).faults
    assert {fault.code for fault in faults} == {"path-not-in-contract"}
    assert [fault.mark.line for fault in faults] == expected
    assert len(expected) > 30


def test_what_is_told_forbids_a_start(tmp_path: Path) -> None:
    for name, raw in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw.replace(b"from: total_price,", b"from: totl_price,"))
    with pytest.raises(FaultyWorkspace) as caught:
        load(tmp_path, "local")
    assert [fault.code for fault in caught.value.faults] == ["path-not-in-contract"]
    assert load(ROOT, "local").plans
