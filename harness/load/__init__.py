"""How many events a minute an integration takes, what gives first, and whether the answer can be trusted.

command.py, …_command.py      words in, exit codes out
run/                          one run from end to end: really, in virtual time, or as many as a capacity asks for
judge/  tell/                 measures → what is said of them · the result → what people and machines read
send/   stage/   measure/     what is sent, and by whom · what a run stands on · what it left behind, joined
numbers.py  histogram.py      numbers → words · latencies in fixed memory
model.py                      the words that all of it shares

Imports go down this page, and never sideways.
"""
