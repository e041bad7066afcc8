"""One system as entities of Backstage's catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from province.fleet.exposed import exposed_names
from province.fleet.fact import Names
from province.fleet.fleet import Fleet
from province.fleet.system import HTTP_PORTS, Component, ComponentKind, EndKind, State, System, end_of

Entity = dict[str, Any]

LIFECYCLES = {
    State.PLANNED: "experimental",
    State.DECLARED: "experimental",
    State.MIGRATING: "production",
    State.RUNNING: "production",
    State.RETIRED: "deprecated",
}
"""Backstage's well-known words for how far a system has come."""


def entity(kind: str, name: str, names: Names | None, spec: Entity, **metadata: Any) -> Entity:
    """An entity: its title is the Vietnamese name, its description the English one."""
    titles = {"title": names.vi, "description": names.en} if names else {}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, **titles, **metadata},
        "spec": spec,
    }


def reference(kind: str, name: str) -> str:
    """How one entity names another."""
    return f"{kind}:default/{name}"


def system_entities(fleet: Fleet, system: System, domain: str) -> Iterator[Entity]:
    """The system, then its parts, each followed by the API that it offers."""
    owner = reference("group", system.owner)
    where = fleet.province.domain
    facts = {
        "tier": system.tier.value,
        "level": str(system.level),
        "data": system.data.value,
        "exposure": system.exposure.value,
        "state": system.state.value,
    }
    labels = {f"{where}/{key}": value for key, value in facts.items()}
    links = [{"url": f"https://{one.host}/", "title": one.host} for one in exposed_names(system, where)]
    tags = ["project06"] if system.project06 else []
    spec = {"owner": owner, "domain": reference("domain", domain)}
    yield entity("System", system.id, system.name, spec, labels=labels, links=links, tags=tags)
    called = _called_from_outside(fleet, system)
    for name, component in system.components.items():
        shared = {"owner": owner, "system": reference("system", system.id)}
        if component.kind is ComponentKind.WORKLOAD:
            yield _component(fleet, system, name, shared, provides=name in called)
        else:
            yield entity("Resource", _full(system, name), None, {"type": component.kind.value, **shared})
        if name in called:
            yield _api(system, name, component, shared)


def _component(fleet: Fleet, system: System, name: str, shared: Entity, *, provides: bool) -> Entity:
    apis, parts = _calls(fleet, system, name)
    spec = {
        "type": "service",
        "lifecycle": LIFECYCLES[system.state],
        **shared,
        "providesApis": [reference("api", _full(system, name))] if provides else [],
        "consumesApis": apis,
        "dependsOn": parts,
    }
    return entity("Component", _full(system, name), None, spec)


def _api(system: System, name: str, component: Component, shared: Entity) -> Entity:
    """What the model knows of an interface is where it listens; its description belongs to its software."""
    spec = {
        "type": "http" if component.listens_on in HTTP_PORTS else component.protocol,
        "lifecycle": LIFECYCLES[system.state],
        **shared,
        "definition": f"{component.protocol} port {component.listens_on}",
    }
    return entity("API", _full(system, name), None, spec)


def _called_from_outside(fleet: Fleet, system: System) -> set[str]:
    """The components that users, other systems or somebody else's systems may call."""
    own = {
        end.name
        for flow in system.flows
        if (end := end_of(flow.to)).kind is EndKind.COMPONENT and end_of(flow.origin).kind is not EndKind.COMPONENT
    }
    others = {
        end.component
        for other in fleet.systems.values()
        for flow in other.flows
        if (end := end_of(flow.to)).kind is EndKind.SYSTEM and end.name == system.id and end.component
    }
    return own | others


def _calls(fleet: Fleet, system: System, name: str) -> tuple[list[str], list[str]]:
    """What a component opens connections to: APIs of others, and parts of its own system."""
    apis: dict[str, None] = {}
    parts: dict[str, None] = {}
    for flow in system.flows:
        if end_of(flow.origin) != (EndKind.COMPONENT, name, None):
            continue
        end = end_of(flow.to)
        if end.kind is EndKind.COMPONENT:
            workload = system.components[end.name].kind is ComponentKind.WORKLOAD
            parts[reference("component" if workload else "resource", _full(system, end.name))] = None
        elif end.kind is EndKind.EXTERNAL:
            apis[reference("api", end.name)] = None
        elif end.kind is EndKind.SYSTEM:
            far = fleet.systems[end.name]
            offered = [end.component] if end.component else sorted(_called_from_outside(fleet, far))
            apis.update((reference("api", _full(far, one)), None) for one in offered)
    return list(apis), list(parts)


def _full(system: System, component: str) -> str:
    """A component's name in the catalogue, which knows no rooms."""
    return f"{system.id}.{component}"
