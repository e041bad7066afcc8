"""The decisions of `province dc`: what carries others, what runs, what failed, what is healthy."""

from __future__ import annotations

from typing import Any

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.layer import CLUSTER, LAYERS, MIGRATION, PLATFORM, SYSTEMS, rests_on
from province.ops.cluster_health import unhealthy
from province.ops.step import Step, failed_step, raise_failures
from province.ops.take_down import refuse_while_others_rest_on_it
from province.ops.under_way import under_way


def test_systems_rest_on_what_is_below_and_on_none_of_each_other() -> None:
    below = (CLUSTER, PLATFORM)
    assert rests_on(LAYERS[0]) == ()
    assert {rests_on(layer) for layer in SYSTEMS} == {below}
    assert rests_on(MIGRATION) == below, "rooms outlive the stacks that made them"
    assert LAYERS[-1] == MIGRATION, "rooms are there first"


def resource(token: str, *, protect: bool) -> dict[str, Any]:
    return {"type": token, "urn": f"urn:pulumi:a.b.c::province::{token}::one", "protect": protect}


def test_a_layer_is_not_taken_from_under_another() -> None:
    above = {"a.b.systems": [resource("kubernetes:apps/v1:Deployment", protect=False)]}
    with pytest.raises(ProvinceError, match=r"stack a\.b\.cluster carries others: a\.b\.systems"):
        refuse_while_others_rest_on_it("a.b.cluster", above)


def test_what_is_protected_or_no_object_does_not_hold_a_layer_down() -> None:
    left = [
        resource("pulumi:pulumi:Stack", protect=False),
        resource("province:systems:SystemNamespace", protect=False),
        resource("pulumi:providers:kubernetes", protect=True),
        resource("kubernetes:core/v1:Namespace", protect=True),
    ]
    refuse_while_others_rest_on_it("a.b.cluster", {"a.b.systems": left})


def test_a_long_run_names_what_it_is_at() -> None:
    printed = """\
 +  kubernetes:core/v1:Namespace mail/Namespace/mail creating (0s)
 +  kubernetes:core/v1:Namespace mail/Namespace/mail created (0.12s)
 +  kubernetes:apps/v1:Deployment mail/Deployment/web creating (0s)
 ~  kubernetes:core/v1:Service mail/Service/web updating (0s)
"""
    assert under_way(printed) == "1 done, running: mail/Deployment/web mail/Service/web"
    assert under_way("TASK [Gathering facts]\n\n") == "TASK [Gathering facts]"
    assert under_way("") == "nothing printed yet"


def test_failures_come_last_each_with_the_command_to_paste() -> None:
    good = Step("one", "7 unchanged", False, 1.0)
    bad = failed_step("two", ProvinceError("does not answer", exit_code=ExitCode.UNREACHABLE), 1.0, "province dc up x")
    raise_failures([good])
    with pytest.raises(ProvinceError) as caught:
        raise_failures([good, bad])
    assert str(caught.value) == "1 of 2 steps failed\ntwo: does not answer\n  then: province dc up x"
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    other = failed_step("three", ProvinceError("refused"), 1.0, "province dc up y")
    with pytest.raises(ProvinceError) as caught:
        raise_failures([bad, other])
    assert caught.value.exit_code is ExitCode.FAILED


def thing(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"namespace": "mail", "name": "web"}, "spec": spec, "status": status}


READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (thing("Node", {}, {"conditions": [{"type": "Ready", "status": "Unknown"}]}), "Node mail/web: not ready"),
        (thing("Deployment", {"replicas": 2}, {"readyReplicas": 1}), "Deployment mail/web: 1 of 2 pods are ready"),
        (thing("StatefulSet", {}, {}), "StatefulSet mail/web: 0 of 1 pods are ready"),
        (thing("DaemonSet", {}, {"desiredNumberScheduled": 1}), "DaemonSet mail/web: 0 of 1 pods are ready"),
        (thing("PersistentVolumeClaim", {}, {"phase": "Lost"}), "PersistentVolumeClaim mail/web: lost its volume"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_what_a_cluster_does_not_carry_is_named(one: dict[str, Any], problem: str) -> None:
    assert list(unhealthy([one])) == [problem]


def test_what_is_as_it_should_be_is_not_named() -> None:
    well = [
        thing("Node", {}, {"conditions": READY}),
        thing("Deployment", {"replicas": 2}, {"readyReplicas": 2}),
        thing("Deployment", {"replicas": 0}, {}),
        thing("DaemonSet", {}, {"desiredNumberScheduled": 3, "numberReady": 3}),
        thing("PersistentVolumeClaim", {}, {"phase": "Pending"}),
    ]
    assert list(unhealthy(well)) == []
