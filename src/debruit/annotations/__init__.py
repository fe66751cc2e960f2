"""Annotations of images: classes, captions, masks, tables, and the split that comes with the data."""
