"""Is it any good, and why: features, metrics, likelihood, memorisation, reports, and the lecture on a model (explain/)."""
