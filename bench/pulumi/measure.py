"""The benchmark's course: the same objects in a stack a layer and in one, plans after one change, sizes, scale."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.pulumi import figures
from bench.pulumi.control_plane import ControlPlane, control_plane, namespace
from bench.pulumi.desk import CHECKOUT, ENVIRONMENT, PROGRAMS, Cost, Desk
from bench.pulumi.scale import at_scale
from province.errors import ProvinceError
from province.fleet.cluster_plan import api_addresses
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS
from province.fleet.site import HostRole, Site
from province.ops import data_centre
from province.ops.data_centre import AS_BEFORE, DataCentre
from province.ops.stacks import REFRESHED
from province.ops.step import Step

CHANGED = "e-office"
"""The system whose file changes: a large one, in the largest stack."""
UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--stack")
PREVIEW = ("preview", "--non-interactive", "--stack")
NODES = frozenset({HostRole.CONTROL_PLANE.value, HostRole.WORKER.value, HostRole.INGRESS.value})


@dataclass(frozen=True)
class Course:
    """Where everything runs, how often a preview is taken, and which numbers of objects are tried."""

    desk: Desk
    runs: int
    sizes: tuple[int, ...]

    def median(self, *words: str, folder: Path = CHECKOUT) -> Cost:
        """The run that took the median time, of as many as there are."""
        costs = [self.desk.cost("pulumi", *words, folder=folder) for _ in range(self.runs)]
        return sorted(costs, key=lambda one: one.seconds)[self.runs // 2]


def measure(options: Sequence[str]) -> dict[str, object]:
    """The figures of stacks and sizes."""
    parser = argparse.ArgumentParser(prog="python -m bench pulumi")
    parser.add_argument("--runs", type=int, default=3, help="runs of each preview (default: 3)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 150, 300], help="numbers of objects, two or more")
    chosen = parser.parse_args(options)
    course = Course(_desk(), chosen.runs, tuple(chosen.sizes))
    with cluster(course.desk) as (fleet, site, _):
        centre = DataCentre(course.desk, fleet, site, with_hosts=False)
        steps = _from_nothing(centre)
        found: dict[str, object] = {
            "stacks": {step.name: {"line": step.line, "seconds": round(step.seconds, 1)} for step in steps},
            "resources": sum(one.now.resources for one in data_centre.examine(centre)),
            "nothing_to_change": _again(centre),
        }
        change, started = _one_change(course, centre)
        found["one_system_changed"] = {"system": CHANGED, "started": started, **_seconds(change)}
        found["sizes"], found["cost"] = _sizes(course, site)
    with cluster(course.desk) as (_, site, _):
        name = f"whole.{site.id}"
        course.desk.own_stack(name)
        made = course.desk.cost("pulumi", *UP, name, folder=PROGRAMS)
        preview = course.median(*PREVIEW, name, folder=PROGRAMS)
    whole = figures.Whole([step.seconds for step in steps], made.seconds)
    return {
        **found,
        "all_stacks_seconds": round(sum(whole.stacks), 1),
        "one_stack": {"created": made.figures, "preview": preview.figures},
        "goals": figures.goals(whole, change),
    }


def measure_scale(options: Sequence[str]) -> dict[str, object]:
    """The figures of many nodes and pods: each stack created, previewed and brought up again without a change."""
    argparse.ArgumentParser(prog="python -m bench pulumi-scale").parse_args(options)
    desk = _desk()
    with cluster(desk) as (_, site, plane):
        return at_scale(desk, site, plane)


def _desk() -> Desk:
    return Desk(CHECKOUT, ENVIRONMENT, _say)


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


def _from_nothing(centre: DataCentre) -> list[Step]:
    """The `up` of every stack, lowest layer first.

    In two runs, because a run over all layers also issues the certificates of the entrance, which takes real hosts.
    """
    names = {centre.stack(layer) for layer in LAYERS}
    parts = (LAYERS[:-1], LAYERS[-1:])
    steps = [step for layers in parts for step in done(data_centre.up(replace(centre, layers=layers), "bench"))]
    return [step for step in steps if step.name in names]


def _again(centre: DataCentre) -> dict[str, object]:
    """A plan of the whole site when nothing changed: no stack is started."""
    begun = time.monotonic()
    steps = done(data_centre.plan(centre))
    return {"seconds": round(time.monotonic() - begun, 1), "started": _started(steps)}


def _one_change(course: Course, centre: DataCentre) -> tuple[figures.Change, list[str]]:
    """Plans of the whole site after one system's file changed, previews of its stack, and which stacks a plan started.

    Raises ProvinceError when the plan did not start the system's own stack.
    """
    path = course.desk.inventories / "fleet" / "systems" / f"{CHANGED}.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("vi: ", "vi: Bản mới ", 1), encoding="utf-8")
    times, started = [], list[str]()
    for _ in range(course.runs):
        begun = time.monotonic()
        started = _started(done(data_centre.plan(centre)))
        times.append(time.monotonic() - begun)
    stack = centre.stack(f"systems-{centre.fleet.systems[CHANGED].pillar}")
    if stack not in started:
        raise ProvinceError(f"{CHANGED} changed, and {stack} was not looked at")
    refreshed = course.median("preview", "--json", *REFRESHED, "--non-interactive", "--stack", stack)
    plain = course.median(*PREVIEW, stack)
    return figures.Change(statistics.median(times), plain.seconds, refreshed.seconds), started


def _seconds(change: figures.Change) -> dict[str, float]:
    return {f"{name}_seconds": round(value, 1) for name, value in vars(change).items()}


def _started(steps: Sequence[Step]) -> list[str]:
    return [step.name for step in steps if AS_BEFORE not in step.line]


def _sizes(course: Course, site: Site) -> tuple[dict[str, object], dict[str, object]]:
    """An empty program with the same imports, then so many objects: created, and previewed without a change.

    What each took, and the costs that follow: of the start, and of each object.
    """
    created: dict[int, Cost] = {}
    previewed: dict[int, Cost] = {}
    for size in (0, *course.sizes):
        stack = f"{f'objects-{size}' if size else 'empty'}.{site.id}"
        course.desk.own_stack(stack)
        created[size] = course.desk.cost("pulumi", *UP, stack, folder=PROGRAMS)
        previewed[size] = course.median(*PREVIEW, stack, folder=PROGRAMS)
    shown = {str(size): {"created": created[size].figures, "preview": previewed[size].figures} for size in created}
    costs = {"created": created, "preview": previewed}
    return dict(shown), {name: _cost(found) for name, found in costs.items()}


def _cost(found: dict[int, Cost]) -> dict[str, float]:
    return figures.cost(found[0].seconds, {size: one.seconds for size, one in found.items() if size})


def _say(name: str, seconds: float, _text: str) -> None:
    print(f"  {name} {seconds:.0f} s", file=sys.stderr, flush=True)
