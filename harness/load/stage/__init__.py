"""WHAT A RUN STANDS ON: a copy of the workspace, its partners, an engine, and a store that was never used.

All of it ends with the run. This room refuses to send, to watch and to judge.
"""
