"""The house keeps its own rules: imports run one way, the thinking rooms only think, and no file outgrows its reader.

A rule is held here only if it can be broken: each has a case that plants a breach and sees it found.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest
from real import ROOT

PURE = ("rules", "charter", "spec", "language", "contract", "ports.py", "model.py", "errors.py")
"""What thinks and never acts, below engine/."""

LINES_MAX = 500
LONGER = {
    "engine/spec/shape.py": "the dialect as one page of types: every key and every default in one place",
    "tests/wire/test_http_client.py": "one table of what a partner can do wrong, and the small server that does it",
    "tests/wire/test_http_server.py": "one table of what a sender can do wrong",
}
FUNCTION_LINES_MAX = 60

Breach = tuple[str, int, str]
"""(file, line, what is wrong)."""


def sources(*folders: str) -> list[str]:
    """Python files below the folders (a name that ends in .py is a file), relative to the repository."""
    found: list[Path] = []
    for name in folders:
        found += [ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py"))
    assert found
    return [path.relative_to(ROOT).as_posix() for path in found]


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text()


def breaches(rule: Callable[[ast.Module], Iterator[tuple[int, str]]], files: list[str]) -> list[Breach]:
    return [(file, line, what) for file in files for line, what in rule(ast.parse(text_of(file)))]


# ── imports ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over a tree, in a process of its own: it finds the packages by sys.path, and ours are loaded."""
    return subprocess.run(
        [sys.executable, "-c", LINT], capture_output=True, text=True, cwd=root, timeout=120, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The packages and their settings, to be spoilt."""
    for package in ("engine", "harness"):
        copytree(ROOT / package, tmp_path / package, ignore=ignore_patterns("__pycache__"))
    copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(tree: Path, file: str, line: str) -> None:
    """Puts an import below the docstring of a module."""
    path = tree / file
    text = path.read_text()
    below = ast.parse(text).body[0].end_lineno
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:below], line, *lines[below:]]) + "\n")


@pytest.mark.slow
def test_imports_run_one_way() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout
    assert "Contracts: 3 kept, 0 broken." in done.stdout


@pytest.mark.slow
def test_a_clock_in_the_room_of_rules_is_found(tree: Path) -> None:
    plant(tree, "engine/rules/retry.py", "import time")
    done = lint_imports(tree)
    assert done.returncode == 1
    assert "engine.rules.retry -> time" in done.stdout
    assert "Contracts: 2 kept, 1 broken." in done.stdout


PLANTED = {
    "engine/rules/decide.py": ("import random", "engine.rules.decide -> random"),
    "engine/charter/trust.py": ("import os", "engine.charter.trust -> os"),
    "engine/spec/read.py": ("import pathlib", "engine.spec.read -> pathlib"),
    "engine/spec/resolve.py": ("import engine.rules", "engine.spec.resolve -> engine.rules"),
    "engine/language/money.py": ("import asyncio", "engine.language.money -> asyncio"),
    "engine/language/times.py": ("import engine.contract", "engine.language.times -> engine.contract"),
    "engine/contract/schema.py": ("import socket", "engine.contract.schema -> socket"),
    "engine/model.py": ("import sqlite3", "engine.model -> sqlite3"),
    "engine/errors.py": ("import uuid", "engine.errors -> uuid"),
    "engine/clock.py": ("import engine.store", "engine.clock -> engine.store"),
    "engine/store/readers.py": ("import engine.wire.secrets", "engine.store.readers -> engine.wire.secrets"),
    "engine/wire/egress.py": ("import engine.run", "engine.wire.egress -> engine.run"),
    "engine/run/live.py": ("import engine.cli.check", "engine.run.live -> engine.cli.check"),
    "engine/cli/run.py": ("import harness.world", "engine.cli.run -> harness.world"),
    "harness/load/model.py": ("import harness.load.histogram", "harness.load.model -> harness.load.histogram"),
    "harness/load/measure/watch.py": ("import harness.load.judge", "harness.load.measure.watch -> harness.load.judge"),
    "harness/load/send/feed.py": ("import harness.load.stage", "harness.load.send.feed -> harness.load.stage"),
    "harness/load/judge/verdict.py": ("import harness.load.tell", "harness.load.judge.verdict -> harness.load.tell"),
    "harness/load/tell/view.py": ("import harness.load.run", "harness.load.tell.view -> harness.load.run"),
}


@pytest.mark.slow
def test_every_import_against_the_direction_and_every_touch_of_the_world_is_found(tree: Path) -> None:
    for file, (line, _) in PLANTED.items():
        plant(tree, file, line)
    done = lint_imports(tree)
    assert done.returncode == 1
    assert "Contracts: 0 kept, 3 broken." in done.stdout
    missed = [said for _, said in PLANTED.values() if said not in done.stdout]
    assert missed == []


# ── the thinking rooms ───────────────────────────────────────────────────────────────────────────────────────────────


def acts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What only someone who acts does: wait, open, print, ask, run text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, "async"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in (FILE_METHODS if isinstance(node.func, ast.Attribute) else DEEDS):
                yield node.lineno, f"{name}()"


DEEDS = frozenset(("open", "print", "input", "exec", "eval", "__import__", "breakpoint"))
FILE_METHODS = frozenset(("read_text", "read_bytes", "write_text", "write_bytes"))


def test_the_thinking_rooms_neither_wait_nor_open_nor_print() -> None:
    files = sources(*(f"engine/{name}" for name in PURE))
    assert len(files) > 50
    assert breaches(acts, files) == [
        # What was generated becomes functions in one place.
        (GENERATOR, line_of(GENERATOR, "exec(compile("), "exec()"),
        # A port says that `send` may be waited for; nobody waits in that file.
        ("engine/ports.py", line_of("engine/ports.py", "async def send"), "async"),
    ]


GENERATOR = "engine/language/generate/source.py"


def line_of(file: str, text: str) -> int:
    return next(number for number, line in enumerate(text_of(file).splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("async def f(): ...", "async"),
        ("def f(): open('x')", "open()"),
        ("print(1)", "print()"),
        ("[eval(x) for x in y]", "eval()"),
        ("files('engine').joinpath('x').read_text()", "read_text()"),
    ],
)
def test_what_acts_is_recognised(source: str, what: str) -> None:
    assert [*acts(ast.parse(source))] == [(1, what)]


# ── clock and chance ─────────────────────────────────────────────────────────────────────────────────────────────────

CLOCK = "engine/clock.py"
CHANCE_ELSEWHERE = {
    ("harness/made_secrets.py", "secrets"),  # what is made up to sign with is a secret, not chance to be repeated
    ("harness/demo/script.py", "uuid"),  # shapes ids out of seeded numbers; draws none
    *(("harness/simulation/fence.py", what) for what in ("time", "random", "uuid")),  # refuses them to others
    *(
        (f"harness/load/send/{one}.py", "random") for one in ("arrivals", "messages")
    ),  # drawn from a seed that is handed in
    ("harness/load/send/generator.py", "time"),  # sends on CLOCK_MONOTONIC, the one clock that all its processes share
    ("harness/load/judge/compare.py", "random"),  # intervals are drawn from the two files alone
    ("harness/load/stage/stores.py", "secrets"),  # a name nobody has yet
    ("harness/recordings/key.py", "secrets"),  # the key of a workspace's pseudonyms is a secret
}
VIRTUAL = "harness/simulation/"
"""Here the loop is one of ours, and its time a number."""


def clock_and_chance(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Modules that hold a clock or a die, and what reads one without saying so in its imports."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.partition(".")[0] in ("time", "random", "uuid", "secrets", "numpy"):
                yield node.lineno, name
        if isinstance(node, ast.Attribute):
            inner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (inner, node.attr) in READS:
                yield node.lineno, f"{inner}.{node.attr}"


READS = {
    *((owner, name) for owner in ("datetime", "date") for name in ("now", "utcnow", "today")),
    *(("loop", name) for name in ("time", "call_at")),
    ("os", "urandom"),
    ("os", "getrandom"),
}


def test_one_file_of_the_engine_reads_a_clock_and_draws_chance() -> None:
    found = breaches(clock_and_chance, sources("engine"))
    assert {(file, what) for file, _, what in found} == {(CLOCK, "time"), (CLOCK, "random")}


def test_the_harness_is_handed_clock_and_chance_like_everybody() -> None:
    found = breaches(clock_and_chance, sources("harness"))
    read = {(file, what) for file, _, what in found}
    assert {one for one in read if not (one[0].startswith(VIRTUAL) and one[1].startswith("loop."))} == CHANCE_ELSEWHERE


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import time", ["time"]),
        ("from random import Random", ["random"]),
        ("import os, secrets", ["secrets"]),
        ("def f(): from uuid import uuid4", ["uuid"]),
        ("datetime.now(UTC)", ["datetime.now"]),
        ("datetime.datetime.utcnow()", ["datetime.utcnow"]),
        ("x = date.today", ["date.today"]),
        ("os.urandom(8)", ["os.urandom"]),
        ("from datetime import datetime; self.clock.now(); datetime(2024, 1, 1)", []),
        ("from engine.wire.secrets import Secret", []),
    ],
)
def test_clocks_and_chance_are_recognised(source: str, what: list[str]) -> None:
    assert [found for _, found in clock_and_chance(ast.parse(source))] == what


# ── what a reader meets ──────────────────────────────────────────────────────────────────────────────────────────────

EVERYTHING = ("engine", "harness", "tests", "benchmarks")


def test_every_module_says_why_it_exists() -> None:
    files = [file for file in sources(*EVERYTHING) if text_of(file)]
    silent = [file for file in files if not (ast.get_docstring(ast.parse(text_of(file))) or "").strip()]
    assert silent == []
    empty = [file for file in sources("engine", "harness") if not text_of(file)]
    assert empty == []


def test_no_file_outgrows_its_reader_and_none_is_excused_without_need() -> None:
    long = {file for file in sources(*EVERYTHING) if len(text_of(file).splitlines()) > LINES_MAX}
    assert long - set(LONGER) == set(), "shorten these, or give a reason here"
    assert set(LONGER) - long == set(), "these are short enough now; take them off the list"


def function_lengths(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno >= FUNCTION_LINES_MAX:
                yield node.lineno, node.name


def test_no_function_outgrows_a_screen() -> None:
    assert breaches(function_lengths, sources("engine", "harness")) == []
    assert [*function_lengths(ast.parse("def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX))] == [(1, "f")]


LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|HA" + r"CK|XX" + r"X)\b(?!,)")
"""Words for what is put off (`XXX, …` in a list of codes is the currency without a currency)."""
ELSEWHERE = re.compile(r"(?<![\w.])/(?:ro" + r"ot|ho" + r"me|wo" + r"rk|Us" + r"ers)/\w")
"""A path that exists on somebody's machine."""
TEXTS = (".py", ".yaml", ".yml", ".md", ".toml", ".sql", ".csv", ".cfg", "")


def texts() -> list[Path]:
    """Every text file that belongs to the project."""
    folders = [*EVERYTHING, "charter", "mappings", "specs", "recordings", "docs", ".ci"]
    found = [path for name in folders for path in (ROOT / name).rglob("*") if "__pycache__" not in path.parts]
    found += [path for path in ROOT.iterdir() if path.name not in ("LICENSE", ".git")]
    return [path for path in found if path.is_file() and path.suffix in TEXTS]


@pytest.mark.parametrize("what", [LATER, ELSEWHERE], ids=["puts something off", "names a path of one machine"])
def test_no_file_does_what_no_file_should(what: re.Pattern[str]) -> None:
    files = texts()
    assert len(files) > 200
    assert [path.relative_to(ROOT).as_posix() for path in files if what.search(path.read_text())] == []


def test_what_is_put_off_and_what_lies_elsewhere_is_recognised() -> None:
    assert LATER.search("x = 1  # TO" + "DO: later")
    assert not LATER.search("Codes without a minor unit (XAU, XDR, XX" + "X, …)")
    assert ELSEWHERE.search("see /ho" + "me/ada/notes")
    assert not ELSEWHERE.search("https://waybill.example/work/orders")
