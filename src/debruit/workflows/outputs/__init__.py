"""Where the results of a verb go: image files, arrays and grids, written batch by batch, with a manifest of their
settings.
"""
