"""Both sites' programs, run in the size of the lab and of production, with everything recorded."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from infra.cluster import Cluster
from infra.cluster_access import NOT_BUILT, NOT_BUILT_KUBECONFIG, provider
from infra.marks import Vocabulary, vocabulary
from infra.policy.record import Declared
from infra.programs import LAYERS
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.fleet.system import System

from .recorder import Registration, record

ENVIRONMENTS = ("lab", "production")
STACKS = [
    (environment, site.id, layer)
    for environment in ENVIRONMENTS
    for site in load_fleet(environment).data_centres
    for layer in LAYERS
]


@dataclass(frozen=True)
class Synth:
    """One stack: the facts it was made from, and everything it registered."""

    fleet: Fleet
    site: Site
    registrations: tuple[Registration, ...]

    @property
    def words(self) -> Vocabulary:
        return vocabulary(self.fleet)

    @property
    def systems(self) -> tuple[System, ...]:
        return self.fleet.systems_at(self.site)

    @property
    def objects(self) -> list[Declared]:
        return [one.declared for one in self.registrations if one.is_object]

    def object(self, kind: str, namespace: str, name: str) -> Declared:
        """The one object with this place and name."""
        (found,) = [one for one in self.objects if (one.kind, one.namespace, one.name) == (kind, namespace, name)]
        return found

    def registered(self, kind: str, namespace: str, name: str) -> Registration:
        """How the object with this place and name was registered."""
        (found,) = [one for one in self.registrations if one.name == f"{namespace}/{kind}/{name}"]
        return found


def synthesise(fleet: Fleet, site: Site, layer: str) -> Synth:
    """Run a layer's program for a site."""

    def program() -> None:
        LAYERS[layer](fleet, Cluster(site, provider(site, NOT_BUILT_KUBECONFIG, NOT_BUILT)))

    return Synth(fleet, site, record(f"{fleet.environment.id}.{site.id}.{layer}", program))


@pytest.fixture(scope="session", params=STACKS, ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    environment, site, layer = request.param
    fleet = load_fleet(environment)
    return synthesise(fleet, fleet.sites[site], layer)
