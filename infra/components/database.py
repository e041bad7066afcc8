"""A PostgreSQL database of a system, built and kept by CloudNativePG."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.backup_plan import BackupPlan
from infra.components.node_marks import HOST
from infra.components.priority_classes import priority_class
from infra.components.proof_of_life import control_planes
from infra.components.storage_classes import storage_class
from infra.components.system_namespace import NAMESPACE_OF_A_NAME, SystemNamespace
from infra.components.workload import selector
from infra.marks import COMPONENT, marks_of
from infra.objects import UNAWAITED, Kind, Objects
from infra.quantity import KIBI, cpu, memory
from province.fleet.fleet import Fleet
from province.fleet.rooms import DATABASES
from province.fleet.site import Provided, Site
from province.fleet.system import ComponentKind, System
from province.fleet.tier import Tier
from province.toolchain import pins

IMAGE = "postgresql"
"""The image of the servers, with what the operator needs in it."""

OF_DATABASE = "cnpg.io/cluster"
"""The label that the operator gives every pod that works for a database."""

PAIR = 2
"""So many servers have none to spare: if one is away and writes waited for it, nobody could write."""

ENCRYPTED_ONLY = "hostnossl all all all reject"
"""A line of pg_hba.conf before the operator's own, which would take a password over a connection in the clear."""

POSTGRESQL_PORT = 5432
STATUS_PORT = 8000
"""Where a server says to the operator, and to its fellows, how it is."""
API_SERVER_PORT = 6443


class Database(pulumi.ComponentResource):
    """One database: its servers, the doors they need, and its copies.

    What other components may open to it is said by flows. A database of a system that also runs at the primary site
    follows the one there, from the copies that it finds in that site's store, and is promoted by a change of the
    model. The object is protected and, once unprotected, retained: with it would go what it stores.
    """

    def __init__(self, name: str, *, room: SystemNamespace, fleet: Fleet, cluster: Cluster) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:Database", f"{system.id}/{name}", None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        mark = {COMPONENT: name}
        plan = BackupPlan.of(system, fleet.tiers[system.tier], cluster.site)
        doors = _doors(name, control_planes(fleet, cluster))
        door = objects.make(Kind.NETWORK_POLICY, f"{name}-servers", {"spec": doors}, labels=mark)
        self.servers = objects.make(
            Kind.DATABASE,
            name,
            {"spec": _spec(system, name, fleet, cluster.site, plan)},
            labels=mark,
            annotations=UNAWAITED,
            options=pulumi.ResourceOptions(protect=True, retain_on_delete=True, depends_on=[door]),
        )
        if plan is not None:
            objects.make(
                Kind.SCHEDULED_BACKUP,
                name,
                plan.schedule(name),
                labels=mark,
                annotations=UNAWAITED,
                options=pulumi.ResourceOptions(depends_on=[self.servers]),
            )
        self.register_outputs({})


def databases(system: System, tier: Tier, site: Site) -> tuple[str, ...]:
    """The components that become databases at a site.

    None as long as nobody there builds databases, or the tier promises that little is lost and there is no place for
    copies: a promise that cannot be kept is not begun.
    """
    cluster = site.cluster
    if cluster is None or not cluster.offers(Provided.CLOUDNATIVE_PG):
        return ()
    if tier.rpo_minutes is not None and cluster.backup_store is None:
        return ()
    return tuple(name for name, one in system.components.items() if one.kind is ComponentKind.POSTGRESQL)


def _spec(system: System, name: str, fleet: Fleet, site: Site, plan: BackupPlan | None) -> dict[str, Any]:
    database = fleet.environment.databases.of(system.components[name])
    size = {"cpu": cpu(database.cpu_millicores), "memory": memory(database.memory_mib)}
    instances = database.instances
    storage = memory(database.storage_gib * KIBI)
    spec: dict[str, Any] = {
        "instances": instances,
        "imageName": pins.load().reference(IMAGE),
        "storage": {"size": storage, "storageClass": storage_class(system)},
        "resources": {"requests": size, "limits": size},
        "priorityClassName": priority_class(system.tier),
        "inheritedMetadata": {"labels": selector(system, name)},
        "affinity": {"enablePodAntiAffinity": True, "topologyKey": HOST, "podAntiAffinityType": "preferred"},
        "enableSuperuserAccess": False,
        # A budget for the only server would keep its host from ever being emptied.
        "enablePDB": instances > 1,
        "postgresql": _settings(instances, plan),
        **_origin(system, name, fleet, site),
    }
    return {**spec, "backup": plan.backup} if plan else spec


def _settings(instances: int, plan: BackupPlan | None) -> dict[str, Any]:
    """A write counts only when a second server has it; with none to spare, as long as that one is there."""
    settings: dict[str, Any] = {"pg_hba": [ENCRYPTED_ONLY]}
    if plan is not None:
        settings["parameters"] = {"archive_timeout": plan.archive_timeout}
    if instances == 1:
        return settings
    durability = "required" if instances > PAIR else "preferred"
    return {**settings, "synchronous": {"method": "any", "number": 1, "dataDurability": durability}}


def _origin(system: System, name: str, fleet: Fleet, site: Site) -> dict[str, Any]:
    """New and empty, or following the database of the primary site from the copies in that site's store."""
    primary = fleet.primary_site
    if site.id == primary.id or system not in fleet.systems_at(primary):
        return {"bootstrap": {"initdb": {"database": name, "owner": name}}}
    there = BackupPlan.of(system, fleet.tiers[system.tier], primary)
    if there is None:
        return {"bootstrap": {"initdb": {"database": name, "owner": name}}}
    return {
        "bootstrap": {"recovery": {"source": primary.id}},
        "replica": {"enabled": True, "source": primary.id},
        "externalClusters": [{"name": primary.id, "barmanObjectStore": {**there.destination, "serverName": name}}],
    }


def _doors(name: str, control_planes: list[str]) -> dict[str, Any]:
    """Servers talk among themselves, ask the API server what they should be, and tell the operator how they are."""
    servers = {"podSelector": {"matchLabels": {OF_DATABASE: name}}}
    keeper = {"namespaceSelector": {"matchLabels": {NAMESPACE_OF_A_NAME: DATABASES}}}
    among = [{"protocol": "TCP", "port": port} for port in (POSTGRESQL_PORT, STATUS_PORT)]
    asks = {
        "to": [{"ipBlock": {"cidr": address}} for address in control_planes],
        "ports": [{"protocol": "TCP", "port": API_SERVER_PORT}],
    }
    tells = {"from": [keeper], "ports": [{"protocol": "TCP", "port": STATUS_PORT}]}
    return {
        **servers,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [servers], "ports": among}, tells],
        "egress": [{"to": [servers], "ports": among}, asks],
    }
