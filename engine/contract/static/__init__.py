"""SCHEMAS → KINDS: what a value can be, for proofs about expressions before any value is there.

    kind.py       what a value can be; unions, what two have in common, members, items
    of_schema.py  the kind of what satisfies a schema
    of_value.py   the kind of one value, and why a kind does not admit a value

Made to be reckoned with: a proof makes thousands of them, name by name and operator by operator, so they are cheap, and
wider than the schema where that is dear. Whether one schema admits all that another does is `subsumption`'s question,
which keeps every rule and has its own, exact notion of a kind; it would be too slow here, and this too coarse there.
"""
