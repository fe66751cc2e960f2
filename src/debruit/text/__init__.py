"""Captions as numbers: vocabularies of word pieces. It knows no network."""
