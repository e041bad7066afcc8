"""What looks after a cluster, on a real control plane: snapshots, certificates, and what is refused before a change."""

from __future__ import annotations

import subprocess

import pytest

from province.fleet.load import load_fleet

from .conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.proves(31)]

FLEET = load_fleet("lab")
SITE = FLEET.primary_site
CLUSTER = SITE.cluster
PLANE = next(host for host in FLEET.hosts_of(SITE.id) if host.host_class == "control-plane")
ADMIN = "sudo kubectl --kubeconfig /etc/kubernetes/admin.conf"
NODE = "sudo kubectl --kubeconfig /etc/kubernetes/kubelet.conf"


def on(host: str, command: str) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def test_a_snapshot_is_checked_and_only_the_newest_are_kept() -> None:
    on(PLANE.name, "sudo systemctl start etcd-snapshot.service")
    first = on(PLANE.name, "sudo sh -c 'ls /var/lib/etcd-snapshots/*.db | tail -n 1'")
    assert (
        int(on(PLANE.name, f"sudo etcdutl snapshot status {first} --write-out=fields | sed -n 's/.Keys. : //p'")) > 100
    )
    assert on(PLANE.name, "sudo stat -c '%a %U' /var/lib/etcd-snapshots " + first) == "700 root\n600 root"
    on(PLANE.name, "sudo env SNAPSHOTS_KEPT=1 SNAPSHOT_WITHIN_S=60 sh /usr/local/lib/province/etcd-snapshot.sh")
    kept = on(PLANE.name, "sudo sh -c 'ls /var/lib/etcd-snapshots/*.db'").splitlines()
    assert len(kept) == 1
    assert kept[0] >= first


def test_a_snapshot_that_cannot_be_taken_is_an_alarm() -> None:
    """Here etcd is out of reach, as if it were down: the program says so, and leaves nothing half done."""
    command = "sudo unshare --net env SNAPSHOTS_KEPT=1 SNAPSHOT_WITHIN_S=60 sh /usr/local/lib/province/etcd-snapshot.sh"
    done = subprocess.run(["ssh", PLANE.name, command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("cluster alarm: no snapshot of etcd")
    assert on(PLANE.name, "sudo find /var/lib/etcd-snapshots -name '.new*'") == ""


def test_a_certificate_for_somebody_else_s_address_is_not_signed() -> None:
    """A broken node asks to be known by a gateway's address: the request stays open, an alarm speaks."""
    stranger = next(host for host in FLEET.hosts_of(SITE.id) if host.host_class == "gateway")
    subject = f"/O=system:nodes/CN=system:node:{PLANE.name}"
    names = f"subjectAltName=DNS:{PLANE.name},IP:{stranger.management.plain[0]}"
    request = on(
        PLANE.name,
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null "
        f"-subj '{subject}' -addext '{names}' 2>/dev/null | base64 -w0",
    )
    body = (
        '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"stranger"},'
        f'"spec":{{"request":"{request}","signerName":"kubernetes.io/kubelet-serving",'
        '"usages":["digital signature","server auth"]}}'
    )
    begun = on(PLANE.name, "date +%s")
    on(PLANE.name, f"{NODE} create -f - <<< '{body}'")
    try:
        on(PLANE.name, "sudo systemctl start serving-certificates.service")
        assert on(PLANE.name, f"{ADMIN} get csr stranger -o jsonpath='{{.status.conditions}}'") == ""
        said = on(PLANE.name, f"sudo journalctl --since @{begun} --priority alert --identifier cluster --output cat")
        assert f"stranger is not signed, it is for what is not {PLANE.name}'s" in said
    finally:
        on(PLANE.name, f"{ADMIN} delete csr stranger")


@pytest.mark.parametrize(("version", "words"), [("1.38.0", "one minor version up"), ("1.35.9", "one minor version up")])
def test_an_upgrade_that_skips_a_minor_or_goes_back_is_refused(ansible: Command, version: str, words: str) -> None:
    group = f"site_{SITE.id.replace('-', '_')}"
    done = ansible("upgrade", "--limit", f"{group},localhost", "--extra-vars", f"cluster_version={version}")
    assert done.returncode == 2, done.stdout
    said = " ".join(done.stdout.split())
    assert words in said
    assert "Nothing was changed" in said
    assert "changed=0" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("changed:")]


@pytest.mark.soak
def test_certificates_that_are_due_are_renewed_and_in_use() -> None:
    serial = f"openssl s_client -connect {PLANE.interface('servers').address.plain[0]}:6443 2>/dev/null </dev/null"
    serial += " | openssl x509 -noout -serial"
    before = on(PLANE.name, serial)
    on(PLANE.name, "sudo env RENEW_BEFORE_DAYS=300 sh /usr/local/lib/province/cluster-certificates.sh")
    assert on(PLANE.name, serial) == before
    on(PLANE.name, "sudo env RENEW_BEFORE_DAYS=366 sh /usr/local/lib/province/cluster-certificates.sh")
    assert on(PLANE.name, serial) != before
    assert on(PLANE.name, f"{ADMIN} get --raw /readyz") == "ok"
