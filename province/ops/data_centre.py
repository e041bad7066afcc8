"""One data centre from bare hosts to filled cluster, in order; each step is a plain command that a person can type.

    model → hosts configured → hosts verified → cluster certain → its layers, lowest first → cluster verified

A stack whose inputs are those of its last `up` is not started again. A layer that fails stops those that rest on it
and no other.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import descriptor_path, read_descriptor
from province.fleet.fleet import Fleet
from province.fleet.layer import LAYERS, rests_on
from province.fleet.policy import FROZEN, approved_systems
from province.fleet.site import Site
from province.ops import hosts, last_up, stack_files, stacks
from province.ops.cluster_health import verify_cluster
from province.ops.last_up import Inputs, Known, LastUp
from province.ops.plan_groups import describe, groups
from province.ops.plan_guard import Refusal, frozen_changes, refusals
from province.ops.step import Step, failed_step
from province.ops.workplace import Workplace

AS_BEFORE = "as at its last `up`"
REFUSED = "refused: "


@dataclass(frozen=True)
class Stack:
    """One layer of a site, and what is known of it before anything is started."""

    name: str
    layer: str
    now: Inputs
    known: Known | None
    last: LastUp | None

    @property
    def reason(self) -> str:
        """Why Pulumi has to look at it; empty when nothing can have changed."""
        return last_up.reason_to_start(self.now, self.known, self.last)


@dataclass(frozen=True)
class DataCentre:
    """One site as it is worked on: its desk, its model, and what of it a run is about."""

    work: Workplace
    fleet: Fleet
    site: Site
    layers: tuple[str, ...] = LAYERS
    with_hosts: bool = True

    @property
    def group(self) -> str:
        """Ansible's name for the site's hosts."""
        return f"site_{self.site.id.replace('-', '_')}"

    @property
    def descriptor(self) -> Path:
        """The file that says which cluster is the site's."""
        return descriptor_path(self.fleet.root, self.work.environment, self.site.id)

    def stack(self, layer: str) -> str:
        """The name of a layer's stack."""
        return f"{self.work.environment}.{self.site.id}.{layer}"


def plan(centre: DataCentre, *, every: bool = False) -> Iterator[Step]:
    """What `up` would do to the site, changes by hand included; nothing is touched."""
    if centre.with_hosts:
        yield hosts.configure(centre.work, check=True, limit=centre.group)
    yield from _layer_by_layer(centre, "plan", lambda stack: _plan(centre, stack, every=every))


def up(centre: DataCentre, reason: str, *, every: bool = False) -> Iterator[Step]:
    """Make the site as declared, and look whether its cluster carries what it got, unless a layer failed.

    Raises ProvinceError when hosts cannot be configured or verified; a layer that failed is a failed step.
    """
    if centre.with_hosts:
        yield hosts.configure(centre.work, limit=centre.group)
        yield hosts.verify(centre.work, centre.site.id)
    notes: dict[str, LastUp] = {}
    whole = True
    for step in _layer_by_layer(centre, "up", lambda stack: _up(centre, stack, reason, notes, every=every)):
        whole = whole and not step.failed
        yield step
    _write_down(centre, notes)
    if whole:
        if centre.layers == LAYERS:
            yield _certified(centre)
        yield _verified(centre)


def drift(centre: DataCentre) -> Iterator[Step]:
    """What differs from what is declared, in the cluster from the last run; always looks, and touches nothing."""
    if centre.with_hosts:
        yield hosts.configure(centre.work, check=True, limit=centre.group)
    yield from _layer_by_layer(centre, "drift", lambda stack: _drift(centre, stack))


