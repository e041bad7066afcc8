"""Names of a moving system: kept for a short time before the cut-over, switched with it, and kept long again."""
