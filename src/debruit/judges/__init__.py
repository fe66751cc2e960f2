"""Networks that look at images to score them: feature networks, classifiers, segmenters, caption scorers."""
