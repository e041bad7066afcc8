"""The facts that a cluster needs to run shards: an image, a store for runs, and hosts that let its nodes in."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from typing import Any

from province.fleet.environment import CLUSTER, AutomationPlace
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM
from province.fleet.rooms import RUNNER, SHARD, SHARDS
from province.fleet.site import RunStore, Site
from province.shards.carried import FOLDER
from province.shards.start import ENDING

from .conftest import Synth, offering, stack_of, synthesise

STORE = RunStore(
    url="https://store.example:9000",
    addresses=(ip_address("198.51.100.9"),),
    bucket="runs",
    credentials="runs",
    source="A",
)
IMAGE = "echo"
"""Stands for the image of shards: any that has a digest would do."""


CARRIED = f"{FOLDER}{'0' * 64}{ENDING}"
"""Stands for the checkout of a run."""


@cache
def made_ready(*stack: str) -> Synth:
    """The layer of the platform of a cluster, with everything that a runner needs."""
    today = stack_of(*stack)
    return synthesise(*ready(today.fleet, today.site), PLATFORM)


def template(synth: Synth) -> dict[str, Any]:
    """The template that an operator makes Jobs of."""
    return dict(synth.object("CronJob", RUNNER, SHARDS).body)


def with_image(fleet: Fleet, image: str | None = IMAGE) -> Fleet:
    part = fleet.platform[RUNNER]
    shard = part.components[SHARD].model_copy(update={"image": image})
    room = part.model_copy(update={"components": {SHARD: shard}})
    return replace(fleet, platform={**fleet.platform, RUNNER: room})


def ready(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
    """The facts with everything that a runner needs at one site."""
    return offering(with_consent(with_image(fleet)), site, run_store=STORE)


def with_consent(fleet: Fleet, *places: AutomationPlace) -> Fleet:
    """The facts where automation comes from a cluster, and from these other places."""
    environment = fleet.environment.model_copy(update={"automation_from": (*places, CLUSTER)})
    return replace(fleet, environment=environment)
