"""TEXT → PLAN. `yaml` makes bounded nodes with marks, `shape` is the dialect as frozen types, `read` turns nodes into
shapes or faults, `workspace` gathers files, `resolve` checks every name, `proof` holds mappings and integrations
against their contracts, `compile` binds everything into Plans.

Files are read elsewhere and handed in as bytes: nothing here touches a disk.
"""
