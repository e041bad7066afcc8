"""Secrets of an environment at rest in Git: sealed by age for those who may read them, and what is wrong with them."""
