"""Reports: one self-contained page, the same as JSON, and a table for the terminal. Nothing here computes a score."""
