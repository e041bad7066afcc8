"""A host's view of the model: flat variables for templates and for Ansible, the same names for every class."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv6Address

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.fleet.province import NetworkPair
from province.fleet.site import Duty
from province.fleet.time_sources import hands_on, references
from province.manifest.cluster import cluster_view, image_view, pod_routes
from province.manifest.copies import copies_view
from province.manifest.counter import counter_view
from province.manifest.logs import logs_view
from province.manifest.names import names_view
from province.manifest.passages import passage_view
from province.manifest.peers import Peers, peers_of
from province.manifest.prefixes import EVERYBODY
from province.manifest.promises import promises_view
from province.manifest.pull import pull_view
from province.manifest.quality import quality_view
from province.manifest.relay import relay_view
from province.manifest.routes import path_view
from province.manifest.sensors import sensors_view
from province.manifest.trust import Trust
from province.manifest.tunnels import core_link, tunnel_view, with_keys
from province.manifest.updates import updates_view
from province.manifest.video import video_view
from province.manifest.watched import watched_view
from province.pki.anchors import for_hosts

Router = tuple[IPv4Address, IPv6Address]
Route = dict[str, str]


def host_facts(fleet: Fleet, host: Host) -> dict[str, object]:
    """What the model says of a host: plain values, every key for every class of hosts."""
    known = peers_of(fleet)
    if host.name not in known.facts:
        known.facts[host.name] = _facts(fleet, host, known)
    return dict(known.facts[host.name])


def _facts(fleet: Fleet, host: Host, known: Peers) -> dict[str, object]:
    return {
        **_identity(fleet, host),
        **_network(fleet, host, known),
        **_services(fleet, host, known),
        **_platform(fleet),
        **names_view(fleet, host, known),
        **logs_view(fleet, host, known),
        **cluster_view(fleet, host, known),
        **tunnel_view(fleet, host),
        **_people(fleet, host, known),
        **passage_view(fleet, host, known.passages),
        **quality_view(fleet, host),
        **watched_view(fleet, host, known),
        **relay_view(fleet, host, known),
        **sensors_view(fleet, host, known),
        **video_view(fleet, host, known),
        **counter_view(fleet, host, known),
        **copies_view(fleet, host, known),
        **pull_view(fleet, host, known),
        **updates_view(fleet, host, known),
        **promises_view(fleet, host, known),
    }


def host_view(fleet: Fleet, host: Host, trust: Trust) -> dict[str, object]:
    """What templates see: the model's facts and the environment's trust anchors."""
    facts = host_facts(fleet, host)
    devices = facts["tunnel_devices"]
    assert isinstance(devices, list), host.name  # noqa: S101 - the view's own type
    return {
        **facts,
        **image_view(trust.images, f"{facts['mirror_base']}/images"),
        "tunnel_devices": with_keys(devices, trust.enrolled.keys),
        "ssh_user_ca": for_hosts(trust.ssh_user_ca),
        "mirror_key": trust.mirror_key,
        "dns_anchors": list(trust.dns_anchors),
        "service_ca": for_hosts(trust.service_ca),
        "devices_ca": trust.devices_ca,
        "copies_seal": trust.copies_seal,
        "host_certificate": trust.enrolled.certificates.get(host.name, ""),
    }


def facts_file(fleet: Fleet, host: Host) -> str:
    """The file that declares a host: its commune's or its site's."""
    origin = f"communes/{host.commune}" if host.commune else f"sites/{host.site}"
    return fleet.origins.get(origin, origin)


def _identity(fleet: Fleet, host: Host) -> dict[str, object]:
    commune = fleet.communes[host.commune] if host.commune else None
    site = fleet.sites[host.site] if host.site else None
    body = fleet.province.bodies[host.body] if host.body else None
    return {
        "environment_id": fleet.environment.id,
        "province_name_vi": fleet.province.name.vi,
        "province_name_en": fleet.province.name.en,
        "host_name": host.name,
        "host_fqdn": host.fqdn,
        "host_class": host.host_class,
        "host_site": host.site or "",
        "host_site_name": site.name.vi if site else "",
        "host_commune": host.commune or "",
        "host_commune_name": commune.name if commune else "",
        "host_body": str(host.body or ""),
        "host_body_name": body.name.vi if body else "",
        "host_routing_domain": str(host.routing_domain or ""),
        "host_duties": [str(duty) for duty in host.duties],
        "host_wave": host.wave or 0,
        "host_forwards": host.forwards,
        "host_facts_file": facts_file(fleet, host),
    }


def _network(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    management = peers.management_prefixes
    ipv4, ipv6 = host.management.plain
    return {
        "management_ipv4": str(ipv4),
        "management_ipv6": str(ipv6),
        "management_prefixes_ipv4": list(management.ipv4),
        "management_prefixes_ipv6": list(management.ipv6),
        "interfaces": [_interface(fleet, host, one, peers) for one in host.interfaces],
        "named_hosts": [peers.named(one, host) for one in peers.site_hosts if one.name != host.name]
        + [peers.named(host, host)],
    }


def _interface(fleet: Fleet, host: Host, interface: Interface, peers: Peers) -> dict[str, object]:
    return {
        "device": interface.device,
        "network": interface.network,
        "zone": interface.zone or "",
        "ipv4": str(interface.address.ipv4),
        "ipv6": str(interface.address.ipv6),
        "mbps": interface.mbps or 0,
        "management": interface.address == host.management,
        "learns_routes": interface == core_link(host),
        "routes": _routes(fleet, host, interface, peers) + pod_routes(fleet, host, interface.zone or "", peers),
        **path_view(fleet, host, interface),
    }


def _routes(fleet: Fleet, host: Host, interface: Interface, peers: Peers) -> list[Route]:
    """What lies behind an interface's router by the main table, both protocols.

    Management traffic comes and goes through the management zone. What belongs to the province's domains and sites is
    never here: it goes through the tunnels alone (`province.manifest.routes`). Everything else leaves through the
    first backup at a commune, through the first zone's router at a site.
    """
    if interface.zone == fleet.province.management_zone and host.site:
        if interface.router:
            return _default(interface.router)
        router = interface.address.ipv4.network[1], interface.address.ipv6.network[1]
        return _via([pair for site, pair in peers.management.items() if site != host.site], router)
    if interface.router is None:
        return []
    first_backup = next((one.device for one in host.interfaces[1:] if one.zone is None), None)
    leaves = bool(interface.zone) if host.site else interface.device == first_backup
    return _default(interface.router) if leaves else []


def _via(networks: list[NetworkPair], router: Router) -> list[Route]:
    """Routes to networks, IPv4 and IPv6, through the router that speaks the same."""
    pairs = [(network, via) for pair in networks for network, via in zip((pair.ipv4, pair.ipv6), router, strict=True)]
    return [{"to": str(network), "via": str(via)} for network, via in pairs]


def _default(router: Router) -> list[Route]:
    return _via([EVERYBODY], router)


def _people(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    automation, people = peers.automation(host), peers.administrators(host)
    return {
        **_accounts(fleet),
        "automation_prefixes": [*automation.ipv4, *automation.ipv6],
        "administrator_prefixes": [*people.ipv4, *people.ipv6],
    }


@cache
def _accounts(fleet: Fleet) -> dict[str, object]:
    """The same for all hosts, and nobody changes it."""
    environment = fleet.environment
    return {
        "automation": environment.automation.model_dump(),
        "administrators": [one.model_dump() for one in environment.administrators],
        "break_glass": environment.break_glass.model_dump(),
        "certified_accounts": [one.model_dump() for one in (environment.automation, *environment.administrators)],
    }


def _services(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    def offered(duty: Duty) -> list[dict[str, str]]:
        return [peers.named(one, host) for one in peers.with_duty(duty, host) if one.name != host.name]

    clients = peers.resolve(("sites", "nodes"), host)
    clock, handed_on = fleet.province.clock, hands_on(fleet, host)
    return {
        "clock_maximum_offset_s": clock.maximum_offset_ms / 1000,
        "clock_maximum_silence_s": clock.maximum_silence_minutes * 60,
        "clock_least_sources": 0 if handed_on else clock.least_sources,
        "clock_from_machine": handed_on,
        "time_references": [{"name": one.id, "address": one.host} for one in references(fleet, host)],
        "time_servers": [] if handed_on else offered(Duty.TIME),
        "client_prefixes": [*clients.ipv4, *clients.ipv6],
        "name_servers": offered(Duty.DNS),
        "mirror_base": _mirror_base(peers, host),
        "registries": offered(Duty.REGISTRY),
    }


def _mirror_base(peers: Peers, host: Host) -> str:
    return f"http://{peers.mirror(host).ipv4[0]}"


@cache
def _platform(fleet: Fleet) -> dict[str, object]:
    """The same for all hosts, and nobody changes it."""
    platform = fleet.environment.platform.model_dump()
    return {f"platform_{name}": list(value) if isinstance(value, tuple) else value for name, value in platform.items()}
