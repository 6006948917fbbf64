"""Properties of integrations, attacked by simulated days: what holds, and the shortest story of what does not."""
