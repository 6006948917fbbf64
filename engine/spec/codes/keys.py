"""KEY → PAGE: what each key of the dialect means and where it stands, for `waybill explain KEY`.

Made by walking the same annotations that the reader and the editor schema walk (`shape.py`), so that a key is described
once. It knows no key of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache
from textwrap import wrap
from typing import Annotated, Any, Literal, get_args, get_origin

from engine.spec import shape
from engine.spec.annotations import SAMPLES, has_default, is_union, keys, sample
from engine.spec.codes.explanation import WIDTH

DOCUMENTS = {
    "specs/NAME.yaml": shape.Integration,
    "mappings/NAME.yaml": shape.Mapping,
    "charter/systems/NAME.yaml": shape.System,
    "charter/charter.yaml": shape.Charter,
    "charter/profiles/NAME.yaml": shape.Profile,
}
VALUES = (shape.Converted, shape.Constant, shape.Filled, shape.Object, shape.Items)
IN_A_VALUE = "wherever a value stands"
LATER = "part of the dialect, but not of this release"


@dataclass(frozen=True, slots=True)
class Use:
    """A key of one shape: in which `places` it stands, what it means, what else holds for it, how it is written, and
    what stands inside it."""

    places: tuple[str, ...]
    meaning: str
    more: tuple[str, ...] = ()
    written: str = ""
    whole: str = ""
    inside: tuple[tuple[str, str], ...] = ()

    def lines(self) -> Iterator[str]:
        for place in self.places:
            yield f"  {place}"
        yield from wrapped("; ".join((self.meaning, *self.more)), "    ")
        if self.written:
            yield f"    For example  {self.written}"
        if self.whole:
            yield from wrapped(self.whole, "    ")
        for name, help_ in self.inside:
            yield from wrapped(help_, f"      {name:14} ", " " * 21)


@dataclass(frozen=True, slots=True)
class KeyPage:
    """All uses of one key. `str()` is the page that `waybill explain` prints."""

    name: str
    uses: tuple[Use, ...]

    @property
    def meaning(self) -> str:
        return self.uses[0].meaning

    def __str__(self) -> str:
        return "\n\n".join([self.name, *("\n".join(use.lines()) for use in self.uses)]) + "\n"


def wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest or first, break_on_hyphens=False)


@cache
def key_pages() -> dict[str, KeyPage]:
    """Every key of the dialect, in alphabetical order."""
    places: dict[tuple[str, Any], list[str]] = {}
    for file, kind in DOCUMENTS.items():
        for name, within, path in walk(kind, "", ()):
            places.setdefault((name, within), []).append(f"{file}: {path}")
    for kind in VALUES:
        for name, within, _ in walk(kind, "", ()):
            places.setdefault((name, within), []).append(IN_A_VALUE)
    pages: dict[str, list[Use]] = {}
    for (name, within), found in places.items():
        pages.setdefault(name, []).append(use_of(name, within, tuple(dict.fromkeys(found))))
    for name in shape.LATER_DOCUMENTS:
        pages.setdefault(name, []).append(Use(("specs/NAME.yaml",), LATER))
    return {name: KeyPage(name, tuple(uses)) for name, uses in sorted(pages.items())}


def walk(kind: Any, path: str, above: tuple[Any, ...]) -> Iterator[tuple[str, Any, str]]:
    """(key, the shape it is of, its path) of all keys below a shape; a shape within itself is not entered again."""
    for name, (_, annotation) in keys(kind).items():
        at = f"{path}.{name}" if path else name
        yield name, kind, at
        for inner, deeper in shapes_in(annotation):
            if inner not in (*above, kind):
                yield from walk(inner, at + deeper, (*above, kind))
    for name in getattr(kind, "LATER", ()):
        yield name, kind, f"{path}.{name}" if path else name


def shapes_in(annotation: Any) -> Iterator[tuple[Any, str]]:
    """The shapes that stand where an annotation does, and how one gets there: nothing, `[]` or `.NAME`."""
    origin = get_origin(annotation)
    if annotation in SAMPLES:
        return
    if origin is Annotated:
        yield from shapes_in(get_args(annotation)[0])
    elif is_union(annotation):
        for part in get_args(annotation):
            yield from shapes_in(part)
    elif origin in (tuple, dict):
        item, way = (get_args(annotation)[0], "[]") if origin is tuple else (get_args(annotation)[1], ".NAME")
        for inner, deeper in shapes_in(item):
            yield inner, way + deeper
    elif is_dataclass(annotation):
        yield annotation, ""


def use_of(name: str, within: Any, places: tuple[str, ...]) -> Use:
    known = keys(within)
    if name not in known:
        return Use(places, LATER)
    field, annotation = known[name]
    more = []
    words = words_of(annotation)
    if words:
        more.append(f"one of {', '.join(f'`{word}`' for word in words)}")
    if isinstance(field.default, str | bool | int) and field.default is not False:
        more.append(f"default `{field.default}`")
    one_of = getattr(within, "ONE_OF", ())
    if name in one_of:
        more.append(f"exactly one of {', '.join(f'`{word}`' for word in one_of)} is given")
    elif not has_default(field):
        more.append("must be given")
    shapes = [inner for inner, _ in shapes_in(annotation)]
    inside = [(key, inner_field.metadata["help"]) for one in shapes for key, (inner_field, _) in keys(one).items()]
    inside += [(key, LATER) for one in shapes for key in getattr(one, "LATER", ())]
    whole = " ".join((one.__doc__ or "") for one in shapes) or (within.__doc__ or "")
    written = f"{name}: {sample(annotation, field.metadata)}"
    return Use(places, field.metadata["help"], tuple(more), written, plain(whole), tuple(inside))


def words_of(annotation: Any) -> tuple[Any, ...]:
    """The words of an enumeration."""
    if get_origin(annotation) is Annotated:
        return words_of(get_args(annotation)[0])
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def plain(text: str) -> str:
    return " ".join(text.split())
