"""The brand's own workspace holds every property that its integrations are proved for."""

import json
from pathlib import Path

import pytest
from real import ROOT

from engine.cli import main
from harness.prove.invariants import PROPERTIES

pytestmark = pytest.mark.slow
INTEGRATIONS = 17


def test_every_integration_of_the_reference_workspace_holds_every_property(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = main(
        ["prove", "--workspace", str(ROOT), "--profile", "quick", "--format", "json", "--cases", str(tmp_path)]
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if not line["held"]] == []
    assert len({line["spec"] for line in lines}) == INTEGRATIONS
    assert len(lines) == INTEGRATIONS * len(PROPERTIES)
    assert ended == 0
