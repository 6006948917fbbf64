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
    drift.py          what a contract does not know
More about schemas
    versions/         two schemas → what changed, backward and forward
    static/           a schema → what a value can be, for proofs
"""

from engine.contract.body import (
    BodyError,
    BodyLimits,
    canonical_json,
    decode_body,
    encode_json,
    same_json,
)
from engine.contract.dialect import SchemaProblem
from engine.contract.extract import compile_extractor
from engine.contract.schema import Contract, ContractError, check_schema, compile_contract
from engine.contract.violations import Violation

__all__ = [
    "BodyError",
    "BodyLimits",
    "Contract",
    "ContractError",
    "SchemaProblem",
    "Violation",
    "canonical_json",
    "check_schema",
    "compile_contract",
    "compile_extractor",
    "decode_body",
    "encode_json",
    "same_json",
]
