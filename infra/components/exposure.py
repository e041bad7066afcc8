"""How users reach a system by name: through the entrance of the class that its exposure asks for, by TLS alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.system_namespace import SystemNamespace
from infra.marks import marks_of, marks_of_cluster, vocabulary
from infra.objects import CLUSTER_WIDE, UNAWAITED, Kind, Objects
from province.fleet.exposed import DOORS, ExposedName, exposed_names
from province.fleet.fleet import Fleet
from province.fleet.site import Provided
from province.fleet.system import Exposure, System


class EntranceClasses(pulumi.ComponentResource):
    """One class of entrance for each network that users come from, so that none is ever reached from the other.

    Declared where a controller takes them in.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:EntranceClasses", "entrances", None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, f"sites/{cluster.site.id}"), self)
        for exposure in DOORS:
            controller = vocabulary(fleet).key(f"entrance-{exposure}")
            objects.make(Kind.INGRESS_CLASS, exposure.value, {"spec": {"controller": controller}})
        self.register_outputs({})


class SystemExposure(pulumi.ComponentResource):
    """The names of one system (`province.fleet.exposed`), those of each exposure together, under its name.

    Everything is by TLS, with keys and certificates from the secrets that `province certificates` keeps: they are in
    no stack, so no key is ever in Pulumi's state. Waiting for the controller's answer is the tests' business.
    """

    def __init__(self, *, room: SystemNamespace, fleet: Fleet) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:SystemExposure", f"{system.id}/exposure", None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        names = exposed_names(system, fleet.province.domain)
        for exposure in DOORS:
            if own := [one for one in names if one.exposure is exposure]:
                objects.make(Kind.INGRESS, exposure.value, {"spec": _spec(exposure, own)}, annotations=UNAWAITED)
        self.register_outputs({})


def is_exposed(system: System, fleet: Fleet, cluster: Cluster) -> bool:
    """Whether users reach a system by name here: it shows something, and a controller takes them in."""
    return cluster.offers(Provided.INGRESS) and bool(exposed_names(system, fleet.province.domain))


def _spec(exposure: Exposure, names: Iterable[ExposedName]) -> dict[str, Any]:
    return {
        "ingressClassName": exposure.value,
        "tls": [{"hosts": [one.host], "secretName": one.secret} for one in names],
        "rules": [
            {
                "host": one.host,
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": one.component, "port": {"number": one.port}}},
                        }
                    ]
                },
            }
            for one in names
        ],
    }
