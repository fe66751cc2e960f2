"""Metrics, one file each: pure functions from features (or images, or logits) to scores."""
