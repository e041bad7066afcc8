"""What the benchmarks found, for people: a page with charts, and the README's table."""
