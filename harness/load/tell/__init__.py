"""RESULT → WHAT PEOPLE AND MACHINES READ: the view while it runs, the lines at the end, the files, and the page.

This room refuses to measure and to judge.
"""
