"""A WORKSPACE → a copy that an engine may run under load: its partners are ours, its secrets made up.

A copy, for an engine takes the socket of the workspace it runs in away from another one, and its store would lie
beside a real one. Every address that might be called is replaced, those written down too: no load ever reaches a real
partner. Its secrets are made up (`harness.made_secrets`), also where real ones are at hand: nothing here needs them,
and what has none cannot leak any. Everything else is byte for byte what was read. This file refuses to start anything.
"""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import UserError
from engine.run.load import Loaded
from engine.spec import shape
from engine.spec.yaml import Mapping as Block
from engine.spec.yaml import Node, Scalar
from engine.wire.files import FOLDERS, find_files, read_files


def write_copy(root: Path, target: Path, loaded: Loaded, urls: Mapping[str, str]) -> None:
    """Copies the workspace at `root`; `urls` are the addresses of the partners, by system. Raises UserError."""
    files = read_files(root)
    for name, url in urls.items():
        address = loaded.shape(name).base_url.get(loaded.environment)
        if isinstance(address, str):
            document = loaded.workspace.systems[name]
            files[document.file] = addressed(files[document.file], document.node, loaded.environment, url)
    for name, raw in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    for folder in FOLDERS:  # recordings are listed by those who read a workspace, their content is asked for apart
        for name, path in find_files(root, folder) if folder == "recordings" else ():
            (target / name).write_bytes(path.read_bytes())


def addressed(raw: bytes, node: Node, environment: str, url: str) -> bytes:
    """A system's file with another address for this environment, everything else as it was written."""
    scalar = find(node, "base_url", environment)
    lines = raw.decode().splitlines(keepends=True)
    line, column = scalar.mark.line - 1, scalar.mark.column - 1
    text = lines[line]
    written = next(
        (each for each in (f'"{scalar.text}"', f"'{scalar.text}'", scalar.text) if text.startswith(each, column)), None
    )
    if written is None:
        where = f"{scalar.mark.file}:{scalar.mark.line}"
        raise UserError(f"{where}: load puts its own partner here; write the address on one line, or as {{env: NAME}}")
    lines[line] = f'{text[:column]}"{url}"{text[column + len(written) :]}'
    return "".join(lines).encode()


def find(node: Node, *path: str) -> Scalar:
    """The value at a path of keys that is there."""
    for name in path:
        assert isinstance(node, Block)
        node = next(value for key, value in node.entries if key.text == name)
    assert isinstance(node, Scalar)
    return node


def variables(loaded: Loaded, urls: Mapping[str, str]) -> dict[str, str]:
    """What the environment of the engine says: the addresses that are `{env: NAME}`, and users of sign-ins that are."""
    said: dict[str, str] = {}
    for name, url in urls.items():
        system = loaded.shape(name)
        address = system.base_url.get(loaded.environment)
        if isinstance(address, shape.EnvironmentName) and said.setdefault(address.name, url) != url:
            raise UserError(
                f"{address.mark}: {address.name} is the address of several systems; under load each is a partner of"
                " its own, so give each its own variable"
            )
        user = system.auth.basic.user if system.auth and system.auth.basic else None
        if isinstance(user, shape.EnvironmentName):
            said[user.name] = "load"
    return said


def refuse_private(loaded: Loaded) -> None:
    """Raises UserError where the environment forbids calls to this machine, at which the partners are."""
    assert loaded.workspace.charter is not None
    charter: shape.Charter = loaded.workspace.charter.content
    allowed = charter.environments[loaded.environment].private_networks
    if allowed != "allow" and not (allowed is None and loaded.environment == "local"):
        raise UserError(
            f"environment `{loaded.environment}` refuses private networks, and the partners of a load are on this"
            " machine; use `local`, or an environment that allows them"
        )
