"""For Backstage's catalogue: who answers for which system, what it is made of, what it offers and what it calls.

A pillar becomes a Domain, a workload a Component, what the platform provides a Resource, a component that others may
call an API, and so does every system of somebody else (https://backstage.io/docs/features/software-catalog).
`catalog-info.yaml` names all other files: it is the one to register.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from province.exports.backstage_system import Entity, entity, reference, system_entities
from province.exports.sources import Files, Sources, origin
from province.fleet.endpoint import Endpoint
from province.fleet.fleet import Fleet

ROOT = "catalog-info.yaml"
OUTSIDE = "outside"
"""The group of everybody who answers for systems that are not the province's."""
PLATFORM = "platform"


def files(sources: Sources) -> Files:
    """The whole catalogue: groups, domains, endpoints of others, and a file for each system."""
    fleet = sources.fleet
    systems = (*fleet.systems.values(), *fleet.platform.values())
    parts: dict[str, Iterable[Entity]] = {
        "groups.yaml": _groups(fleet),
        "domains.yaml": _domains(fleet),
        "endpoints.yaml": (_endpoint(endpoint) for endpoint in fleet.endpoints.values()),
        **{
            f"systems/{system.id}.yaml": system_entities(
                fleet, system, PLATFORM if system.id in fleet.platform else system.pillar.value
            )
            for system in systems
        },
    }
    root = entity("Location", fleet.province.id, fleet.province.name, {"targets": [f"./{name}" for name in parts]})
    head = f"# {origin(fleet, 'backstage')}\n"
    return {name: head + _documents(found) for name, found in {ROOT: [root], **parts}.items()}


def _groups(fleet: Fleet) -> Iterator[Entity]:
    province = fleet.province
    yield entity("Group", province.id, province.name, {"type": "province", "children": sorted(fleet.owners)})
    for owner in fleet.owners.values():
        yield entity("Group", owner.id, owner.name, {"type": "owner", "parent": province.id, "children": []})
    yield entity("Group", OUTSIDE, None, {"type": "others", "children": []})


def _domains(fleet: Fleet) -> Iterator[Entity]:
    """The pillars that have systems; nobody but the province as a whole answers for one."""
    pillars = {system.pillar.value for system in fleet.systems.values()}
    for name in sorted(pillars | ({PLATFORM} if fleet.platform else set())):
        yield entity("Domain", name, None, {"owner": reference("group", fleet.province.id)})


def _endpoint(endpoint: Endpoint) -> Entity:
    where = f"{endpoint.host or 'unknown host'}, port {endpoint.port or 'unknown'}"
    spec = {
        "type": endpoint.protocol.value,
        "lifecycle": "production" if endpoint.fit_for_production else "experimental",
        "owner": reference("group", OUTSIDE),
        "definition": f"{endpoint.protocol.value} at {where}, from the zone {endpoint.zone}",
    }
    return entity("API", endpoint.id, endpoint.name, spec)


def _documents(entities: Iterable[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(entities, allow_unicode=True, sort_keys=False, explicit_start=True, width=110)
