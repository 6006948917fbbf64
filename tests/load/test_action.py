"""The GitHub Action says only what the command line knows, and nothing of its inputs reaches the shell as text."""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from engine.cli import parser

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github/actions/load/action.yml")
SCRIPTS = {step["name"]: step["run"] for step in ACTION["runs"]["steps"] if "run" in step}


def options(command: str) -> set[str]:
    subparsers = next(each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return {word for action in subparsers.choices[command]._actions for word in action.option_strings}


def test_every_option_it_names_is_one():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", SCRIPTS["Load"]))
    assert named >= {"--profile", "--out", "--baseline", "--report-only"}
    assert named <= options("load")


def test_inputs_are_variables_not_text():
    assert all("${{" not in script for script in SCRIPTS.values())
    used = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / ".github/actions/load/action.yml").read_text()))
    assert used == set(ACTION["inputs"])


def run(name: str, folder: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs one step with a `waybill` that writes down its words, and ends with what EXIT says."""
    shim = folder / "bin" / "waybill"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$WORDS"\necho told\nexit "${EXIT:-0}"\n')
    shim.chmod(0o755)
    said = {name: str(folder / name.lower()) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "WORDS")}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", SCRIPTS[name]],
        cwd=folder,
        env={"PATH": f"{shim.parent}:{os.environ['PATH']}", **said, **variables},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    words = folder / "words"
    return done, words.read_text().splitlines() if words.exists() else []


NEEDS_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@NEEDS_BASH
def test_it_calls_load_with_what_it_was_given(tmp_path: Path):
    done, words = run(
        "Load", tmp_path, PROFILE="a $(touch hit) b", SPECS="one two", WORKSPACE=".", SEED="3", OUT="o", BASELINE="",
        REPORT_ONLY="false",
    )  # fmt: skip
    assert done.returncode == 0
    assert words == [
        "load",
        "one",
        "two",
        "--workspace",
        ".",
        "--profile",
        "a $(touch hit) b",
        "--seed",
        "3",
        "--out",
        "o",
    ]
    assert not (tmp_path / "hit").exists()
    assert (tmp_path / "github_output").read_text() == "result=o/result.json\n"


@NEEDS_BASH
def test_no_specs_are_all_of_them(tmp_path: Path):
    _, words = run(
        "Load", tmp_path, PROFILE="p", SPECS="", WORKSPACE=".", SEED="1", OUT="o", BASELINE="b", REPORT_ONLY="true"
    )
    assert words == [
        "load", "--workspace", ".", "--profile", "p", "--seed", "1", "--out", "o", "--baseline", "b", "--report-only",
    ]  # fmt: skip


@NEEDS_BASH
@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_regression_fails_the_job_and_is_told(tmp_path: Path, code: int):
    done, words = run("Compare", tmp_path, OUT="o", BASELINE="b", EXIT=str(code))
    assert done.returncode == code
    assert words == ["compare", "b", "o"]
    assert (tmp_path / "github_step_summary").read_text() == "```\ntold\n```\n"
