"""The metrics of an evaluation: their requirements, networks and functions."""
