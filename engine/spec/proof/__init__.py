"""WORKSPACE → what can never be right in it, proved from its contracts before anything runs.

Each mapping is held against both its contracts, each integration against that of its body: every name that an
expression reads is declared where it is read from, every value can be what is asked for, what is required is made, and
the texts of enumerations and tables are allowed where they go. A *fault* holds for every document that satisfies the
contracts; what may go wrong with some is no fault, for a run has an answer for it, or at most a finding.

    prover.py       the kinds of contracts, texts in their scopes, and what is found
    expression.py   an expression over kinds        functions.py   what each function gives
    template.py     a text with holes over kinds    convert.py     what converters and tables give
    fit.py          a kind that is made against one that is asked for
    mapping.py      a mapping against both contracts
    integration.py  an integration against the contracts of what it reads, and the charter's topics
    words.py        what was found, in words

Works on partial documents, and is silent about what has a fault already and about whatever depends on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import Fault
from engine.spec.proof.expression import Steps
from engine.spec.proof.integration import prove_charter, prove_integration
from engine.spec.proof.mapping import prove_mapping
from engine.spec.proof.prover import Prover
from engine.spec.workspace import Workspace

__all__ = ["Proof", "prove"]

UNREAD = ("unknown-key", "yaml-alias", "yaml-key", "yaml-merge-key")
"""Faults after which a part of a file was read as less, or as something else, than what was meant."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Faults, which forbid a start, and findings, which do not."""

    faults: tuple[Fault, ...]
    findings: tuple[Fault, ...]


def prove(workspace: Workspace, faults: Iterable[Fault]) -> Proof:
    """What can never be right in a workspace, of which `faults` are known already. Never raises."""
    known = tuple(faults)
    told = frozenset((fault.mark.file, fault.path) for fault in known)
    unread = [(fault.mark.file, fault.path) for fault in known if fault.code in UNREAD]
    doubtful = frozenset((*unread, *((file, path.rpartition(".")[0]) for file, path in unread)))
    prover = Prover(workspace, told, doubtful)
    if workspace.charter is not None:
        prove_charter(prover, workspace.charter)
    for word, documents, check in (
        ("mapping", workspace.mappings, prove_mapping),
        ("integration", workspace.integrations, prove_integration),
    ):
        for document in (*documents.values(), *workspace.doubles.get(word, ())):
            prover.steps = Steps()
            check(prover, document)
    return Proof(tuple(prover.faults), tuple(prover.findings))
