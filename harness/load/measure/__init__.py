"""WHAT A RUN LEFT BEHIND → MEASURES: what was sent, watched and stored, and the partners' books, joined.

This room refuses to start anything, and to say whether what it measured is good.
"""