def examine(centre: DataCentre) -> list[Stack]:
    """Make certain which cluster is the site's, and learn which of its layers can have changed.

    Raises BadData when a stack's own file is malformed, and ProvinceError when the cluster is not the one that is
    described, does not answer, or its state is lost.
    """
    names = {centre.stack(layer): layer for layer in LAYERS}
    stack_files.check(centre.work.checkout, names)
    with ThreadPoolExecutor(1) as beside:
        listing = beside.submit(stacks.listed, centre.work)
        now = _inputs(centre)
        known = listing.result()
    last = {name: last_up.read(centre.work, name) for name in names}
    if centre.descriptor.is_file():
        cluster = read_descriptor(centre.descriptor).kube_system_uid
        last_up.refuse_lost_state(centre.work, last, known, cluster)
    every = [Stack(name, layer, now[name], known.get(name), last[name]) for name, layer in names.items()]
    return [stack for stack in every if stack.layer in centre.layers]


def _inputs(centre: DataCentre) -> dict[str, Inputs]:
    """What each stack's program would register today."""
    words = [sys.executable, "-P", "-m", "infra.inputs", centre.work.environment, centre.site.id]
    outcome = centre.work.run(f"inputs-{centre.site.id}", words, answers=True)
    if outcome.code != 0:
        raise ProvinceError(outcome.tail, exit_code=hosts.OUR_CODES.get(outcome.code, ExitCode.FAILED))
    body = json.loads(outcome.output.read_text(encoding="utf-8"))
    return {name: Inputs(one["digest"], one["resources"], tuple(one["broken"])) for name, one in body.items()}


def _layer_by_layer(centre: DataCentre, verb: str, act: Callable[[Stack], Step]) -> Iterator[Step]:
    """Do one thing to every layer, lowest first; what rests on a failed one is not started."""
    begun = time.monotonic()
    try:
        if verb != "plan":  # which may be read in a clean clone, where no cluster has been built
            read_descriptor(centre.descriptor)
        found = examine(centre)
    except ProvinceError as error:
        yield failed_step(f"{centre.site.id} cluster", error, time.monotonic() - begun, _again(centre, verb))
        return
    failed: set[str] = set()
    for stack in found:
        begun = time.monotonic()
        if below := failed.intersection(rests_on(stack.layer)):
            failed.add(stack.layer)
            yield Step(stack.name, f"not started: it rests on {', '.join(sorted(below))}", False, 0.0)
            continue
        try:
            yield act(stack)
        except ProvinceError as error:
            failed.add(stack.layer)
            yield failed_step(stack.name, error, time.monotonic() - begun, _again(centre, verb, stack.layer))


def _again(centre: DataCentre, verb: str, layer: str = "") -> str:
    why = ' --reason "…"' if verb == "up" else ""
    return " ".join(filter(None, ("province dc", verb, centre.site.id, layer, f"-e {centre.work.environment}"))) + why


def _plan(centre: DataCentre, stack: Stack, *, every: bool) -> Step:
    judged = tuple(f"policy: {one}" for one in stack.now.broken)
    if not (every or stack.reason):
        return Step(stack.name, f"{stack.now.resources} {AS_BEFORE}", False, 0.0, judged)
    stacks.select(centre.work, stack.name)
    found = stacks.preview(centre.work, stack.name)
    step = planned(found, stack.reason, refused(centre, found.preview))
    return replace(step, details=(*judged, *step.details))


def refused(centre: DataCentre, preview: Mapping[str, Any]) -> list[Refusal]:
    """What a plan for the site does that no plan may do, today."""
    return [*refusals(preview), *thawed(centre, preview)]


def thawed(centre: DataCentre, preview: Mapping[str, Any]) -> list[Refusal]:
    """What a plan for the site changes of Project 06 without an approval that holds today."""
    label = f"{centre.fleet.province.domain}/{FROZEN}"
    approvals = centre.fleet.registers.project06_approvals.rows
    approved = approved_systems(approvals, datetime.now(UTC).date())
    return frozen_changes(preview, label, approved)


