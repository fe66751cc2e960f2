"""Feature extractors, one file a network: images -> vectors that metrics compare."""
