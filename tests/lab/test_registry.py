"""Images on their way: into a registry only as pinned, and to a node from the other site when its own is off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from testinfra.host import Host as Connection

from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.peers import Peers
from province.manifest.trust import ImagePin, load_images
from province.verify.transport import connect

from .conftest import Command
from .people import CONFIG

pytestmark = [pytest.mark.lab, pytest.mark.proves(31)]

FLEET = load_fleet("lab")
NODE = next(host for host in FLEET.hosts_of(FLEET.primary_site.id) if host.host_class == "control-plane")
NEAREST = Peers(FLEET).with_duty(Duty.REGISTRY, NODE)[0]
STORE = "/var/lib/docker-registry/docker/registry/v2/repositories"
PUBLISH = "python3 /usr/local/lib/province/publish-images"
IMAGES = "ctr --namespace k8s.io images"
PULL = f"{IMAGES} pull --hosts-dir /etc/containerd/certs.d"


@pytest.fixture
def echo() -> ImagePin:
    """An image that a pod may pull at any time."""
    return next(one for one in load_images(FLEET) if one.name == "echo")


@pytest.fixture
def registry() -> Iterator[Connection]:
    """The registry that the node asks first; it serves again afterwards."""
    host = connect(NEAREST.name, CONFIG)
    yield host
    host.check_output("systemctl start docker-registry.service")


@pytest.fixture
def node(echo: ImagePin) -> Iterator[Connection]:
    """The node, without the image and all that it is made of; it has it again afterwards."""
    host = connect(NODE.name, CONFIG)
    named = host.check_output(f"{IMAGES} list").splitlines()
    names = [line.split()[0] for line in named if echo.digest in line]
    host.check_output(f"{IMAGES} remove --sync {' '.join(names)} && ! ctr --namespace k8s.io content get {echo.digest}")
    yield host
    host.check_output(f"{PULL} {echo.by_digest}")


def test_a_node_pulls_from_the_other_site_while_its_own_registry_is_off(
    registry: Connection, node: Connection, echo: ImagePin
) -> None:
    registry.check_output("systemctl stop docker-registry.service")
    node.check_output(f"{PULL} {echo.by_digest}")
    assert echo.by_digest in node.check_output(f"{IMAGES} list --quiet").splitlines()


def test_no_other_registry_is_asked_whatever_an_image_is_called(node: Connection) -> None:
    refused = node.run(f"{PULL} docker.io/library/busybox:latest")
    assert refused.rc != 0
    asked = set(re.findall(r'host="([^"]+)"', refused.stderr))
    assert asked == {f"{host.fqdn}:5000" for host in Peers(FLEET).with_duty(Duty.REGISTRY, NODE)}


def test_what_a_registry_lost_is_told_and_published_again(
    registry: Connection, ansible: Command, echo: ImagePin
) -> None:
    registry.check_output(f"rm -r {STORE}/echo")
    told = ansible("publish", "--check", "--limit", NEAREST.name)
    assert "changed=1 " in told.stdout
    again = ansible("publish", "--limit", NEAREST.name)
    assert "changed=1 " in again.stdout, again.stdout
    assert registry.check_output(f"ls {STORE}/echo/_manifests/revisions/sha256") == echo.digest.partition(":")[2]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sha256": "0" * 64}, "has the checksum"),
        ({"reference": f"province.internal/other:1@sha256:{'0' * 64}"}, "does not hold province.internal/other:1"),
    ],
    ids=["another checksum", "another image"],
)
def test_an_archive_that_is_not_the_pinned_one_is_refused(
    change: dict[str, str], complaint: str, registry: Connection, echo: ImagePin
) -> None:
    base = registry.check_output("sed -n 's,^URIs: \\(.*\\)/debian$,\\1,p' /etc/apt/sources.list.d/mirror.sources")
    image = {"name": "other", "reference": f"province.internal/other:1@{echo.digest}"}
    image |= {"url": f"{base}/images/echo.tar", "sha256": echo.sha256, **change}
    refused = registry.run(f"echo '{json.dumps([image])}' | {PUBLISH}")
    registry.run(f"rm -rf {STORE}/other")
    assert refused.rc == 1
    assert complaint in refused.stderr
