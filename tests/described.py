"""Systems for tests: text in the dialect → the shapes the engine reads."""

from engine.language import Resources
from engine.spec import shape
from engine.spec.workspace import read_workspace
from engine.wire.files import find_zone
from harness.partner import Partner


def system(operations: str, *, head: str = "") -> shape.System:
    """System `shop` with these operations (YAML, indented by nothing) and further keys in `head`."""
    indented = "\n".join(f"  {line}" for line in operations.splitlines())
    text = f"system: shop\nkind: other\n{head}\noperations:\n{indented}\n"
    workspace, faults = read_workspace({"charter/systems/shop.yaml": text.encode()})
    assert [fault for fault in faults if fault.code != "missing-file"] == []
    content: shape.System = workspace.systems["shop"].content
    return content


def partner(operations: str, *, head: str = "") -> Partner:
    return Partner(system(operations, head=head), Resources(tables={}, zones=find_zone))
