"""What `waybill prove` says of an animal stays with it: the case fails until the defect is mended, and holds then."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from engine.cli import main
from harness.zoo import animals

pytestmark = pytest.mark.slow

(ANIMAL,) = (animal for animal in animals() if animal.name == "fallback-after-unknown")


def test_a_case_fails_in_the_animal_and_holds_in_its_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, twin = ANIMAL.lay(tmp_path / "animal"), ANIMAL.lay(tmp_path / "twin", mended=True)
    assert main(["prove", "--workspace", str(root), "--format", "json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (broken,) = (line for line in told if not line["held"])
    assert (broken["spec"], broken["property"], broken["step"]) == ("charges", "nothing-twice", "charge")
    assert broken["story"] == [
        "shop sends order 1",
        "the alpha commits and answers 5xx (charge)",
        "alpha and beta both hold an effect of order 1",
    ]
    copytree(root / "cases", twin / "cases")
    assert main(["test", "--workspace", str(root)]) == 1
    assert Path(broken["case"]).name in capsys.readouterr().out
    assert main(["test", "--workspace", str(twin)]) == 0


def test_a_twin_is_told_to_hold_every_property(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = ANIMAL.lay(tmp_path / "twin", mended=True)
    assert main(["prove", "--workspace", str(twin), "--format", "json"]) == 0
    assert {json.loads(line)["held"] for line in capsys.readouterr().out.splitlines()} == {True}
    assert not (twin / "cases").exists()
