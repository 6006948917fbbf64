"""TWO SCHEMAS → WHAT CHANGED: contracts compared by proof, backward and forward.

    compatibility.py  two schemas → the changes, each with its path and its effect
    facets.py         a schema → the rules it states
    kinds.py          rules → all documents that keep them
    subsumption.py    kind ⊆ kind, proven or not
    outline.py        a contract's fields in lines, for people

What cannot be proven is said to break: a promise that does not hold costs more than a version that was not needed.
"""
