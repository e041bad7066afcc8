"""Taking a system out of a site that the model no longer declares: its data stays, shut off, and nothing else changes.

The namespace, its databases and the policy that shuts all doors are left in the cluster and belong to nobody from then
on; a person deletes them when their term of retention is over (`kubectl delete namespace`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.fleet.layer import SYSTEMS
from province.ops import last_up, stack_files, stacks
from province.ops.data_centre import DataCentre, thawed
from province.ops.plan_guard import Refusal, guard_of, type_of
from province.ops.step import Step

NAMESPACE = "kubernetes:core/v1:Namespace"
DOOR = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROOM_OF_A_DOOR = "kubernetes.io/metadata.name"
LOOKS = frozenset({"same", "read", "refresh"})


@dataclass(frozen=True)
class Removal:
    """A system that a stack still holds although the model has no room for it; `kept` are the URNs of what stays."""

    layer: str
    stack: str
    system: str
    kept: tuple[str, ...]

    @property
    def shown(self) -> list[str]:
        """What stays, one line each."""
        return [f"stays, protected: {urn.rpartition('::')[2]}" for urn in self.kept]


def find(centre: DataCentre, system: str) -> Removal:
    """The system as one of the site's stacks still holds it.

    Raises ProvinceError while the model gives it a room at this site, and when no stack holds it.
    """
    if system in {one.id for one in centre.fleet.systems_at(centre.site)}:
        raise ProvinceError(
            f"{centre.fleet.origins[f'systems/{system}']} declares {system} for {centre.site.id}; nothing was changed",
            hint="remove this file, or write `state: retired`, then say it again",
            exit_code=ExitCode.USAGE,
        )
    known = stacks.listed(centre.work)
    rooms: list[str] = []
    for layer in SYSTEMS:
        name = centre.stack(layer)
        if name not in known:
            continue
        stack_files.check(centre.work.checkout, [name])
        resources = stacks.exported(centre.work, name)
        here = {str(one["inputs"]["metadata"]["name"]) for one in resources if one["type"] == NAMESPACE}
        if system in here:
            return Removal(layer, name, system, kept_of(system, resources))
        rooms += here
    guess = nearest(system, rooms)
    raise ProvinceError(
        f"no stack of {centre.site.id} holds {system}",
        hint=f'did you mean "{guess}"?' if guess else "nothing has to be taken out",
        exit_code=ExitCode.NOTHING_SELECTED,
    )


def kept_of(system: str, resources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The URNs of what is protected in a system's room, by name."""
    return tuple(sorted(str(one["urn"]) for one in resources if one.get("protect") and _room_of(one) == system))


def volumes(centre: DataCentre, system: str) -> list[str]:
    """What is stored in the room today, one line for each claim on a volume, as the cluster itself says it.

    Raises ProvinceError when the cluster does not answer: nobody confirms what he was not shown.
    """
    access = centre.work.private / "kubeconfigs" / f"{centre.site.id}.yml"
    words = ["kubectl", "--kubeconfig", str(access), "--request-timeout=20s", "--namespace", system]
    outcome = centre.work.run(
        f"volumes-{system}", [*words, "get", "persistentvolumeclaims", "--output", "json"], answers=True
    )
    if outcome.code != 0:
        raise ProvinceError(
            f"the cluster of {centre.site.id} does not say what {system} has stored\n{outcome.tail}",
            hint="nothing was changed; see the control planes: province verify --select control-plane",
            exit_code=ExitCode.UNREACHABLE,
        )
    return [_volume(one) for one in json.loads(outcome.output.read_text(encoding="utf-8"))["items"]]


def carry_out(centre: DataCentre, removal: Removal, reason: str) -> Step:
    """Take the system out of its stack.

    Raises ProvinceError, with everything protected as before, when the plan would change anything else, or would
    delete what has to stay.
    """
    last_up.drop(centre.work, removal.stack)
    _protect(centre, removal, on=False)
    try:
        run = stacks.up(
            centre.work,
            removal.stack,
            centre.descriptor,
            reason,
            lambda preview: [*beyond(preview, removal), *thawed(centre, preview)],
        )
    except BaseException:
        _protect(centre, removal, on=True)
        raise
    return Step(removal.stack, run.line, run.changed, run.seconds)


def beyond(preview: Mapping[str, Any], removal: Removal) -> list[Refusal]:
    """What a plan does that is not the removal of this system; sorted, empty when it may go on.

    A system goes by deletions alone: those of what stands in its room, and of the doors that others had for it. Of
    what stays, Pulumi only forgets that it made it (`retainOnDelete`).
    """
    found = []
    for step in preview.get("steps") or ():
        operation, urn = str(step["op"]), str(step["urn"])
        if operation in LOOKS or not type_of(urn).startswith(("kubernetes:", "pulumi:providers:")):
            continue
        name, old = urn.rpartition("::")[2], step.get("oldState") or {}
        if operation != "delete":
            found.append(Refusal(name, operation, f"{removal.system} does not go by it", _first(removal)))
        elif _room_of(old) != removal.system and not _is_door_for(old, removal.system):
            found.append(Refusal(name, operation, f"it is not of {removal.system}", _first(removal)))
        elif (guarded := guard_of(urn)) and not (urn in removal.kept and old.get("retainOnDelete")):
            found.append(Refusal(name, operation, guarded.reason, "have the program retain it, and run `up` before"))
    return sorted(found)


def _first(removal: Removal) -> str:
    _, site, layer = removal.stack.split(".", 2)
    return f"say `province dc plan {site} {layer}`, and bring the other changes there before"


def _room_of(resource: Mapping[str, Any]) -> str:
    """The namespace in which an object stands, or which it is; empty for all others."""
    metadata = (resource.get("inputs") or {}).get("metadata") or {}
    return str(metadata.get("name" if resource.get("type") == NAMESPACE else "namespace", ""))


def _is_door_for(resource: Mapping[str, Any], system: str) -> bool:
    """Whether it is a policy in another room whose only other end is this system's room."""
    if resource.get("type") != DOOR:
        return False
    spec = resource["inputs"]["spec"]
    opened = [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]
    peers = [peer for rule in opened for peer in (*(rule.get("from") or ()), *(rule.get("to") or ()))]
    rooms = [((peer.get("namespaceSelector") or {}).get("matchLabels") or {}).get(ROOM_OF_A_DOOR) for peer in peers]
    return bool(rooms) and set(rooms) == {system}


def _volume(claim: Mapping[str, Any]) -> str:
    size = (claim.get("status") or {}).get("capacity", {}).get("storage", "no volume yet")
    return f"stays, stored: {claim['metadata']['name']} ({size})"


def _protect(centre: DataCentre, removal: Removal, *, on: bool) -> None:
    """Protect what stays, as far as the stack still holds it, or let it go."""
    held = {str(one["urn"]) for one in stacks.exported(centre.work, removal.stack)}
    urns = [urn for urn in removal.kept if urn in held]
    if urns:
        verb = "protect" if on else "unprotect"
        words = ["pulumi", "state", verb, *urns, "--yes", "--stack", removal.stack]
        stacks.succeeded(removal.stack, centre.work.run(f"{verb}-{removal.stack}", words))
