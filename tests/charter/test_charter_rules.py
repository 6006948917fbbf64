"""Every rule of the charter: something it finds, and the neighbour it leaves alone."""

from collections.abc import Mapping

import pytest
from charter.cases import FOUND as FOUND_IN_ONE
from charter.cases import LEFT_ALONE as LEFT_ALONE_IN_ONE
from charter.cases import LOOKUP, RETRY
from spec.everything import EVERYTHING
from spec.minimal import ERP, MINIMAL, SPEC, Edit, edited, read, text_at, told

from charter import flow_cases
from engine.charter import RULES, examine
from engine.spec.codes.findings import FINDINGS
from engine.spec.workspace import Workspace

FOUND = [*FOUND_IN_ONE, *flow_cases.FOUND]
LEFT_ALONE = [*LEFT_ALONE_IN_ONE, *flow_cases.LEFT_ALONE]


@pytest.mark.parametrize("files", [MINIMAL, EVERYTHING], ids=["minimal", "everything"])
def test_a_workspace_as_it_should_be_has_no_finding(files: Mapping[str, str]) -> None:
    workspace, faults = read(files)
    assert not faults, told(faults)
    assert not examine(workspace), told(examine(workspace))


@pytest.mark.parametrize(("edits", "code", "severity", "at", "of"), FOUND)
def test_the_rule_finds(edits: tuple[Edit, ...], code: str, severity: str, at: str, of: Mapping[str, str]) -> None:
    files = edited(*edits, of=of)
    workspace, faults = read(files)
    assert not faults, told(faults)
    findings = examine(workspace)
    assert [(finding.code, finding.severity) for finding in findings] == [(code, severity)], told(findings)
    assert text_at(files, findings[0]).startswith(at), f"{told(findings)}\npoints at: {text_at(files, findings[0])}"
    assert findings[0].hint


@pytest.mark.parametrize(("edits", "code", "of"), LEFT_ALONE)
def test_the_rule_leaves_alone(edits: tuple[Edit, ...], code: str, of: Mapping[str, str]) -> None:
    workspace, _ = read(edited(*edits, of=of))
    assert code not in {finding.code for finding in examine(workspace)}


def test_every_rule_has_a_case_it_finds_and_one_it_leaves_alone() -> None:
    codes = {page.code for page in FINDINGS}
    assert {case.values[1] for case in FOUND} | {"contract-outgrown", "unused"} == codes  # type: ignore[attr-defined]
    assert {case.values[1] for case in LEFT_ALONE} == codes  # type: ignore[attr-defined]
    assert len(codes) == len(RULES)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("charter/systems/crm.yaml", "system: crm\nkind: other\n"),
        ("mappings/old.yaml", "mapping: old\nfrom: shop/order@1\nto: shop/order@1\nfields: {id: id}\n"),
        ("charter/models/shop/refund@1.yaml", "type: object\n"),
        ("charter/tables/carriers.csv", "ours,theirs\na,b\n"),
    ],
)
def test_a_file_that_nothing_refers_to_is_a_note(file: str, content: str) -> None:
    workspace, faults = read({**MINIMAL, file: content})
    assert not faults, told(faults)
    assert [(found.code, found.severity, found.mark.file) for found in examine(workspace)] == [("unused", "note", file)]


NEWER = {
    "a narrower type": ("2", "properties: {id: {type: string, minLength: 1}}\n", True),
    "a version that is newer by date": ("2024-10", "required: [id]\n", True),
    "ten after one": ("10", "required: [id]\n", True),
    "a wider one": ("2", "properties: {id: {type: [string, integer]}}\n", False),
    "the same": ("2", "type: object\nproperties: {id: {type: string}}\n", False),
    "a version before the one in use": ("0", "required: [id]\n", False),
    "one that is counted in another way": ("v2", "required: [id]\n", False),
    "one with faults of its own": ("2", "type: strin\n", False),
}


@pytest.mark.parametrize(("version", "content", "is_found"), NEWER.values(), ids=NEWER)
def test_a_use_of_an_older_version_is_noted_where_the_newest_takes_less(
    version: str, content: str, is_found: bool
) -> None:
    files = {**MINIMAL, f"charter/models/canonical/order@{version}.yaml": content}
    workspace, _ = read(files)
    found = [each for each in examine(workspace) if each.code == "contract-outgrown"]
    assert [(each.severity, text_at(files, each)) for each in found] == [("note", "canonical/order@1")] * is_found
    for each in found:
        assert f"`canonical/order@{version}` is there, and does not take every `canonical/order@1`" in each.message
        assert f"waybill contract diff canonical/order@1 canonical/order@{version}" in each.hint


