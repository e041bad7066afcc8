"""Tests on the lab's clusters as `province up` left them. Run inside: `province lab run -- pytest tests/cluster`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from infra.cluster_access import kubeconfig_path
from infra.policy.record import Declared
from infra.programs.systems import delivered
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, LAYERS, MIGRATION, PLATFORM, SYSTEMS
from province.fleet.load import inventories_root, load_fleet
from province.fleet.site import Site
from province.fleet.system import System
from province.toolchain import build, pulumi_home

from ..synth.conftest import synthesise

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "lab"
SITES = [site.id for site in load_fleet(ENVIRONMENT).data_centres]
STACKS = [(site, layer) for site in SITES for layer in LAYERS]
ONE_OF_EACH_PROGRAM = (CLUSTER, PLATFORM, next(iter(SYSTEMS)), MIGRATION)
"""A layer of each program."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class LiveStack:
    """One stack and the cluster behind it, through the plain commands."""

    fleet: Fleet
    site: Site
    layer: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.fleet.environment.id}.{self.site.id}.{self.layer}"

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems, or parts of the platform, whose rooms it holds."""
        return rooms(self.site.id, self.layer)

    @property
    def declared(self) -> list[Declared]:
        """What the program declares today."""
        return synthesise(self.fleet, self.site, self.layer).objects

    def command(self, *words: str) -> list[str]:
        """A verb of Pulumi on this stack, as it has to be called."""
        return [str(build.binary("pulumi")), *words, "--non-interactive", "--color", "never", "--stack", self.name]

    def pulumi(self, *words: str, **settings: str) -> Done:
        """Run a verb of Pulumi on this stack and return how it ended."""
        return subprocess.run(
            self.command(*words),
            cwd=CHECKOUT,
            env={**os.environ, **self.settings, **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    def kubectl_command(self, *words: str) -> list[str]:
        """A verb of kubectl on the site's cluster, as it has to be called."""
        return [str(build.binary("kubectl")), "--kubeconfig", str(kubeconfig_path(self.fleet, self.site)), *words]

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run a verb of kubectl on the site's cluster and return what it printed."""
        command = self.kubectl_command(*words)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def live(self, kind: str) -> list[Declared]:
        """Every object of a kind in the cluster."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "-A", "-o", "json"))["items"]
        return [Declared(item) for item in items]


@pytest.fixture(scope="session")
def settings() -> dict[str, str]:
    """The environment in which `pulumi` uses this checkout's own plugins and state."""
    return pulumi_home.prepare()


def rooms(site: str, layer: str) -> tuple[System, ...]:
    """The systems, or parts of the platform, whose rooms a stack holds."""
    fleet = load_fleet(ENVIRONMENT)
    return fleet.rooms_at(fleet.sites[site], layer)


def live_stack(place: tuple[str, str], settings: Mapping[str, str]) -> LiveStack:
    fleet = load_fleet(ENVIRONMENT)
    site, layer = place
    return LiveStack(fleet, fleet.sites[site], layer, settings)


@pytest.fixture(scope="session", params=STACKS, ids=".".join)
def stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    """Every stack of every site."""
    return live_stack(request.param, settings)


@pytest.fixture(scope="session", params=[one for one in STACKS if one[1] == PLATFORM], ids=".".join)
def platform_stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    """One stack of each site: for what is true of the whole cluster behind it, whatever the layer."""
    return live_stack(request.param, settings)


@pytest.fixture(scope="session", params=list(zip(cycle(SITES), ONE_OF_EACH_PROGRAM, strict=False)), ids=".".join)
def program_stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    """One stack of each program, the sites in turn: for what the programs do before they look at their layer."""
    return live_stack(request.param, settings)


@pytest.fixture(
    scope="session",
    params=[one for one in STACKS if one[1] in SYSTEMS and any(map(delivered, rooms(*one)))],
    ids=".".join,
)
def proven_stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    """Every stack with a component whose image we build."""
    return live_stack(request.param, settings)


def copy_of_facts(stack: LiveStack, folder: Path) -> Path:
    """Facts, descriptors and kubeconfigs like those of the lab, in a folder of their own, for a test to spoil."""
    shutil.copytree(inventories_root(), folder / "inventories")
    private = kubeconfig_path(stack.fleet, stack.site).parent
    shutil.copytree(private, folder / private.relative_to(stack.fleet.root.parent))
    return folder / "inventories"


Dc = Callable[..., Done]
"""Runs a verb of `province dc`; `typed` is what a person would type."""


@pytest.fixture(scope="session")
def dc() -> Dc:
    """Run a verb of `province dc` and return how it ended."""

    def call(*words: str, typed: str = "") -> Done:
        command = [sys.executable, "-m", "province", "dc", *words]
        return subprocess.run(command, cwd=CHECKOUT, input=typed, capture_output=True, text=True, check=False)

    return call


def steps(done: Done) -> dict[str, Any]:
    """The steps of a run of `province dc` by name."""
    return {step["name"]: step for step in json.loads(done.stdout)["steps"]}


def raised(done: Done, *texts: str) -> None:
    """A run that failed says these things to people, and not how the program is built."""
    assert done.returncode != 0, done.stdout
    assert all(text in done.stderr for text in texts), done.stderr
    assert "Traceback" not in done.stderr


def wait_until(true: Callable[[], bool], what: str, within_s: float = 120.0) -> None:
    """Look again and again until something holds; fail with its name when time is over."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)
