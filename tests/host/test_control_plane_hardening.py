"""The control plane as it runs: flags of its processes, modes of its files, and what it answers to whom.

Numbers are those of the CIS Kubernetes Benchmark 1.10; an item means nothing without that version.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = [pytest.mark.hosts("control-plane"), pytest.mark.proves(31, 78)]

PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
FLAGS = "; ".join(f"echo '# {part}'; tr '\\0' '\\n' < /proc/$(pgrep -o -f '^{part} ')/cmdline" for part in PARTS)
ETCDCTL = (
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt "
    "--cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key"
)
SECRETS_ON_RECORD = (
    'grep \'"resource":"secrets"\' /var/log/kubernetes/audit.log'
    ' | grep -v \'"objectRef":{"resource":"[a-z]*accessreviews"\' | grep -c Object'
)
"""Records that hold what was sent and name secrets; who asks whether somebody may read them sends only the question."""
STRONG = ("GCM", "CHACHA20")
DAY = 86_400

Flags = dict[str, dict[str, str]]


@pytest.fixture(scope="session")
def flags(host: Connection) -> Flags:
    """The flags that each part of the control plane was started with, as the kernel tells them."""
    found: Flags = {}
    for line in host.check_output(FLAGS).splitlines():
        if line.startswith("# "):
            part = found.setdefault(line.removeprefix("# "), {})
        elif line.startswith("--"):
            name, _, value = line.removeprefix("--").partition("=")
            part[name] = value
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization-mode", "Node,RBAC"),  # 1.2.6 to 1.2.8
        ("audit-log-path", "/var/log/kubernetes/audit.log"),  # 1.2.16
        ("audit-log-maxage", "90"),  # 1.2.17
        ("audit-log-maxbackup", "10"),  # 1.2.18
        ("audit-log-maxsize", "100"),  # 1.2.19
        ("audit-policy-file", "/etc/kubernetes/api-server/audit.yaml"),  # 3.2.1
        ("client-ca-file", "/etc/kubernetes/pki/ca.crt"),  # 1.2.25
        ("encryption-provider-config", "/etc/kubernetes/api-server/encryption.yaml"),  # 1.2.27
        ("etcd-cafile", "/etc/kubernetes/pki/etcd/ca.crt"),  # 1.2.26
        ("etcd-certfile", "/etc/kubernetes/pki/apiserver-etcd-client.crt"),  # 1.2.23
        ("etcd-keyfile", "/etc/kubernetes/pki/apiserver-etcd-client.key"),
        ("kubelet-certificate-authority", "/etc/kubernetes/pki/ca.crt"),  # 1.2.5
        ("kubelet-client-certificate", "/etc/kubernetes/pki/apiserver-kubelet-client.crt"),  # 1.2.4
        ("profiling", "false"),  # 1.2.15
        ("service-account-key-file", "/etc/kubernetes/pki/sa.pub"),  # 1.2.22
        ("tls-cert-file", "/etc/kubernetes/pki/apiserver.crt"),  # 1.2.24
        ("tls-private-key-file", "/etc/kubernetes/pki/apiserver.key"),
        ("tls-min-version", "VersionTLS12"),
    ],
)
def test_the_api_server_runs_with(flags: Flags, name: str, value: str) -> None:
    """What the benchmark asks of the API server, as its process was started."""
    assert flags["kube-apiserver"][name] == value


@pytest.mark.parametrize("name", ["anonymous-auth", "token-auth-file", "insecure-port", "service-account-lookup"])
def test_the_api_server_runs_without(flags: Flags, name: str) -> None:
    """Ways in that are closed by not being there (1.2.1, 1.2.2, 1.2.21)."""
    assert name not in flags["kube-apiserver"]


def test_the_api_server_judges_what_it_takes_in(flags: Flags) -> None:
    """Nodes touch their own objects only, events are limited, and no service claims foreign addresses (1.2.3 to 14)."""
    asked = set(flags["kube-apiserver"]["enable-admission-plugins"].split(","))
    assert asked == {"DenyServiceExternalIPs", "EventRateLimit", "NodeRestriction"}
    assert "disable-admission-plugins" not in flags["kube-apiserver"]


@pytest.mark.parametrize("part", ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"])
def test_every_part_speaks_strong_suites_only(flags: Flags, part: str) -> None:
    """Nothing without forward secrecy, nothing without authentication of what is sent (1.2.29, 2.x)."""
    name = "cipher-suites" if part == "etcd" else "tls-cipher-suites"
    suites = flags[part][name].split(",")
    assert suites
    assert all("_ECDHE_" in one and any(mode in one for mode in STRONG) for one in suites)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("kube-controller-manager", "bind-address", "127.0.0.1"),  # 1.3.7
        ("kube-controller-manager", "profiling", "false"),  # 1.3.2
        ("kube-controller-manager", "root-ca-file", "/etc/kubernetes/pki/ca.crt"),  # 1.3.5
        ("kube-controller-manager", "service-account-private-key-file", "/etc/kubernetes/pki/sa.key"),  # 1.3.4
        ("kube-controller-manager", "terminated-pod-gc-threshold", "1000"),  # 1.3.1
        ("kube-controller-manager", "use-service-account-credentials", "true"),  # 1.3.3
        ("kube-scheduler", "bind-address", "127.0.0.1"),  # 1.4.2
        ("kube-scheduler", "profiling", "false"),  # 1.4.1
        ("etcd", "cert-file", "/etc/kubernetes/pki/etcd/server.crt"),  # 2.1
        ("etcd", "key-file", "/etc/kubernetes/pki/etcd/server.key"),
        ("etcd", "client-cert-auth", "true"),  # 2.2
        ("etcd", "peer-cert-file", "/etc/kubernetes/pki/etcd/peer.crt"),  # 2.4
        ("etcd", "peer-key-file", "/etc/kubernetes/pki/etcd/peer.key"),
        ("etcd", "peer-client-cert-auth", "true"),  # 2.5
        ("etcd", "peer-trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt"),
        ("etcd", "trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt"),  # 2.7
    ],
)
def test_the_other_parts_run_with(flags: Flags, part: str, name: str, value: str) -> None:
    """What the benchmark asks of controllers, scheduler and etcd, as their processes were started."""
    assert flags[part][name] == value


@pytest.mark.parametrize("name", ["auto-tls", "peer-auto-tls"])
def test_etcd_trusts_no_certificate_that_it_made_itself(flags: Flags, name: str) -> None:
    """Peers and clients come with certificates of the cluster's own authority (2.3, 2.6)."""
    assert flags["etcd"].get(name, "false") == "false"


