"""A paper plan for the country: what was measured for one host or one province, and what follows for all of them."""
