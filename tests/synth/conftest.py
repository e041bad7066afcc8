"""Both sites' programs, run in the size of the lab and of production, with everything recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import pytest

from infra.cluster import Cluster
from infra.cluster_access import NOT_BUILT, NOT_BUILT_KUBECONFIG, provider
from infra.marks import Vocabulary, vocabulary
from infra.policy.record import Declared
from infra.programs import PROGRAMS
from infra.recorder import Registration, record
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, LAYERS
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.fleet.system import System

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
    layer: str
    registrations: tuple[Registration, ...]

    @property
    def words(self) -> Vocabulary:
        return vocabulary(self.fleet)

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems, or parts of the platform, whose rooms the stack holds."""
        return self.fleet.rooms_at(self.site, self.layer)

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


class Synthesis(NamedTuple):
    """What a program is run with."""

    fleet: Fleet
    site: Site


def synthesise(fleet: Fleet, site: Site, layer: str) -> Synth:
    """Run a layer's program for a site."""

    def program() -> None:
        PROGRAMS[layer](fleet, Cluster(site, provider(site, NOT_BUILT_KUBECONFIG, NOT_BUILT)))

    return Synth(fleet, site, layer, record(f"{fleet.environment.id}.{site.id}.{layer}", program))


def offering(fleet: Fleet, site: Site, **changes: Any) -> Synthesis:
    """The same facts, with a cluster at one site that has more than it has today."""
    assert site.cluster
    richer = site.model_copy(update={"cluster": site.cluster.model_copy(update=changes)})
    return Synthesis(replace(fleet, sites={**fleet.sites, site.id: richer}), richer)


@cache
def stack_of(environment: str, site: str, layer: str) -> Synth:
    """One stack as the model declares it, made once for all tests."""
    fleet = load_fleet(environment)
    return synthesise(fleet, fleet.sites[site], layer)


@pytest.fixture(params=STACKS, ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """Every stack of every site in every environment."""
    return stack_of(*request.param)


@pytest.fixture(params=[one for one in STACKS if one[2] != CLUSTER], ids=".".join)
def rooms(request: pytest.FixtureRequest) -> Synth:
    """Every stack that holds rooms of systems."""
    return stack_of(*request.param)
