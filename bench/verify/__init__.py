"""The host tests over our transport, beside the same tests over testinfra's own `ssh://`, on the hosts of a lab."""
