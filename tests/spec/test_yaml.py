"""YAML: what scalars mean, where everything stands, what is refused and how it is told."""

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Fault, Mark
from engine.spec.yaml import Mapping, Node, Scalar, Sequence, compose, from_plain, plain
from engine.spec.yaml_scalars import YamlLimits

FILE = "specs/a.yaml"


def read(text: str | bytes) -> Node:
    node, faults = compose(text, FILE)
    assert faults == ()
    assert node is not None
    return node


def faults_of(text: str | bytes, limits: YamlLimits | None = None) -> list[str]:
    """`line:column code`, as the list in which faults are shown."""
    _, faults = compose(text, FILE, limits or YamlLimits())
    assert all(fault.mark.file == FILE and fault.message and fault.severity == "error" for fault in faults)
    return [f"{fault.mark.line}:{fault.mark.column} {fault.code}" for fault in faults]


def only(text: str | bytes) -> Fault:
    (fault,) = compose(text, FILE)[1]
    return fault


MEANINGS: list[tuple[str, object]] = [
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("~", None),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("nULL", "nULL"),
    ("tRue", "tRue"),
    ("no", "no"),
    ("on", "on"),
    ("Yes", "Yes"),
    ("y", "y"),
    ("1:30", "1:30"),
    ("12:30:45", "12:30:45"),
    ("2024-01-31", "2024-01-31"),
    ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
    ("012", 12),
    ("0", 0),
    ("-7", -7),
    ("+7", 7),
    ("0o17", 15),
    ("017", 17),
    ("0xfF", 255),
    ("-0xff", "-0xff"),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("123456789012345678901234567890", 123456789012345678901234567890),
    ("19.99", Decimal("19.99")),
    ("1.50", Decimal("1.50")),
    (".5", Decimal("0.5")),
    ("5.", Decimal(5)),
    ("1e3", Decimal("1E+3")),
    ("-1.5E-7", Decimal("-1.5E-7")),
    ("1e", "1e"),
    (".", "."),
    ("1.2.3", "1.2.3"),
    ("=", "="),
    ("\u0661\u0662", "\u0661\u0662"),
    ("30s", "30s"),
    ("body.total", "body.total"),
    ("'12'", "12"),
    ('"true"', "true"),
    ('"\\u00e9\\U0001F600"', "é\U0001f600"),
    ("''", ""),
    ("!!str 12", "12"),
    ("! 12", "12"),
    ("!!int 12", 12),
    ("!!int '12'", 12),
    ("!!float 12", Decimal(12)),
    ("!!null ''", None),
    ("!!bool true", True),
    ("!<tag:yaml.org,2002:str> 1", "1"),
    ("!!seq [1]", [1]),
    ("!!map {a: 1}", {"a": 1}),
    ("|\n  12\n", "12\n"),
    (">-\n  a\n  b\n", "a b"),
    ("[no, 1:30, 012]", ["no", "1:30", 12]),
    ("{a: , b: ~}", {"a": None, "b": None}),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS, ids=[repr(text) for text, _ in MEANINGS])
def test_what_a_value_means(text: str, value: object) -> None:
    (found,) = plain(read(f"- {text}\n"))
    assert found == value
    assert type(found) is type(value)


def test_everything_knows_where_it_stands_and_how_it_was_written() -> None:
    text = "# first\nid: 'x'\nsteps:\n  - {map: 12}\n  - é: 😀 # c\nlast: |\n  a\n"
    assert read(text) == Mapping(
        (
            (key("id", 2, 1), Scalar("x", at(2, 5), True, "x")),
            (
                key("steps", 3, 1),
                Sequence(
                    (
                        Mapping(((key("map", 4, 6), Scalar(12, at(4, 11), False, "12")),), at(4, 5)),
                        Mapping(((key("é", 5, 5), Scalar("😀", at(5, 8), False, "😀")),), at(5, 5)),
                    ),
                    at(4, 3),
                ),
            ),
            (key("last", 6, 1), Scalar("a\n", at(6, 7), True, "a\n")),
        ),
        at(2, 1),
    )


def at(line: int, column: int) -> Mark:
    return Mark(FILE, line, column)


