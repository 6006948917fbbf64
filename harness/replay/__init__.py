"""RECORDINGS → WHAT CHANGED: recorded traffic through the engine's own loops, and the effects compared: with what was
recorded (`waybill replay`), or with another version of the workspace (`waybill plan`).

What is compared is what partners are told to do, per event, not bytes and not order. This room refuses to judge whether
a change is meant; it says which events it reaches.
"""
