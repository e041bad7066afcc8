"""The node's side of a transaction: standard library only, Python 3.9 or later, sent along with the module."""
