"""`python -m bench apply`: the benchmark's options, and the lab that it starts and ends."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.apply import hosts
from bench.apply import measure as course


def measure(arguments: Sequence[str]) -> dict[str, object]:
    """Boot the lab, measure, end the lab; root. ProvinceError when this checkout has a lab that is up."""
    parser = argparse.ArgumentParser(prog="python -m bench apply")
    parser.add_argument("--nodes", type=int, default=40, help="edge nodes, two for each commune (default: 40)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tool without a change (default: 3)")
    parser.add_argument("--stock", action="store_true", help="also Ansible as shipped, once: minutes for 40 nodes")
    parser.add_argument("--quick", action="store_true", help="without plain tasks, which take most of the time")
    options = parser.parse_args(arguments)
    lab = hosts.plan(options.nodes)
    try:
        return course.measure(lab, options.rounds, with_stock=options.stock, quick=options.quick)
    finally:
        lab.end()
