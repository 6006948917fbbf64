"""A WORKSPACE → WHAT IT SAYS ITSELF: texts that are no secret in its traffic, because they stand in its own files.

The status `paid`, an article of ours, the path `/v2/shipments`: replaced, they would make a recording useless, and
everybody who reads the workspace reads them anyway. This file refuses to learn from traffic.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from engine.language import TextTable
from engine.spec import shape, yaml
from engine.spec.workspace import Workspace
from harness.recordings.pseudonyms import RUN

WORD_CHARS_MAX = 80
_HEADER = re.compile(r"""headers\.(?:"([^"]+)"|([A-Za-z_][\w]*))""")
_HOST = re.compile(r"https?://([^/\s:]+(?::\d+)?)")


class Said(Struct, frozen=True):
    """`texts`: whole texts, `runs`: their runs of letters and digits where they are no prose; `segments` of paths;
    `headers`: names of headers that are read; `hosts` of systems."""

    texts: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()


def said_by(workspace: Workspace) -> Said:
    """What the files of a workspace say."""
    texts: set[str] = set()
    written: list[str] = []
    for node in nodes(workspace):
        for scalar in scalars(node):
            written.append(scalar)
            if len(scalar) <= WORD_CHARS_MAX:
                texts.add(scalar)
    runs = {run for text in texts if not re.search(r"\s", text) for run in RUN.findall(text) if not run.isdigit()}
    for table in workspace.tables.values():
        if isinstance(table, TextTable):
            cells = {str(cell) for row in table.rows for cell in row if cell is not None}
            texts |= cells
            runs |= {run for cell in cells if not re.search(r"\s", cell) for run in RUN.findall(cell)}
    everything = "\n".join(written)
    paths = (text for text in written if text.startswith("/"))
    segments = {part for text in paths for part in text.split("/") if "{" not in part}
    headers = {(quoted or bare).lower() for quoted, bare in _HEADER.findall(everything)}
    for system in (document.content for document in workspace.systems.values()):
        if isinstance(system, shape.System) and system.idempotency:
            headers.add(system.idempotency.header.lower())
    hosts = frozenset(_HOST.findall(everything))
    return Said(frozenset(texts), frozenset(runs), frozenset(segments), frozenset(headers), hosts)


def nodes(workspace: Workspace) -> Iterator[yaml.Node]:
    documents = (workspace.systems, workspace.mappings, workspace.integrations, workspace.models)
    for group in documents:
        yield from (document.node for document in group.values())
    if workspace.charter is not None:
        yield workspace.charter.node


def scalars(node: yaml.Node) -> Iterator[str]:
    """Every text below a node, keys too; literals of expressions as well."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, yaml.Mapping):
            for key, value in one.entries:
                yield key.text
                waiting.append(value)
        elif isinstance(one, yaml.Sequence):
            waiting += one.items
        elif isinstance(one.value, str):
            yield one.value
            yield from re.findall(r"'([^'\\]{1,80})'", one.value)