def key(text: str, line: int, column: int) -> Scalar:
    return Scalar(text, at(line, column), False, text)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert plain(read('1: a\n012: b\n1.50: c\n"true": d\non: e\n2024-01-31: f\n')) == {
        "1": "a",
        "012": "b",
        "1.50": "c",
        "true": "d",
        "on": "e",
        "2024-01-31": "f",
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", b""])
def test_an_empty_text_has_no_node_and_no_fault(text: str | bytes) -> None:
    assert compose(text, FILE) == (None, ())


def test_a_text_may_say_that_it_is_yaml_1_2_and_where_it_ends() -> None:
    assert plain(read("%YAML 1.2\n---\na: 1\n...\n")) == {"a": 1}


def test_an_alias_is_the_node_it_names() -> None:
    node = read("a: &x {b: [1]}\nc: *x\nd: &y 2\ne: *y\n")
    assert isinstance(node, Mapping)
    values = [value for _, value in node.entries]
    assert values[0] is values[1]
    assert plain(node) == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 2, "e": 2}


REFUSED = {
    "a merge key": ("a: &x {b: 1}\nc:\n  <<: *x\n", "3:3 yaml-merge-key"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "3:1 yaml-duplicate-key"),
    "a key twice, once in quotes": ("a: 1\n'a': 3\n", "2:1 yaml-duplicate-key"),
    "a key twice as number and text": ("1: 1\n'1': 3\n", "2:1 yaml-duplicate-key"),
    "a key twice in braces": ("x: {a: 1, a: 2}\n", "1:11 yaml-duplicate-key"),
    "a tag that makes an object": ("a: !!python/object/apply:os.system [x]\n", "1:4 yaml-tag"),
    "a tag of one's own": ("a: !secret x\n", "1:4 yaml-tag"),
    "a tag on a mapping": ("a: !thing {b: 1}\n", "1:4 yaml-tag"),
    "a tag of YAML 1.1": ("a: !!timestamp 2024-01-01\n", "1:4 yaml-tag"),
    "a set": ("!!set {a, b}\n", "1:1 yaml-tag"),
    "a tag that does not fit": ("a: !!int x\n", "1:4 yaml-tag"),
    "a sequence tagged as a mapping": ("a: !!map [x]\n", "1:4 yaml-tag"),
    "a scalar tagged as a mapping": ("a: !!map x\n", "1:4 yaml-tag"),
    "an alias to what it stands in": ("a: &x [1, *x]\n", "1:11 yaml-alias"),
    "an alias to nothing": ("a: *x\n", "1:4 yaml-alias"),
    "an alias before its anchor": ("a: *x\nb: &x 1\n", "1:4 yaml-alias"),
    "an alias as a key": ("a: &x b\n*x : c\n", "2:1 yaml-key"),
    "a list as a key": ("? [a, b]\n: 1\n", "1:3 yaml-key"),
    "a mapping as a key": ("{{a: b}: 1}\n", "1:2 yaml-key"),
    "true as a key": ("true: 1\n", "1:1 yaml-key"),
    "null as a key": ("~: 1\n", "1:1 yaml-key"),
    "no key": (": 1\n", "1:1 yaml-key"),
    "a key with a tag": ("!!int 1: 1\n", "1:1 yaml-key"),
    "infinity": ("a: .inf\n", "1:4 yaml-number"),
    "minus infinity": ("a: -.Inf\n", "1:4 yaml-number"),
    "not a number": ("a: .NaN\n", "1:4 yaml-number"),
    "41 digits": ("a: " + "7" * 41, "1:4 yaml-number"),
    "41 digits around a point": ("a: " + "7" * 20 + "." + "7" * 21, "1:4 yaml-number"),
    "41 digits in base 16": ("a: 0x" + "f" * 41, "1:4 yaml-number"),
    "a hundred thousand digits": ("a: " + "7" * 100_000, "1:4 yaml-number"),
    "an exponent that would take seconds": ("a: 1e1000000\n", "1:4 yaml-number"),
    "an exponent no decimal has": ("a: 1e99999999999999999999\n", "1:4 yaml-number"),
    "a second document": ("a: 1\n---\nb: 1\n", "2:1 yaml-documents"),
    "YAML 1.1": ("%YAML 1.1\n---\na: no\n", "2:1 yaml-version"),
    "YAML of tomorrow": ("%YAML 2.0\n---\na: no\n", "1:1 yaml-version"),
    "a byte order mark": ("\ufeffa: 1\n", "1:1 yaml-bom"),
    "a byte order mark in bytes": (b"\xef\xbb\xbfa: 1\n", "1:1 yaml-bom"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "1:1 yaml-encoding"),
    "Latin-1": ("a: 1\nb: é\n".encode("latin-1"), "2:4 yaml-encoding"),
    "half of a surrogate pair": ('a: "\\ud800"\n', "1:4 yaml-encoding"),
    "half of a surrogate pair, bare": ("a: \ud800\n", "1:4 yaml-encoding"),
    "U+0000": ('a: "\\0"\n', "1:4 yaml-encoding"),
    "a tab as indentation": ("a:\n\tb: 1\n", "2:1 yaml-tab"),
    "a tab after spaces": ("a:\n  b: 1\n \tc: 2\n", "3:2 yaml-tab"),
    "a control character": ("a: 1\nb: \x07\n", "2:4 yaml-syntax"),
    "two colons": ("when: body.a: b\n", "1:13 yaml-syntax"),
    "a bracket never closed": ("a: 1\nb: [1, 2\n", "2:4 yaml-syntax"),
    "a brace never closed": ("{a: 1\n", "1:1 yaml-syntax"),
    "a bracket too many": ("a: [b]]\n", "1:7 yaml-syntax"),
    "a quote never closed": ("a: 'b\nc: 1\n", "1:4 yaml-syntax"),
    "an unknown escape": ('a: "\\q"\n', "1:6 yaml-syntax"),
    "an escape that is no character": ('a: 1\nb: "\\U00110000"\n', "2:2 yaml-syntax"),
    "a value that begins with @": ("a: @b\n", "1:4 yaml-syntax"),
    "a value that begins with `": ("a: `1`\n", "1:4 yaml-syntax"),
    "a list on the line of its key": ("a: - b\n", "1:4 yaml-syntax"),
    "a line that does not line up": ("a:\n    b: 1\n  c: 2\n", "3:3 yaml-syntax"),
    "two anchors": ("a: &x &y 1\n", "1:7 yaml-syntax"),
    "65 levels in brackets": ("[" * 65 + "]" * 65, "1:65 yaml-depth"),
    "5,000 levels in brackets": ("[" * 5000, "1:65 yaml-depth"),
    "5,000 levels of lists": ("- " * 5000, "1:129 yaml-depth"),
    "more than a megabyte": ("a" * (1024 * 1024 + 1), "1:1 yaml-size"),
    "a tag a megabyte long": ("a: !" + "x" * 1_000_000 + " 1", "1:1 yaml-tag"),
    "exclamation marks a megabyte long": ("!" * 1_000_000, "1:1 yaml-tag"),
}


