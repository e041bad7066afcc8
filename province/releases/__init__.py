"""What changed for those who operate hosts, and how a province gets from one release to another."""
