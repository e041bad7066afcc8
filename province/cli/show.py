"""`province show`: one node, host, commune, site or system with everything that is known of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from province.cli.options import Environment, Json, Language, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.commune import Commune
from province.fleet.fact import Body, dump
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.naming import label


def show(
    name: Annotated[str, typer.Argument(help="A host, a commune (code, slug or short name), a site or a system.")],
    environment: Environment = "lab",
    as_json: Json = False,
    lang: Language = "en",
) -> None:
    """Show what the model knows of one thing."""
    fleet = load_fleet(environment)
    found = describe(fleet, name, lang)
    if as_json:
        print_json(found)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for key, value in found.items():
        table.add_row(label(key, lang), _text(value))
    Console().print(table)


def describe(fleet: Fleet, name: str, lang: str) -> dict[str, Any]:
    """Everything known of the thing with this name; ProvinceError with the nearest name when there is none.

    A site and a ward may share a short name; then it is the site, and the ward is known by its whole slug.
    """
    hosts = {host.name: host for host in (*fleet.nodes, *fleet.hosts.values())}
    if name in hosts:
        return _host(fleet, hosts[name])
    for collection in (fleet.systems, fleet.sites, fleet.endpoints):
        if name in collection:
            fact = collection[name]
            return {
                "name": fact.name.in_language(lang),
                **{k: v for k, v in dump(fact).items() if k != "name"},
            }
    communes = {key: one for one in fleet.communes.values() for key in (one.code, one.slug, one.short)}
    if name in communes:
        return _commune(fleet, communes[name])
    known = [*hosts, *communes, *fleet.systems, *fleet.sites, *fleet.endpoints]
    guess = nearest(name, known)
    raise ProvinceError(
        f"nothing is called {name!r}",
        hint=f'did you mean "{guess}"?' if guess else "see `province inventory` and inventories/fleet/",
        exit_code=ExitCode.USAGE,
    )


def _host(fleet: Fleet, host: Host) -> dict[str, Any]:
    commune = fleet.communes[host.commune] if host.commune else None
    return {
        "host": host.name,
        "fqdn": host.fqdn,
        "class": host.host_class,
        "commune": f"{commune.name} ({commune.code})" if commune else None,
        "body": fleet.province.bodies[host.body].name.vi if host.body else None,
        "site": fleet.sites[host.site].name.vi if host.site else None,
        "routing_domain": host.routing_domain,
        "wave": host.wave,
        "in_environment": host.name in fleet.hosts,
        "management": [str(address) for address in host.management.plain],
        "interfaces": {
            one.device: {
                "ipv4": str(one.address.ipv4),
                "ipv6": str(one.address.ipv6),
                "network": one.network,
                "mbps": one.mbps,
            }
            for one in host.interfaces
        },
    }


def _commune(fleet: Fleet, commune: Commune) -> dict[str, Any]:
    waves = {node: wave.number for wave in fleet.waves for node in wave.nodes}
    return {
        "commune": commune.name,
        "code": commune.code,
        "kind": commune.kind,
        "formerly": dump(commune.formerly),
        "location": dump(commune.location),
        "lines": dump(commune.lines),
        "backups": [dump(backup) for backup in commune.backups],
        "nodes": {f"{commune.short}-{body}": {"wave": waves[commune.code, body]} for body in Body},
        "file": fleet.origins[f"communes/{commune.code}"],
    }


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(
            f"{key}: {_text(inner)}"
            if not isinstance(inner, dict)
            else f"{key}: " + ", ".join(f"{k} {v}" for k, v in inner.items() if v is not None)
            for key, inner in value.items()
        )
    if isinstance(value, list | tuple):
        return "\n".join(_text(inner).replace("\n", ", ") for inner in value)
    return "—" if value is None else str(value)
