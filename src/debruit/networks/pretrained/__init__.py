"""Networks with weights that others trained, read from their packages or files."""
