"""FUNCTION → PAGE: what each function of expressions does, for `waybill explain FUNCTION`.

A page shows an example, and a test evaluates it; no function is without a page and no page without a function.
"""

from dataclasses import dataclass

from engine.spec.codes.explanation import paragraph

SPECIFICATION = "JMESPath specification (jmespath.org)"
COMMUNITY = "JMESPath Community (jmespath.site)"
OURS = "Waybill"


@dataclass(frozen=True, slots=True)
class FunctionPage:
    """One function. `usage` names its arguments, those in brackets may be left out; `example` over `document` gives
    `result`, the last two as JSON. `str()` is the page that `waybill explain` prints."""

    usage: str
    meaning: str
    example: str
    document: str
    result: str
    source: str = SPECIFICATION

    @property
    def name(self) -> str:
        return self.usage.partition("(")[0]

    def __str__(self) -> str:
        shown = f"Example\n    {self.example}\n    over  {self.document}\n    gives {self.result}"
        return "\n\n".join([self.usage, paragraph(self.meaning), shown, f"Source\n  {self.source}"]) + "\n"


def of(usage: str, meaning: str, example: str, document: str, result: str, source: str = SPECIFICATION) -> FunctionPage:
    return FunctionPage(usage, meaning, example, document, result, source)


STANDARD = (
    of("abs(number)", "The number without its sign.", "abs(gap)", '{"gap": -1250}', "1250"),
    of(
        "avg(numbers)",
        "The mean of a list of numbers, to 34 digits; null for an empty list.",
        "avg(lines[].price)",
        '{"lines": [{"price": 100}, {"price": 250}]}',
        "175",
    ),
    of("ceil(number)", "The next whole number up.", "ceil(weight)", '{"weight": 1.2}', "2"),
    of(
        "contains(subject, search)",
        "Whether a list holds an equal item, or a text holds the other text.",
        "contains(tags, 'gift')",
        '{"tags": ["gift", "express"]}',
        "true",
    ),
    of(
        "ends_with(text, end)",
        "Whether the text ends so.",
        "ends_with(sku, '-OLD')",
        '{"sku": "NW-1-OLD"}',
        "true",
    ),
    of("floor(number)", "The next whole number down.", "floor(weight)", '{"weight": 1.8}', "1"),
    of(
        "join(glue, texts)",
        "One text of many, the glue between them. Every item must be a text: make one of a number with to_string.",
        "join('-', ['shop', to_string(id)])",
        '{"id": 41}',
        '"shop-41"',
    ),
    of("keys(object)", "The names of an object's members.", "keys(@)", '{"a": 1, "b": 2}', '["a", "b"]'),
    of(
        "length(subject)",
        "Characters of a text, items of a list, members of an object. Of null it fails: length(x || `[]`).",
        "length(lines)",
        '{"lines": [1, 2]}',
        "2",
    ),
    of(
        "map(&expression, list)",
        "The expression's value for each item; unlike items[*].x it keeps nulls.",
        "map(&sku, lines)",
        '{"lines": [{"sku": "A"}, {}]}',
        '["A", null]',
    ),
    of("max(list)", "The largest of numbers or of texts; null for an empty list.", "max(@)", "[3, 7, 5]", "7"),
    of(
        "max_by(list, &expression)",
        "The item for which the expression is largest: all numbers or all texts.",
        "max_by(lines, &price).sku",
        '{"lines": [{"sku": "A", "price": 5}, {"sku": "B", "price": 9}]}',
        '"B"',
    ),
    of(
        "merge(object, …)",
        "One object of several; of a name that stands twice the last value counts.",
        "merge(order, {channel: 'shopify'})",
        '{"order": {"id": 7}}',
        '{"id": 7, "channel": "shopify"}',
    ),
    of("min(list)", "The smallest of numbers or of texts; null for an empty list.", "min(@)", "[3, 7, 5]", "3"),
    of(
        "min_by(list, &expression)",
        "The item for which the expression is smallest: all numbers or all texts.",
        "min_by(lines, &price).sku",
        '{"lines": [{"sku": "A", "price": 5}, {"sku": "B", "price": 9}]}',
        '"A"',
    ),
    of(
        "not_null(value, …)",
        "The first value that is not null. Unlike a || b it takes an empty text, an empty list and false.",
        "not_null(mobile, phone)",
        '{"mobile": null, "phone": ""}',
        '""',
    ),
    of("reverse(subject)", "A list or a text from its end.", "reverse(@)", "[1, 2, 3]", "[3, 2, 1]"),
    of("sort(list)", "Numbers or texts in ascending order.", "sort(@)", '["b", "a"]', '["a", "b"]'),
    of(
        "sort_by(list, &expression)",
        "Items in ascending order of the expression: all numbers or all texts.",
        "sort_by(lines, &price)[].sku",
        '{"lines": [{"sku": "A", "price": 9}, {"sku": "B", "price": 5}]}',
        '["B", "A"]',
    ),
    of("starts_with(text, start)", "Whether the text begins so.", "starts_with(sku, 'NW-')", '{"sku": "NW-1"}', "true"),
    of(
        "sum(numbers)",
        "The sum of a list of numbers, exactly; 0 for none.",
        "sum(lines[].price)",
        '{"lines": [{"price": 0.1}, {"price": 0.2}]}',
        "0.3",
    ),
    of(
        "to_array(value)",
        "A list as it is, anything else as a list of one.",
        "to_array(tag)",
        '{"tag": "gift"}',
        '["gift"]',
    ),
    of(
        "to_number(value)",
        "A number of a text that JSON would read as one; null for anything else.",
        "to_number(total)",
        '{"total": "19.90"}',
        "19.90",
    ),
    of(
        "to_string(value)",
        "A text as it is, a number with every digit, anything else as JSON; null stays null.",
        "to_string(id)",
        '{"id": 123456789012345678901234567890}',
        '"123456789012345678901234567890"',
    ),
    of("type(value)", "number, string, boolean, array, object or null.", "type(id)", '{"id": 7}', '"number"'),
    of("values(object)", "The values of an object's members.", "values(@)", '{"a": 1, "b": 2}', "[1, 2]"),
)
MORE = (
    of(
        "find_first(text, search[, start[, end]])",
        "The place of the first occurrence, counted from 0; null where there is none.",
        "find_first(sku, '-')",
        '{"sku": "NW-1"}',
        "2",
        COMMUNITY,
    ),
    of(
        "find_last(text, search[, position])",
        "The place of the last occurrence that begins at `position` or before it; null where there is none.",
        "find_last(sku, '-')",
        '{"sku": "NW-1-A"}',
        "4",
        COMMUNITY,
    ),
    of(
        "from_items(pairs)",
        "An object of a list of pairs [name, value].",
        "from_items(@)",
        '[["a", 1], ["b", 2]]',
        '{"a": 1, "b": 2}',
        COMMUNITY,
    ),
    of(
        "group_by(objects, &expression)",
        "Objects under the text that the expression gives; those for which it gives null are left out.",
        "group_by(lines, &depot)",
        '{"lines": [{"depot": "north", "sku": "A"}, {"depot": "south", "sku": "B"}]}',
        '{"north": [{"depot": "north", "sku": "A"}], "south": [{"depot": "south", "sku": "B"}]}',
        COMMUNITY,
    ),
    of("items(object)", "Pairs [name, value] of an object.", "items(@)", '{"a": 1}', '[["a", 1]]', COMMUNITY),
    of(
        "lower(text)",
        "The text in lower case.",
        "lower(email)",
        '{"email": "Mira@Example.com"}',
        '"mira@example.com"',
        COMMUNITY,
    ),
    of(
        "pad_left(text, width[, character])",
        "The text made longer at its beginning, with spaces or the character.",
        "pad_left(number, `6`, '0')",
        '{"number": "41"}',
        '"000041"',
        COMMUNITY,
    ),
    of(
        "pad_right(text, width[, character])",
        "The text made longer at its end, with spaces or the character.",
        "pad_right(code, `4`, '.')",
        '{"code": "A"}',
        '"A..."',
        COMMUNITY,
    ),
    of(
        "replace(text, old, new[, count])",
        "The text with every occurrence replaced, or only the first so many.",
        "replace(phone, ' ', '')",
        '{"phone": "040 123 45"}',
        '"04012345"',
        COMMUNITY,
    ),
    of(
        "split(text, separator[, count])",
        "The parts of a text between separators, split at most so often.",
        "split(tags, ', ')",
        '{"tags": "gift, express"}',
        '["gift", "express"]',
        COMMUNITY,
    ),
    of(
        "trim(text[, characters])",
        "The text without white space, or the characters, at both ends.",
        "trim(sku)",
        '{"sku": " NW-1 "}',
        '"NW-1"',
        COMMUNITY,
    ),
    of(
        "trim_left(text[, characters])",
        "As trim, at the beginning alone.",
        "trim_left(number, '0')",
        '{"number": "0041"}',
        '"41"',
        COMMUNITY,
    ),
    of(
        "trim_right(text[, characters])",
        "As trim, at the end alone.",
        "trim_right(path, '/')",
        '{"path": "a/b/"}',
        '"a/b"',
        COMMUNITY,
    ),
    of("upper(text)", "The text in upper case.", "upper(currency)", '{"currency": "eur"}', '"EUR"', COMMUNITY),
    of(
        "zip(list, …)",
        "Rows of several lists, as many as the shortest has items.",
        "zip(skus, counts)",
        '{"skus": ["A", "B"], "counts": [2, 3]}',
        '[["A", 2], ["B", 3]]',
        COMMUNITY,
    ),
    of(
        "hash(text)",
        "SHA-256 of the text, as 64 hexadecimal digits: an identity that gives nothing away.",
        "hash(email)",
        '{"email": "a"}',
        '"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"',
        OURS,
    ),
    of(
        "normalize(text[, form])",
        "The text in a Unicode normal form, NFC unless NFD, NFKC or NFKD is named: for keys, where one partner writes é"
        " as one character and another as two.",
        "normalize(sku, 'NFKC')",
        '{"sku": "NW\uff0d1"}',
        '"NW-1"',
        OURS,
    ),
    of(
        "url_query(url)",
        "The parameters of a URL's query as an object of texts, decoded: campaign and click ids of a landing page.",
        "url_query(landing_site).utm_source",
        '{"landing_site": "/camp?utm_source=newsletter&gclid=x"}',
        '"newsletter"',
        OURS,
    ),
)
PAGES = {page.name: page for page in (*STANDARD, *MORE)}
