"""Conditions: read from the data or from a user's values, encoded, and passed to the network (networks/cond.py)."""
