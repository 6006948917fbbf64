"""The promise: a workspace with ten planted faults in four files gives ten located faults in one run."""

from spec.minimal import CHARTER, ERP, MAPPING, SPEC, edited, told

from engine.run.load import check

PLANTED = (
    (CHARTER, "deploys: orders", "deploys: ops", "unknown-team", 4),
    (CHARTER, "record: erp", "record: sap", "unknown-system", 5),
    (ERP, "timeout: 5s", "timeout: 5", "bad-duration", 6),
    (ERP, "factor: 2", "facter: 2", "unknown-key", 7),
    (ERP, "effect: idempotent", "effect: idempotant", "unknown-word", 11),
    (MAPPING, "to: canonical/order@1", "to: canonical/order@9", "unknown-contract", 3),
    (MAPPING, "$prefix, to", "$prefx, to", "unknown-variable", 7),
    (MAPPING, "table: statuses", "table: status", "unknown-table", 9),
    (SPEC, "`500000`", "500000", "bare-number", 16),
    (SPEC, "once: order.id", "once: ordr.id", "unknown-name", 21),
)


def test_ten_faults_in_four_files_are_ten_located_faults() -> None:
    files = edited(*((file, old, new) for file, old, new, _, _ in PLANTED))
    checked = check({name: text.encode() for name, text in files.items()})
    found = {(fault.mark.file, fault.code, fault.mark.line) for fault in checked.faults}
    assert found == {(file, code, line) for file, _, _, code, line in PLANTED}, told(checked.faults)
    assert len(checked.faults) == len(PLANTED) == 10
    assert all(fault.mark.column > 0 and fault.message for fault in checked.faults)


def test_no_finding_repeats_a_fault() -> None:
    files = edited(*((file, old, new) for file, old, new, _, _ in PLANTED))
    checked = check({name: text.encode() for name, text in files.items()})
    assert not checked.findings, told(checked.findings)
