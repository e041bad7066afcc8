"""What the benchmark declares in one stack: all layers of a site at once, nothing, or so many objects of one kind.

The stack's name says which: `whole.<site>`, `empty.<site>`, `objects-150.<site>`.
"""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.cluster_access import identify, kubeconfig_path, provider
from infra.marks import marks_of_cluster
from infra.objects import Kind, Objects
from infra.programs import PROGRAMS
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet


def main() -> None:
    """Declare what the stack's name says."""
    form, _, name = pulumi.get_stack().partition(".")
    fleet = load_fleet("lab")
    site = fleet.sites[name]
    identity = identify(fleet, site, dry_run=False, warn=pulumi.log.warn)
    if form == "empty":
        return
    cluster = Cluster(site, provider(site, str(kubeconfig_path(fleet, site)), identity.kube_system_uid))
    if form == "whole":
        for layer in LAYERS:
            PROGRAMS[layer](fleet, cluster)
        return
    room = pulumi.ComponentResource("province:bench:Objects", form, None, cluster.options)
    objects = Objects("default", marks_of_cluster(fleet, f"sites/{name}"), room)
    for number in range(int(form.partition("-")[2])):
        objects.make(Kind.NETWORK_POLICY, f"{form}-{number:03d}", {"spec": {"podSelector": {}, "policyTypes": []}})


main()
