"""What a change of path costs the first node of the running lab: a cut line, and its return, at 20 echoes a second.

Needs the lab, configured, and root; run it inside: `province lab run -- python -m bench paths`.
"""

from __future__ import annotations

import statistics
import time

from province.fleet.load import load_fleet
from province.lab import desk, provision
from province.lab.probe import Pinger
from province.lab.state import Place

RUNS = 3
ASIDE = 4.0
"""Seconds for which the line stays cut, and then whole."""


def measure() -> dict[str, object]:
    """Seconds without an answer after a cut: median, least and most; requests lost while the line came back."""
    fleet = load_fleet(provision.LAB)
    checkout = fleet.root.parent
    spec = provision.specification(fleet)
    node = next(host for host in fleet.hosts.values() if host.host_class == "edge")
    target = node.interface("management").address.plain[0]
    outages: list[float] = []
    lost_on_return: list[int] = []
    line = fleet.province.leased_path.id
    for number in range(RUNS):
        with Pinger(Place(checkout).netns, target) as pinger:
            time.sleep(1)
            desk.cut(checkout, spec, node.name, line)
            time.sleep(ASIDE)
            outages.append(pinger.stop().outage)
        with Pinger(Place(checkout).netns, target) as pinger:
            desk.restore(checkout, spec, node.name, line)
            # Each further loss within five minutes makes the path wait twice as long.
            time.sleep(ASIDE + 2 ** (number + 2))
            lost_on_return.append(pinger.stop().lost)
    return {
        "watch": fleet.province.routing.watches["fast"].model_dump(),
        "cut_outage_seconds": {
            "median": round(statistics.median(outages), 2),
            "least": round(min(outages), 2),
            "most": round(max(outages), 2),
        },
        "lost_on_return": lost_on_return,
    }
