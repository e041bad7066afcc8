"""From a stack's name to the one cluster it may touch: nothing is declared before that cluster is certain.

Three accounts of the cluster must agree: the model (which site, which version), the descriptor that Ansible wrote
when the cluster came up, and the cluster that answers now.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes import Provider

from infra.cluster import Cluster
from infra.kubeconfig import read_kubeconfig
from infra.live_cluster import LiveCluster, ask
from province.errors import ExitCode, ProvinceError
from province.fleet.cluster_plan import api_addresses
from province.fleet.descriptor import ClusterDescriptor, descriptor_path, read_descriptor, shown
from province.fleet.fleet import Fleet
from province.fleet.site import Site

NOT_BUILT = "a cluster that is not built yet"
"""The identity under which a preview shows what a future cluster would hold; nothing is ever applied under it."""

PROGRAM_FOLDER = Path(__file__).resolve().parent
"""Where Pulumi runs the program: the folder that `main` names in Pulumi.yaml."""

REQUESTS_PER_S = 100
"""How fast the API server is asked. With the provider's own limit a refresh of 240 objects takes a fifth longer."""

NOT_BUILT_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: none, user: {}}]
"""


@dataclass(frozen=True)
class Identity:
    """Which cluster a program may declare objects in, and how it is reached: what its provider is made from."""

    kubeconfig: str
    """The path of a kubeconfig file as the program sees it, or the content of one."""
    kube_system_uid: str


def open_cluster(fleet: Fleet, site: Site, *, dry_run: bool, warn: Callable[[str], None]) -> Cluster:
    """The site's cluster with its provider registered; raises what `identify` raises."""
    identity = identify(fleet, site, dry_run=dry_run, warn=warn)
    return Cluster(site, provider(site, identity.kubeconfig, identity.kube_system_uid))


def identify(fleet: Fleet, site: Site, *, dry_run: bool, warn: Callable[[str], None]) -> Identity:
    """The site's cluster, once all three accounts of it agree; nothing is registered yet.

    Where no cluster has been built yet, a dry run goes on offline after a warning, so that a change can be
    reviewed in a clean clone. Raises ProvinceError when an account is missing or disagrees.
    """
    path = descriptor_path(fleet.root, fleet.environment.id, site.id)
    if dry_run and not path.is_file():
        warn(f"{shown(path)} is missing: shown is what a new cluster would get; `pulumi up` will refuse")
        return Identity(NOT_BUILT_KUBECONFIG, NOT_BUILT)
    descriptor = read_descriptor(path)
    kubeconfig = kubeconfig_path(fleet, site)
    problems = disagreements_with_model(descriptor, fleet, site)
    if not problems:
        problems = disagreements_with_cluster(descriptor, ask(read_kubeconfig(kubeconfig)))
    if problems:
        raise ProvinceError(
            f"{shown(path)} does not describe the cluster of {site.id}:\n" + "\n".join(f"  {one}" for one in problems),
            hint="nothing was changed; if the cluster was built anew, the playbook `cluster` describes it again",
            exit_code=ExitCode.BAD_DATA,
        )
    # Relative to where Pulumi runs the program, so the state is the same from every checkout.
    return Identity(os.path.relpath(kubeconfig, PROGRAM_FOLDER), descriptor.kube_system_uid)


def kubeconfig_path(fleet: Fleet, site: Site) -> Path:
    """Where the administrator's access to a site's cluster lies: private, never in git."""
    return fleet.root.parent / ".province" / fleet.environment.id / "kubeconfigs" / f"{site.id}.yml"


def disagreements_with_model(descriptor: ClusterDescriptor, fleet: Fleet, site: Site) -> list[str]:
    """What the descriptor says otherwise than the model."""
    problems = []
    if descriptor.site != site.id:
        problems.append(f"site: is {descriptor.site}")
    if site.cluster is None:
        problems.append(f"site: the model declares no cluster for {site.id}")
        return problems
    if descriptor.versions.kubernetes != site.cluster.kubernetes:
        wanted = f"the model wants {site.cluster.kubernetes}"
        problems.append(f"versions.kubernetes: is {descriptor.versions.kubernetes}, {wanted}")
    address, port = api_addresses(fleet, site)[fleet.province.management_zone].plain[0], site.cluster.api.port
    if (descriptor.address, descriptor.port) != (address, port):
        problems.append(f"endpoint: is {descriptor.endpoint}, the model wants https://{address}:{port}")
    return problems


def disagreements_with_cluster(descriptor: ClusterDescriptor, live: LiveCluster) -> list[str]:
    """What the cluster that answers says otherwise than the descriptor."""
    pairs = {
        "kube_system_uid": (descriptor.kube_system_uid, live.kube_system_uid),
        "ca_sha256": (descriptor.ca_sha256, live.ca_sha256),
        "versions.kubernetes": (descriptor.versions.kubernetes, live.kubernetes),
    }
    return [
        f"{key}: is {described}, the cluster that answers has {real}"
        for key, (described, real) in pairs.items()
        if described != real
    ]


def provider(site: Site, kubeconfig: str, identity: str) -> Provider:
    """The provider of a cluster.

    When a provider is replaced, Pulumi deletes what it owned although the names stay the same. Only a change of
    `cluster_identifier` replaces it, so it is there from the first day, and the provider is protected.
    """
    return Provider(
        f"cluster/{site.id}",
        kubeconfig=kubeconfig,
        cluster_identifier=identity,
        enable_server_side_apply=True,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        delete_unreachable=False,
        kube_client_settings={"qps": REQUESTS_PER_S, "burst": 2 * REQUESTS_PER_S},
        opts=pulumi.ResourceOptions(protect=True),
    )
