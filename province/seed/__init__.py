"""A box becomes a node without anybody who types: seeds, claims, and the first contact (docs/adr/0033)."""
