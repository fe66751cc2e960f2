"""Small networks trained on custom labels and masks: they know the requested classes, unlike published
networks."""
