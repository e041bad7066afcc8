"""A plan that removes a system is let through only if it removes that system, and keeps what cannot be made again."""

from __future__ import annotations

from typing import Any

import pytest

from province.ops.removal import Removal, beyond, kept_of

ROOM = "fisheries"
DOOR = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:lab.north.systems-data::province::{token}::{name}"


def resource(token: str, name: str, room: str = ROOM, *, guarded: bool = False, **inputs: Any) -> dict[str, Any]:
    place = {"name": room} if token.endswith(":Namespace") else {"name": name.rpartition("/")[2], "namespace": room}
    inputs = {"metadata": place, **inputs}
    return {"urn": urn(token, name), "type": token, "inputs": inputs, "protect": guarded, "retainOnDelete": guarded}


def step(op: str, old: dict[str, Any]) -> dict[str, Any]:
    return {"op": op, "urn": old["urn"], "oldState": old}


def peer(*rooms: str) -> dict[str, Any]:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": room}}} for room in rooms]
    return {"spec": {"policyTypes": ["Ingress"], "ingress": [{"from": peers}]}}


NAMESPACE = resource("kubernetes:core/v1:Namespace", ROOM, guarded=True)
DATABASE = resource("kubernetes:postgresql.cnpg.io/v1:Cluster", f"{ROOM}/Cluster/db", guarded=True)
QUOTA = resource("kubernetes:core/v1:ResourceQuota", f"{ROOM}/ResourceQuota/system")
DOOR_FOR_IT = resource(DOOR, "identity/NetworkPolicy/login", "identity", **peer(ROOM))
STACK = [NAMESPACE, DATABASE, QUOTA, DOOR_FOR_IT]
REMOVAL = Removal("systems-data", "lab.north.systems-data", ROOM, kept_of(ROOM, STACK))
GOES = [step("delete", one) for one in STACK]


def judged(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.resource, one.operation) for one in beyond({"steps": [*GOES, *steps]}, REMOVAL)]


def test_what_stays_is_what_is_protected_in_its_own_room() -> None:
    other = resource("kubernetes:core/v1:Namespace", "mail", "mail", guarded=True)
    assert kept_of(ROOM, [*STACK, other]) == tuple(sorted((NAMESPACE["urn"], DATABASE["urn"])))


def test_its_room_and_the_doors_that_others_had_for_it_may_go() -> None:
    assert judged() == []
    assert judged(step("same", resource(DOOR, "mail/NetworkPolicy/web", "mail", **peer("identity")))) == []


@pytest.mark.parametrize(
    ("operation", "old"),
    [
        ("update", resource("kubernetes:core/v1:ResourceQuota", "mail/ResourceQuota/system", "mail")),
        ("update", resource("kubernetes:core/v1:LimitRange", f"{ROOM}/LimitRange/containers")),
        ("create", resource("kubernetes:core/v1:Service", "mail/Service/web", "mail")),
        ("delete", resource("kubernetes:core/v1:Service", "mail/Service/web", "mail")),
        ("delete", resource(DOOR, "identity/NetworkPolicy/mail", "identity", **peer("mail"))),
        ("delete", resource(DOOR, "identity/NetworkPolicy/two", "identity", **peer(ROOM, "mail"))),
        ("replace", resource("kubernetes:core/v1:Namespace", ROOM, guarded=True)),
        ("delete", resource("kubernetes:core/v1:PersistentVolumeClaim", f"{ROOM}/PersistentVolumeClaim/files")),
        ("delete", {**resource("pulumi:providers:kubernetes", "cluster/north"), "inputs": {}}),
    ],
    ids=lambda one: one if isinstance(one, str) else one["urn"].rpartition("::")[2],
)
def test_anything_else_is_refused(operation: str, old: dict[str, Any]) -> None:
    assert judged(step(operation, old)) == [(old["urn"].rpartition("::")[2], operation)]


def test_what_pulumi_would_really_delete_is_refused_although_it_was_to_stay() -> None:
    forgetful = {**DATABASE, "retainOnDelete": False}
    (one,) = beyond({"steps": [step("delete", forgetful)]}, REMOVAL)
    assert one.reason == "its data goes with it, backups excepted"


def test_a_refusal_names_the_plan_to_read_first() -> None:
    (one,) = beyond({"steps": [step("update", QUOTA)]}, REMOVAL)
    assert "province dc plan north systems-data" in one.instead
