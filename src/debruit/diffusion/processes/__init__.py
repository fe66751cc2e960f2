"""The processes, one file each: alpha(t) and sigma(t)."""
