"""Layer `platform`: what a cluster runs for all systems, each part in a room of its own.

A part whose software is not delivered yet has its room with everything that guards it, and its file says so. The
registry and the resolvers of a site are services of its hosts (province.fleet.site.Duty), the accounts are a system.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from infra.cluster import Cluster
from infra.components.database_operator import DatabaseOperator
from infra.components.entrance import Entrance
from infra.components.fleet_runner import fleet_runner
from infra.components.flows import Flows
from infra.components.metrics_server import MetricsServer
from infra.components.network_policy_engine import NetworkPolicyEngine
from infra.components.system_namespace import SystemNamespace
from infra.components.volume_provisioner import VolumeProvisioner
from province.fleet.connections import connections_at
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM
from province.fleet.rooms import DATABASES, ENTRANCE, METRICS, NETWORK_POLICY, RUNNER, VOLUMES
from province.fleet.site import Provided


class Makes(Protocol):
    """Declares what stands in the room of a part."""

    def __call__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> object:
        """Register it with the engine."""


class Software(NamedTuple):
    """What we build for a part: declared where the cluster provides it, or, with none named, wherever the room is."""

    makes: Makes
    provides: Provided | None = None


SOFTWARE: Mapping[str, Software] = MappingProxyType(
    {
        NETWORK_POLICY: Software(NetworkPolicyEngine),
        METRICS: Software(MetricsServer, Provided.METRICS_SERVER),
        ENTRANCE: Software(Entrance, Provided.INGRESS),
        DATABASES: Software(DatabaseOperator, Provided.CLOUDNATIVE_PG),
        RUNNER: Software(fleet_runner),
        VOLUMES: Software(VolumeProvisioner, Provided.LOCAL_PATH),
    }
)
"""By the part's id."""


def declare(fleet: Fleet, cluster: Cluster) -> None:
    """Declare the room of every part of the platform, where the entrance may lead, and the software that we build."""
    connections = connections_at(fleet, cluster.site)
    for part in fleet.rooms_at(cluster.site, PLATFORM):
        room = SystemNamespace(part, fleet=fleet, cluster=cluster)
        Flows(connections, room=room, fleet=fleet)
        software = SOFTWARE.get(part.id)
        if software and (software.provides is None or cluster.offers(software.provides)):
            software.makes(room, fleet=fleet, cluster=cluster)
