"""Conditions: what they are called in the data, and how they enter a network (cond.py: three doors)."""
