"""WHAT NEXT, pure: `now` and chance are arguments, decisions are values.

signature.py              are these bytes authentic?
opening.py, steps.py      what is stored of an event → the next thing that it needs of the world (`needs.py`)
calls.py, emit.py         the request of a call, an event of a topic
holds.py, undo.py         until when something waits; what a compensation takes back
classify.py, decide.py    what an outcome means; the one table of what then happens; `retry.py` when
order.py, truth.py        which revision is older; what counts as true, and as a name
breaker.py, budget.py, quota.py, quota_headers.py, lanes.py    what may be called now, and who goes first
"""
