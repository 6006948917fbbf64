"""The tests that a workspace brings along: the examples of its specs, and the cases that `waybill prove` found."""