@pytest.mark.parametrize(("text", "fault"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(text: str | bytes, fault: str) -> None:
    assert faults_of(text) == [fault]


def test_64_levels_are_read() -> None:
    assert read("[" * 64 + "]" * 64)


def test_40_digits_are_read() -> None:
    assert plain(read(f"[{'7' * 40}, {'7' * 20}.{'7' * 20}, 1e400, 1e-400]"))[0] == int("7" * 40)


def test_every_fault_of_a_file_is_found_at_once() -> None:
    text = (
        "id: !x 1\nid: 2\nsteps:\n  - <<: {a: .inf}\n    ? [a]\n    : *y\n  - when: {a: 1, a: 2}\n    last: 0x"
        + "f" * 41
        + "\n"
    )
    node, faults = compose(text, FILE)
    assert [(fault.code, fault.mark.line, fault.path) for fault in faults] == [
        ("yaml-tag", 1, "id"),
        ("yaml-duplicate-key", 2, ""),
        ("yaml-merge-key", 4, "steps[0]"),
        ("yaml-number", 4, "steps[0].a"),
        ("yaml-key", 5, "steps[0]"),
        ("yaml-alias", 6, "steps[0]"),
        ("yaml-duplicate-key", 7, "steps[1].when"),
        ("yaml-number", 8, "steps[1].last"),
    ]
    assert plain(node or pytest.fail("what could be read was not kept")) == {
        "id": 1,
        "steps": [{}, {"when": {"a": 1}, "last": "0x" + "f" * 41}],
    }


def test_a_syntax_fault_comes_after_the_faults_before_it() -> None:
    assert faults_of("a: 1\na: 2\nb: [1\n") == ["2:1 yaml-duplicate-key", "3:4 yaml-syntax"]


def test_a_fault_says_what_to_write_instead() -> None:
    duplicate = only("a: 1\nb: 1\na: 1\n")
    assert duplicate.message == "the key `a` stands twice; first on line 1"
    assert duplicate.hint == "keep one of them"
    assert only("true: 1\n").hint == 'quote it: "true"'
    assert only("a: &x [*x]\n").message == "the alias `*x` names the value it stands in, which would never end"
    assert only("when: a: b\n").hint == "quote the text that holds `: `, or begin a new line"
    assert str(only("a:\n\tb: 1\n")) == (
        "specs/a.yaml:2:1: yaml-tab: a tab where only spaces can indent\n    indent with spaces"
    )


def test_long_names_are_cut() -> None:
    assert "k" * 50 not in only("k" * 50 + ": 1\n" + "k" * 50 + ": 1\n").message


def test_a_merge_bomb_builds_nothing() -> None:
    bomb = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 10))
    assert set(faults_of(bomb)) >= {"3:3 yaml-merge-key"}


