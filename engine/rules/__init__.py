"""WHAT NEXT, pure: `now` and chance are arguments, decisions are values.

`signature` says whether bytes are authentic, `steps` walks a plan to the next thing that touches the world,
`classify` says what an answer means, `retry` when to try again, and `decide` holds the one table.
"""
