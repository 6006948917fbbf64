"""ONE RUN FROM END TO END: really, in virtual time, or as many as the search for a capacity asks for.

It puts the other rooms to work, each in its turn. This room refuses to judge.
"""
