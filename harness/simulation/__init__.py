"""A run of the engine's own loops in a world without real time, chance, threads or sockets."""
