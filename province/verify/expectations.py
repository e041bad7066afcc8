"""What must be true on a host, from the model and the host's manifest: values to compare with what is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.build import build
from province.manifest.cluster import VRRP_GROUP
from province.manifest.manifest import Listen, Manifest, Send
from province.manifest.trust import Trust, load_trust
from province.manifest.tunnels import tunnel_devices, with_keys
from province.manifest.view import host_facts
from province.verify.facts import File, Route
from province.verify.ruleset import covering

DEFAULTS = {"0.0.0.0/0", "::/0"}


@dataclass(frozen=True)
class Expected:
    """One host as it has to be.

    Every assertion that names one writes it down: all of it, with the fleet in it, would take longer than the check.
    """

    fleet: Fleet
    host: Host
    manifest: Manifest
    trust: Trust
    facts: dict[str, Any]
    """What the model says of the host, by the names that templates use."""

    def __repr__(self) -> str:
        return f"Expected({self.host.name})"

    @cached_property
    def addresses(self) -> dict[str, frozenset[IPv4Interface | IPv6Interface]]:
        """Addresses by device, those inside the tunnels included."""
        found: dict[str, frozenset[IPv4Interface | IPv6Interface]] = {
            one.device: frozenset({one.address.ipv4, one.address.ipv6}) for one in self.host.interfaces
        }
        for one in self.tunnels:
            found[one["device"]] = frozenset({IPv4Interface(one["ipv4"]), IPv6Interface(one["ipv6"])})
        return found

    @cached_property
    def tunnels(self) -> list[dict[str, Any]]:
        """The host's tunnel devices, with the public keys of those peers that are enrolled."""
        return with_keys(tunnel_devices(self.fleet, self.host), self.trust.enrolled.keys)

    @cached_property
    def peers(self) -> dict[str, dict[str, frozenset[str]]]:
        """What each enrolled peer of each tunnel device may send from."""
        return {
            one["device"]: {
                peer["public_key"]: frozenset(peer["allowed"]) for peer in one["peers"] if peer["public_key"]
            }
            for one in self.tunnels
        }

    @property
    def sessions(self) -> frozenset[str]:
        """The names of the BGP sessions that the host keeps."""
        if self.host.host_class == "gateway":
            nodes = (f"{peer['name']}.{one['path']}" for one in self.tunnels for peer in one["peers"])
            return frozenset({"core", *nodes})
        return frozenset(one["device"] for one in self.tunnels)

    @property
    def routes(self) -> frozenset[Route]:
        """Ways to other networks; those to the host's own networks follow from its addresses."""
        return frozenset(
            Route("default" if route["to"] in DEFAULTS else route["to"], route["via"], interface["device"])
            for interface in self.facts["interfaces"]
            for route in interface["routes"]
        )

    @property
    def listening(self) -> frozenset[tuple[str, int, str]]:
        """Protocol, port and process of every declared door."""
        return frozenset((one.protocol, one.port, one.process) for one in self.manifest.listens)

    @cached_property
    def ways_in(self) -> dict[tuple[str, int], frozenset[str]]:
        """Who may come to which protocol and port; who may hold a shared address hears the others say that they do."""
        planes = [one["ipv4"] for one in self.facts["cluster_control_planes"]] if self._shared_address_group else []
        return _peers(self.manifest.listens) | ({("", 0): covering(planes)} if planes else {})

    @cached_property
    def ways_out(self) -> dict[tuple[str, int], frozenset[str]]:
        """Whom the host may connect to at which protocol and port; a node of a cluster reaches its pods at all."""
        anything = {*self.facts["cluster_pods"], *self._shared_address_group}
        return _peers(self.manifest.sends) | ({("", 0): covering(anything)} if anything else {})

    @property
    def _shared_address_group(self) -> list[str]:
        return [str(VRRP_GROUP)] if self.facts["cluster_shared_addresses"] else []

    @property
    def shared_addresses(self) -> dict[str, frozenset[IPv4Interface | IPv6Interface]]:
        """Addresses by device that the host may hold, or another one instead."""
        return {
            one["device"]: frozenset({IPv4Interface(one["ipv4"]), IPv6Interface(one["ipv6"])})
            for one in self.facts["cluster_shared_addresses"]
        }

    @property
    def log_hosts(self) -> tuple[str, ...]:
        """The hosts that keep this one's log, the nearest first: itself, if it keeps logs, and the other site's."""
        own = (self.host.name,) if Duty.LOGS in self.host.duties else ()
        return (*own, *(str(one["name"]) for one in self.facts["log_servers"]))

    @property
    def time_servers(self) -> frozenset[str]:
        """Addresses of the province's servers that the clock is set by."""
        return frozenset(server["ipv4"] for server in self.facts["time_servers"])

    @property
    def time_references(self) -> frozenset[str]:
        """Addresses outside of the province that the clock is set by."""
        return frozenset(reference["address"] for reference in self.facts["time_references"])

    @property
    def resolvers(self) -> frozenset[str]:
        """Whom the host's programs ask for names: its own resolver, else those of the province, at most three."""
        others = [server["ipv4"] for server in self.facts["name_servers"]][:3]
        return frozenset({"127.0.0.1"} if self.facts["dns_addresses"] else others)

    def service_name(self, duty: Duty) -> str:
        """The name under which all hosts that do a duty are found."""
        return f"{duty}.{self.fleet.province.domain}"

    def addresses_of(self, duty: Duty) -> frozenset[str]:
        """The IPv4 addresses of all hosts that do a duty."""
        doing = (host for host in self.fleet.hosts.values() if duty in host.duties)
        return frozenset(str(host.interfaces[0].address.plain[0]) for host in doing)

    @property
    def foreign_domains(self) -> frozenset[str]:
        """The ranges of the routing domains that the host is no part of."""
        bodies = self.fleet.province.addressing.bodies
        foreign = [pair for domain, pair in bodies.items() if domain is not self.host.routing_domain]
        return frozenset(str(network) for pair in foreign for network in (pair.ipv4, pair.ipv6))

    @cached_property
    def files(self) -> dict[str, File]:
        """Every managed file, by path."""
        return {
            path: File(one.owner, one.group, one.mode.lstrip("0"), sha256(one.content.encode()).hexdigest())
            for path, one in self.manifest.files.items()
        }

    @cached_property
    def all_settings(self) -> dict[str, str]:
        """Kernel settings by name, whoever decides them."""
        return {**self.settings(live=True), **self.settings(live=False)}

    def settings(self, *, live: bool) -> dict[str, str]:
        """Kernel settings by name; a star is spelled out for the host's own devices."""
        chosen = {name: one.value for name, one in self.manifest.sysctls.items() if one.live is live}
        return {
            name.replace("*", device): value
            for name, value in chosen.items()
            for device in (("all", "default", *self.addresses) if "*" in name else ("",))
        }

    @property
    def automation(self) -> str:
        """The account that Ansible acts as."""
        return self.fleet.environment.automation.name

    @property
    def administrators(self) -> frozenset[str]:
        """The people with an account."""
        return frozenset(one.name for one in self.fleet.environment.administrators)

    @property
    def break_glass(self) -> str:
        """The sealed account."""
        return self.fleet.environment.break_glass.name

    @property
    def accounts(self) -> frozenset[str]:
        """Every account that a person or a program may log in to."""
        return frozenset(one.name for one in self.fleet.environment.accounts)


def _peers(ways: Iterable[Listen | Send]) -> dict[tuple[str, int], frozenset[str]]:
    """The prefixes behind each protocol and port, none for anybody."""
    found: dict[tuple[str, int], set[str]] = {}
    for way in ways:
        found.setdefault((way.protocol, way.port), set()).update(way.ipv4, way.ipv6)
    return {key: frozenset() if prefixes & DEFAULTS else covering(prefixes) for key, prefixes in found.items()}


class Expectations:
    """The expectations of a whole fleet; who is who and the trust anchors are worked out once."""

    def __init__(self, fleet: Fleet, trust: Trust) -> None:
        self._fleet = fleet
        self._trust = trust

    @classmethod
    def load(cls, fleet: Fleet) -> Expectations:
        """Those of an environment whose trust anchors are in place (ProvinceError when one is missing)."""
        return cls(fleet, load_trust(fleet))

    def of(self, host: Host) -> Expected:
        """What must be true on one host."""
        manifest = build(self._fleet, host, self._trust)
        return Expected(self._fleet, host, manifest, self._trust, host_facts(self._fleet, host))
