"""Text with holes → a function of a document. Text is all it makes; every value it cannot show is an error.

Strict: a missing member, a null, a list or an object in a hole raises TemplateError with the path. `default` alone lets
a missing or null value pass. Numbers appear with every digit, true and false as in JSON. In `{% if %}` empty texts,
lists and objects, null and the number 0 are false, as in Jinja; `truncate(n)` cuts after n characters and adds nothing.
"""

from collections.abc import Callable, Mapping

from engine.language.errors import TemplateError
from engine.language.generate.expressions import Scope
from engine.language.generate.runtime import RUNTIME
from engine.language.generate.source import Code, Made, Module
from engine.language.generate.template_runtime import TEMPLATE_RUNTIME
from engine.language.generate.texts import Texts
from engine.language.template_tree import Body

Template = Callable[[object, Mapping[str, object]], str]
"""A compiled template: (document, variables) → text. Raises TemplateError."""


def compile_template(text: str, *, percent_encode: bool = False) -> Template:
    """The template as a function of (document, variables); a name is the document's member, else a variable.

    With `percent_encode` the text is a URL's path: what fills a hole is encoded for one segment (RFC 3986: all but the
    unreserved characters), must not be empty, and no segment may become `.` or `..`. Raises TemplateError whose
    `problems` hold every fault of the text.
    """
    body = read_template(text)
    module = Module({**RUNTIME, **TEMPLATE_RUNTIME})
    code = Code(module, "template", ("document", "variables"))
    made = Texts(code, Scope(Made("document"), dynamic=True), percent_encode).text(body)
    code.line(f"return whole_path({made.text})" if percent_encode else f"return {made.text}")
    code.finish()
    template: Template = module.function("template")
    return template


def read_template(text: str) -> Body:
    """The template's tree; raises TemplateError with every fault."""
    from engine.language.template_parser import parse_template

    body, _, problems = parse_template(text)
    if problems:
        first = problems[0]
        raise TemplateError(first.message, first.offset, first.hint, problems)
    return body
