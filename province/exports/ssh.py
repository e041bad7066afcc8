"""For people with `ssh`: every host by name, through the bastion where the host takes people from nowhere else.

Who somebody is, and which key shows it, stays in their own configuration: `Include` this file there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.exports.sources import Files, Sources, origin
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line, block

CONFIG = "ssh_config"
KNOWN_HOSTS = "known_hosts"
HOST_KEY = "ssh-ed25519 "
"""How the public key of a host begins in the register of enrolled hosts, among keys of other kinds."""


def files(sources: Sources) -> Files:
    """The client's configuration and the known hosts that it names."""
    fleet = sources.fleet
    head = f"# {origin(fleet, 'ssh')}\n"
    return {CONFIG: head + "".join(_config(sources)), KNOWN_HOSTS: head + "".join(_known_hosts(sources))}


def _config(sources: Sources) -> Iterator[str]:
    fleet = sources.fleet
    bastions = [host for host in fleet.hosts.values() if host.host_class == "bastion"]
    for host in fleet.hosts.values():
        jump = None if host.host_class == "bastion" else _nearest(fleet, host, bastions)
        options: dict[str, object] = {"HostName": host.management.ipv4.ip, "HostKeyAlias": host.fqdn}
        if jump:
            options["ProxyJump"] = jump.name
        yield block((host.name, host.fqdn), options)
    checked: dict[str, object] = {
        "UserKnownHostsFile": _quoted(sources.folder / KNOWN_HOSTS),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "PasswordAuthentication": "no",
        "ConnectionAttempts": 3,  # a daemon that reads a new certificate closes its door for milliseconds
    }
    if sources.host_authority:
        checked["HostKeyAlgorithms"] = HOST_CERTIFICATES
    yield block((name for host in fleet.hosts.values() for name in (host.name, host.fqdn)), checked)


def _nearest(fleet: Fleet, host: Host, bastions: list[Host]) -> Host | None:
    """The bastion of the host's own site, else of the primary one; None where the environment has no bastion."""
    primary = fleet.primary_site.id
    ranked = sorted(bastions, key=lambda one: (one.site != host.site, one.site != primary, one.name))
    return ranked[0] if ranked else None


def _known_hosts(sources: Sources) -> Iterator[str]:
    """The authority of hosts; without one, the keys that hosts showed when they were enrolled."""
    fleet = sources.fleet
    if sources.host_authority:
        yield authority_line(f"*.{fleet.province.domain}", sources.host_authority)
        return
    found = [
        f"{fleet.hosts[name].fqdn} {key}\n"
        for name, keys in sorted(sources.enrolled.keys.items())
        for key in sorted(keys.values())
        if name in fleet.hosts and key.startswith(HOST_KEY)
    ]
    yield from found or ["# Neither an authority of hosts nor a key of one is known here: ssh will trust nobody.\n"]


def _quoted(path: Path) -> str:
    """A path as ssh_config(5) reads it back. Raises ProvinceError for one that cannot be written there."""
    text = str(path)
    if any(char in text for char in '"\n\\$'):
        raise ProvinceError(
            f"{text!r} cannot stand in ssh_config",
            hint="name a folder without quotes, backslashes and dollar signs",
            exit_code=ExitCode.USAGE,
        )
    return '"' + text.replace("%", "%%") + '"'
