"""Where a host's lines go: to a log host of each site, so that the loss of one, or of what it kept, loses none."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.logs import TAKEN_AT_ONCE
from province.fleet.site import Duty
from province.manifest.peers import Peers

NEAREST = "to-log-host"
"""Where lines wait on a host for the nearest log host, since 0.1.0: what waited before an update is found after it."""


def logs_view(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    """The queues of a host for its lines, and to whom they lead."""
    logs = fleet.province.logs
    return {
        "logs_queue_mib": logs.queue_mib,
        "logs_memory_lines": logs.memory_lines,
        "logs_written_every": logs.written_every,
        "logs_taken_at_once": TAKEN_AT_ONCE,
        "logs_patience_ms": logs.patience_ms,
        "log_servers": [
            {**peers.named(one, host), "queue": f"to-{one.name}" if number else NEAREST}
            for number, one in enumerate(log_hosts(host, peers))
        ],
    }


def log_hosts(host: Host, peers: Peers) -> list[Host]:
    """One of each site, the nearest first; not of its own site for a host that keeps logs itself."""
    first: dict[str | None, Host] = {}
    for one in peers.with_duty(Duty.LOGS, host):
        first.setdefault(one.site, one)
    if Duty.LOGS in host.duties:
        first.pop(host.site, None)
    return list(first.values())
