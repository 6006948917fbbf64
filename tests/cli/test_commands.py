"""The command line as a user has it: what each command says, where it says it, and the code it ends with."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from blackbox.rig import Rig
from jsonschema import Draft202012Validator
from real import ROOT
from spec.minimal import SPEC, edited
from spec.test_ten_faults import PLANTED

from engine.cli import main, parser

Captured = pytest.CaptureFixture[str]
COMMANDS = (
    "init", "check", "explain", "schema", "run", "events", "event", "release", "redrive", "contract", "system",
    "store", "try", "demo", "partner", "prove", "test", "record", "replay", "plan",
    "load", "compare", "capacity",
)  # fmt: skip


# ── init, check ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_init_makes_a_workspace_that_checks_and_says_what_to_do_next(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "new" / "shop"
    assert main(["init", str(folder)]) == 0
    out = capsys.readouterr().out
    for line in re.findall(r"waybill (.+)", out):
        assert main(line.split()) == 0, line
    assert capsys.readouterr().out.startswith("nothing to report in 196 files\n")
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    folders = ("charter", "mappings", "recordings", "specs")
    ours = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    assert made.pop(".gitignore") == b".waybill/\nsecrets/\n"
    assert made == {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in ours}


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / ".#orders.yaml").symlink_to("an editor's lock")
    link = tmp_path / "specs" / "orders.yaml"
    link.symlink_to("elsewhere.yaml")
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"waybill: {link} is no file that can be read")


def test_init_takes_an_empty_folder_and_leaves_any_other_alone(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["init", str(tmp_path / "empty")]) == 0
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    for taken in (full, full / "mine.txt"):
        assert main(["init", str(taken)]) == 2
        assert capsys.readouterr().err == f"waybill: {taken} exists and is not empty; choose a new folder\n"
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_ten_faults_in_four_files_end_with_2_and_each_has_its_place_and_no_trace(
    broken: Path, capsys: Captured
) -> None:
    assert main(["check", str(broken)]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "Traceback" not in out
    found = re.findall(r"^([^\s:]+):(\d+):(\d+): ([a-z-]+): .+$", out, re.MULTILINE)
    assert {(file, code, int(line)) for file, line, _, code in found} == {(row[0], row[3], row[4]) for row in PLANTED}
    assert len(found) == 10
    assert len({file for file, *_ in found}) == 4
    assert all(int(column) > 0 for _, _, column, _ in found)
    assert out.splitlines()[-1] == "10 faults in 9 files"


def text_report(out: str) -> set[tuple[str, int, str]]:
    found = re.findall(r"^(\S+?):(\d+):\d+: ([a-z-]+)", out, re.MULTILINE)
    return {(file, int(line), code) for file, line, code in found}


def json_report(out: str) -> set[tuple[str, int, str]]:
    document = json.loads(out)
    return {(each["file"], each["line"], each["code"]) for each in document["faults"] + document["findings"]}


def sarif_report(out: str) -> set[tuple[str, int, str]]:
    (run,) = json.loads(out)["runs"]
    places = [(each["ruleId"], each["locations"][0]["physicalLocation"]) for each in run["results"]]
    return {(place["artifactLocation"]["uri"], place["region"]["startLine"], code) for code, place in places}


def junit_report(out: str) -> set[tuple[str, int, str]]:
    found = set()
    for case in ET.fromstring(out).iter("testcase"):
        if case.find("failure") is not None:
            place, code = case.attrib["name"].split(" ")
            file, line, _ = place.split(":")
            found.add((file, int(line), code))
    return found


def github_report(out: str) -> set[tuple[str, int, str]]:
    found = re.findall(r"^::error file=([^,]+),line=(\d+),col=\d+,title=([a-z-]+)::", out, re.MULTILINE)
    return {(file, int(line), code) for file, line, code in found}


REPORTS: Mapping[str, Callable[[str], set[tuple[str, int, str]]]] = {
    "text": text_report,
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "github": github_report,
}


@pytest.mark.parametrize("format_", REPORTS)
def test_check_reports_the_same_faults_in_every_format_and_with_the_same_code(
    format_: str, broken: Path, shop: Path, capsys: Captured
) -> None:
    assert main(["check", str(broken), "--format", format_]) == 2
    assert REPORTS[format_](capsys.readouterr().out) == {(file, line, code) for file, _, _, code, line in PLANTED}
    assert main(["check", str(shop), "--format", format_]) == 0
    assert REPORTS[format_](capsys.readouterr().out) == set()


@pytest.mark.parametrize("format_", REPORTS)
def test_a_finding_that_is_an_error_ends_with_1(format_: str, tmp_path: Path, capsys: Captured) -> None:
    unsigned = edited(
        (
            "charter/systems/shop.yaml",
            "verify: {scheme: shopify, secret: {secret: SHOP_SECRET}}",
            "answer: {status: 200}",
        )
    )
    Rig(tmp_path, files=unsigned).write()
    assert main(["check", str(tmp_path), "--format", format_]) == 1
    assert "unsigned-webhook" in {code for _, _, code in REPORTS[format_](capsys.readouterr().out)}


def test_a_finding_that_is_only_a_warning_ends_with_0(tmp_path: Path, capsys: Captured) -> None:
    unchecked = edited((SPEC, "  contract: shop/order@1\n", ""))
    Rig(tmp_path, files=unchecked).write()
    assert main(["check", str(tmp_path)]) == 0
    assert "contract-missing (warning)" in capsys.readouterr().out


# ── explain, schema ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_says_what_a_code_means_why_and_how_to_mend_it(capsys: Captured) -> None:
    assert main(["explain", "bare-number"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bare-number\n")
    assert all(f"\n{head}\n" in out for head in ("Why", "Mend", "Instead of", "write"))


def test_explain_without_a_code_lists_those_that_check_can_report(capsys: Captured) -> None:
    assert main(["explain"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert {code for _, _, _, code, _ in PLANTED} <= listed
    assert len(listed) > 80


def test_explain_tells_a_key_of_the_dialect_and_a_function_of_the_same_name(capsys: Captured) -> None:
    assert main(["explain", "quota:"]) == 0
    assert "charter/systems/NAME.yaml: operations.NAME.quota\n" in capsys.readouterr().out
    assert main(["explain", "split"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("split(text, separator[, count])\n")
    assert "  specs/NAME.yaml: receive.split\n" in out
    assert main(["explain", "anyof"]) == 2
    assert capsys.readouterr().err.endswith("did you mean `any_of`?\n")


def test_an_unknown_code_is_answered_with_the_nearest_one(capsys: Captured) -> None:
    assert main(["explain", "bear-number"]) == 2
    assert capsys.readouterr() == (
        "",
        "waybill: there is no code, function or key `bear-number`; did you mean `bare-number`?\n",
    )


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("spec", "specs/*"),
        ("mapping", "mappings/*"),
        ("system", "charter/systems/*"),
        ("charter", "charter/charter.yaml"),
    ],
)
def test_schema_prints_a_json_schema_that_the_reference_workspace_fits(kind: str, files: str, capsys: Captured) -> None:
    from engine.spec import yaml

    assert main(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    documents = [yaml.compose(path.read_bytes(), path.name)[0] for path in sorted(ROOT.glob(files))]
    assert documents
    for document in documents:
        assert document is not None
        assert not [*Draft202012Validator(schema).iter_errors(yaml.plain(document))]
    assert [*Draft202012Validator(schema).iter_errors({"nothing": "of this"})]


# ── the command line itself ──────────────────────────────────────────────────────────────────────────────────────────

REFUSED: Mapping[tuple[str, ...], str] = {
    ("frobnicate",): "there is no command `frobnicate`; `waybill --help` lists them",
    ("chekc",): "there is no command `chekc`; did you mean `check`?",
    ("store", "verfy"): "there is no command `verfy`; did you mean `verify`?",
    ("--frobnicate",): "unrecognized arguments: --frobnicate",
    ("check", "a", "b"): "unrecognized arguments: b",
    ("check", "--format", "pdf"): "invalid choice: 'pdf'",
    ("schema",): "the following arguments are required: kind",
    ("schema", "table"): "invalid choice: 'table'",
    ("init",): "the following arguments are required: DIR",
    ("release", "evt-1"): "the following arguments are required: --by, --reason",
    ("run", "--port", "65536"): "`65536` is not a number from 0 to 65535",
    ("run", "--port", "-1"): "`-1` is not a number from 0 to 65535",
    ("run", "--workers", "0"): "`0` is not a number from 1 to 1000000",
    ("run", "--workers", "٣"): "`٣` is not a number from 1 to 1000000",
    ("redrive", "--status", "done"): "invalid choice: 'done'",
    ("partner",): "the following arguments are required: NAME",
    ("partner", "erp", "--port", "65536"): "`65536` is not a number from 0 to 65535",
    ("try", "spec"): "the following arguments are required: EVENT",
    ("contract",): "the following arguments are required: COMMAND",
    ("contract", "diff", "a/b@1"): "the following arguments are required: NEW",
    ("contract", "diff", "a/b@1", "a/b@2", "--require", "most"): "invalid choice: 'most'",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_words_that_are_no_command_end_with_2_and_usage(words: tuple[str, ...], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: waybill")
    assert REFUSED[words] in err


def test_waybill_alone_shows_its_help_and_ends_with_2(capsys: Captured) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert out.startswith("usage: waybill")
    assert all(re.search(rf"^    {command} ", out, re.MULTILINE) for command in COMMANDS)
    assert re.findall(r"(\d+) (held|a check failed|the spec or the command|the measurement|Waybill itself|interrupted)", out) == [
        ("0", "held"), ("1", "a check failed"), ("2", "the spec or the command"),
        ("3", "the measurement"), ("4", "Waybill itself"), ("130", "interrupted"),
    ]  # fmt: skip


def test_these_are_all_the_commands() -> None:
    (group,) = (action for action in parser()._actions if action.dest == "command")
    assert tuple(group.choices or ()) == COMMANDS


SAYS = {
    "load": "Ends with 0 where every promise held, with 1 where one was broken, with 3 where the measurement is invalid.",
    "compare": "Ends with 1 where something became worse, with 3 where the two cannot be compared.",
    "capacity": "It is a projection, and no measurement.",
    "init": "a new workspace",
    "check": "every fault and charter finding",
    "explain": "how to mend it",
    "schema": "JSON Schema",
    "run": "SIGTERM drains",
    "events": "stored events",
    "event": "the story of one event",
    "release": "or reject them",
    "redrive": "the effect ledger answers it",
    "contract": "compare two",
    "system": "over restarts too",
    "store": "whether a store is whole",
    "try": "what their operations' `answer` say",
    "demo": "the partners' own books",
    "partner": "in which a doubled one shows",
    "prove": "what the partners' books say against what is promised",
    "test": "every case of cases/",
    "record": "joins survive",
    "replay": "in virtual time, twice",
    "plan": "through another version of it",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_does_and_explains_every_option(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: waybill {command}")
    assert SAYS[command] in " ".join(out.split())
    (group,) = (action for action in parser()._actions if action.dest == "command")
    for action in group.choices[command]._actions:  # type: ignore[index,call-overload]
        if action.option_strings:
            assert action.help, f"waybill {command} {action.option_strings[0]} is not explained"


def test_version_is_the_distribution_s(capsys: Captured) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"waybill {version('waybill')}\n"


def test_without_an_installation_the_version_is_a_sentence(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError

    import engine.cli

    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(engine.cli, "version", nothing)
    assert main(["--version"]) == 2
    assert capsys.readouterr().err.startswith("waybill: this Waybill is not installed")


def raising(error: BaseException) -> Callable[[Any], int]:
    def explain(_arguments: Any) -> int:
        raise error

    return explain


def test_ctrl_c_ends_with_130_and_no_trace(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.check.explain", raising(KeyboardInterrupt()))
    assert main(["explain"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_of_ours_is_loud_and_ends_with_4(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.check.explain", raising(ZeroDivisionError("planted")))
    assert main(["explain"]) == 4
    err = capsys.readouterr().err
    assert "ZeroDivisionError: planted" in err
    assert err.splitlines()[-1].startswith("waybill: this is a defect of Waybill")


# ── as a process ─────────────────────────────────────────────────────────────────────────────────────────────────────


def started(*words: str, out: int, buffered: bool = True) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    command = [sys.executable, "-m", "engine", *words]
    return subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "words",
    [("explain",), ("schema", "spec"), ("explain", "unused"), ("--help",), ("check", "--help"), ("--version",)],
    ids=" ".join,
)
def test_a_reader_that_has_seen_enough_is_no_failure(words: tuple[str, ...], buffered: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with started(*words, out=writer, buffered=buffered) as process:
        os.close(writer)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (0, "")


@pytest.mark.slow
def test_a_fault_is_told_by_the_exit_code_also_where_nobody_reads_it(broken: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with started("check", str(broken), out=writer) as process:
        os.close(writer)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (2, "")


@pytest.mark.slow
def test_ctrl_c_while_a_command_writes_ends_with_130() -> None:
    """A pipe that takes a page and no more holds the command in the middle of its output."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with started("schema", "spec", out=writer) as process:
        os.close(writer)
        assert len(os.read(reader, 1)) == 1
        process.send_signal(signal.SIGINT)
        while os.read(reader, 65536):
            pass
        os.close(reader)
        assert process.stderr is not None
        assert (process.wait(60), process.stderr.read()) == (130, "")


@pytest.mark.slow
def test_help_needs_none_of_the_heavy_packages() -> None:
    look = "import sys; from engine.cli import parser; parser().format_help(); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    heavy = {
        "aiohttp",
        "apsw",
        "asyncio",
        "jinja2",
        "jsonschema",
        "jsonschema_rs",
        "msgspec",
        "prometheus_client",
        "rich",
        "ruamel",
        "uvloop",
    }
    assert heavy.isdisjoint(done.stdout.split())
