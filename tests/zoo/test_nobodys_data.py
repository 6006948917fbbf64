"""What a recording holds of anybody stays in it: neither the case of a broken property nor a word that is told of it
repeats a value of a field, whatever its class."""

import json
from pathlib import Path

import pytest

from engine.cli import main
from harness.zoo import animals

pytestmark = pytest.mark.slow

(ANIMAL,) = (animal for animal in animals() if animal.name == "once-of-the-event")
CANARIES = {
    "email": "canary-mail@example.org",
    "card": "4111111111111111",
    "iban": "DE02120300000000202051",
    "phone": "+4915112345678",
    "name": "Canary Lastname",
    "address": "Canary Lane 7",
    "token": "tok_canary_77",
    "password": "canary-password",
}
HEADERS = {"x-api-key": "canary-api-key", "authorization": "Bearer canary-bearer", "cookie": "session=canary-cookie"}


@pytest.mark.parametrize("words", [("--format", "json"), ()], ids=["json", "text"])
def test_no_value_of_a_recording_is_in_a_case_or_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    root = ANIMAL.lay(tmp_path / "animal")
    contract = root / "charter/models/shop/order@1.yaml"
    more = "".join(f"  {name}: {{type: string}}\n" for name in CANARIES)
    contract.write_text(f"{contract.read_text().rstrip()}\n{more}")
    for file in (root / "recordings").glob("*.json"):
        recording = json.loads(file.read_text())
        recording["body"] |= CANARIES
        recording["headers"] |= HEADERS
        file.write_text(json.dumps(recording))
    assert main(["prove", "--workspace", str(root), *words]) == 1
    assert main(["test", "--workspace", str(root), *words]) == 1
    told = capsys.readouterr()
    (case,) = (root / "cases").iterdir()
    for where in (told.out, told.err, case.read_text()):
        assert [value for value in (*CANARIES.values(), *HEADERS.values()) if value in where] == []
