"""WHAT IS SENT: a profile and a seed → when each message is due, and its bytes; and who sends them when they are.

All is decided before the first is due. What came of each message is written down, and by how much the generator was
late itself. This room refuses to know the engine, its store and its partners.
"""
