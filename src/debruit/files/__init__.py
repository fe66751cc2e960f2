"""Files on disk: atomic writes, the cache folder, stamps and keys of contents, what an output may overwrite."""
