"""THE LOOPS: the only rooms that wait. They call the thinking rooms and the ports, and decide nothing themselves."""
