"""The pages of functions against the functions: each has one, and each example gives what it says."""

import pytest

from engine.contract.body import decode_body
from engine.language import compile_expression
from engine.language.functions import FUNCTIONS
from engine.spec.codes import all_codes, all_functions, explain_function
from engine.spec.codes.functions import PAGES


def test_every_function_has_a_page_and_every_page_a_function() -> None:
    assert set(all_functions()) == set(FUNCTIONS)
    assert not set(all_functions()) & set(all_codes()), "one word, one page"


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_an_example_gives_what_its_page_says(page) -> None:
    document, expected = decode_body(page.document.encode()), decode_body(page.result.encode())
    found = compile_expression(page.example)(document)
    assert found == expected
    assert type(found) is type(expected)
    assert str(found) == str(expected), "every digit, as it is shown"
    assert f"{page.name}(" in page.example


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_names_as_many_arguments_as_its_function_takes(page) -> None:
    function = FUNCTIONS[page.name]
    inside = page.usage.partition("(")[2].removesuffix(")")
    required, optional = inside.partition("[")[0], inside.count("[")
    assert optional == function.optional
    named = [part for part in required.split(",") if part.strip() and part.strip() != "…"]
    assert len(named) == len(function.parameters) - function.optional
    assert ("…" in inside) == function.variadic
    assert ("&" in inside) == ("expref" in function.parameters)


def test_a_page_as_it_is_printed() -> None:
    assert str(explain_function("join")) == (
        "join(glue, texts)\n\n"
        "  One text of many, the glue between them. Every item must be a text: make one of a number with\n"
        "  to_string.\n\n"
        "Example\n"
        "    join('-', ['shop', to_string(id)])\n"
        '    over  {"id": 41}\n'
        '    gives "shop-41"\n\n'
        "Source\n"
        "  JMESPath specification (jmespath.org)\n"
    )
