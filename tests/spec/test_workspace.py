"""Files that cannot be read: one fault each, and none for what refers to them."""

from pathlib import Path

import pytest
from spec.minimal import CHARTER, ERP, MAPPING, MINIMAL, SOURCE, SPEC, TABLE, edited, read, told

from engine.spec.workspace import FILE_BYTES_MAX
from engine.wire.files import read_files

FILES = [
    pytest.param({CHARTER: None}, "missing-file", CHARTER, 1, "waybill init", id="no charter"),
    pytest.param({SPEC: ""}, "empty-file", SPEC, 1, "write it", id="an empty file"),
    pytest.param({SPEC: "# later\n"}, "empty-file", SPEC, 1, "write it", id="a file of comments"),
    pytest.param({"specs/notes.txt": "hello"}, "file-name", "specs/notes.txt", 1, "rename", id="a text among specs"),
    pytest.param(
        {"charter/models/order@1.yaml": "{}"},
        "file-name",
        "charter/models/order@1.yaml",
        1,
        "",
        id="a contract without family",
    ),
    pytest.param(
        {"charter/tables/x/y.csv": "a,b\n"}, "file-name", "charter/tables/x/y.csv", 1, "", id="a table in a folder"
    ),
    pytest.param({SPEC: "reconciliation: orders\n"}, "not-available", SPEC, 1, "leave it out", id="a reconciliation"),
    pytest.param(
        {MAPPING: "mapping: [\n"}, "yaml-syntax", MAPPING, 2, "", id="a mapping that is no YAML is not also unknown"
    ),
    pytest.param(
        {SOURCE: "type: [\n"}, "yaml-syntax", SOURCE, 2, "", id="a contract that is no YAML is not also unknown"
    ),
    pytest.param({ERP: "- erp\n"}, "wrong-type", ERP, 1, "", id="a system that is a list is not also unknown"),
    pytest.param({SOURCE: "type: objekt\n"}, "contract-schema", SOURCE, 1, "", id="a contract of no known type"),
    pytest.param(
        {SOURCE: 'type: object\nproperties:\n  id: {pattern: "(?=a)b"}\n'},
        "contract-schema",
        SOURCE,
        3,
        "",
        id="a contract with a look-ahead",
    ),
    pytest.param({TABLE: "theirs,ours\npaid\n"}, "table", TABLE, 2, "comma", id="a table's row that is too short"),
    pytest.param(
        {TABLE: 'theirs,ours\npaid,"settled\n'}, "table", TABLE, 2, "closed", id="a table's quote that is never closed"
    ),
    pytest.param(
        {TABLE: "theirs,ours\npaid,a\npaid,b\n"}, "table", TABLE, 3, "one answer", id="a table's text that stands twice"
    ),
    pytest.param({TABLE: "theirs,theirs\npaid,a\n"}, "table", TABLE, 1, "", id="a table's column that stands twice"),
    pytest.param({TABLE: "theirs\npaid\n"}, "table", TABLE, 1, "", id="a table of one column"),
    pytest.param({TABLE: b"theirs,ours\npaid,\xff\n"}, "table", TABLE, 2, "UTF-8", id="a table that is not UTF-8"),
    pytest.param({TABLE: "theirs,ours\nx,\0\n"}, "table", TABLE, 2, "", id="a table with a NUL"),
]


@pytest.mark.parametrize(("changed", "code", "file", "line", "hint"), FILES)
def test_one_file_that_cannot_be_read_is_one_fault(
    changed: dict[str, str | bytes | None], code: str, file: str, line: int, hint: str
) -> None:
    files = {name: content for name, content in {**MINIMAL, **changed}.items() if content is not None}
    _, faults = read(files)
    assert [(fault.code, fault.mark.file, fault.mark.line) for fault in faults] == [(code, file, line)], told(faults)
    assert hint in faults[0].hint


def test_the_minimal_workspace_has_no_fault() -> None:
    workspace, faults = read(MINIMAL)
    assert not faults, told(faults)
    assert [*workspace.integrations] == ["orders"]
    assert [*workspace.systems] == ["erp", "shop"]


def test_two_integrations_on_one_path_are_told_once() -> None:
    files = edited()
    files["specs/again.yaml"] = files[SPEC].replace("integration: orders", "integration: again")
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("duplicate-path", SPEC)]
    assert "`again`" in faults[0].message


def test_two_files_of_one_name_are_told() -> None:
    files = edited()
    files["specs/eu/orders.yaml"] = files[SPEC].replace("/hooks/orders", "/hooks/eu")
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("duplicate-name", SPEC)]


def test_a_second_file_of_a_name_is_checked_all_the_same() -> None:
    files = edited()
    files["specs/eu/orders.yaml"] = (
        files[SPEC].replace("/hooks/orders", "/hooks/eu").replace("once: order", "once: ordr")
    )
    _, faults = read(files)
    # The files are read in the order of their names: the second is specs/orders.yaml.
    assert [(fault.code, fault.mark.file) for fault in faults] == [
        ("unknown-name", "specs/eu/orders.yaml"),
        ("duplicate-name", SPEC),
    ]
    files["specs/eu/orders.yaml"] = files[SPEC].replace("/hooks/orders", "/hooks/eu")
    files[SPEC] = files[SPEC].replace("once: order", "once: ordr")
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("duplicate-name", SPEC), ("unknown-name", SPEC)]


@pytest.mark.parametrize("file", [ERP, MAPPING, SOURCE, TABLE, SPEC])
def test_a_file_that_is_too_large_is_one_fault_and_hides_no_other(file: str) -> None:
    files: dict[str, str | bytes] = dict(edited((CHARTER, "deploys: orders", "deploys: ops")))
    files[file] = b"#" * (FILE_BYTES_MAX + 1)
    _, faults = read(files)
    assert [(fault.code, fault.mark.file) for fault in faults] == [("unknown-team", CHARTER), ("file-size", file)]


def test_of_a_file_that_is_too_large_one_byte_too_many_is_handed_in(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    with (tmp_path / SPEC).open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 2)
    assert len(read_files(tmp_path)[SPEC]) == FILE_BYTES_MAX + 1


NAMES = [
    pytest.param("orders", "order", "write `integration: orders`, or rename the file to order.yaml", id="another name"),
    pytest.param("orders", "Orders", "write `integration: orders`", id="a name that no file may have"),
    pytest.param("Other_One", "other-one", "rename the file to other-one.yaml: names are kebab-case", id="a bad stem"),
]


@pytest.mark.parametrize(("stem", "declared", "hint"), NAMES)
def test_the_mend_of_a_name_that_differs_is_a_name_that_may_be(stem: str, declared: str, hint: str) -> None:
    files = edited((SPEC, "integration: orders", f"integration: {declared}"))
    files[f"specs/{stem}.yaml"] = files.pop(SPEC)
    _, faults = read(files)
    assert [(fault.code, fault.hint) for fault in faults] == [("name-differs", hint)], told(faults)


def test_where_neither_name_may_be_the_file_is_renamed() -> None:
    files = edited((SPEC, "integration: orders", "integration: My_Orders"))
    files["specs/Other_One.yaml"] = files.pop(SPEC)
    _, faults = read(files)
    assert {fault.code: fault.hint for fault in faults} == {
        "bad-name": "write `my-orders`",
        "name-differs": "rename the file: names are kebab-case",
    }
