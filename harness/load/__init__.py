"""How many events a minute an integration takes, what gives first, and whether the answer can be trusted."""
