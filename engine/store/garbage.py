"""The collector of garbage, out of the way of a process that is to live long."""

import gc

THRESHOLDS = (50_000, 20, 50)


def freeze_garbage() -> None:
    """What was made until now lives as long as the process; looking through it again is the longest pause left."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
