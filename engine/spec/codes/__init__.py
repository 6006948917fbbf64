"""CODE → EXPLANATION: the book of every fault and finding, for `waybill explain`, SARIF and the documentation; and
FUNCTION → PAGE and KEY → PAGE, for the functions of expressions and the keys of the dialect.

A code is a promise: it keeps its meaning once released, for people search for it and pipelines allow it. A test holds
the book against the sources: no code without a page, no page without a code.
"""

from engine.spec.codes.dialect import DIALECT
from engine.spec.codes.explanation import Explanation
from engine.spec.codes.files import FILES
from engine.spec.codes.findings import FINDINGS
from engine.spec.codes.functions import PAGES, FunctionPage
from engine.spec.codes.keys import KeyPage, key_pages
from engine.spec.codes.language import LANGUAGE
from engine.spec.codes.proof import PROOF

__all__ = [
    "Explanation",
    "FunctionPage",
    "KeyPage",
    "all_codes",
    "all_functions",
    "all_keys",
    "explain",
    "explain_function",
    "explain_key",
]

BOOK = {page.code: page for page in (*FILES, *DIALECT, *LANGUAGE, *PROOF, *FINDINGS)}


def explain(code: str) -> Explanation | None:
    """What a code means; None for one that no fault or finding has."""
    return BOOK.get(code)


def all_codes() -> tuple[str, ...]:
    """Every code, in alphabetical order."""
    return tuple(sorted(BOOK))


def explain_function(name: str) -> FunctionPage | None:
    """What a function of expressions does; None where there is none of that name."""
    return PAGES.get(name)


def all_functions() -> tuple[str, ...]:
    """Every function, in alphabetical order."""
    return tuple(sorted(PAGES))


def explain_key(name: str) -> KeyPage | None:
    """What a key of the dialect means and where it stands; None where there is none of that name."""
    return key_pages().get(name)


def all_keys() -> tuple[str, ...]:
    """Every key of the dialect, in alphabetical order."""
    return tuple(key_pages())
