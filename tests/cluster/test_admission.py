"""The API server itself refuses what a rule forbids, says why, and accepts the same object in order."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from infra.cluster_access import kubeconfig_path
from infra.moves import MOVE, PHASE
from infra.policy.admission import binding_body, policy_body, policy_name
from infra.policy.change import FROZEN
from infra.policy.ground import ground_of
from infra.policy.rule import Rule
from infra.policy.rules import RULES
from province.fleet.layer import CLUSTER
from province.fleet.load import load_fleet
from province.fleet.policy import Project06Approval
from province.toolchain import build

from ..policy_examples import Body, Example, changed, forbidden_objects, good_objects, room_labels
from .conftest import ENVIRONMENT, Done, LiveStack, live_stack

pytestmark = pytest.mark.lab

FLEET = load_fleet(ENVIRONMENT)
GROUND = ground_of(FLEET)
ROOM = next(system.id for system in FLEET.systems_at(FLEET.primary_site) if system.level >= 3)
"""A room for examples: everything is asked about as a dry run, so nothing is ever put there."""
SERVER_SIDE = ("--server-side", "--force-conflicts", "--field-manager=test")
EXAMPLES = forbidden_objects(GROUND, ROOM)
ENFORCED = {rule.name: rule for rule in RULES if rule.admission}


@pytest.fixture(scope="module")
def cluster() -> LiveStack:
    """The lowest layer of the primary site, which declares the policies; only its API server is asked."""
    return live_stack((FLEET.primary_site.id, CLUSTER), {})


def kubectl(cluster: LiveStack, *words: str, body: Body | None = None) -> Done:
    """Run a verb that may be refused; `body` is what it reads."""
    access = str(kubeconfig_path(cluster.fleet, cluster.site))
    command = [str(build.binary("kubectl")), "--kubeconfig", access, *words, *(["-f", "-"] if body else [])]
    sent = json.dumps(body) if body else None
    return subprocess.run(command, input=sent, capture_output=True, text=True, check=False)


def ask(cluster: LiveStack, body: Body) -> Done:
    """Let the API server judge an object that is not kept."""
    return kubectl(cluster, "create", "--dry-run=server", body=body)


@pytest.mark.proves(78, 79)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_forbidden_object_is_refused_with_rule_reason_and_source(cluster: LiveStack, example: Example) -> None:
    rule: Rule = ENFORCED[example.rule]
    refused = ask(cluster, example.body)
    assert refused.returncode != 0, refused.stdout
    assert f"ValidatingAdmissionPolicy '{policy_name(rule, GROUND)}'" in refused.stderr
    assert example.problem in refused.stderr
    assert f"[rule {rule.name}]; {rule.reason} ({rule.source})" in refused.stderr


@pytest.mark.parametrize("kind", good_objects(GROUND, ROOM))
def test_an_object_in_order_is_accepted(cluster: LiveStack, kind: str) -> None:
    accepted = ask(cluster, good_objects(GROUND, ROOM)[kind])
    assert accepted.returncode == 0, accepted.stderr


def test_a_system_below_level_3_gets_no_volume_of_another_systems_class(cluster: LiveStack) -> None:
    lower = next(one.id for one in FLEET.systems_at(FLEET.primary_site) if one.level < 3)
    claim = good_objects(GROUND, lower)["PersistentVolumeClaim"]
    refused = ask(cluster, changed(claim, "spec.storageClassName", f"system-{ROOM}"))
    assert "a volume is of another system's storage class [rule isolated]" in refused.stderr
    accepted = ask(cluster, changed(claim, "spec.storageClassName", "shared"))
    assert accepted.returncode == 0, accepted.stderr


def test_a_controller_that_is_refused_once_is_refused_after_a_change_too(cluster: LiveStack) -> None:
    """A policy that asks only about new objects would let any of them be changed into what it forbids."""
    one = next(one for one in cluster.live("Deployment") if one.namespace != "kube-system")
    patch = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    place = ("-n", str(one.namespace), "deployment", str(one.name))
    refused = kubectl(cluster, "patch", *place, "--dry-run=server", "--type=merge", "-p", json.dumps(patch))
    assert refused.returncode != 0
    assert "[rule unprivileged]" in refused.stderr


def test_the_clusters_own_pods_are_not_locked_out(cluster: LiveStack) -> None:
    """Everything that kube-system runs may be made again, policies or not."""
    own = [one for one in cluster.live("Pod") if one.namespace == "kube-system"]
    assert own
    for one in own:
        metadata = {"name": "again", "namespace": "kube-system", "labels": dict(one.labels)}
        spec = {key: value for key, value in one.spec.items() if key != "nodeName"}
        again = ask(cluster, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        assert again.returncode == 0, again.stderr


def test_an_administrator_can_take_a_policy_back(cluster: LiveStack) -> None:
    for rule in ENFORCED.values():
        name = policy_name(rule, GROUND)
        taken = kubectl(cluster, "delete", "validatingadmissionpolicybinding", name, "--dry-run=server")
        assert taken.returncode == 0, taken.stderr


def test_no_expression_fails_to_compile(cluster: LiveStack) -> None:
    """With a policy that fails closed, an expression that cannot be evaluated would refuse everything."""
    for policy in cluster.live("ValidatingAdmissionPolicy"):
        assert policy.body["status"]["typeChecking"] == {}, policy.name


APPROVED = replace(
    GROUND,
    words=replace(GROUND.words, domain=f"test.{GROUND.words.domain}"),
    approvals=(
        Project06Approval(
            id="examined-1",
            system=ROOM,
            change="for this test",
            approved_by="nobody",
            since=date(2026, 1, 1),
            until=date(2026, 1, 2),
            source="A",
        ),
    ),
)
"""Words of the test's own, so that nothing of the province is ever frozen by it."""