def test_files_of_the_control_plane_belong_to_root_alone(host: Connection) -> None:
    """Keys, manifests, kubeconfigs, settings and etcd's data (1.1.1 to 1.1.21); public halves may be read."""
    listed = host.check_output(
        "find /etc/kubernetes /var/lib/etcd /var/lib/etcd-snapshots -printf '%M %u:%g %p\\n' 2>/dev/null"
    )
    seen = [line.split(" ", 2) for line in listed.splitlines()]
    assert seen
    assert [path for _, owner, path in seen if owner != "root:root"] == []
    closed = (".key", ".conf", "/etcd", "/etcd-snapshots", ".db")
    public = ("/etc/kubernetes/resolv.conf",)
    in_manifests = "/etc/kubernetes/manifests/"
    assert [
        f"{mode} {path}"
        for mode, _, path in seen
        if (path.endswith(closed) and path not in public and path != "/etc/kubernetes/pki/etcd")
        or path.startswith((in_manifests, "/etc/kubernetes/api-server/"))
        if mode[4:] != "------"
    ] == []


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_anybody_may_ask_whether_it_is_well(host: Connection, expected: Expected, path: str) -> None:
    """Load balancers have no name; they learn one word (1.2.1)."""
    assert _status(host, expected, path) == "200"


@pytest.mark.parametrize("path", ["/api", "/apis", "/version", "/metrics", "/api/v1/namespaces/kube-public/configmaps"])
def test_who_has_no_name_learns_nothing_else(host: Connection, expected: Expected, path: str) -> None:
    """Not even which version runs (1.2.1)."""
    assert _status(host, expected, path) == "401"


def _status(host: Connection, expected: Expected, path: str) -> str:
    address = expected.facts["cluster_node_addresses"][0]
    status: str = host.check_output(
        f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /etc/kubernetes/pki/ca.crt https://{address}:6443{path}"
    )
    return status


