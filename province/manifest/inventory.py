"""The fleet as Ansible's inventory: groups by class, place, body, wave and duty, and flat variables of each host."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.cluster import image_view
from province.manifest.enrolment import open_points
from province.manifest.peers import NODE_CLASSES
from province.manifest.trust import load_images, register_of
from province.manifest.view import host_facts

ENROL_DUE = "enrol_due"


def inventory(fleet: Fleet, now: datetime) -> dict[str, Any]:
    """`groups`: name → host names; `hosts`: name → variables. The connection is described by the environment.

    `now` decides who is in the group of hosts whose enrolment is due. Data centres come first: in a province that is
    brought up from nothing, 204 nodes would else knock at the doors of hubs that are not there yet, again and again.
    """
    images = load_images(fleet)
    groups: dict[str, list[str]] = {}
    hosts: dict[str, dict[str, object]] = {}
    for host in sorted(fleet.hosts.values(), key=lambda host: host.commune is not None):
        for group in groups_of(host):
            groups.setdefault(group, []).append(host.name)
        facts = host_facts(fleet, host)
        handles_images = facts["cluster_site"] or Duty.REGISTRY in host.duties
        facts |= image_view(images if handles_images else (), f"{facts['mirror_base']}/images")
        hosts[host.name] = facts | _connection(fleet, host)
    due = open_points(fleet, register_of(fleet), now)
    groups[ENROL_DUE] = [name for name in hosts if name in due]
    return {"groups": groups, "hosts": hosts}


def groups_of(host: Host) -> Iterator[str]:
    """The groups of a host; names as Ansible wants them, words joined by underscores."""
    yield _word(host.host_class)
    if host.site:
        yield "data_centre"
        yield f"site_{_word(host.site)}"
    if host.commune:
        yield f"commune_{host.commune}"
        yield f"body_{host.body}"
        yield f"wave_{host.wave}"
    if host.host_class in NODE_CLASSES:
        yield "cluster_node"
    for duty in host.duties:
        yield f"duty_{duty}"


def _connection(fleet: Fleet, host: Host) -> dict[str, object]:
    config = ssh_config(fleet)
    return {
        "ansible_host": str(host.management.ipv4.ip),
        "ansible_user": fleet.environment.automation.name,
        "ansible_ssh_common_args": f"-F {config}",
        "ansible_control_path_dir": sockets(config),
        "ansible_control_path": "%(directory)s/%%C",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def ssh_config(fleet: Fleet) -> Path:
    """What the OpenSSH client reads about the hosts of an environment."""
    return fleet.root / fleet.environment.id / "ssh_config"


def sockets(config: Path) -> str:
    """Where Ansible keeps its connections to the hosts of an environment, each named by ssh_config(5)'s `%C`.

    Two checkouts may have hosts with the same addresses: neither may use the other's open connections. The path of
    a socket has at most 107 bytes, so the checkout's path itself does not fit.
    """
    return f"~/.ansible/cp-{sha256(str(config).encode()).hexdigest()[:8]}"


def _word(name: str) -> str:
    return name.replace("-", "_")
