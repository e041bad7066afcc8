"""One component of the clusters in each file: what it makes is said once, by model objects."""
