"""Tests on the lab's clusters as `province up` left them. Run inside: `province lab run -- pytest tests/cluster`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.cluster_access import kubeconfig_path
from infra.policy.record import Declared
from infra.programs import LAYERS
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.toolchain import build, pulumi_home

from ..synth.conftest import synthesise

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "lab"
STACKS = [(site.id, layer) for site in load_fleet(ENVIRONMENT).data_centres for layer in LAYERS]

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
    def declared(self) -> list[Declared]:
        """What the program declares today."""
        return synthesise(self.fleet, self.site, self.layer).objects

    def pulumi(self, *words: str, **settings: str) -> Done:
        """Run a verb of Pulumi on this stack and return how it ended."""
        command = [str(build.binary("pulumi")), *words, "--non-interactive", "--color", "never", "--stack", self.name]
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env={**os.environ, **self.settings, **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    def kubectl(self, *words: str) -> str:
        """Run a verb of kubectl on the site's cluster and return what it printed."""
        access = str(kubeconfig_path(self.fleet, self.site))
        command = [str(build.binary("kubectl")), "--kubeconfig", access, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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


@pytest.fixture(scope="session", params=STACKS, ids=".".join)
def stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    site, layer = request.param
    fleet = load_fleet(ENVIRONMENT)
    return LiveStack(fleet, fleet.sites[site], layer, settings)
