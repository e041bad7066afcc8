"""What operators do: one action, one file."""
