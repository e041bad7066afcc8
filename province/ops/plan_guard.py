"""What no plan may do: replace or delete what cannot be made again. Asked before every `up`, whoever planned it.

Two forms of a plan are read: what `pulumi preview --json` prints, and the file of `pulumi preview --save-plan`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from province.errors import ExitCode, ProvinceError

DESTROYS = frozenset(
    {
        "delete",
        "replace",
        "create-replacement",
        "import-replacement",
        "read-replacement",
        "delete-replaced",
        "discard",
        "discard-replaced",
        "remove-pending-replace",
    }
)
"""Operations of Pulumi's engine after which an object is gone, or another one stands under its name."""

PROVIDER = "pulumi:providers:"


@dataclass(frozen=True)
class Guarded:
    """A kind of resource that no plan may replace or delete: what would be lost, and the way that loses nothing."""

    what: str
    reason: str
    instead: str


@dataclass(frozen=True, order=True)
class Refusal:
    """One resource that a plan would destroy."""

    resource: str
    operation: str
    reason: str
    instead: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.operation}; {self.reason}. Instead: {self.instead}"


RELEASE = (
    "move what it holds, then take it out of the plan's sight by hand (`pulumi state delete --force URN`); "
    "the object stays until a person deletes it"
)

OF_PROVIDER = Guarded(
    "provider",
    "with a new provider, everything of the old one is deleted, and a preview does not show that (lab: measured)",
    "keep clusterIdentifier; a cluster that was built anew gets a new stack (`pulumi stack rm --force STACK`)",
)
OF_NAMESPACE = Guarded(
    "namespace",
    "everything inside it goes with it",
    "take its system out by `province dc remove SITE SYSTEM`: what it has stored stays, shut off",
)
OF_VOLUME = Guarded("volume", "its data goes with it", RELEASE)
OF_DATABASE = Guarded("database", "its data goes with it, backups excepted", RELEASE)
OF_DEFINITION = Guarded(
    "definition of a kind",
    "the API server deletes every object of the kind with it",
    "change it in place: add a version, keep the name and the old versions until nothing is stored in them",
)

OF_PROJECT06 = "it is of Project 06 and in operation, and what was examined stays as it is (Circular 46/2022/TT-BCA)"
TO_BE_APPROVED = "have the change examined, then write the approval into registers/project06-approvals.yml"

UNTOUCHED = frozenset({"same", "read", "refresh", "create"})
"""Operations after which what was there is still there."""

GUARDED: Mapping[str, Guarded] = {
    "Namespace": OF_NAMESPACE,
    "PersistentVolume": OF_VOLUME,
    "PersistentVolumeClaim": OF_VOLUME,
    "StatefulSet": Guarded("set of pods with volumes", "its claims are left without an owner or deleted", RELEASE),
    "CustomResourceDefinition": OF_DEFINITION,
    "postgresql.cnpg.io/Cluster": OF_DATABASE,
    "postgresql.cnpg.io/Database": OF_DATABASE,
}
"""By kind; with the API group before it where another group has the same word."""


def refusals(preview: Mapping[str, Any]) -> list[Refusal]:
    """Everything guarded that a plan would replace or delete, sorted; empty when it may go on.

    Raises ProvinceError when `preview` is neither of the two forms of a plan: what cannot be read is not harmless.
    """
    found = []
    steps = list(operations(preview))
    made = {urn for urn, operation in steps if operation == "create"}
    for urn, operation in steps:
        guarded = guard_of(urn)
        if operation == "delete" and urn in made:
            continue  # A refresh saw that somebody has deleted it; the plan makes it again.
        if guarded is not None and operation in DESTROYS:
            found.append(Refusal(f"{guarded.what} {_name(urn)}", operation, guarded.reason, guarded.instead))
    return sorted(set(found))


def frozen_changes(preview: Mapping[str, Any], label: str, approved: Collection[str]) -> list[Refusal]:
    """What a plan would change of systems of Project 06 in operation, without an approval; sorted.

    `label` marks what is frozen, `approved` are the systems that may be changed today. A saved plan does not hold what
    is there now, so only what `pulumi preview --json` prints can be judged. Source: Circular 46/2022/TT-BCA.
    """
    found = []
    for step in preview.get("steps") or ():
        old = _inputs(step, "oldState")
        if step["op"] in UNTOUCHED or (old.get("metadata", {}).get("labels") or {}).get(label) != "true":
            continue
        metadata = old["metadata"]
        system = metadata.get("namespace") or metadata["name"]
        if system not in approved and (step["op"] != "update" or _said(old) != _said(_inputs(step, "newState"))):
            kind = type_of(step["urn"]).rpartition(":")[2]
            found.append(Refusal(f"{kind} {_name(step['urn'])}", str(step["op"]), OF_PROJECT06, TO_BE_APPROVED))
    return sorted(found)


def _inputs(step: Mapping[str, Any], state: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (step.get(state) or {}).get("inputs") or {}
    return found


def _said(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What an object says beside its marks: labels and notes may change, what is examined may not."""
    return {key: value for key, value in inputs.items() if key != "metadata"}


def operations(preview: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each step of a plan: the resource's URN and what would happen to it."""
    steps = preview.get("steps")
    if isinstance(steps, Sequence):
        yield from ((str(step["urn"]), str(step["op"])) for step in steps)
        return
    plans = preview.get("resourcePlans")
    if not isinstance(plans, Mapping):
        raise ProvinceError(
            "not a plan: it has neither `steps` nor `resourcePlans`",
            hint="make it with `pulumi preview --json` or `pulumi preview --save-plan FILE`",
            exit_code=ExitCode.BAD_DATA,
        )
    for urn, plan in plans.items():
        yield from ((str(urn), str(operation)) for operation in plan.get("steps") or ())


def guard_of(urn: str) -> Guarded | None:
    """Why a resource is guarded; None for what may come and go."""
    token = type_of(urn)
    if token.startswith(PROVIDER):
        return OF_PROVIDER
    if not token.startswith("kubernetes:"):
        return None
    _, version, kind = token.split(":", 2)
    return GUARDED.get(kind) or GUARDED.get(f"{version.partition('/')[0]}/{kind}")


def type_of(urn: str) -> str:
    """The type of the resource itself: the last of the chain of types that its URN names."""
    return urn.split("::")[2].rpartition("$")[2]


def refuse(found: Sequence[Refusal], stack: str) -> None:
    """Raise one ProvinceError for all refusals of a stack's plan; nothing when there is none."""
    if found:
        listed = "\n".join(f"  {one}" for one in found)
        raise ProvinceError(
            f"stack {stack}: the plan does what no plan may do\n{listed}",
            hint="nothing was changed; undo the change in the model or the program, or take the way named above",
        )


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
