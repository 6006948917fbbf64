"""Codes of what is wrong before any key is looked at: files, YAML, tables, contracts."""

from engine.spec.codes.explanation import Explanation

FILES = (
    Explanation(
        "missing-file",
        "A file that every workspace has is not there.",
        "charter/charter.yaml names the teams, environments and systems of record that everything else refers to.",
        "Write it; `waybill init DIR` makes a workspace to copy from.",
    ),
    Explanation(
        "file-name",
        "A file lies in a folder of the workspace under a name that says nothing there.",
        "The folder decides what a file is and its name what it is called; a file with another ending would be ignored,"
        " and somebody would wait for it to work.",
        "Rename it, or move it out of the folder. Contracts lie at charter/models/<family>/<name>@<version>.yaml,"
        " tables at charter/tables/<name>.csv, everything else ends in .yaml.",
    ),
    Explanation(
        "empty-file",
        "A file holds nothing, or comments alone.",
        "What refers to it would find nothing.",
        "Write it, or remove it.",
    ),
    Explanation(
        "file-size",
        "A file is larger than the 16 MiB that are read of one.",
        "A workspace is written and reviewed by people, and read whole at every start; a file of that size is data,"
        " or lies there by mistake. What refers to it counts as leading somewhere until it can be read.",
        "Take it out of the workspace, or split it. A cross-reference table holds 200,000 rows at most.",
    ),
    Explanation(
        "name-differs",
        "A file declares another name than its own.",
        "Specs refer to names and people look for files; one name for both is found at once.",
        "Write the file's name without `.yaml`, or rename the file. Names are kebab-case, those of files as well.",
        "integration: shopify-orders          # in specs/orders.yaml",
        "integration: orders                  # in specs/orders.yaml",
    ),
    Explanation(
        "duplicate-name",
        "Two things that are told apart by their names have the same one: two files, or a step and what"
        " every step sees.",
        "A reference to the name could mean either.",
        "Rename one of them. A step's id must differ from every other step's, and from environment, event, headers,"
        " body and envelope.",
        "steps:\n  - {id: order, map: shopify-order}\n  - {id: order, map: shopify-order}",
        "steps:\n  - {id: order, map: shopify-order}\n  - {id: gift_order, map: shopify-order}",
    ),
    Explanation(
        "table",
        "A cross-reference table cannot be read as it stands.",
        "A reader that forgives swallows rows: after an unclosed quote the rest of the file is one cell. A text that"
        " stands twice in the first column would have two answers. A header's cell may say what its column holds, as"
        " `pack_size:integer` does, and then every cell is held to it.",
        "Save it as UTF-8 CSV: a header with at least two names, then rows with as many cells. Quote a cell that holds"
        " a comma or a line break, and double a quote inside it. Types are text, integer, decimal, boolean and date;"
        " leave a cell empty where there is no value.",
    ),
    Explanation(
        "contract-schema",
        "A contract is not a JSON Schema that can be checked here.",
        "Contracts are JSON Schema 2020-12, checked offline and in linear time: a reference that leaves the file, a"
        " pattern that looks ahead or back, or a format nobody checks would fetch, hang or silently pass.",
        "Mend the place that is named. Refer to `#/$defs/…` inside the file, and say look-aheads with"
        " `allOf` or `not`.",
    ),
    Explanation(
        "yaml-syntax",
        "The text is not YAML from here on.",
        "Nothing after this place was read, so more may be wrong below.",
        "Look at the quotes, brackets and indentation at this place and just before it. Text that holds `: ` or begins"
        " with a bracket, a quote, `@`, `%` or a backtick is quoted.",
        "summary: Orders: every one of them",
        'summary: "Orders: every one of them"',
    ),
    Explanation(
        "yaml-tab",
        "A tab stands where YAML indents.",
        "YAML indents with spaces alone; how wide a tab is depends on who looks.",
        "Replace it by spaces, and set the editor to do so in .yaml files.",
    ),
    Explanation(
        "yaml-duplicate-key",
        "A mapping has the same key twice.",
        "Most readers keep the last one without a word, so that the first looks as if it worked.",
        "Keep one of them.",
        "timeout: 5s\nretry: {attempts_max: 3}\ntimeout: 10s",
        "timeout: 10s\nretry: {attempts_max: 3}",
    ),
    Explanation(
        "yaml-merge-key",
        "`<<` merges one mapping into another; it is not read here.",
        "It is no part of YAML 1.2, hides where a value comes from, and makes files of 600 bytes that take"
        " seconds to read.",
        "Write the keys out. What several systems share is already a default, or belongs in the charter.",
    ),
    Explanation(
        "yaml-key",
        "A key is not plain text.",
        "Keys are names. `null`, `true`, a number with a tag, a list or an alias as a key means something"
        " else than it shows.",
        "Quote a key that looks like a word of YAML; otherwise write a name.",
        "answer: {true: yes}",
        'answer: {"true": yes}',
    ),
    Explanation(
        "yaml-tag",
        "A value has a tag (`!name`) that is not read here.",
        "Tags make a reader build things; a description is plain data, and means the same to every reader.",
        "Leave the tag out.",
    ),
    Explanation(
        "yaml-number",
        "A number is too long, infinite, or not a number.",
        "Numbers here are exact and bounded: converting a million digits is an attack, and NaN equals nothing.",
        "Quote it where text is meant, such as a long order number.",
        "value: 12345678901234567890123456789012345678901234567890",
        'value: "12345678901234567890123456789012345678901234567890"',
    ),
    Explanation(
        "yaml-alias",
        "An alias (`*name`) names nothing, names what it stands in, or there are too many of them.",
        "A few hundred bytes of aliases of aliases stand for millions of values.",
        "Write the value out where it is used.",
    ),
    Explanation(
        "yaml-documents",
        "A second document begins in the file.",
        "One file is one thing, named by the file; a second document would be read by nobody.",
        "Give it a file of its own, and remove the `---`.",
    ),
    Explanation(
        "yaml-version",
        "The file asks for another YAML than 1.2.",
        "In YAML 1.1 `no` is false and `1:30` is 90; in 1.2 both are text, and here everything is 1.2.",
        "Leave the `%YAML` line out.",
    ),
    Explanation(
        "yaml-bom",
        "The file begins with a byte order mark.",
        "It is invisible, and some tools take it for the first letter of the first key.",
        "Save the file as UTF-8 without it.",
    ),
    Explanation(
        "yaml-encoding",
        "The file is not UTF-8, or holds a character that cannot be stored.",
        "Guessing an encoding turns names into other names.",
        "Save it as UTF-8, and take out U+0000 and halves of surrogate pairs.",
    ),
    Explanation(
        "yaml-depth",
        "The file is nested too deeply.",
        "Nobody reads 64 levels; a reader that follows them runs out of stack.",
        "Flatten it.",
    ),
    Explanation(
        "yaml-size",
        "The file is too large.",
        "A description is read by people; 1 MiB or 100,000 values are data.",
        "Put rows into a table (charter/tables), and split the rest into several files.",
    ),
    Explanation(
        "yaml-faults",
        "The file has so many faults that the rest of it was not read.",
        "It is probably not meant to be YAML, or has one mistake at its top.",
        "Mend those that are told, and check again.",
    ),
)
