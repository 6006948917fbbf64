"""The store on PostgreSQL: one database, as many engines as one likes.

The verbs are those of every store (`engine/store`); here is what PostgreSQL alone needs: the connection and what its
errors mean, the adapter that the verbs speak to, nodes and their heartbeat, and the committer that outlives a restart of
the server. Only an install with the extra has psycopg, so nothing outside imports this folder until a URL asks for it.
"""
