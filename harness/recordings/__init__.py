"""RECORDED TRAFFIC → EXCHANGES: HAR 1.2, VCR cassettes (vcrpy and Ruby) and Waybill's own recordings; and how traffic
is scrubbed before any of it reaches a disk.

Readers are tolerant of what recorders leave out and strict about size; they refuse to judge what was said. What is
written is written by one file, `own.py`, and takes only what `scrub.py` has been over.
"""
