"""Many nodes and pods in one cluster: the real catalogue twice, every component that can be a workload delivered."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import yaml

from bench.pulumi.control_plane import ControlPlane
from bench.pulumi.desk import ENVIRONMENT, Desk
from province.fleet.layer import LAYERS
from province.fleet.site import Site

NODES = 200
PODS = 5000
STAND_IN = "echo"
"""The image that every workload gets; its pods are simulated, so nothing is started."""
ROOM = {"cpu_cores": 512, "memory_gib": 2048, "pods": 1000, "storage_gib": 10000}


def at_scale(desk: Desk, site: Site, plane: ControlPlane) -> dict[str, object]:
    """For each stack: what creating it took, a preview without a change and an `up` without a change."""
    plane.add_nodes(f"simulated-{number:03d}" for number in range(NODES))
    twice(desk.inventories / "fleet" / "systems")
    names = [f"{ENVIRONMENT}.{site.id}.{layer}" for layer in LAYERS]
    up = ("up", "--yes", "--skip-preview", "--non-interactive")
    created = {}
    for name in names:
        desk.cost("pulumi", "stack", "init", "--stack", name)
        created[name] = desk.cost("pulumi", *up, "--stack", name).figures
    stacks = {
        name: {
            "created": created[name],
            "preview": desk.cost("pulumi", "preview", "--non-interactive", "--stack", name).figures,
            "up_without_change": desk.cost("pulumi", *up, "--expect-no-changes", "--stack", name).figures,
        }
        for name in names
    }
    running = plane.kubectl("get", "pods", "-A", "--field-selector=status.phase=Running", "-o", "name").splitlines()
    return {
        "nodes": len(plane.kubectl("get", "nodes", "-o", "name").splitlines()),
        "pods": len(running),
        "stacks": stacks,
    }


def twice(folder: Path) -> None:
    """Put every system beside itself once more, with so many replicas that all workloads together have `PODS` pods.

    Those of which hosts serve a part stay alone: their ports are there once. A copy replaces no old system
    and exchanges no mail.
    """
    files = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))}
    copied = {path for path, body in files.items() if not any("duty" in one for one in _components(body).values())}
    workloads = sum((2 if path in copied else 1) * len(_workloads(body)) for path, body in files.items())
    replicas = ceil(PODS / workloads) + 1  # because a few systems stand at the other site alone
    for path, body in files.items():
        filled = _filled(body, replicas)
        _write(path, filled)
        if path in copied:
            copy = {key: value for key, value in filled.items() if key not in {"replaces", "mail"}}
            _write(path.with_name(f"{path.stem[:36]}-two.yml"), copy)


def _components(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return body.get("components") or {}


def _workloads(body: dict[str, Any]) -> list[str]:
    """The components that can be delivered as an image."""
    return [name for name, one in _components(body).items() if "image" in one]


def _write(path: Path, body: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(body, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _filled(body: dict[str, Any], replicas: int) -> dict[str, Any]:
    """A system whose workloads are all delivered, with room for all of them."""
    delivered = {name: _delivered(_components(body)[name], replicas) for name in _workloads(body)}
    components = {**_components(body), **delivered}
    return {**body, "components": components, "quota": ROOM} if components else body


def _delivered(component: dict[str, Any], replicas: int) -> dict[str, Any]:
    """A workload with an image and a number of pods that no load changes."""
    fixed = {key: value for key, value in component.items() if key != "most_replicas"}
    return {**fixed, "image": STAND_IN, "replicas": replicas}
