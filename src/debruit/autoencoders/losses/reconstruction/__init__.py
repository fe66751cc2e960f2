"""Reconstruction terms, one file each."""
