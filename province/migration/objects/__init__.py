"""Buckets of objects with all their versions, by repeated copies, with a checksum of every version on both sides."""
