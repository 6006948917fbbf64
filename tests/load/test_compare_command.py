"""`waybill compare` reads two results and ends as CI wants it."""

from pathlib import Path

import msgspec
import pytest
from load.results import invalid, latency, measures, result
from msgspec.structs import replace

from engine.cli import main
from harness.load.histogram import Histogram
from harness.load.tell.files import as_json


def timed(times: float):
    histogram = Histogram()
    for step in range(3_000):
        histogram.record_us(round((2_000 + 7 * step) * times))
    return histogram.latency()


def written(folder: Path, name: str, made) -> str:
    path = folder / f"{name}.json"
    path.write_bytes(as_json(made))
    return str(path)


@pytest.fixture
def before(tmp_path: Path) -> str:
    return written(tmp_path, "before", result(measures=measures(accept=timed(1.0), complete=timed(1.0))))


def test_the_same_again_is_no_regression(before: str, capsys: pytest.CaptureFixture[str]):
    assert main(["compare", before, before]) == 0
    assert capsys.readouterr().out.startswith("PASS  nothing became worse\n")


def test_a_regression_ends_with_1_and_says_how_much(before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    slower = written(tmp_path, "after", result(measures=measures(accept=timed(1.5), complete=timed(1.0))))
    assert main(["compare", before, slower]) == 1
    out = capsys.readouterr().out
    assert out.startswith("FAIL  3 regressions\n")
    line = next(line for line in out.splitlines() if line.startswith("  accept p99"))
    assert "22.8 ms → 34.2 ms" in line
    assert "+50 %" in line
    assert line.endswith("WORSE")
    assert main(["compare", before, slower, "--tolerance", "60%"]) == 0


def test_json_is_one_document(before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    slower = written(tmp_path, "after", result(measures=measures(accept=timed(1.5), complete=timed(1.0))))
    assert main(["compare", before, slower, "--format", "json"]) == 1
    document = msgspec.json.decode(capsys.readouterr().out)
    assert document["regressed"] is True
    assert document["comparable"] is True
    row = next(row for row in document["rows"] if row["name"] == "accept p95")
    assert row["verdict"] == "worse"
    assert row["low"] <= 0.5 <= row["high"]


def test_what_cannot_be_compared_ends_with_3(before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["compare", before, written(tmp_path, "after", invalid())]) == 3
    assert capsys.readouterr().out.startswith("NOT COMPARABLE\n  B is invalid: ")
    elsewhere = result()
    elsewhere = replace(elsewhere, run=replace(elsewhere.run, machine="64 cores, 256 GiB"))
    assert main(["compare", before, written(tmp_path, "after", elsewhere), "--format", "json"]) == 3
    assert msgspec.json.decode(capsys.readouterr().out)["comparable"] is False


def test_a_file_that_is_no_result_ends_with_2(before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["compare", before, str(tmp_path / "none.json")]) == 2
    broken = result(measures=measures(accept=replace(latency(), histogram="x")))
    odd = written(tmp_path, "odd", broken)
    assert main(["compare", odd, odd]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("tolerance", ["10", "x%", "-1%", "1e3%"])
def test_a_tolerance_is_a_percentage(before: str, tolerance: str):
    with pytest.raises(SystemExit) as ended:
        main(["compare", before, before, f"--tolerance={tolerance}"])
    assert ended.value.code == 2
