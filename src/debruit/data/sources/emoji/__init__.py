"""Emoji of ten open sets: packages, things, drawings, captions, colours."""
