"""Serve one engine: print the port, then run what it asks for until it goes away."""

from __future__ import annotations

import sys

from province.toolchain.pulumi_host.lifeline import Lifeline


def main(arguments: list[str]) -> None:
    """Start the host; the last plain argument is the engine's address, flags before it are its own affair.

    Returns never: the lifeline ends the process.
    """
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    if not addresses:
        sys.exit("pulumi_host: the engine's address is missing; this program is started by pulumi, not by hand")
    lifeline = Lifeline()
    lifeline.hold()
    # Importing Pulumi takes a second; an interrupt meanwhile must already end us in silence.
    from province.toolchain.pulumi_host.service import serve  # noqa: PLC0415

    serve(addresses[-1], lifeline)


if __name__ == "__main__":
    main(sys.argv[1:])
