"""BYTES and SCHEMAS → DATA and CHECKS: what a message is, read strictly and held against its contract.

Refuses to know where a message comes from or goes to, and to show any of its contents.

Bodies
    body.py           bytes → data, strictly, within limits; and back
    extract.py        a few fields of a body, before the ack
Checks
    schema.py         compile_contract and check_schema
    dialect.py        what a schema must keep to be a contract
    references.py     where the references of a schema lead
    telling.py        what breaks a contract, within a bound
    violations.py     errors → words
Versions
    compatibility.py  two schemas → what changed, backward and forward
    facets.py         a schema → the rules it states
    kinds.py          rules → all documents that keep them
    subsumption.py    kind ⊆ kind, proven or not
    outline.py        a contract's fields, for people
"""

from engine.contract.body import (
    BodyError,
    BodyLimits,
    canonical_json,
    decode_body,
    encode_json,
    same_json,
)
from engine.contract.compatibility import Change, Comparison, compare
from engine.contract.dialect import SchemaProblem
from engine.contract.extract import compile_extractor
from engine.contract.schema import Contract, ContractError, check_schema, compile_contract
from engine.contract.violations import Violation

__all__ = [
    "BodyError",
    "BodyLimits",
    "Change",
    "Comparison",
    "Contract",
    "ContractError",
    "SchemaProblem",
    "Violation",
    "canonical_json",
    "check_schema",
    "compare",
    "compile_contract",
    "compile_extractor",
    "decode_body",
    "encode_json",
    "same_json",
]
