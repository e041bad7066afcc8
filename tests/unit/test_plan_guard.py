"""No plan may replace or delete what cannot be made again, in whichever form it is read."""

from __future__ import annotations

from typing import Any

import pytest

from province.errors import ProvinceError
from province.ops.plan_guard import DESTROYS, frozen_changes, refusals, refuse

ROOM = "province:systems:SystemNamespace$"
GUARDED = {
    "pulumi:providers:kubernetes": "provider",
    f"{ROOM}kubernetes:core/v1:Namespace": "namespace",
    "kubernetes:core/v1:Namespace": "namespace",
    "kubernetes:core/v1:PersistentVolume": "volume",
    f"{ROOM}kubernetes:core/v1:Namespace$kubernetes:core/v1:PersistentVolumeClaim": "volume",
    "kubernetes:apps/v1:StatefulSet": "set of pods with volumes",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "definition of a kind",
    "kubernetes:postgresql.cnpg.io/v1:Cluster": "database",
    "kubernetes:postgresql.cnpg.io/v1:Database": "database",
}
FREE = ["kubernetes:apps/v1:Deployment", "kubernetes:cluster.example/v1:Cluster", "province:systems:SystemNamespace"]
HARMLESS = ["same", "create", "update", "read", "refresh"]


def urn(token: str, name: str = "mail/it") -> str:
    return f"urn:pulumi:production.north.systems::province::{token}::{name}"


def as_preview(*steps: tuple[str, str]) -> dict[str, Any]:
    return {"config": {}, "steps": [{"op": op, "urn": urn(token)} for token, op in steps], "changeSummary": {}}


def as_saved_plan(*steps: tuple[str, str]) -> dict[str, Any]:
    return {"manifest": {}, "resourcePlans": {urn(token): {"steps": [op], "goal": None} for token, op in steps}}


@pytest.mark.parametrize("plan", [as_preview, as_saved_plan])
@pytest.mark.parametrize("operation", sorted(DESTROYS))
@pytest.mark.parametrize(("token", "what"), GUARDED.items())
def test_what_cannot_be_made_again_is_neither_replaced_nor_deleted(
    token: str, what: str, operation: str, plan: Any
) -> None:
    (one,) = refusals(plan((token, operation), *((free, operation) for free in FREE)))
    assert one.resource == f"{what} mail/it"
    assert one.operation == operation
    assert one.reason
    assert one.instead


@pytest.mark.parametrize("plan", [as_preview, as_saved_plan])
@pytest.mark.parametrize("operation", HARMLESS)
def test_what_stays_or_comes_is_not_refused(operation: str, plan: Any) -> None:
    assert refusals(plan(*((token, operation) for token in GUARDED))) == []


def test_a_plan_that_does_nothing_is_not_refused() -> None:
    assert refusals({"steps": []}) == refusals({"resourcePlans": {}}) == []


def test_what_somebody_else_has_deleted_may_be_made_again() -> None:
    """The engine lists what a refresh found gone as deleted, and then as created under the same name."""
    namespace = "kubernetes:core/v1:Namespace"
    assert refusals(as_preview((namespace, "delete"), (namespace, "create"))) == []
    assert len(refusals(as_preview((namespace, "delete-replaced"), (namespace, "create")))) == 1


@pytest.mark.parametrize("unreadable", [{}, {"steps": None}, {"resourcePlans": []}, {"deployment": {}}])
def test_what_is_no_plan_is_an_error_and_not_harmless(unreadable: dict[str, Any]) -> None:
    with pytest.raises(ProvinceError, match="not a plan"):
        refusals(unreadable)


def test_all_refusals_of_a_stack_are_one_error() -> None:
    found = refusals(as_preview(*((token, "delete-replaced") for token in GUARDED)))
    with pytest.raises(ProvinceError) as caught:
        refuse(found, "production.north.systems")
    assert "stack production.north.systems: the plan does what no plan may do" in caught.value.message
    for what in set(GUARDED.values()):
        assert f"{what} mail/it: delete-replaced; " in caught.value.message
    assert "nothing was changed" in caught.value.hint


def test_no_refusal_is_no_error() -> None:
    refuse([], "production.north.systems")


FROZEN = "province.example/frozen"
SERVICE = "kubernetes:core/v1:Service"


def service(port: int, *, frozen: bool = True, **metadata: Any) -> dict[str, Any]:
    labels = {FROZEN: "true"} if frozen else {}
    return {"inputs": {"metadata": {"namespace": "one-stop", "labels": labels, **metadata}, "spec": {"port": port}}}


def change(op: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    return {"steps": [{"op": op, "urn": urn(SERVICE, "one-stop/web"), "oldState": old, "newState": new}]}


FORBIDDEN = {
    "update": change("update", service(80), service(81)),
    "thaw and update": change("update", service(80), service(81, frozen=False)),
    "delete": change("delete", service(80), None),
    "replace": change("replace", service(80), service(80)),
}


@pytest.mark.parametrize("plan", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_is_frozen_changes_only_under_an_approval(plan: dict[str, Any]) -> None:
    (one,) = frozen_changes(plan, FROZEN, approved=["land"])
    assert one.resource == "Service one-stop/web"
    assert "Circular 46/2022/TT-BCA" in one.reason
    assert "registers/project06-approvals.yml" in one.instead
    assert frozen_changes(plan, FROZEN, approved=["one-stop"]) == []


@pytest.mark.parametrize(
    "plan",
    [
        change("create", None, service(80)),
        change("same", service(80), service(80)),
        change("update", service(80, frozen=False), service(81)),
        change("update", service(80), service(80, annotations={"name": "Một cửa"})),
    ],
    ids=["created", "same", "not in operation before", "only marks"],
)
def test_what_is_not_frozen_or_does_not_change_needs_none(plan: dict[str, Any]) -> None:
    assert frozen_changes(plan, FROZEN, approved=[]) == []