def planned(found: stacks.Plan, reason: str, refused: Iterable[Refusal] = ()) -> Step:
    """A plan as a step: counts, what is refused, and the differences, those that are alike together."""
    line = ", ".join(f"{count} {word}" for word, count in found.counts.items() if word != "refresh")
    changed = any(count for word, count in found.counts.items() if word not in stacks.LOOKS)
    details = (*(f"{REFUSED}{one}" for one in refused), *describe(groups(found.preview)))
    return Step(found.stack, f"{line} ({reason})" if reason else line, changed, found.seconds, details)


def _up(centre: DataCentre, stack: Stack, reason: str, notes: dict[str, LastUp], *, every: bool) -> Step:
    """Carry a stack out unless nothing can have changed; what is to be noted of it goes into `notes`."""
    if not (every or stack.reason):
        return Step(stack.name, f"{stack.now.resources} {AS_BEFORE}", False, 0.0)
    last_up.drop(centre.work, stack.name)
    run = stacks.up(centre.work, stack.name, centre.descriptor, reason, partial(refused, centre))
    known = stacks.listed(centre.work)[stack.name]
    cluster = read_descriptor(centre.descriptor).kube_system_uid
    notes[stack.name] = LastUp(stack.now.digest, cluster, known.changed, known.resources)
    return Step(stack.name, run.line, run.changed, run.seconds)


def _write_down(centre: DataCentre, notes: Mapping[str, LastUp]) -> None:
    """Note every `up` that ended well, unless a fact was edited meanwhile: then nobody knows which it has read."""
    if notes:
        now = _inputs(centre)
        for name, last in notes.items():
            if now[name].digest == last.digest:
                last_up.write(centre.work, name, last)


def _drift(centre: DataCentre, stack: Stack) -> Step:
    if stack.known is None:
        return Step(stack.name, "nothing of it stands yet", False, 0.0)
    run = stacks.drift(centre.work, stack.name, centre.descriptor)
    details = (f"each field: {run.log}",) if run.changed else ()
    return Step(stack.name, run.line if run.changed else "as declared", run.changed, run.seconds, details)


def _verified(centre: DataCentre) -> Step:
    """Whether the site's cluster carries what was declared in it."""
    begun = time.monotonic()
    try:
        return verify_cluster(centre.work, centre.site.id)
    except ProvinceError as error:
        return failed_step(f"{centre.site.id} cluster", error, time.monotonic() - begun, _again(centre, "up"))


def _certified(centre: DataCentre) -> Step:
    """The names that users know have certificates, with new ones for those that are due.

    Where the authority's key is not with the controller it is only said which are due: its keeper gives the command.
    """
    work, site = centre.work, centre.site.id
    name, again = f"{site} certificates", f"province certificates {site} -e {work.environment}"
    here = centre.fleet.environment.certificates_from == "controller"
    words = [sys.executable, "-m", "province", "certificates", site, "-e", work.environment, "--json"]
    outcome = work.run(f"certificates-{site}", words if here else [*words, "--check"], answers=True)
    if outcome.code not in {ExitCode.OK, ExitCode.DRIFT}:
        error = ProvinceError(outcome.tail, exit_code=hosts.OUR_CODES.get(outcome.code, ExitCode.FAILED))
        return failed_step(name, error, outcome.seconds, again)
    found = json.loads(outcome.output.read_text(encoding="utf-8"))
    count = f"{len(found['due'])} of {len(found['names'])}"
    if here:
        return Step(name, f"{count} issued", bool(found["due"]), outcome.seconds)
    waits = tuple(f"{host} {why}" for host, why in found["due"].items())
    return Step(name, f"{count} wait for the keeper: {again} --authority FOLDER", False, outcome.seconds, waits)


def centres(work: Workplace, fleet: Fleet, *, with_hosts: bool = True) -> Iterator[DataCentre]:
    """The data centres with a cluster, the primary one first."""
    for site in fleet.data_centres:
        if site.cluster:
            yield DataCentre(work, fleet, site, with_hosts=with_hosts)
