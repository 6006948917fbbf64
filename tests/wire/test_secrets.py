"""Secrets: found where they should be, refused where they cannot be used, and never shown."""

import copy
import pickle
from pathlib import Path

import pytest

from engine.wire.secrets import BYTES_MAX, Secret, SecretProblem, read_secret

CANARY = "canary-4711"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WAYBILL_SECRETS", str(tmp_path))
    monkeypatch.delenv("WAYBILL_SECRET_ERP_TOKEN", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"t-1", "t-1"),
        (b"t-1\n", "t-1"),
        (b"t-1\r\n", "t-1"),
        (b"t-1\n\n", "t-1\n"),
        (b" t 1 ", " t 1 "),
        ("schlüssel".encode(), "schlüssel"),
        (b"x" * BYTES_MAX, "x" * BYTES_MAX),
    ],
    ids=["bare", "a newline", "a Windows newline", "only one newline goes", "spaces stay", "UTF-8", "the largest"],
)
def test_a_file_of_the_directory(folder: Path, raw: bytes, value: str) -> None:
    (folder / "ERP_TOKEN").write_bytes(raw)
    secret = read_secret("ERP_TOKEN")
    assert secret is not None
    assert secret.reveal() == value


def test_the_file_goes_before_the_variable_and_the_variable_before_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_secret("ERP_TOKEN") is None
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "from-variable\n")
    secret = read_secret("ERP_TOKEN")
    assert secret is not None
    assert secret.reveal() == "from-variable"
    (folder / "ERP_TOKEN").write_text("from-file")
    secret = read_secret("ERP_TOKEN")
    assert secret is not None
    assert secret.reveal() == "from-file"
    monkeypatch.delenv("WAYBILL_SECRETS")
    secret = read_secret("ERP_TOKEN")
    assert secret is not None
    assert secret.reveal() == "from-variable"


@pytest.mark.parametrize("raw", [b"", b"\n", b" \r\n", b"canary-4711\xff", b"x" * (BYTES_MAX + 1)])
def test_a_file_that_cannot_be_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    """Also where the variable would have a value: what is mounted was meant."""
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "fine")
    (folder / "ERP_TOKEN").write_bytes(raw)
    with pytest.raises(SecretProblem, match="ERP_TOKEN") as caught:
        read_secret("ERP_TOKEN")
    assert CANARY not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_directory_in_place_of_the_file(folder: Path) -> None:
    (folder / "ERP_TOKEN").mkdir()
    with pytest.raises(SecretProblem, match="cannot be read"):
        read_secret("ERP_TOKEN")


def test_an_empty_variable_is_a_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "")
    with pytest.raises(SecretProblem, match="is empty"):
        read_secret("ERP_TOKEN")


@pytest.mark.parametrize("name", ["", ".erp", "../ERP", "ERP/TOKEN", "ERP.TOKEN", "1ERP", "ERP\n", "-ERP", "A" * 129])
def test_a_name_never_leaves_the_directory(folder: Path, name: str) -> None:
    with pytest.raises(SecretProblem, match="no name of a secret"):
        read_secret(name)


def test_a_folder_that_is_not_there_is_a_problem_and_not_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYBILL_SECRETS", str(tmp_path / "nowhere"))
    with pytest.raises(SecretProblem, match="does not exist"):
        read_secret("ERP_TOKEN")
    monkeypatch.setenv("WAYBILL_SECRET_ERP_TOKEN", "fine")
    found = read_secret("ERP_TOKEN")
    assert found is not None
    assert found.reveal() == "fine"


def test_a_secret_is_not_shown() -> None:
    secret = Secret(CANARY)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        repr([secret]),
    ):
        assert CANARY not in shown
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == CANARY


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_carried_away(carry: object) -> None:
    with pytest.raises(TypeError, match="not pickled or copied"):
        carry(Secret(CANARY))  # type: ignore[operator]
