"""A workspace with contracts that say much: a shop's orders become ours, without fault or finding. Tests write one thing
differently in it."""

from collections.abc import Mapping

from spec.minimal import MAPPING, MINIMAL, SOURCE, SPEC, TABLE, TARGET, read, text_at, to_bytes, told

from engine.errors import Fault
from engine.run.load import check

FIELD = "  # another field"
LET = "let: {shop: \"'shop'\"}"
SOURCE_TEXT = """\
type: object
required: [id, number, total_price, currency, status, created_at, line_items]
properties:
  id: {type: integer}
  number: {type: integer}
  name: {type: string}
  total_price: {type: string}
  currency: {type: string}
  status: {enum: [open, paid, voided]}
  kind: {enum: [retail, wholesale]}
  created_at: {type: string, format: date-time}
  due_on: {type: string, format: date}
  weight: {type: number}
  test: {type: [boolean, "null"]}
  nothing: {type: "null"}
  customer: {type: [object, "null"], properties: {email: {type: [string, "null"]}, phone: {type: [string, "null"]}}}
  line_items: {type: array, items: {$ref: "#/$defs/line"}}
  tags: {type: array, items: {type: string}}
  attributes: {type: object}
  texts: {type: object, additionalProperties: {type: string}}
  open: {type: object, properties: {id: {type: string}}, additionalProperties: true}
  address: {oneOf: [{properties: {city: {type: string}}}, {properties: {zip: {type: string}}}]}
$defs:
  line:
    type: object
    required: [sku, price, quantity]
    properties:
      sku: {type: string}
      price: {type: string}
      quantity: {type: integer}
      tax_lines: {type: array, items: {type: object, properties: {title: {type: string}, rate: {type: number}}}}
"""
TARGET_TEXT = """\
type: object
additionalProperties: false
required: [id, total, status, lines]
properties:
  id: {type: string}
  total: {type: integer}
  status: {enum: [open, settled, void]}
  kind: {enum: [retail, trade]}
  placed_at: {type: string, format: date-time}
  due: {type: string, format: date}
  email: {type: string}
  channel: {enum: [shop, market]}
  currency: {type: string, pattern: "^[A-Z]{3}$"}
  grams: {type: number, minimum: 0}
  test: {type: boolean}
  note: {type: string}
  tags: {type: array, items: {type: string}}
  counts: {type: array, items: {type: integer}}
  customer:
    type: object
    additionalProperties: false
    required: [email]
    properties: {email: {type: string}, phone: {type: string}}
  lines:
    type: array
    items:
      type: object
      additionalProperties: false
      required: [sku, price]
      properties: {sku: {type: string}, price: {type: integer}, quantity: {type: integer}, rate: {type: number}}
  anything: true
"""
MAPPING_TEXT = f"""\
mapping: shop-order
from: shop/order@1
to: canonical/order@1
{LET}
fields:
  id: join('-', [$shop, to_string(id)])
  total: {{from: total_price, money: currency}}
  status: {{from: status, table: statuses}}
  lines:
    each: line_items
    fields:
      sku: sku
      price: {{from: price, money: $root.currency}}
{FIELD}
"""
TABLE_TEXT = "theirs,ours,note\nopen,open,\npaid,settled,\nvoided,void,\n"

FILES: Mapping[str, str] = {
    **MINIMAL,
    SOURCE: SOURCE_TEXT,
    TARGET: TARGET_TEXT,
    MAPPING: MAPPING_TEXT,
    TABLE: TABLE_TEXT,
    SPEC: MINIMAL[SPEC].replace("order.total > `500000`", "order.total > `500`"),
}
Edit = tuple[str, str, str]


def edited(*edits: Edit) -> dict[str, str]:
    """The workspace with some texts replaced, each of which stands in it exactly once."""
    files = dict(FILES)
    for file, old, new in edits:
        assert files[file].count(old) == 1, f"{old!r} stands {files[file].count(old)} times in {file}"
        files[file] = files[file].replace(old, new)
    return files


def with_field(text: str) -> Edit:
    """Another field of the mapping, or several."""
    return MAPPING, FIELD, "\n".join(f"  {line}" for line in text.splitlines())


def only_fault(files: Mapping[str, str]) -> tuple[Fault, str]:
    """The one fault of a workspace, and the text it points at."""
    _, faults = read(files)
    assert len(faults) == 1, told(faults)
    return faults[0], text_at(files, faults[0])


def warnings(files: Mapping[str, str]) -> list[Fault]:
    """What the proof finds in a workspace without fault; the charter's findings are others' matter."""
    checked = check({name: to_bytes(text) for name, text in files.items()})
    assert not checked.faults, told(checked.faults)
    return [finding for finding in checked.findings if finding.code == "enum-partly-covered"]
