"""The scores of an evaluation, one file each: what a metric requires, which networks it needs, and how it is computed."""
