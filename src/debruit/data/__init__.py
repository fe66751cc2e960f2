"""Data sources: one file each, decoded once into a memory-mapped cache.

A source is a config whose `build()` returns a `Dataset`: a map-style sequence of items {"image", "label"?,
"text"?} with a `DataSpec`. `find_source` turns what the user typed into one; `get` brings a built-in one onto this
machine.
"""

from debruit.data.dataset import Dataset
from debruit.data.find import builtin_sources, find_source
from debruit.images.spec import DataSpec

__all__ = ["DataSpec", "Dataset", "builtin_sources", "find_source"]
