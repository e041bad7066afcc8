"""Benchmarks: figures as JSON, with the machine they were measured on."""