@control(74)
@pytest.mark.parametrize("port", ["6443", "2379", "10250"])
def test_an_old_protocol_is_refused(host: Connection, expected: Expected, port: str) -> None:
    """TLS 1.1 is answered by the alert that says so, not by silence (TCVN 14423:2026, 5.4.2.4b)."""
    address = expected.facts["cluster_node_addresses"][0]
    said = host.run(f"openssl s_client -connect {address}:{port} -tls1_1 -cipher DEFAULT:@SECLEVEL=0 < /dev/null")
    assert "alert protocol version" in said.stderr


@control(74)
@pytest.mark.parametrize("port", ["6443", "2379", "10250"])
def test_a_weak_suite_is_refused(host: Connection, expected: Expected, port: str) -> None:
    """Without forward secrecy there is no connection (TCVN 14423:2026, 5.4.2.4b)."""
    address = expected.facts["cluster_node_addresses"][0]
    said = host.run(f"openssl s_client -connect {address}:{port} -tls1_2 -cipher AES128-SHA:AES256-SHA < /dev/null")
    assert "alert handshake failure" in said.stderr


@control(82)
@pytest.mark.parametrize("kind", ["secrets", "configmaps"])
def test_what_is_secret_cannot_be_read_in_etcd(host: Connection, kind: str) -> None:
    """Every object, read past the API server, is ciphertext (TCVN 14423:2026, 5.4.2.4a)."""
    items: list[dict[str, Any]] = json.loads(
        host.check_output(f"{ETCDCTL} get --prefix /registry/{kind}/ --write-out=json")
    ).get("kvs", [])
    plain = [
        base64.b64decode(one["key"]).decode()
        for one in items
        if not base64.b64decode(one["value"]).startswith(b"k8s:enc:secretbox:v1:")
    ]
    assert plain == []


def test_every_change_is_on_record(host: Connection) -> None:
    """The audit log grows and names who did what (3.2.1); nothing that is secret stands in it."""
    line = host.check_output("tail -n 200 /var/log/kubernetes/audit.log | grep -m 1 ResponseComplete")
    event = json.loads(line)
    assert {"user", "verb", "auditID"} <= set(event)
    secrets = host.run(SECRETS_ON_RECORD).stdout
    assert secrets.strip() == "0"


def test_etcd_asks_who_comes(host: Connection, expected: Expected) -> None:
    """Without a certificate of its authority there is no connection (2.2)."""
    address = expected.facts["cluster_node_addresses"][0]
    asked = host.run(
        f"etcdctl --endpoints=https://{address}:2379 --insecure-skip-tls-verify get / --command-timeout=3s"
    )
    assert asked.rc != 0


def test_copies_of_etcd_are_made_by_themselves(units: dict[str, dict[str, str]]) -> None:
    """The timer waits for its next turn; what it makes is checked in the lab's own tests."""
    assert units["etcd-snapshot.timer"]["ActiveState"] == "active"


def test_certificates_are_looked_after(units: dict[str, dict[str, str]]) -> None:
    """Both timers wait for their next turn: the control plane's own certificates, and those that kubelets ask for."""
    assert units["cluster-certificates.timer"]["ActiveState"] == "active"
    assert units["serving-certificates.timer"]["ActiveState"] == "active"


def test_the_shared_address_answers_with_this_cluster(host: Connection, expected: Expected) -> None:
    """Nodes ask it whoever holds it, and the certificate is valid for it."""
    url = f"https://{expected.facts['cluster_api_address']}:{expected.facts['cluster_api_port']}/readyz"
    assert host.check_output(f"curl -s --cacert /etc/kubernetes/pki/ca.crt {url}") == "ok"


def test_every_control_plane_is_ready_to_hold_the_shared_addresses(host: Connection, expected: Expected) -> None:
    """Its own load balancer answers under both with a valid certificate; only one host holds them at a time."""
    port = expected.facts["cluster_api_port"]
    for address in (expected.facts["cluster_api_address"], expected.facts["cluster_endpoint_address"]):
        here = f"--connect-to {address}:{port}:127.0.0.1:{port} --cacert /etc/kubernetes/pki/ca.crt"
        assert host.check_output(f"curl -s {here} https://{address}:{port}/readyz") == "ok"
