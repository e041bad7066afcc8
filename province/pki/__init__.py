"""X.509 for the services of hosts: what a certificate says, and the authority that signs it."""
