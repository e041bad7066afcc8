"""Folders by repeated rsync, with a checksum of every file on both sides."""
