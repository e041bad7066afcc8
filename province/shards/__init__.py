"""One run in several processes, here or on many machines, that share nothing but a store of objects (docs/adr/0040)."""
