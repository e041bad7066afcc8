"""Whether a room lets its own system in: what the system asks at peak is within its quota and its tier's limits.

The API server refuses the pod that would pass a quota, and says so only on the day of the peak.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from province.fleet.findings import Finding
from province.fleet.requests import pods_of, together
from province.fleet.system import System

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

KIBI = 1024
MILLI = 1000


def check_room_limits(fleet: Fleet) -> Iterator[Finding]:
    """No system that has a room asks for more pods, time, memory or storage than the room may have."""
    for system in fleet.systems.values():
        if system.has_room:
            yield from _quota(fleet, system)
            yield from _containers(fleet, system)


def _quota(fleet: Fleet, system: System) -> Iterator[Finding]:
    quota, pods = system.quota_in(fleet.tiers), list(pods_of(fleet, system))
    asked = together(pods)
    for key, wanted, allowed in (
        ("cpu_cores", asked.cpu_millicores / MILLI, quota.cpu_cores),
        ("memory_gib", asked.memory_mib / KIBI, quota.memory_gib),
        ("pods", sum(one.count for one in pods), quota.pods),
        ("storage_gib", sum(one.count * one.storage_gib for one in pods), quota.storage_gib),
    ):
        if wanted > allowed:
            mend = "give it a `quota` of its own, or ask for less"
            yield _finding(fleet, system, f"quota.{key}", str(allowed), f"{wanted:g} are asked for at peak", mend)


def _containers(fleet: Fleet, system: System) -> Iterator[Finding]:
    limits = fleet.tiers[system.tier].containers
    for pods in pods_of(fleet, system):
        for key, wanted, allowed in (
            ("cpu_millicores", pods.each.cpu_millicores, limits.max_cpu_millicores),
            ("memory_mib", pods.each.memory_mib, limits.max_memory_mib),
        ):
            if wanted > allowed:
                problem = f"a container of tier {system.tier.value} may have {allowed}"
                mend = "ask for less in each of more pods, or raise the tier's limit"
                yield _finding(fleet, system, f"components.{pods.component}.{key}", str(wanted), problem, mend)


def _finding(fleet: Fleet, system: System, key: str, value: str, problem: str, mend: str) -> Finding:
    return Finding(fleet.origin_of(system), key, value, problem, mend)
