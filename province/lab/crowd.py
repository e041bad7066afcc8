"""A whole province on one machine: what is done otherwise than for a few hosts, because all share its processors."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.lab.own import OWN_PACKAGES
from province.manifest.build import Builder
from province.manifest.trust import stand_in

CROWD = 60
"""More hosts than this are a crowd: a whole province, and not a part of one."""


def crowded(fleet: Fleet) -> bool:
    """Whether a crowd of hosts shares this machine with whoever configures them."""
    return fleet.environment.host_sizes == "shared" and len(fleet.hosts) > CROWD


def is_prepared(fleet: Fleet, host: Host) -> bool:
    """Whether a box is delivered with its packages, as one from a factory may be.

    Of a crowd, all nodes but those of the communes whose nodes are as in production: these begin with bare Debian.
    """
    named = fleet.environment.fast_communes
    return crowded(fleet) and host.host_class == "edge" and named != "all" and host.commune not in named


def prepared_packages(fleet: Fleet) -> tuple[str, ...]:
    """What such boxes are delivered with: every package of Debian that some node installs; none without a crowd."""
    builder = Builder(fleet, stand_in(fleet))
    boxes = [host for host in fleet.hosts.values() if is_prepared(fleet, host)]
    names = {name for host in boxes for name in builder.build(host).packages}
    return tuple(sorted(names - set(OWN_PACKAGES)))
