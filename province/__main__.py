"""`python -m province` is the command `province`."""

from province.cli import main

main()
