"""Systems for tests of load: text in the dialect → the shape that partners are made from."""

from engine.spec import shape
from engine.spec.workspace import read_workspace


def system(operations: str, *, head: str = "") -> shape.System:
    """System `shop` with these operations (YAML, indented by nothing) and further keys in `head`."""
    indented = "\n".join(f"  {line}" for line in operations.splitlines())
    text = f"system: shop\nkind: other\n{head}\noperations:\n{indented}\n"
    workspace, faults = read_workspace({"charter/systems/shop.yaml": text.encode()})
    assert [fault for fault in faults if fault.code != "missing-file"] == []
    content: shape.System = workspace.systems["shop"].content
    return content
