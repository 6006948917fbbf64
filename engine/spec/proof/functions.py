"""What each function of expressions gives, as a kind, and whether an argument can ever be of the type it takes.

One entry per function of `engine.language.functions`; a function without one gives anything. Arguments are kinds, an
`&expression` is a function from the kind of an element to that of its value.
"""

from collections.abc import Callable, Mapping
from typing import Final

from engine.contract.static.kind import (
    ANYTHING,
    BOOLEAN,
    FRACTION,
    INTEGER,
    KNOWN,
    LIST,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    UNKNOWN,
    Declared,
    Kind,
    Later,
    item_of,
    join,
    known,
    list_of,
    merged,
    text_of,
    values_of,
    without,
)
from engine.spec.proof.words import converting

Body = Callable[[Kind], Kind]

BOOL: Final = Kind(BOOLEAN)
ANY_TEXT: Final = Kind(TEXT)
NOTHING: Final = Kind(NULL)
WHOLE: Final = Kind(INTEGER)
TEXTS: Final = list_of(ANY_TEXT)

_OF_WORD: Final = {
    "number": NUMBER,
    "string": TEXT,
    "array": LIST,
    "object": OBJECT,
    "array-number": LIST,
    "array-string": LIST,
    "array-object": LIST,
}
_OF_ITEMS: Final = {"array-number": NUMBER, "array-string": TEXT, "array-object": OBJECT}


def can_be(kind: Kind, word: str) -> bool:
    """Whether a value can be what a function's parameter takes. A list that may be empty counts by its items, if it
    has any: a sum of texts is no sum."""
    if word in ("any", "expref") or not kind.types:
        return True
    if not kind.types & _OF_WORD[word]:
        return False
    items = item_of(kind) if word in _OF_ITEMS else NEVER
    return not items.types or bool(items.types & _OF_ITEMS[word])


def mend(kind: Kind, words: list[str]) -> str:
    """How the value becomes what the parameter takes, where a function does that."""
    for word in words:
        if kind.types & LIST and word in _OF_ITEMS and (found := converting(item_of(kind), _OF_ITEMS[word])):
            return f"{found}; of each item, map(&{found.partition('(')[0]}(@), list)"
        if word in _OF_WORD and (found := converting(kind, _OF_WORD[word])):
            return found
    return "another value is needed, or another type in the contract"


def only(kind: Kind, types: int) -> Kind:
    """What of the kind gets past a function's check of types."""
    return without(kind, ~types)


def an_object(members: Mapping[str, Kind], optional: frozenset[str] = frozenset()) -> Kind:
    """An object with these members and no others."""
    named = {name: known(kind) for name, kind in members.items()}
    return Kind(OBJECT, members=Declared(named, frozenset(named) - optional, Later(lambda: NEVER), UNKNOWN))


def a_dictionary(value: Kind) -> Kind:
    """An object of any names whose members are of one kind."""
    return Kind(OBJECT, members=Declared({}, frozenset(), known(value), KNOWN))


def _nullable(kind: Kind) -> Kind:
    return join((kind, NOTHING))


def _same_type(number: Kind) -> Kind:
    return Kind(number.types & NUMBER or NUMBER)


def _total(numbers: Kind) -> Kind:
    return WHOLE if not item_of(numbers).types & FRACTION else Kind(NUMBER)


def _best(items: Kind) -> Kind:
    return _nullable(only(item_of(items), NUMBER | TEXT))


def _sort(items: Kind) -> Kind:
    return list_of(only(item_of(items), NUMBER | TEXT))


def _map(body: Body, items: Kind) -> Kind:
    return list_of(body(item_of(items)))


def _sort_by(items: Kind, body: Body) -> Kind:
    body(item_of(items))
    return only(items, LIST)


def _best_by(items: Kind, body: Body) -> Kind:
    body(item_of(items))
    return _nullable(item_of(items))


def _group_by(items: Kind, body: Body) -> Kind:
    body(item_of(items))
    return a_dictionary(list_of(only(item_of(items), OBJECT)))


