"""Mailboxes from one Dovecot to another by its own dsync, and every message compared as users' programs read it."""
