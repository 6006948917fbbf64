"""What is generated: nothing of a user's text becomes code, one function does what its parts do alone, and what many
fields read is read once."""

import builtins
import re

import pytest
from expressions_at_random import Draw

from engine.language import (
    Each,
    ExpressionError,
    Fields,
    FromExpression,
    MappingError,
    Resources,
    Text,
    compile_expression,
    compile_mapping,
    compile_template,
    compile_value,
)
from engine.language.generate.source import Module

RESOURCES = Resources({}, lambda name: None)


def of(text, **converters):
    return FromExpression(text=text, **converters)


@pytest.fixture
def sources(monkeypatch):
    """What is generated from now on."""
    found = []
    function = Module.function

    def listening(module, name):
        found.append(module.source)
        return function(module, name)

    monkeypatch.setattr(Module, "function", listening)
    return found


# ── nothing of a text becomes code ───────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "x') or planted() or ('",
    'x") or planted() or ("',
    "x'''\nplanted()\n'''",
    "{planted()}",
    "{{planted()}}",
    "\\'); planted(); ('",
    "\\N{DIGIT ONE}",
    "a\\",
    "\r\nplanted()\n",
    "\u2028planted()\u2029",
    "%(planted)s %s {0}",
    "__import__('os').system('true')",
    "v1",
    "frame",
    "None",
    "'",
    '"',
    "`",
]


def json_text(text):
    from engine.contract.body import encode_json

    return encode_json(text).decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_or_text_stays_one(text, monkeypatch):
    monkeypatch.setattr(builtins, "planted", lambda: pytest.fail("a text was run"), raising=False)
    quoted = json_text(text)
    literal = "`" + quoted.replace("`", "\\`") + "`"
    raw = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    document = {text: 7, "a": {text: 8}}
    assert compile_expression(quoted)(document) == 7
    assert compile_expression(f"a.{quoted}")(document) == 8
    assert compile_expression(literal)(document) == text
    assert compile_expression(f"{{{quoted}: @.{quoted}}}")(document) == {text: 7}
    assert compile_expression(f"join({literal}, ['x', {literal}])")(document) == f"x{text}{text}"
    assert compile_expression(f"contains([{literal}, 'b'], {literal})")(document) is True
    if "\\" not in text:
        assert compile_expression(raw)(document) == text
    fields = {text: of(quoted), "inner": Fields({text: of(f"a.{quoted}"), "gone": of("a.gone", optional=True)})}
    assert compile_mapping(fields, {}, RESOURCES)(document) == {text: 7, "inner": {text: 8}}
    with pytest.raises(MappingError) as caught:
        compile_mapping({text: of("gone")}, {}, RESOURCES)(document)
    assert caught.value.problems[0].path == text
    if "{{" not in text:
        expected = re.sub(r"\r\n|\r|\n", "\n", text)  # Jinja's own reading of a line's end
        assert compile_template(text + "{{ a }}")({"a": "!"}, {}) == f"{expected}!"
        assert compile_value(Text(f"{text}{{{{ a }}}}"), RESOURCES)({"a": "!"}, {}) == f"{expected}!"


def test_names_reach_the_source_as_texts_only(sources):
    compile_expression("zzz.\"zz z\"[?zzzz == 'zzzzz'] | sort_by(@, &zzzzzz)")
    compile_mapping({"zzz": of("zzzz"), "z z": of("$zzzzz")}, {"zzzzz": of("'zzzzzz'")}, RESOURCES)
    for source in sources:
        assert "z" in source
        assert "z" not in re.sub(r"'[^'\n]*'", "", source)


# ── one function does what its parts do ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_fields_of_one_mapping_give_what_their_expressions_give_alone():
    """Shared reads and attempts change nothing: not the values, not which fields fail, not in lists."""
    draw, compared, failed = Draw(7), 0, 0
    documents = [draw.document() for _ in range(60)]
    for number in range(1_000):
        texts = [draw.expression(1 + number % 3) for _ in range(6)]
        single = [compile_expression(text) for text in texts]
        fields = {f"f{place}": of(text, default=None) for place, text in enumerate(texts)}
        nested = {
            **fields,
            "items": Each("b", {f"i{place}": of(text, default=None) for place, text in enumerate(texts)}),
        }
        mapped = compile_mapping(nested, {}, RESOURCES)
        for document in documents[number % 20 :: 20]:
            expected, problems = {}, []
            for place, expression in enumerate(single):
                take(expression, document, expected, problems, f"f{place}", f"f{place}")
            expected["items"] = [{} for _ in document["b"]]
            for index, item in enumerate(document["b"]):
                for place, expression in enumerate(single):
                    take(expression, item, expected["items"][index], problems, f"i{place}", f"items[{index}].i{place}")
            compared += 1
            if problems:
                failed += 1
                with pytest.raises(MappingError) as caught:
                    mapped(document)
                assert [problem.path for problem in caught.value.problems] == problems, texts
            else:
                assert mapped(document) == expected, texts
    assert compared == 3_000
    assert 500 < failed < 2_900


