"""The benchmark's course: the same objects in a stack a layer and in one, plans after one change, sizes, scale."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.pulumi.control_plane import ControlPlane, control_plane, namespace
from bench.pulumi.desk import ENVIRONMENT, PROGRAMS, Cost, Desk
from bench.pulumi.scale import at_scale
from province.errors import ProvinceError
from province.fleet.cluster_plan import api_addresses
from province.fleet.fleet import Fleet
from province.fleet.site import HostRole, Site
from province.ops import data_centre
from province.ops.data_centre import AS_BEFORE, DataCentre
from province.ops.stacks import REFRESHED
from province.ops.step import Step

SIZES = (50, 150, 300)
RUNS = 3
CHANGED = "fleet/systems/e-office.yml"
UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--stack")
PREVIEW = ("preview", "--non-interactive", "--stack")
NODES = frozenset({HostRole.CONTROL_PLANE.value, HostRole.WORKER.value, HostRole.INGRESS.value})


def measure(options: Sequence[str]) -> dict[str, object]:
    """The figures of stacks and sizes; with `--scale` those of many nodes and pods instead."""
    desk = Desk(PROGRAMS.parents[2], ENVIRONMENT, _say)
    if "--scale" in options:
        with cluster(desk) as (_, site, plane):
            return at_scale(desk, site, plane)
    with cluster(desk) as (fleet, site, _):
        centre = DataCentre(desk, fleet, site, with_hosts=False)
        begun = time.monotonic()
        steps = done(data_centre.up(centre, "bench"))
        layers = time.monotonic() - begun
        found: dict[str, object] = {
            "seven_stacks_seconds": round(layers, 1),
            "stacks": {step.name: {"line": step.line, "seconds": round(step.seconds, 1)} for step in steps},
            "resources": sum(one.now.resources for one in data_centre.examine(centre)),
            "nothing_to_change": _again(centre),
            "one_system_changed": _one_change(desk, centre),
            "sizes": _sizes(desk, site),
        }
    with cluster(desk) as (_, site, _):
        whole = f"whole.{site.id}"
        desk.own_stack(whole)
        one = desk.cost("pulumi", *UP, whole, folder=PROGRAMS)
        found["one_stack"] = one.figures
        found["one_stack_preview"] = _median(desk, *PREVIEW, whole, folder=PROGRAMS)
    return {**found, "one_stack_over_seven": round(one.seconds / layers, 2)}


@contextmanager
def cluster(desk: Desk) -> Iterator[tuple[Fleet, Site, ControlPlane]]:
    """A new, empty cluster of the primary site, described and reachable; state and notes are new, too."""
    fleet = desk.clear()
    site = fleet.primary_site
    if site.cluster is None:
        raise ProvinceError(f"{site.id} has no cluster")
    address = api_addresses(fleet, site)[fleet.province.management_zone].ipv4.ip
    nodes = [host.name for host in fleet.hosts_of(site.id) if host.host_class in NODES]
    with ExitStack() as stack:
        stack.enter_context(namespace([address]))
        plane = stack.enter_context(control_plane(desk.folder / "plane", address, site.cluster.api.port, nodes=nodes))
        desk.describe(fleet, site, plane)
        yield fleet, site, plane


def done(steps: Iterator[Step]) -> list[Step]:
    """Every step of a run that must end well."""
    found = []
    for step in steps:
        print(f"{step.name:<40} {step.line} {step.seconds:.1f} s", file=sys.stderr, flush=True)
        if step.failed:
            raise ProvinceError(f"{step.name}: {step.failed}")
        found.append(step)
    return found


def _again(centre: DataCentre) -> dict[str, object]:
    """A plan of the whole site when nothing changed: no stack is started."""
    begun = time.monotonic()
    steps = done(data_centre.plan(centre))
    return {"seconds": round(time.monotonic() - begun, 1), "started": _started(steps)}


def _one_change(desk: Desk, centre: DataCentre) -> dict[str, object]:
    """A plan of the whole site after one system's file changed, beside the preview of the stack that holds it."""
    path = desk.inventories / CHANGED
    path.write_text(path.read_text(encoding="utf-8").replace("vi: ", "vi: Bản mới ", 1), encoding="utf-8")
    times: list[float] = []
    for _ in range(RUNS):
        begun = time.monotonic()
        steps = done(data_centre.plan(centre))
        times.append(time.monotonic() - begun)
    (stack,) = _started(steps)
    refreshed = _median(desk, "preview", "--json", *REFRESHED, "--non-interactive", "--stack", stack)
    plan = statistics.median(times)
    return {
        "seconds": round(plan, 1),
        "started": [stack],
        "its_preview_with_refresh": refreshed,
        "its_preview": _median(desk, *PREVIEW, stack),
        "plan_over_preview_with_refresh": round(plan / refreshed["seconds"], 2),
    }


def _started(steps: Sequence[Step]) -> list[str]:
    return [step.name for step in steps if AS_BEFORE not in step.line]


def _sizes(desk: Desk, site: Site) -> dict[str, object]:
    """An empty program with the same imports, then a preview without a change for each number of objects."""
    found: dict[str, object] = {}
    for form in ("empty", *(f"objects-{size}" for size in SIZES)):
        stack = f"{form}.{site.id}"
        desk.own_stack(stack)
        created = desk.cost("pulumi", *UP, stack, folder=PROGRAMS)
        preview = _median(desk, *PREVIEW, stack, folder=PROGRAMS)
        found[form] = {"created": created.figures, "preview": preview}
    return found


def _median(desk: Desk, *words: str, folder: Path | None = None) -> dict[str, float]:
    costs: list[Cost] = [desk.cost("pulumi", *words, **({"folder": folder} if folder else {})) for _ in range(RUNS)]
    return sorted((one.figures for one in costs), key=lambda one: one["seconds"])[RUNS // 2]


def _say(name: str, seconds: float, _text: str) -> None:
    print(f"  {name} {seconds:.0f} s", file=sys.stderr, flush=True)
