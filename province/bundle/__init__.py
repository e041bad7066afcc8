"""The air-gap bundle: one folder with everything that a cluster is made of, its checksums and its bill of materials."""
