"""The harness's commands on the engine's command line."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import main
from harness.cli import demo, register

ROOT = Path(__file__).resolve().parents[2]


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    return parser.parse_args(words)


def test_demo_has_a_length_a_seed_and_a_place_to_keep() -> None:
    plain, full = parsed("demo"), parsed("demo", "--seconds", "12", "--seed", "7", "--keep", "there")
    assert (plain.seconds, plain.seed, plain.keep, plain.run) == (30, 1, None, demo)
    assert (full.seconds, full.seed, full.keep) == (12, 7, Path("there"))


@pytest.mark.parametrize("seconds", ["4", "3601", "-30", "half", "1e3", "٣٠"])
def test_a_length_that_makes_no_story_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("demo", f"--seconds={seconds}")
    assert ended.value.code == 2
    assert "from 5 to 3600" in capsys.readouterr().err


def test_registering_imports_nothing_heavy() -> None:
    look = "import sys, harness.cli; print(sorted({'aiohttp', 'rich', 'asyncio', 'jinja2'} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert ended.stdout.strip() == "[]"


def test_partner_has_a_name_a_place_and_faults() -> None:
    plain, full = parsed("partner", "erp"), parsed("partner", "erp", "there", "--port", "8080", "--faults", "slow=1")
    assert (plain.system, plain.workspace, plain.port, plain.faults) == ("erp", Path(), 0, "")
    assert (full.workspace, full.port, full.faults) == (Path("there"), 8080, "slow=1")


def test_a_partner_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["partner", "crm", str(ROOT)]) == 2
    assert "known: amazon, avatax, checkout, easypost, erp" in capsys.readouterr().err