def take(expression, document, made, problems, name, path):
    try:
        made[name] = expression.evaluate(document, {"root": None})
    except ExpressionError:
        problems.append(path)


DEEP = {
    "alternatives": ("gone || (" * 30 + "a" + ")" * 30, 1),
    "conditions": ("a && (" * 30 + "a" + ")" * 30, 1),
    "filters": ("l[?" * 25 + "`true`" + "]" * 25, None),
    "projections": ("n" + "[*].n" * 25, None),
    "selects": ("[" * 60 + "a" + "]" * 60, None),
    "calls": ("to_array(" * 60 + "a" + ")" * 60, [1]),
    "references": ("map(&" * 12 + "@" + ", [@])" * 12, None),
}


@pytest.mark.parametrize(("text", "expected"), DEEP.values(), ids=DEEP)
def test_what_is_nested_as_deeply_as_may_be_runs(text, expected):
    found = compile_expression(text)({"a": 1, "l": [1], "n": [{"n": []}]})
    if expected is not None:
        assert found == expected
    fields = {"f": Each("[@]", {"f": Each("[@]", {"f": Each("[@]", {"f": of(text, default=0)})})})}
    compile_mapping(fields, {}, RESOURCES)({"a": 1, "l": [1], "n": [{"n": []}]})


def test_lists_in_lists_are_made_as_deeply_as_a_file_may_nest_them():
    value = of("$root.x")
    for _ in range(30):
        value = Each("[@]", {"f": value, "p": of("$parent == $root"), "i": of("$index"), "t": Text("{{ root.x }}")})
    made = compile_mapping({"f": value}, {}, RESOURCES)({"x": "deep"})
    for _ in range(30):
        made = made["f"][0] if "f" in made else made
    assert made == {"f": "deep", "p": True, "i": 0, "t": "deep"}
    assert compile_value(Fields({"f": value}), RESOURCES)({"x": "deep"}, {})["f"][0]["t"] == "deep"


TEMPLATES = {
    "conditions": "{% if a %}" * 60 + "{{ a }}" + "{% endif %}" * 60,
    "choices": "{% if gone | default('') %}x" + "{% elif not a %}y" * 300 + "{% else %}{{ a }}{% endif %}",
    "choices within": "{% if not a %}x{% elif a %}" * 30 + "{{ a }}" + "{% endif %}" * 30,
    "values": "{{ (" + "a if not a else (" * 28 + "a" + ")" * 28 + ") }}",
}


@pytest.mark.parametrize("text", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_nested_as_deeply_as_may_be_runs(text):
    assert compile_template(text)({"a": "z"}, {}) == "z"
    assert compile_template(text)({}, {"a": "z"}) == "z"
    assert compile_mapping({"f": Text(text)}, {"a": of("'z'")}, RESOURCES)({}) == {"f": "z"}


def test_a_variable_is_found_behind_default_too():
    assert compile_template("{{ a | default('x') }}")({}, {"a": 1}) == "1"
    assert compile_template("{{ a | default('x') }}")({"a": None}, {"a": 1}) == "x"
    value = Each("l", {"t": Text("{{ index | default('x') }}{{ parent.k | default('x') }}")})
    assert compile_value(value, RESOURCES)({"l": [1], "k": 2}, {}) == [{"t": "02"}]


# ── what many read is read once ──────────────────────────────────────────────────────────────────────────────────────


def test_what_many_fields_read_is_read_once(sources):
    fields = {
        "name": of("join(' ', [customer.first, customer.last])"),
        "mail": of("customer.mail || customer.first"),
        "again": of("customer.first"),
        "text": Text("{{ customer.first }} {{ customer.last }}"),
        "total": of("total", number="decimal"),
        "lines": Each("lines", {"a": of("price.amount", default=0), "b": of("price.currency || $root.customer.first")}),
    }
    compile_mapping(fields, {}, RESOURCES)
    (source,) = sources
    for name, times in {"customer": 1, "first": 1, "last": 1, "price": 1, "lines": 1}.items():
        assert source.count(f".get('{name}')") == times, name


def test_a_field_that_fails_takes_nothing_from_the_next():
    """What the first attempt would have read after its failure is read by the second."""
    fields = {"a": of("join('', [abs(x), y.z])"), "b": of("y.z"), "c": of("[abs(x), to_string(y.w)]"), "d": of("y.w")}
    with pytest.raises(MappingError) as caught:
        compile_mapping(fields, {}, RESOURCES)({"x": "text", "y": {"z": 1, "w": None}})
    assert [problem.path for problem in caught.value.problems] == ["a", "c", "d"]
