"""Small networks trained on the user's own labels and masks: they know the requested classes, unlike published networks."""
