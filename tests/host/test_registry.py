"""The registries of images: whom they answer, seen from the nodes that pull from them."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.manifest.trust import ImagePin
from province.verify.asking import ask
from province.verify.expectations import Expected
from province.verify.marks import control

NODES = pytest.mark.hosts("control-plane", "worker", "ingress")
pytestmark = pytest.mark.proves(31)

HANDSHAKE = "openssl s_client -connect {name}:5000 {version} -cipher DEFAULT@SECLEVEL=0 < /dev/null"
LIST = "/v2/"


@pytest.fixture
def registries(expected: Expected) -> list[str]:
    """The registries that the host may pull from, nearest first."""
    return [one["fqdn"] for one in expected.facts["registries"]]


def pinned(expected: Expected, name: str) -> ImagePin:
    """One image of those that the environment pins."""
    return next(one for one in expected.trust.images if one.name == name)


@NODES
def test_every_registry_serves_the_pinned_images_to_a_node(
    host: Connection, expected: Expected, registries: list[str]
) -> None:
    """By digest, from the own site's and from the other's: each alone can bring a cluster up."""
    image = pinned(expected, "pause")
    path = f"/v2/{image.name}/manifests/{image.digest}"
    assert len(registries) > 1
    assert {name: host.check_output(ask(name, path)) for name in registries} == dict.fromkeys(registries, "200")


@NODES
def test_who_shows_no_certificate_is_not_answered(host: Connection, registries: list[str]) -> None:
    """There is no anonymous reading."""
    assert "certificate required" in host.check_output(ask(registries[0], LIST, callers=["nobody"]))


@NODES
def test_a_certificate_of_somebody_else_is_refused(host: Connection, registries: list[str]) -> None:
    """Only what the service authority signed opens a registry."""
    assert "unknown ca" in host.check_output(ask(registries[0], LIST, callers=["stranger"]))


@NODES
def test_a_node_cannot_write(host: Connection, registries: list[str]) -> None:
    """A node that was taken over cannot change what others pull."""
    answers = {name: host.check_output(ask(name, "/v2/echo/blobs/uploads/", method="POST")) for name in registries}
    assert answers == dict.fromkeys(registries, "405")


@NODES
def test_a_registry_is_known_by_the_service_authority_alone(host: Connection, registries: list[str]) -> None:
    """A certificate of a public authority is worth nothing here."""
    assert "CERTIFICATE_VERIFY_FAILED" in host.check_output(ask(registries[0], LIST, authority=""))


@NODES
def test_the_runtime_pulls_from_these_registries_alone(host: Connection, expected: Expected) -> None:
    """What the daemon has loaded, and the one place that says where images are found (TCVN 14423:2026, 5.17.2.4)."""
    loaded = host.check_output("containerd config dump")
    assert 'config_path = "/etc/containerd/certs.d"' in loaded
    assert f'sandbox_image = "{pinned(expected, "pause").by_digest}"' in loaded
    assert host.check_output("ls /etc/containerd/certs.d") == "_default"


@control(74)
@pytest.mark.hosts("registry")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_a_registry_speaks_no_old_tls(version: str, host: Connection, node: Host) -> None:
    """TLS 1.2 is the oldest (TCVN 14423:2026, 5.4.2.4b)."""
    assert "alert protocol version" in host.run(HANDSHAKE.format(name=node.fqdn, version=version)).stderr


@pytest.mark.hosts("registry")
def test_the_server_of_a_registry_cannot_write_its_store(host: Connection) -> None:
    """Images come by another process, which runs only while somebody publishes."""
    pid = host.check_output("systemctl show --property MainPID --value docker-registry.service")
    denied = host.run(f"nsenter --target {pid} --mount touch /var/lib/docker-registry/written")
    assert "Read-only file system" in denied.stderr
    assert host.check_output("pgrep --count --exact docker-registry") == "1"
