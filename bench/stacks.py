"""How many resources the stacks of the primary site have in production: today, and when what is missing is there."""

from __future__ import annotations

from dataclasses import replace

from infra.cluster import Cluster
from infra.cluster_access import NOT_BUILT, NOT_BUILT_KUBECONFIG, provider
from infra.programs import PROGRAMS
from infra.recorder import record
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.site import BackupStore, Provided
from province.fleet.system import ComponentKind, System

ANY_IMAGE = "echo"
STORE = BackupStore(url="https://copies.example", bucket="copies", credentials="copies", source="A")


def measure() -> dict[str, object]:
    """Resources by layer, as the engine registers them: nothing is run but the programs, on recording mocks."""
    today = load_fleet("production")
    offered = _with_everything_offered(today)
    delivered = replace(offered, systems={name: _delivered(one) for name, one in offered.systems.items()})
    states = {"today": today, "everything_offered": offered, "every_image_delivered_too": delivered}
    return {layer: {name: _resources(fleet, layer) for name, fleet in states.items()} for layer in LAYERS}


def _with_everything_offered(fleet: Fleet) -> Fleet:
    site = fleet.primary_site
    if site.cluster is None:
        return fleet
    cluster = site.cluster.model_copy(update={"provides": tuple(Provided), "backup_store": STORE})
    return replace(fleet, sites={**fleet.sites, site.id: site.model_copy(update={"cluster": cluster})})


def _delivered(system: System) -> System:
    components = {
        name: one.model_copy(update={"image": one.image or ANY_IMAGE}) if one.kind is ComponentKind.WORKLOAD else one
        for name, one in system.components.items()
    }
    return system.model_copy(update={"components": components})


def _resources(fleet: Fleet, layer: str) -> int:
    site = fleet.primary_site

    def program() -> None:
        PROGRAMS[layer](fleet, Cluster(site, provider(site, NOT_BUILT_KUBECONFIG, NOT_BUILT)))

    return len(record(f"{fleet.environment.id}.{site.id}.{layer}", program))
