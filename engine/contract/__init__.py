"""BYTES and SCHEMAS → DATA and CHECKS: what a message is, read strictly and held against its contract.

Refuses to know where a message comes from or goes to, and to show any of its contents.
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
