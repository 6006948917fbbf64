"""MEASURES → WHAT IS SAID OF THEM: what held, what gives first and at which rate, and what became worse.

Pure: values in, values out. This room refuses to measure, to start anything and to write.
"""
