"""Evaluation of models: samples, scores, condition alignment, likelihood, memorisation, comparisons."""
