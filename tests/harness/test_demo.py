"""The demo itself, short, as a process: it passes, it can be interrupted, and it leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 180
PLAY = (
    "import sys; from pathlib import Path; from harness.demo.story import play; sys.exit(play(5, 3, Path(sys.argv[1])))"
)

pytestmark = pytest.mark.slow


def command(folder: Path) -> list[str]:
    return [sys.executable, "-c", PLAY, str(folder)]


def left_running(folder: Path) -> list[str]:
    """Command lines that name the folder: engine and partners of this demo and of no other."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if str(folder) in line:
            found.append(line)
    return found


def test_a_short_story_keeps_every_promise(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    played = subprocess.run(command(folder), capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "PASS" in played.stdout.splitlines()[-1]
    assert "SIGKILL: the engine dies" in played.stdout
    assert "the engine is back" in played.stdout
    assert played.stdout.count("mira looks at") == 2
    assert (folder / "workspace/.waybill/events.db").exists()
    assert left_running(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "kept"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command(folder), stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as played:
        assert played.stdout is not None
        for line in played.stdout:
            if "accepted" in line:
                break
        assert len(left_running(folder)) >= 3
        played.send_signal(number)
        assert played.wait(30) == 130
        assert "interrupted" in played.stdout.read()
    assert left_running(folder) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep me")
    played = subprocess.run(command(tmp_path), capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert played.returncode != 0
    assert "not empty" in played.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
