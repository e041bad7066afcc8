"""Checks of the systems as a whole: every end of every flow exists, and the mission's rows are served."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from province.fleet.endpoint import Endpoint
from province.fleet.feature import Feature, FeatureKind
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.system import End, EndKind, Exposure, Flow, System, end_of
from province.fleet.tier import Tier


def check_systems(
    systems: Mapping[str, System],
    *,
    endpoints: Mapping[str, Endpoint],
    tiers: Mapping[str, Tier],
    zones: Collection[str],
    features: Mapping[int, Feature],
    origins: Mapping[str, str],
) -> list[Finding]:
    """Tiers and flows resolve, exposure agrees with the flows, every row of kind NS has its system.

    `zones` are the names of all zones, of communes and of data centres; `origins` maps "systems/<id>" to a file.
    """
    found: list[Finding] = []
    for id_, system in systems.items():
        file = origins.get(f"systems/{id_}", f"systems/{id_}")
        found += unresolved(file, "tier", system.tier.value, tiers, "tier")
        found += _exposure(file, system)
        for number, flow in enumerate(system.flows):
            for key, text in (("from", flow.origin), ("to", flow.to)):
                found += _end(file, f"flows.{number}.{key}", system, end_of(text), (systems, endpoints, zones))
            found += _port(file, f"flows.{number}.to", system, systems, flow)
    return found + list(_rows_without_system(systems, features, origins))


def _end(
    file: str,
    key: str,
    system: System,
    end: End,
    known: tuple[Mapping[str, System], Mapping[str, Endpoint], Collection[str]],
) -> list[Finding]:
    systems, endpoints, zones = known
    if end.kind is EndKind.ZONE:
        return unresolved(file, key, end.name, zones, "zone")
    if end.kind is EndKind.EXTERNAL:
        return unresolved(file, key, end.name, endpoints, "endpoint")
    if end.kind is EndKind.COMPONENT:
        return unresolved(file, key, end.name, system.components, "component")
    if end.name not in systems or end.component is None:
        return unresolved(file, key, end.name, systems, "system")
    return unresolved(file, key, end.component, systems[end.name].components, f"component of {end.name}")


def _port(file: str, key: str, system: System, systems: Mapping[str, System], flow: Flow) -> list[Finding]:
    """A flow needs a port at its far end, else no rule can let it through."""
    end = end_of(flow.to)
    if end.kind is EndKind.COMPONENT:
        component = system.components.get(end.name)
    elif end.kind is EndKind.SYSTEM and end.name in systems and end.component is not None:
        component = systems[end.name].components.get(end.component)
    else:
        return []
    if component is None or component.listens_on is not None:
        return []
    return [Finding(file, key, flow.to, "has no port to connect to", "give the component a port or drop the flow")]


def _exposure(file: str, system: System) -> list[Finding]:
    """Users come through zones: a system that is exposed has such a flow, one that is not has none."""
    from_zones = any(end_of(flow.origin).kind is EndKind.ZONE for flow in system.flows)
    if from_zones == (system.exposure is not Exposure.NONE):
        return []
    problem = "no flow comes from a zone" if not from_zones else "flows come from zones"
    mend = "exposure and the flows from zones must tell the same"
    return [Finding(file, "exposure", system.exposure.value, problem, mend)]


def _rows_without_system(
    systems: Mapping[str, System], features: Mapping[int, Feature], origins: Mapping[str, str]
) -> Iterator[Finding]:
    served = {row for system in systems.values() for row in system.features}
    for row, feature in features.items():
        if FeatureKind.NS in feature.kinds and row not in served:
            yield Finding(
                origins.get(f"features/{row}", "features"),
                f"{row}.kinds",
                "NS",
                f"no system declares row {row} ({feature.name.en})",
                "name the row in the `features` of a system",
            )
