"""From samples to figures: medians per run and host, ratios between tools, and whether the goals are met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.apply.meter import Sample

LINE_MBPS = 6
"""The thinnest leased line of the model, shared with video (inventories/fleet/communes)."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Goal:
    """A limit that the issue of this benchmark set, and what was measured; `at_least` or else at most."""

    what: str
    limit: float
    found: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the measurement is on the right side of the limit."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    def shown(self) -> dict[str, object]:
        """The goal as it stands in the results."""
        limit = {"at_least" if self.at_least else "at_most": self.limit}
        return {"what": self.what, **limit, "found": round(self.found, 2), "met": self.met}


def summary(samples: Sequence[Sample], hosts: int) -> Figures:
    """Medians over the runs of one series; CPU and bytes for each host."""

    def median(values: Sequence[float]) -> float:
        return statistics.median(values)

    sent = median([one.sent for one in samples]) / hosts
    received = median([one.received for one in samples]) / hosts
    return {
        "runs": len(samples),
        "seconds": round(median([one.seconds for one in samples]), 2),
        "seconds_least": round(min(one.seconds for one in samples), 2),
        "seconds_most": round(max(one.seconds for one in samples), 2),
        "controller_cpu_ms_per_host": round(1000 * median([one.controller for one in samples]) / hosts, 1),
        "host_cpu_ms_per_host": round(1000 * median([one.hosts for one in samples]) / hosts, 1),
        "bytes_to_host": round(sent),
        "bytes_from_host": round(received),
        "seconds_of_a_6_mbps_line": round(max(sent, received) * 8 / (LINE_MBPS * 1e6), 3),
    }


def ratio(of: Sequence[Sample], to: Sequence[Sample]) -> float:
    """How many times longer the runs of one series take than those of the other, by their medians."""
    return statistics.median(one.seconds for one in of) / statistics.median(one.seconds for one in to)


def cpu_ratio(of: Sequence[Sample], to: Sequence[Sample]) -> float:
    """The same for the controller's CPU."""
    return statistics.median(one.controller for one in of) / statistics.median(one.controller for one in to)


def goals(first: Mapping[str, Sequence[Sample]], again: Mapping[str, Sequence[Sample]]) -> list[Goal]:
    """The goals of the transaction; `first` are first applications on empty hosts, `again` runs without a change.

    Those about plain tasks are left out when these were.
    """
    plain = (
        [
            Goal("no change: idiomatic Ansible, tuned / ours", 20, ratio(again["tuned"], again["ours"])),
            Goal(
                "no change: idiomatic Ansible, tuned / everything we manage",
                20,
                ratio(again["tuned"], again["everything"]),
            ),
            Goal("first application: idiomatic Ansible, tuned / ours", 5, ratio(first["tuned"], first["ours"])),
        ]
        if "tuned" in first
        else []
    )
    return [
        *plain,
        Goal("no change: pyinfra / ours", 8, ratio(again["pyinfra"], again["ours"])),
        Goal("no change: pyinfra / everything we manage", 8, ratio(again["pyinfra"], again["everything"])),
        Goal(
            "controller CPU for each host, new connections: everything we manage / ssh true",
            3,
            cpu_ratio(again["everything_new"], again["ssh_new"]),
            at_least=False,
        ),
        Goal(
            "controller CPU for each host, kept connections: everything we manage / ssh true",
            3,
            cpu_ratio(again["everything"], again["ssh_kept"]),
            at_least=False,
        ),
    ]
