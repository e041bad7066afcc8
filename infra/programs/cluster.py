"""Layer `cluster`: what belongs to no namespace and what every layer above rests on."""

from __future__ import annotations

from infra.cluster import Cluster
from infra.components.admission_policy import AdmissionPolicies
from infra.components.database_kinds import DatabaseKinds
from infra.components.exposure import EntranceClasses
from infra.components.node_marks import NodeMarks
from infra.components.priority_classes import PriorityClasses
from infra.components.request_priorities import RequestPriorities
from infra.components.runtime_class import RuntimeClass
from infra.components.storage_classes import StorageClasses
from infra.components.system_access import OwnerRole
from province.fleet.fleet import Fleet
from province.fleet.site import Provided


def declare(fleet: Fleet, cluster: Cluster) -> None:
    """Declare what nodes are, which classes there are to choose from, who may ask what how often, what is refused."""
    NodeMarks(fleet=fleet, cluster=cluster)
    PriorityClasses(fleet=fleet, cluster=cluster)
    RuntimeClass(fleet=fleet, cluster=cluster)
    StorageClasses(fleet=fleet, cluster=cluster)
    RequestPriorities(fleet=fleet, cluster=cluster)
    OwnerRole(fleet=fleet, cluster=cluster)
    if cluster.offers(Provided.CLOUDNATIVE_PG):
        DatabaseKinds(fleet=fleet, cluster=cluster)
    if cluster.offers(Provided.INGRESS):
        EntranceClasses(fleet=fleet, cluster=cluster)
    AdmissionPolicies(fleet=fleet, cluster=cluster)
