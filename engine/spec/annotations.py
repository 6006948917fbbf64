"""What the annotations of `shape.py` say: the keys of a shape, which may be left out, and what is written there.

The reader, the editor schema and the mends in messages ask here, so that none of them knows a key of its own.
"""

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from engine.spec import shape

SAMPLES: Mapping[Any, str] = MappingProxyType(
    {
        str: "TEXT",
        int: "1",
        bool: "true",
        shape.Expression: "body.id",
        shape.Template: '"text with {{ body.id }}"',
        shape.Duration: "30s",
        shape.Rate: "25/s",
        shape.Percent: "99.9%",
        shape.Date: "2026-11-01",
        shape.SecretName: "{secret: NAME}",
        shape.EnvironmentName: "{env: NAME}",
        shape.Plain: "LITERAL",
        shape.Literally: "LITERAL",
        shape.Value: "body.id",
    }
)
NOTHING: Mapping[str, Any] = MappingProxyType({})


def has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def without_none(kind: Any) -> Any:
    """`T | None` → T. YAML's null never stands for a value; a key that may be absent is left out."""
    rest = [part for part in get_args(kind) if part is not types.NoneType]
    joined = rest[0]
    for part in rest[1:]:
        joined = joined | part
    return joined


@cache
def keys(kind: Any) -> dict[str, tuple[Field[Any], Any]]:
    """YAML key → (field, annotation) of a shape, in the order of the file."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name.rstrip("_"): (field, optional_free(hints[field.name])) for field in fields(kind)}


def optional_free(kind: Any) -> Any:
    return without_none(kind) if is_union(kind) and types.NoneType in get_args(kind) else kind


def sample(kind: Any, details: Mapping[str, Any] = NOTHING) -> str:
    """What may be written where an annotation stands, in one line; `details` is the key's metadata."""
    if "sample" in details:
        return str(details["sample"])
    if kind in SAMPLES:
        return SAMPLES[kind]
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *marks = get_args(kind)
        return next((mark.sample for mark in marks if isinstance(mark, shape.Pattern)), sample(inner))
    if origin is Literal:
        return str(get_args(kind)[0])
    if is_union(kind):
        return sample(get_args(kind)[0])
    if origin is tuple:
        return f"[{sample(get_args(kind)[0])}]"
    if origin is dict:
        name, item = get_args(kind)
        return f"{{{sample(name) if name is not str else 'NAME'}: {sample(item)}}}"
    known = keys(kind)
    needed = [name for name, (field, _) in known.items() if not has_default(field)]
    chosen = [*needed, *getattr(kind, "ONE_OF", ())[:1]] or list(known)[:1]
    return f"{{{', '.join(f'{name}: {sample(known[name][1], known[name][0].metadata)}' for name in chosen)}}}"
