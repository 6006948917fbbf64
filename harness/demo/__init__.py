"""The brand's story, live: a shop, an engine that is killed, partners with bad days, and a verdict from their books.

story.py      what happens, in order; starts and ends everything
script.py     what the shop will send and when, from a seed
payloads.py   orders and payment events, made after the recordings of the workspace
shop.py       sends, signs, and tries again as providers do
processes.py  what is asked of the engine and the partners while it runs
meter.py      what the engine counts, over its restarts
view.py       what a person sees of it
verdict.py    was every promise kept exactly once?
"""
