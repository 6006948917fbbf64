"""Each animal is a sound workspace but for its defect: it passes `check` and its own examples, and so does its twin."""

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.errors import WaybillError
from engine.run.load import check, load
from engine.wire.files import read_files
from harness.prove.invariants import PROPERTIES
from harness.testing.gather import check_one, expectations
from harness.zoo import Animal, Edit, animals, read
from harness.zoo.__main__ import main

LINES_MAX = 12
"""Lines by which a twin may differ, those that go and those that come."""
each_of_two = pytest.mark.parametrize("mended", [False, True], ids=["defect", "twin"])
each = pytest.mark.parametrize("animal", animals(), ids=lambda animal: animal.name)


@each
@each_of_two
def test_check_says_what_the_card_says_and_no_more(animal: Animal, mended: bool, tmp_path: Path) -> None:
    checked = check(read_files(animal.lay(tmp_path, mended=mended)))
    assert not checked.faults
    assert {finding.code for finding in checked.findings} == set(animal.twin_findings if mended else animal.findings)
    assert not [finding for finding in checked.findings if finding.severity == "error"]


@each
@each_of_two
def test_the_examples_hold_so_that_nobody_noticed(animal: Animal, mended: bool, tmp_path: Path) -> None:
    root = animal.lay(tmp_path, mended=mended)
    told = [check_one(test) for test in expectations(root, load(root, "local"))]
    assert told
    assert [each for each in told if each.differences] == []


@each
def test_every_recording_is_shown_by_an_example(animal: Animal) -> None:
    files = animal.files()
    specs = "".join(content.decode() for name, content in files.items() if name.startswith("specs/"))
    assert [name for name in files if name.startswith("recordings/") and name not in specs] == []


@each
def test_a_twin_differs_in_the_mend_alone(animal: Animal) -> None:
    files, mended = animal.files(), animal.files(mended=True)
    changed = [name for name in files if files[name] != mended[name]]
    assert changed == [edit.file for edit in animal.mend]
    lines = Counter[str]()
    for name in changed:
        before, after = files[name].decode().splitlines(), mended[name].decode().splitlines()
        lines.update(Counter(before) - Counter(after))
        lines.update(Counter(after) - Counter(before))
    assert 1 <= lines.total() <= LINES_MAX


@each
def test_a_card_says_what_breaks_where_and_who_saw_it(animal: Animal) -> None:
    assert animal.breaks in PROPERTIES
    assert animal.step in "".join(content.decode() for content in animal.files().values())
    assert animal.defect.endswith(".")
    assert animal.source


def test_there_are_enough_of_them_and_of_many_kinds() -> None:
    assert len(animals()) >= 25
    kinds = Counter(animal.breaks for animal in animals())
    assert set(kinds) == set(PROPERTIES) - {"bounded-attempts", "no-secret-out"}  # those two no spec can break


def test_a_mend_that_fits_nowhere_is_told() -> None:
    astray = replace(animals()[0], mend=(Edit("charter/charter.yaml", "Zo0", ""),))
    with pytest.raises(WaybillError, match=r"stands 0 times in charter/charter\.yaml"):
        astray.files(mended=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("defect: it bites\n", "missing required field `breaks`"),
        ("defect: it bites\ndefect: it bites\n", "duplicate-key"),
        ("defect: a\nbreaks: b\nstep: c\nsource: d\nmend: []\nmood: bad\n", "unknown field `mood`"),
    ],
)
def test_a_card_that_cannot_be_read_is_told(text: str, said: str, tmp_path: Path) -> None:
    card = tmp_path / "zoo.yaml"
    card.write_text(text)
    with pytest.raises(WaybillError, match=said):
        read(card)


def test_one_is_laid_out_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in animals()]
    animal = animals()[0]
    assert main([animal.name, str(tmp_path / "shop"), "--mended"]) == 0
    assert f"--workspace {tmp_path / 'shop'}" in capsys.readouterr().out
    for name, content in animal.files(mended=True).items():
        assert (tmp_path / "shop" / name).read_bytes() == content
    with pytest.raises(SystemExit):
        main([animal.name, str(tmp_path / "shop")])
    assert "is not empty" in capsys.readouterr().err