@pytest.fixture
def frozen(cluster: LiveStack) -> Iterator[str]:
    """A room with a frozen service in it, under a policy made from a ground with one approval."""
    room = "policy-example"
    made: list[tuple[str, ...]] = []
    policy: dict[str, Any] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "metadata": {"name": policy_name(FROZEN, APPROVED)},
    }
    assert FROZEN.admission
    objects = [
        {**policy, "kind": "ValidatingAdmissionPolicy", **policy_body(FROZEN, FROZEN.admission, APPROVED)},
        {**policy, "kind": "ValidatingAdmissionPolicyBinding", **binding_body(FROZEN, APPROVED)},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": room, "labels": room_labels(GROUND)}},
        service(room, 80),
    ]
    try:
        for one in objects:
            done = kubectl(cluster, "apply", *SERVER_SIDE, body=one)
            made.append((one["kind"], one["metadata"]["name"]))
            assert done.returncode == 0, done.stderr
        yield room
    finally:
        for kind, name in made:
            kubectl(cluster, "delete", "--namespace", room, "--timeout=120s", "--ignore-not-found", kind, name)


def service(room: str, port: int, approval: str | None = None) -> Body:
    """The frozen service, with another port and perhaps under an approval."""
    word = APPROVED.words.key
    metadata: Body = {"name": "connector", "namespace": room, "labels": {word("frozen"): "true"}}
    if approval:
        metadata["annotations"] = {word("approval"): approval}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": port}]}}


def in_force(cluster: LiveStack, room: str) -> Done:
    """The first refusal; a policy is in force a moment after it is stored."""
    for _ in range(100):
        done = kubectl(cluster, "apply", *SERVER_SIDE, "--dry-run=server", body=service(room, 81))
        if done.returncode != 0:
            return done
    raise AssertionError("a frozen service can be changed")


@pytest.mark.proves(48)
def test_what_project_06_examined_changes_only_under_an_approval(cluster: LiveStack, frozen: str) -> None:
    refused = in_force(cluster, frozen)
    assert f"[rule frozen]; {FROZEN.reason} ({FROZEN.source})" in refused.stderr
    place = ("--namespace", frozen, "service", "connector")
    thawed = kubectl(cluster, "label", *place, f"{APPROVED.words.key('frozen')}-", "--dry-run=server")
    deleted = kubectl(cluster, "delete", *place, "--dry-run=server")
    invented = kubectl(cluster, "apply", *SERVER_SIDE, "--dry-run=server", body=service(frozen, 81, "examined-2"))
    for done in (thawed, deleted, invented):
        assert "[rule frozen]" in done.stderr
    same = kubectl(cluster, "apply", *SERVER_SIDE, body=service(frozen, 80))
    assert same.returncode == 0, same.stderr
    approved = kubectl(cluster, "apply", *SERVER_SIDE, body=service(frozen, 81, "examined-1"))
    assert approved.returncode == 0, approved.stderr


@pytest.fixture
def claim(cluster: LiveStack) -> Iterator[str]:
    """A claim that no pod asks for, marked as a move's that is frozen; a volume is never made for it."""
    name, word = "policy-example", GROUND.words.key
    body = good_objects(GROUND, ROOM)["PersistentVolumeClaim"]
    labels = {word(MOVE): "example", word(PHASE): "frozen"}
    done = kubectl(cluster, "apply", *SERVER_SIDE, body=changed(body, "metadata.labels", labels))
    assert done.returncode == 0, done.stderr
    yield name
    for words in (("label", "--overwrite", "pvc", name, f"{word(PHASE)}=retired"), ("delete", "pvc", name)):
        kubectl(cluster, "--namespace", ROOM, *words)


def test_the_volume_of_a_move_goes_only_when_the_move_is_retired(cluster: LiveStack, claim: str) -> None:
    place = ("--namespace", ROOM, "pvc", claim)
    refused = kubectl(cluster, "delete", *place, "--dry-run=server")
    assert refused.returncode != 0
    assert "the volume is of a move that is not retired [rule stored]" in refused.stderr
    word = GROUND.words.key(PHASE)
    assert kubectl(cluster, "label", "--overwrite", *place, f"{word}=retired").returncode == 0
    accepted = kubectl(cluster, "delete", *place, "--dry-run=server")
    assert accepted.returncode == 0, accepted.stderr
