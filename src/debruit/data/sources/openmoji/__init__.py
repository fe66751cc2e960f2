"""OpenMoji: the drawings, their names, groups and masks."""