def test_an_older_version_that_nothing_uses_is_only_unused() -> None:
    content = "type: object\nrequired: [x]\n"
    files = {**MINIMAL, "charter/models/canonical/order@1.yaml": content, "charter/models/shop/order@0.yaml": content}
    workspace, _ = read(files)
    assert "contract-outgrown" not in {each.code for each in examine(workspace)}


def test_nothing_is_called_unused_while_a_spec_cannot_be_read() -> None:
    workspace, faults = read({**MINIMAL, SPEC: "integration: orders\n"})
    assert faults
    assert "unused" not in {finding.code for finding in examine(workspace)}


def test_the_time_of_a_call_is_told_as_it_adds_up() -> None:
    workspace, _ = read(
        edited(
            (ERP, RETRY, "retry: {attempts_max: 4, first: 1h, factor: 2, cap: 3h}"),
            (ERP, "timeout: 5s", "timeout: 30m"),
            (SPEC, "  key: to_string", "  dedupe_for: 5h\n  key: to_string"),
        )
    )
    (finding,) = examine(workspace)
    assert finding.code == "dedupe-outlived"
    # 4 sends of 30 minutes, and waits of 1, 2 and 3 hours (the third is capped).
    assert "retried for 8h, and its id is forgotten after 5h" in finding.message
    assert "erp.create_order: 4 sends of at most 30m and 6h of waiting" in finding.message


def test_the_send_after_which_the_key_is_forgotten_is_named() -> None:
    workspace, _ = read(edited((ERP, LOOKUP, ""), (ERP, "valid_for: 24h", "valid_for: 1m")))
    (finding,) = examine(workspace)
    # Waits of 1, 2, 4, 8 and 16 s and timeouts of 5 s: the sixth send begins after 56 s, the seventh after 93 s.
    assert "send 7 of `erp.create_order` may come 1m 33s after the first" in finding.message
    assert "after 1m:" in finding.message


def test_a_million_attempts_add_up_at_once() -> None:
    retry = f"retry: {{attempts_max: {10**30}, first: 0s, factor: 2, cap: 5m}}"
    workspace, faults = read(edited((ERP, RETRY, retry), (ERP, LOOKUP, "")))
    assert not faults, told(faults)
    assert {finding.code for finding in examine(workspace)} == {"dedupe-outlived", "key-forgotten"}


def test_no_finding_shows_the_secret_it_found() -> None:
    secret = "sk_live_" + "4eC39HqLyjWDarjt"
    workspace, _ = read(edited((SPEC, "sales order.", f"sales order {secret}.")))
    findings = examine(workspace)
    assert findings
    assert secret not in told(findings)


@pytest.mark.parametrize("file", [file for file in MINIMAL if file.endswith((".yaml", ".csv"))])
@pytest.mark.parametrize("content", [None, "", "- 1\n", "a: [\n", "zzz: 1\n"])
def test_no_rule_raises_whatever_file_is_broken(file: str, content: str | None) -> None:
    files = {name: text for name, text in {**MINIMAL, file: content}.items() if text is not None}
    workspace, _ = read(files)
    known = {page.code for page in FINDINGS}
    assert {finding.code for finding in examine(workspace)} <= known


def test_an_empty_workspace_has_no_finding() -> None:
    assert examine(Workspace()) == []


def test_the_calls_of_a_peak_are_told_as_they_add_up() -> None:
    workspace, _ = read(
        edited(
            (ERP, "timeout: 5s\n", "timeout: 5s\nquota: {rate: 20/s, burst: 50}\n"),
            (SPEC, "owner: orders\n", "owner: orders\nsla: {peak: {rate: 2000/min, for: 15m, drain: 5m}}\n"),
        )
    )
    (finding,) = examine(workspace)
    assert "2000/min for 15m are 30000 calls of erp" in finding.message
    # A burst of 50, and 20 a second for 20 minutes; 29,950 of them need 1,497.5 seconds, 900 of which are the peak.
    assert "lets 24050 through in that time and 5m after it" in finding.message
    assert "a longer `drain`, of 9m 58s at least" in finding.hint
