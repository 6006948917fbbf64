"""The wheel, as a stranger gets it: built, installed into a clean environment, used from a folder of its own."""

import os
import re
import subprocess
import sys
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from real import ROOT

pytestmark = pytest.mark.slow

WORKSPACE = ("charter", "mappings", "recordings", "specs")
UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|Max retries exceeded")
WAIT_S = 300


@dataclass
class Installed:
    """A clean environment with the wheel in it, and an empty folder to use it from."""

    wheel: Path
    environment: Path
    folder: Path

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return run([str(self.environment / "bin" / program), *words], self.folder)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Without anything of ours that would show the way to the sources."""
    named = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    named |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=named, timeout=WAIT_S, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    top = tmp_path_factory.mktemp("wheel")
    built = run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(top / "dist"), str(ROOT)], top
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (top / "dist").iterdir()
    environment, folder = top / "environment", top / "elsewhere"
    folder.mkdir()
    venv.create(environment, with_pip=True)
    found = Installed(wheel, environment, folder)
    constraints = top / "constraints.txt"
    constraints.write_text(locked_versions())
    done = found.run(
        "python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-c", str(constraints), str(wheel)
    )
    if done.returncode and UNREACHABLE.search(done.stderr):
        pytest.skip("no package index can be reached, and a clean environment needs the wheel's dependencies")
    assert done.returncode == 0, done.stderr
    return found


def locked_versions() -> str:
    """The lock as constraints. Without its hashes: pip would then ask one of our own wheel, built a moment ago."""
    pins = re.findall(r"^([a-z0-9.-]+==[^ \\\n]+)", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE)
    assert len(pins) > 40
    return "\n".join(pins) + "\n"


def workspace_files() -> dict[str, bytes]:
    found = [path for name in WORKSPACE for path in (ROOT / name).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in found}


def test_the_wheel_carries_the_packages_the_migrations_and_the_reference_workspace(installed: Installed) -> None:
    with ZipFile(installed.wheel) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist()}
    carried = {
        name.removeprefix("engine/workspace/"): raw
        for name, raw in held.items()
        if name.startswith("engine/workspace/")
    }
    assert carried == workspace_files()
    sources = [path for name in ("engine", "harness") for path in (ROOT / name).rglob("*.py")]
    sources += [*(ROOT / "engine").rglob("*.sql")]
    report = ROOT / "harness/load/tell/report"
    sources += [*report.glob("page.*"), *report.glob("vendor/*")]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= set(held)
    tops = {name.partition("/")[0] for name in held}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert tops == {"engine", "harness", f"waybill-{version}.dist-info"}
    assert not [name for name in held if "__pycache__" in name or ".waybill" in name]
    assert held[f"waybill-{version}.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_what_is_installed_needs_nothing_that_the_wheel_does_not_name(installed: Installed) -> None:
    assert installed.run("python", "-m", "pip", "check").returncode == 0
    listed = installed.run("python", "-m", "pip", "list", "--format", "freeze").stdout.lower()
    assert "waybill==" in listed
    assert not re.search(r"^(pytest|mypy|ruff|hypothesis|jmespath|hatchling)==", listed, re.MULTILINE)


def test_init_check_and_try_work_from_another_folder(installed: Installed) -> None:
    made = installed.run("waybill", "init", "shop")
    assert (made.returncode, made.stderr) == (0, "")
    shop = installed.folder / "shop"
    files = {path.relative_to(shop).as_posix(): path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    assert files.pop(".gitignore")
    assert files == workspace_files()
    checked = installed.run("waybill", "check", "shop")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == f"nothing to report in {len(files)} files\n"
    tried = installed.run(
        "waybill", "try", "shop/specs/shopify-orders-to-erp.yaml", "shop/recordings/shopify/order-paid.json"
    )
    assert (tried.returncode, tried.stderr) == (0, "")
    assert tried.stdout.startswith("done\n")
    assert "call erp.create_order: POST {ERP_URL}/sales-orders" in tried.stdout


def test_the_reference_workspace_comes_from_inside_the_installation(installed: Installed) -> None:
    look = "import engine, engine.cli.workspace as w; print(engine.__file__); print(w.reference_root())"
    done = installed.run("python", "-c", look)
    inside, root = map(Path, done.stdout.split())
    assert inside.is_relative_to(installed.environment.resolve())
    assert root == inside.parent / "workspace"


def test_the_installed_command_knows_its_version_and_the_harness_s_commands(installed: Installed) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert installed.run("waybill", "--version").stdout == f"waybill {version}\n"
    shown = installed.run("waybill", "--help").stdout
    assert re.search(r"^    try ", shown, re.MULTILINE)
    assert re.search(r"^    demo ", shown, re.MULTILINE)
    assert installed.run("python", "-m", "engine", "--version").stdout == f"waybill {version}\n"
