"""What the model costs: the command that checks it, and all nodes rendered on one core, each in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 5
RENDER_ALL = """
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
fleet = load_fleet("production")
trust = stand_in(fleet)
builder = Builder(fleet, trust)
print(sum(len(builder.build(node).files) for node in fleet.nodes))
"""


def measure() -> dict[str, object]:
    """Wall seconds of `province check` and of load + validate + render of all nodes: median, least and most."""
    return {
        "check_seconds": _seconds([sys.executable, "-m", "province", "check", "-e", "production"]),
        "load_validate_render_all_nodes_seconds": _seconds([sys.executable, "-c", RENDER_ALL]),
    }


def _seconds(command: list[str]) -> dict[str, float]:
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run(["taskset", "-c", "0", *command], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return {
        "median": round(statistics.median(times), 2),
        "least": round(min(times), 2),
        "most": round(max(times), 2),
    }
