"""Outside: the only room besides the store that opens sockets or files while the engine runs."""
