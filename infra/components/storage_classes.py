"""Where systems' volumes lie, kept apart as their level asks."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of, marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS
from province.fleet.site import Provided, Site
from province.fleet.system import LEVEL_OF_THE_PROVINCE, System

SHARED_CLASS = "shared"
"""The class of systems below level 3."""

OWN_CLASS = "system-"
"""How the name of a class begins that one system has for itself; the system's id follows."""

OF_CLASS = ".storageclass.storage.k8s.io/"
"""What stands between a class and what a quota counts of it (Kubernetes' own notation)."""

PROVISIONERS = {Provided.LOCAL_PATH: "rancher.io/local-path"}
"""The name by which each maker of volumes is called in a class."""


def storage_class(system: System) -> str:
    """The class of a system's volumes: its own from level 3 on (Decree 331/2026, Art. 30.8), else the shared one."""
    return f"{OWN_CLASS}{system.id}" if system.level >= LEVEL_OF_THE_PROVINCE else SHARED_CLASS


def storage_classes(fleet: Fleet, site: Site) -> dict[str, System | None]:
    """Every class of a site's cluster, with the system that alone may use it; none for the shared one."""
    rooms = [system for layer in LAYERS for system in fleet.rooms_at(site, layer)]
    own = {storage_class(system): system for system in rooms if system.level >= LEVEL_OF_THE_PROVINCE}
    return {SHARED_CLASS: None, **dict(sorted(own.items()))}


class StorageClasses(pulumi.ComponentResource):
    """One class for each system of level 3 and above, one for all others, by whatever makes volumes in the cluster.

    Volumes wait for their pod, because a disk of a node is only good for pods of that node, and stay when their claim
    goes: what was stored is deleted by people.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:StorageClasses", "storage-classes", None, cluster.options)
        provisioner = provisioner_of(cluster.site)
        for name, system in storage_classes(fleet, cluster.site).items() if provisioner else ():
            marks = marks_of(system, fleet) if system else marks_of_cluster(fleet, f"sites/{cluster.site.id}")
            body = {
                "provisioner": provisioner,
                "reclaimPolicy": "Retain",
                "volumeBindingMode": "WaitForFirstConsumer",
                "allowVolumeExpansion": False,
            }
            Objects(CLUSTER_WIDE, marks, self).make(Kind.STORAGE_CLASS, name, body)
        self.register_outputs({})


def provisioner_of(site: Site) -> str | None:
    """Who makes the volumes of a site's cluster; None while nobody does."""
    provided = site.cluster.provides if site.cluster else ()
    return next((PROVISIONERS[one] for one in provided if one in PROVISIONERS), None)
