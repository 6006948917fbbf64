"""A CONTRACT → DOCUMENTS: Hypothesis strategies that draw what a message contract allows, biased as commerce is.

What a mapping must survive is not what the one recorded payload shows but whatever its contract promises: an optional
field that is not there, null where null may stand, a list with one item twice, an id of thirty digits, a name in two
Unicode forms, a field that no contract knows. So documents are drawn from the contract alone, and every one drawn is
held against it before it is given. This file refuses to give a document that the contract would not accept, to pass
over a keyword it cannot serve (`CannotDraw` names it), and to follow a reference into itself for ever.

Ours and not a library's, because those draw binary floats and read a schema's numbers as such: 19.99 is a multiple of
0.01 here. Hypothesis is imported when documents are asked for; it is an extra of the wheel (`prove`).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from engine.contract.body import BodyLimits, canonical_json
from engine.contract.schema import Contract, ContractError, compile_contract
from engine.errors import UserError
from harness.alternatives import Alternatives, CannotDraw, Gap, Rules, Way, gaps
from harness.samples import UnreadablePattern, anything, names, numbers, searching, texts

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

NESTED_MAX: Final = 2
"""How often a schema may stand inside itself; then what is optional is left out."""

DEPTH_MAX: Final = BodyLimits().depth_max
"""A deeper document would be refused before it met its contract."""

PLACES_MAX: Final = 20_000
"""Places of a schema that are made into strategies; a schema within itself many times over has more."""

MORE_ITEMS: Final = 3
MORE_FIELDS: Final = 2
TRIES_MAX: Final = 5
"""Draws of one item until it differs from those before it."""

COIN_TAILS_MAX: Final = 127
"""A byte up to this leaves an optional field out."""

_TYPES: Final = ("null", "boolean", "number", "string", "array", "object")
_SPEAKS_OF: Final = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "propertyNames"),
}
"""Keywords that say which type is meant where `type` is left out; any other type is valid too, and drawn less often."""


def documents(
    name: str, schema: Any, words: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> "SearchStrategy[Any]":
    """Documents that satisfy the contract `name` of this schema. Raises CannotDraw, and ContractError for no schema.

    `words` are texts that fields of that name hold three times in four, where the contract lets them: what the tables
    of a workspace know (`harness.vocabulary`).
    """
    try:
        import hypothesis  # noqa: F401 — asked for here, so that the answer is one sentence
    except ModuleNotFoundError:
        raise UserError("generating documents needs Hypothesis: install waybill[prove]") from None
    contract = compile_contract(name, schema)
    found = tuple(gaps(schema))
    if found:
        raise CannotDraw(name, found)
    try:
        drawn = _Drawing(name, schema, words).of((schema,))
    except UnreadablePattern as error:
        raise CannotDraw(name, (Gap("", str(error)),)) from None
    if drawn is None:
        raise CannotDraw(name, (Gap("", "no document satisfies it"),))
    return drawn.filter(lambda document: not contract.check(document, limit=1))


class _Drawing:
    """The strategies of one schema, made place by place; None stands for a place where nothing can stand."""

    def __init__(self, name: str, root: Any, words: Mapping[str, Sequence[str]]) -> None:
        self.name = name
        self.root = root
        self.words = words
        self.alternatives = Alternatives(name, root)
        self.made: dict[tuple[int, ...], SearchStrategy[Any] | None] = {}
        self.open: list[tuple[int, ...]] = []
        self.cuts = 0
        self.places = 0

    def of(self, schemas: tuple[Any, ...]) -> "SearchStrategy[Any] | None":
        """Values for which all of the schemas hold."""
        bound = tuple({id(schema): schema for schema in schemas if schema is not True}.values())
        if not bound:
            return anything()
        key = tuple(sorted(map(id, bound)))
        if key in self.made:
            return self.made[key]
        if self.open.count(key) >= NESTED_MAX or len(self.open) >= DEPTH_MAX:
            self.cuts += 1
            return None
        self.places += 1
        if self.places > PLACES_MAX:
            message = f"it has more than {PLACES_MAX} places, for a part of it stands inside itself in many ways"
            raise CannotDraw(self.name, (Gap("", message),))
        self.open.append(key)
        cuts = self.cuts
        ways = [found for way in self.alternatives.of(bound) if (found := self.way(way)) is not None]
        self.open.pop()
        made = None if not ways else ways[0] if len(ways) == 1 else _mostly_alike(ways, key)
        if cuts == self.cuts:  # what was cut short is so only at this depth
            self.made[key] = made
        return made

    def way(self, way: Way) -> "SearchStrategy[Any] | None":
        from hypothesis import strategies as st

        listed = [
            rules["enum"] if "enum" in rules else [rules["const"]] for rules in way if {"enum", "const"} & {*rules}
        ]
        if listed:
            holds = self.checked(way)
            values = [value for value in listed[0] if holds is None or not holds.check(value, limit=1)]
            return st.sampled_from(values) if values else None
        types = _types(way)
        meant = [type_ for type_ in types if any(word in rules for word in _SPEAKS_OF.get(type_, ()) for rules in way)]
        kinds = [self.typed(type_, way) for type_ in (*(meant * 2 if len(types) > 2 else ()), *types)]
        possible = [kind for kind in kinds if kind is not None]
        if not possible:
            return None
        drawn = st.one_of(possible)
        forbidden = tuple({"not": rules["not"]} for rules in way if "not" in rules)
        without = self.checked(forbidden) if forbidden else None
        return drawn if without is None else drawn.filter(lambda value: not without.check(value, limit=1))

    def checked(self, way: Way) -> Contract | None:
        """The rules as a contract of their own; None where they refer to what only the whole document has."""
        defined = {word: self.root[word] for word in ("$defs", "definitions") if word in self.root}
        try:
            return compile_contract(self.name, {**defined, "allOf": list(way)})
        except ContractError:
            return None

    def typed(self, type_: str, way: Way) -> "SearchStrategy[Any] | None":
        from hypothesis import strategies as st

        match type_:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer" | "number":
                return numbers(way, whole=type_ == "integer")
            case "string":
                return texts(way)
            case "array":
                return self.array(way)
            case _:
                return self.object(way)

    # ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def array(self, way: Way) -> "SearchStrategy[Any] | None":
        from hypothesis import strategies as st

        first = max((len(rules["prefixItems"]) for rules in way if "prefixItems" in rules), default=0)
        prefix: list[SearchStrategy[Any]] = []
        for place in range(first):
            item = self.item(way, place)
            if item is None:
                break
            prefix.append(item)
        rest = self.item(way, first) if len(prefix) == first else None
        wanted = [
            (found, int(rules.get("minContains", 1)))
            for rules in way
            if "contains" in rules
            and (found := self.of((*self.item_schemas(way, first), rules["contains"]))) is not None
        ]
        least = max((int(rules["minItems"]) for rules in way if "minItems" in rules), default=0)
        most = min((int(rules["maxItems"]) for rules in way if "maxItems" in rules), default=None)
        if rest is None:
            most = len(prefix) if most is None else min(most, len(prefix))
        least = max(least, sum(count for _, count in wanted))
        if most is not None and least > most:
            return None
        unique = any(rules.get("uniqueItems") for rules in way)
        sizes = st.integers(least, least + MORE_ITEMS if most is None else min(most, least + MORE_ITEMS))

        @st.composite
        def draw_list(draw: "DrawFn") -> list[Any]:
            size = draw(sizes)
            places = [*prefix[:size], *([rest] * max(0, size - first) if rest is not None else ())]
            for number, found in enumerate(found for found, count in wanted for _ in range(count)):
                places[len(places) - 1 - number] = found
            if unique:
                return draw_apart(draw, places, least)
            items = [draw(place) for place in places]
            if size - first >= 2 and draw(st.integers(0, 3)) == 0:
                items[-1] = items[first]  # the same line once more
            return items

        return draw_list()

    def item_schemas(self, way: Way, place: int) -> tuple[Any, ...]:
        return tuple(
            rules["prefixItems"][place] if place < len(rules.get("prefixItems", ())) else rules.get("items", True)
            for rules in way
        )

    def item(self, way: Way, place: int) -> "SearchStrategy[Any] | None":
        return self.of(self.item_schemas(way, place))

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def object(self, way: Way) -> "SearchStrategy[Any] | None":
        from hypothesis import strategies as st

        required = {name for rules in way for name in rules.get("required", ())}
        written = {name: None for rules in way for name in (*rules.get("properties", ()), *rules.get("required", ()))}
        needs = [rules["dependentRequired"] for rules in way if "dependentRequired" in rules]
        named = self.checked(
            tuple({"propertyNames": rules["propertyNames"]} for rules in way if "propertyNames" in rules)
        )
        fields = {
            name: found
            for name in written
            if (named is None or not named.check({name: None}, limit=1))
            and (found := self.field(way, name)) is not None
        }
        if not required <= fields.keys():
            return None
        optional = [name for name in fields if name not in required]
        patterns = [pattern for rules in way for pattern in rules.get("patternProperties", ())]
        closed = any(rules.get("additionalProperties") is False for rules in way)
        strangers = names(patterns) if patterns else None if closed else names()
        least = max((int(rules["minProperties"]) for rules in way if "minProperties" in rules), default=0)
        most = min((int(rules["maxProperties"]) for rules in way if "maxProperties" in rules), default=None)

        coins = st.binary(min_size=len(optional), max_size=len(optional))

        @st.composite
        def draw_object(draw: "DrawFn") -> dict[str, Any]:
            habit = draw(st.sampled_from(("some", "some", "all", "least")))
            some = draw(coins) if habit == "some" else b""  # one draw for all fields costs a fifth of one for each
            chosen = _with_needed(
                {*required, *(name for name, coin in zip(optional, some, strict=False) if coin > COIN_TAILS_MAX)}, needs
            )
            chosen.update(optional if habit == "all" else ())
            result = {name: draw(found) for name, found in fields.items() if name in chosen}
            if strangers is not None:
                more = 0 if habit == "least" else draw(st.integers(0, MORE_FIELDS))
                for name in [draw(strangers) for _ in range(max(least - len(result), more))]:
                    value = self.field(way, name) if name not in written else None
                    if value is not None:
                        result[name] = draw(value)
            if most is not None:
                for name in [name for name in reversed(result) if name not in required][: max(0, len(result) - most)]:
                    del result[name]
            return result

        return draw_object()

    def field(self, way: Way, name: str) -> "SearchStrategy[Any] | None":
        """What may stand in a field: what `properties` says, or the patterns its name matches, or the rest."""
        from hypothesis import strategies as st

        schemas: list[Any] = []
        for rules in way:
            own = [rules["properties"][name]] if name in rules.get("properties", ()) else []
            own += [part for each, part in rules.get("patternProperties", {}).items() if searching(each).search(name)]
            schemas += own or [rules.get("additionalProperties", True)]
        drawn = self.of(tuple(schemas))
        if drawn is None or name not in self.words:
            return drawn
        holds = self.checked(({"allOf": schemas},))
        known = [word for word in self.words[name] if holds is not None and not holds.check(word, limit=1)]
        if not known:
            return drawn
        return st.sampled_from((True, True, True, False)).flatmap(
            lambda in_table: _mostly_alike([st.just(word) for word in known], (name, *known)) if in_table else drawn
        )


def _mostly_alike(choices: "Sequence[SearchStrategy[Any]]", key: Hashable) -> "SearchStrategy[Any]":
    """One of the choices, and two times in three the same as elsewhere in the document: an order is in one currency."""
    from hypothesis import strategies as st

    alike = st.shared(st.sampled_from(choices), key=key)
    return (
        st.sampled_from((alike, alike, st.sampled_from(choices)))
        .flatmap(lambda chosen: chosen)
        .flatmap(lambda one: one)
    )


def _types(way: Way) -> list[str]:
    """The types that all rules allow; `number` takes `integer` in."""
    allowed = {*_TYPES, "integer"}
    for rules in way:
        if "type" in rules:
            given = {rules["type"]} if isinstance(rules["type"], str) else set(rules["type"])
            allowed &= given | ({"integer"} if "number" in given else set())
    if "number" in allowed:
        allowed.discard("integer")
    return [type_ for type_ in (*_TYPES, "integer") if type_ in allowed]


def _with_needed(chosen: set[str], needs: Iterable[Rules]) -> set[str]:
    """The fields together with those that `dependentRequired` asks for because of them, and so on."""
    while True:
        asked = {name for need in needs for field in chosen & need.keys() for name in need[field]}
        if asked <= chosen:
            return chosen
        chosen = chosen | asked


def draw_apart(draw: "DrawFn", places: "Iterable[SearchStrategy[Any]]", least: int) -> list[Any]:
    """Items that all differ, as JSON tells values apart: 1 and 1.0 are one. Fewer where they cannot be had."""
    from hypothesis import reject

    items: list[Any] = []
    seen: set[bytes] = set()
    for place in places:
        for _ in range(TRIES_MAX):
            item = draw(place)
            text = canonical_json(item)
            if text not in seen:
                items.append(item)
                seen.add(text)
                break
    if len(items) < least:
        reject()
    return items
