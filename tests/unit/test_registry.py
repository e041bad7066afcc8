"""Where nodes find images, and who may come to a registry, from the model alone."""

from __future__ import annotations

import re
from functools import cached_property
from ipaddress import ip_network
from typing import Any

import pytest

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.cluster import image_view
from province.manifest.manifest import Manifest
from province.manifest.peers import NODE_CLASSES
from province.manifest.trust import stand_in
from province.manifest.view import host_facts

HOSTS_FILE = "/etc/containerd/certs.d/_default/hosts.toml"


class Rendered:
    """The hosts of the clusters and the registries, with what each gets."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._builder = Builder(fleet, stand_in(fleet))

    @cached_property
    def nodes(self) -> tuple[Host, ...]:
        return tuple(host for host in self.fleet.hosts.values() if host.host_class in NODE_CLASSES)

    @cached_property
    def registries(self) -> tuple[Host, ...]:
        return tuple(host for host in self.fleet.hosts.values() if Duty.REGISTRY in host.duties)

    def manifest(self, host: Host) -> Manifest:
        return self._builder.build(host)


@pytest.fixture(scope="module")
def rendered(fleet: Fleet) -> Rendered:
    return Rendered(fleet)


def test_a_node_asks_the_registries_of_its_site_first_and_then_the_other_s(rendered: Rendered) -> None:
    everywhere = {host.fqdn for host in rendered.registries}
    for node in {host.site: host for host in rendered.nodes}.values():
        text = rendered.manifest(node).files[HOSTS_FILE].content
        asked = re.findall(r'^\[host\."https://(\S+):5000"\]$', text, flags=re.MULTILINE)
        own = [host.fqdn for host in rendered.registries if host.site == node.site]
        assert asked[: len(own)] == own
        assert set(asked) == everywhere
        assert f'server = "https://{own[0]}:5000"' in text


def test_only_cluster_nodes_may_come_to_a_registry(rendered: Rendered) -> None:
    nodes = {one.address.ipv4.ip for node in rendered.nodes for one in node.interfaces}
    (door,) = [door for door in rendered.manifest(rendered.registries[0]).listens if door.port == 5000]
    assert {address for prefix in door.ipv4 for address in ip_network(prefix)} == nodes


def test_workers_hold_only_what_kubeadm_starts_on_them(rendered: Rendered) -> None:
    def boot(host_class: str) -> Any:
        node = next(host for host in rendered.nodes if host.host_class == host_class)
        return host_facts(rendered.fleet, node)["cluster_boot_images"]

    pinned = {one["name"] for one in _images(rendered.fleet)}
    assert boot("worker") == boot("ingress") == ["coredns", "kube-proxy", "pause"]
    assert set(boot("control-plane")) == pinned


def test_playbooks_are_told_every_name_of_an_image(fleet: Fleet) -> None:
    (pause,) = [one for one in _images(fleet) if one["name"] == "pause"]
    version = pause["tagged"].rpartition(":")[2]
    assert pause == {
        "name": "pause",
        "url": "http://mirror/images/pause.tar",
        "sha256": "0" * 64,
        "reference": f"stand-in.invalid/pause:{version}@sha256:{'0' * 64}",
        "tagged": f"stand-in.invalid/pause:{version}",
        "by_digest": f"stand-in.invalid/pause@sha256:{'0' * 64}",
        "digest": f"sha256:{'0' * 64}",
    }


def _images(fleet: Fleet) -> list[dict[str, str]]:
    found: Any = image_view(stand_in(fleet).images, "http://mirror/images")["cluster_images"]
    return list(found)
