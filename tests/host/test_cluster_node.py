"""A node of a cluster: its kubelet as it runs, and what it answers to whom.

Numbers are those of the CIS Kubernetes Benchmark 1.10.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from testinfra.host import Host as Connection

from province.verify.expectations import Expected

pytestmark = [pytest.mark.hosts("control-plane", "worker", "ingress"), pytest.mark.proves(31)]

Settings = dict[str, Any]


@pytest.fixture(scope="session")
def kubelet(host: Connection) -> Settings:
    """What the kubelet was started with; kubeadm writes it from what the cluster keeps for all nodes."""
    loaded: Settings = yaml.safe_load(host.check_output("cat /var/lib/kubelet/config.yaml"))
    return loaded


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("authentication.anonymous.enabled", False),  # 4.2.1
        ("authentication.webhook.enabled", True),
        ("authorization.mode", "Webhook"),  # 4.2.2
        ("authentication.x509.clientCAFile", "/etc/kubernetes/pki/ca.crt"),  # 4.2.3
        ("streamingConnectionIdleTimeout", "1h0m0s"),  # 4.2.5
        ("rotateCertificates", True),  # 4.2.10
        ("serverTLSBootstrap", True),  # 4.2.11
        ("tlsMinVersion", "VersionTLS12"),
        ("podPidsLimit", 4096),  # 4.2.13
        ("seccompDefault", True),  # 5.7.2
    ],
)
def test_the_kubelet_runs_with(kubelet: Settings, path: str, value: object) -> None:
    """What the benchmark asks of the kubelet."""
    found: Any = kubelet
    for key in path.split("."):
        found = found[key]
    assert found == value


def test_the_kubelet_refuses_who_has_no_name(host: Connection, expected: Expected) -> None:
    """Pods and their logs are not for everybody (4.2.1)."""
    address = expected.facts["cluster_node_addresses"][0]
    status = host.check_output(f"curl -s -k -o /dev/null -w '%{{http_code}}' https://{address}:10250/pods")
    assert status == "401"


def test_the_kubelet_s_open_port_is_closed(host: Connection) -> None:
    """The port that asked nobody for a name (4.2.4)."""
    assert host.run("ss -Hltn sport = :10255").stdout == ""


def test_the_kubelet_serves_with_a_certificate_of_the_cluster(host: Connection, expected: Expected) -> None:
    """For its own address, from the cluster's authority, so that nobody can stand in for it (4.2.9, 1.2.5)."""
    address = expected.facts["cluster_node_addresses"][0]
    said = host.run(
        f"openssl s_client -connect {address}:10250 -CAfile /etc/kubernetes/pki/ca.crt -verify_ip {address} "
        "-verify_return_error < /dev/null"
    )
    assert "Verification: OK" in said.stdout


def test_files_of_the_kubelet_belong_to_root_alone(host: Connection) -> None:
    """Its settings, its keys and its unit (4.1.1 to 4.1.10)."""
    readable = "/var/lib/kubelet/config.yaml /etc/kubernetes/pki/ca.crt /etc/systemd/system/kubelet.service"
    closed = "/etc/kubernetes/kubelet.conf /etc/kubernetes/join.yaml $(find /var/lib/kubelet/pki -type f)"
    assert host.check_output(f"find {readable} -perm /022 -o ! -user root") == ""
    assert host.check_output(f"find {closed} -perm /077 ! -name '*.crt' -o ! -user root") == ""


def test_pods_get_addresses_from_the_node_s_own_range(host: Connection, expected: Expected) -> None:
    """The bridge's range is the model's, and its neighbours' routes lead here."""
    assert expected.facts["cluster_node_pods_ipv4"]
    assert expected.facts["cluster_node_pods_ipv4"] in host.check_output("cat /etc/cni/net.d/*.conflist")