def _merge(*objects: Kind) -> Kind:
    return Kind(OBJECT, members=merged([kind.members for kind in objects]))


def _not_null(*kinds: Kind) -> Kind:
    given: list[Kind] = []
    for kind in kinds:
        given.append(without(kind, NULL))
        if not kind.types & NULL:
            return join(given)
    return join((*given, NOTHING))


def _to_array(kind: Kind) -> Kind:
    return join((only(kind, LIST), list_of(without(kind, LIST)))) if kind.types & ~LIST else kind


def _to_number(kind: Kind) -> Kind:
    numbers = only(kind, NUMBER)
    if kind.types & TEXT:
        numbers = Kind(NUMBER)
    return numbers if not kind.types & ~NUMBER else _nullable(Kind(numbers.types))


def _to_string(kind: Kind) -> Kind:
    texts = only(kind, TEXT) if not kind.types & ~(TEXT | NULL) else ANY_TEXT
    return _nullable(texts) if kind.types & NULL else texts


def _changed(change: Callable[[str], str]) -> Callable[..., Kind]:
    """A function that changes a text: of texts that are known it is known as well."""

    def result(kind: Kind, *more: Kind) -> Kind:
        return ANY_TEXT if more or kind.texts is None or not kind.types & TEXT else text_of(map(change, kind.texts))

    return result


def _type(kind: Kind) -> Kind:
    names = (
        (NULL, "null"),
        (BOOLEAN, "boolean"),
        (NUMBER, "number"),
        (TEXT, "string"),
        (LIST, "array"),
        (OBJECT, "object"),
    )
    return text_of(name for types, name in names if kind.types & types)


def _keys(kind: Kind) -> Kind:
    return TEXTS if kind.types & OBJECT else list_of()


def _items(kind: Kind) -> Kind:
    return list_of(list_of(ANY_TEXT, values_of(kind)))


def _zip(*lists: Kind) -> Kind:
    return list_of(list_of(*(item_of(each) for each in lists)))


def _reverse(kind: Kind) -> Kind:
    return join((only(kind, LIST), ANY_TEXT)) if kind.types & TEXT else only(kind, LIST)


def _values(kind: Kind) -> Kind:
    return list_of(values_of(kind))


def _always(kind: Kind) -> Callable[..., Kind]:
    return lambda *_arguments: kind


RESULTS: Final[Mapping[str, Callable[..., Kind]]] = {
    # the specification's
    "abs": _same_type,
    "avg": _always(Kind(NUMBER | NULL)),
    "ceil": _always(WHOLE),
    "contains": _always(BOOL),
    "ends_with": _always(BOOL),
    "floor": _always(WHOLE),
    "join": _always(ANY_TEXT),
    "keys": _keys,
    "length": _always(WHOLE),
    "map": _map,
    "max": _best,
    "max_by": _best_by,
    "merge": _merge,
    "min": _best,
    "min_by": _best_by,
    "not_null": _not_null,
    "reverse": _reverse,
    "sort": _sort,
    "sort_by": _sort_by,
    "starts_with": _always(BOOL),
    "sum": _total,
    "to_array": _to_array,
    "to_number": _to_number,
    "to_string": _to_string,
    "type": _type,
    "values": _values,
    # the Community's
    "find_first": _always(Kind(INTEGER | NULL)),
    "find_last": _always(Kind(INTEGER | NULL)),
    "from_items": _always(a_dictionary(ANYTHING)),
    "group_by": _group_by,
    "items": _items,
    "lower": _changed(str.lower),
    "pad_left": _always(ANY_TEXT),
    "pad_right": _always(ANY_TEXT),
    "replace": _always(ANY_TEXT),
    "split": _always(TEXTS),
    "trim": _changed(str.strip),
    "trim_left": _changed(str.lstrip),
    "trim_right": _changed(str.rstrip),
    "upper": _changed(str.upper),
    "zip": _zip,
    # ours
    "hash": _always(ANY_TEXT),
    "normalize": _always(ANY_TEXT),
    "url_query": _always(a_dictionary(ANY_TEXT)),
}
