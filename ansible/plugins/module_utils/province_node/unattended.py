"""Where the boot units and the timer enter the node's code, without any controller."""

from __future__ import annotations

import sys
from importlib import import_module

from . import recovery
from .node import Node, Trouble


def main(arguments: list[str]) -> int:
    """`recover` and `watch` at boot, `revert GENERATION` when the timer has run out, `pull` by a timer of its own.

    The system's log hears of it.
    """
    node = Node()
    try:
        if arguments[0] == "pull":
            return int(import_module(f"{__package__}.pull").main(node))
        with node.alone(" ".join(arguments), patient=True):
            if arguments[0] == "recover":
                said = recovery.at_boot(node)
            elif arguments[0] == "watch":
                said = recovery.watch(node)
            else:
                said = recovery.when_time_is_up(node, int(arguments[1]))
    except (Trouble, OSError) as trouble:
        sys.stderr.write(f"{trouble}; the next run tries again\n")
        return 1
    sys.stdout.write(f"{said}\n" if said else "")
    return 0