def test_an_alias_bomb_is_counted_before_it_is_built() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    tracemalloc.start()
    try:
        (fault,) = faults_of(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert fault.endswith(" yaml-alias")


def test_the_nodes_of_an_alias_count_each_time() -> None:
    text = "a: &x [1, 2]\nb: *x\n"  # a mapping, two keys, a list of two, and that list again
    assert faults_of(text, YamlLimits(nodes_max=9)) == []
    assert faults_of(text, YamlLimits(nodes_max=8)) == ["2:4 yaml-alias"]
    assert faults_of("[1, 2]", YamlLimits(nodes_max=2)) == ["1:5 yaml-size"]


@pytest.mark.parametrize(
    ("limits", "text", "fault"),
    [
        (YamlLimits(aliases_max=1), "[&x 1, *x, *x]", "1:12 yaml-alias"),
        (YamlLimits(depth_max=1), "[[]]", "1:2 yaml-depth"),
        (YamlLimits(bytes_max=3), "éé", "1:1 yaml-size"),
        (YamlLimits(digits_max=2), "123", "1:1 yaml-number"),
        (YamlLimits(exponent_max=2), "1e3", "1:1 yaml-number"),
    ],
)
def test_limits_are_those_given(limits: YamlLimits, text: str, fault: str) -> None:
    assert faults_of(text, limits) == [fault]


def test_after_a_hundred_faults_the_rest_is_not_read() -> None:
    found = faults_of("".join("a: 1\n" for _ in range(5000)))
    assert len(found) == 101
    assert found[-1] == "102:1 yaml-faults"


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc -:#"), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_data_goes_in_and_out_of_nodes(value: object) -> None:
    node = from_plain(value, FILE)
    assert plain(node) == value
    assert node.mark == Mark(FILE, 1, 1)


def test_what_is_not_plain_data_has_no_node() -> None:
    with pytest.raises(TypeError, match="float is not plain data"):
        from_plain([1.5], FILE)


@given(st.text(alphabet="ab:- \n\t[]{},&*!|>'\"%@`#?~<.0x\\\ud800\x00\u2028", max_size=40) | st.binary(max_size=40))
def test_no_text_makes_it_raise(text: str | bytes) -> None:
    node, faults = compose(text, FILE)
    assert node is None or plain(node) is not Ellipsis
    assert all(fault.mark.line >= 1 and fault.mark.column >= 1 for fault in faults)
    assert faults == compose(text, FILE)[1]
