"""A report on a data set: what is wrong with it and what would help."""
