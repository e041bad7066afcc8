"""The site's cluster, seen from its control plane."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.expectations import Expected

pytestmark = [pytest.mark.hosts("control-plane"), pytest.mark.proves(31)]

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=10s"
CERTIFICATES = (
    "for one in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt; do "
    "openssl x509 -noout -checkend 2592000 -in $one >/dev/null || echo $one; done"
)
"""Names the certificates that run out within 30 days."""


@pytest.fixture(scope="session")
def cluster_nodes(host: Connection) -> dict[str, dict[str, Any]]:
    """The cluster's own nodes, by name."""
    items = json.loads(host.check_output(f"{KUBECTL} get nodes -o json"))["items"]
    return {item["metadata"]["name"]: item for item in items}


def test_the_api_server_is_ready(host: Connection) -> None:
    """All of its own checks."""
    assert host.check_output(f"{KUBECTL} get --raw=/readyz") == "ok"


def test_the_host_is_a_ready_node_of_its_site_s_cluster(cluster_nodes: dict[str, dict[str, Any]], node: Host) -> None:
    """The kubelet reports, under the name of the model."""
    conditions = cluster_nodes[node.name]["status"]["conditions"]
    assert {one["status"] for one in conditions if one["type"] == "Ready"} == {"True"}


def test_the_cluster_has_the_declared_version(
    cluster_nodes: dict[str, dict[str, Any]], node: Host, expected: Expected
) -> None:
    """The kubelet's version is that of the model."""
    seen = cluster_nodes[node.name]["status"]["nodeInfo"]["kubeletVersion"]
    assert seen == f"v{expected.facts['cluster_version']}"


def test_the_node_uses_its_address_in_the_servers_zone(cluster_nodes: dict[str, dict[str, Any]], node: Host) -> None:
    """Cluster traffic stays out of the management zone."""
    addresses = cluster_nodes[node.name]["status"]["addresses"]
    assert [one["address"] for one in addresses if one["type"] == "InternalIP"] == [
        str(node.interface("servers").address.ipv4.ip)
    ]


def test_every_pod_of_the_control_plane_runs(host: Connection) -> None:
    """None waits, none has failed."""
    items = json.loads(host.check_output(f"{KUBECTL} -n kube-system get pods -o json"))["items"]
    assert items
    assert {
        one["metadata"]["name"]: one["status"]["phase"] for one in items if one["status"]["phase"] != "Running"
    } == {}


def test_no_certificate_runs_out_within_thirty_days(host: Connection) -> None:
    """Kubeadm's certificates live one year; a cluster that forgets them stops."""
    assert host.check_output(CERTIFICATES) == ""
