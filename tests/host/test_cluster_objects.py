"""What the API server of a site stores, read from it: rules, quotas, where images come from, how old its copies are.

Asked on the control planes, so that clusters have the evidence that hosts have. A cluster that is still empty breaks no
rule; whether all that is declared is there, `province drift` tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = [pytest.mark.hosts("control-plane"), pytest.mark.proves(31, 78)]

GET = "kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=20s get -o json"
KINDS = "namespaces,resourcequotas,limitranges,networkpolicies,deployments,services,pods"
STORED = f"{GET} {KINDS} --all-namespaces"
POLICIES = f"{GET} validatingadmissionpolicies,validatingadmissionpolicybindings"
TIMES = (
    "ps -o etimes= -p 1; date +%s; find /etc/kubernetes/manifests/etcd.yaml /var/lib/etcd-snapshots -type f "
    "! -name '.new*' -printf '%T@\\n' 2> /dev/null || true"
)
"""For how long the host has been up, what time it is there, and when its etcd and each copy of it were written.

Before the first copy there is no folder for them.
"""
EVERY_HOURS = {"hourly": 1, "daily": 24, "weekly": 168}
"""The words of systemd.time(7) that a calendar of copies may be."""
HOUR = 3_600
TAKES_S = 1_200
"""Members differ by ten minutes at most, and a copy takes no longer (etcd-snapshot.timer, etcd-snapshot.service)."""

Broken = Callable[..., list[str]]
Item = dict[str, Any]


@pytest.fixture(scope="session")
def stored(host: Connection) -> list[Item]:
    """Every object of a system; those of Kubernetes itself are not the province's to judge."""
    items: list[Item] = json.loads(host.check_output(STORED))["items"]
    return [one for one in items if not place(one).startswith("kube-") and place(one) != "default"]


def place(one: Item) -> str:
    """The namespace an object is in; a namespace is in itself."""
    meta = one["metadata"]
    return str(meta["name"] if one["kind"] == "Namespace" else meta.get("namespace", ""))


@pytest.fixture(scope="session")
def broken(stored: list[Item], expected: Expected) -> Broken:
    """The objects that break rules of the clusters (infra/policy), all rules or those that are named."""
    from infra.policy import ground, record, rules  # noqa: PLC0415 - Pulumi, a second of work, for these hosts alone

    def find(*names: str) -> list[str]:
        known = {one.name: one for one in rules.RULES}
        chosen = [known[name] for name in names or known]
        objects = [record.Declared(one) for one in stored]
        found = rules.violations(objects, ground.ground_of(expected.fleet), datetime.now(UTC).date(), chosen)
        return [str(one) for one in found]

    return find


def test_nothing_that_is_stored_breaks_a_rule(broken: Broken) -> None:
    """What the API server holds, however it came there; leave to break a rule counts on its days only."""
    assert broken() == []


@control(77)
def test_nothing_leads_in_but_the_entrances(broken: Broken) -> None:
    """No service has a port of its own on the nodes, none opens to everybody (TCVN 14423:2026, 5.13.2.3b)."""
    assert broken("inward", "addressed", "apart") == []


@control(79)
def test_what_runs_comes_from_our_registry_by_digest(broken: Broken) -> None:
    """Always the same bytes, which were built and examined here (TCVN 14423:2026, 5.17.2.4)."""
    assert broken("pinned") == []


def test_every_namespace_is_limited_and_its_quota_counted(stored: list[Item]) -> None:
    """A system that takes all takes it from all others; what the API server counts by is what was declared."""
    rooms = {place(one) for one in stored if one["kind"] == "Namespace"}
    quotas = [one for one in stored if one["kind"] == "ResourceQuota"]
    assert {place(one) for one in quotas} == rooms
    assert [place(one) for one in quotas if one["status"].get("hard") != one["spec"]["hard"]] == []


def test_every_admission_policy_is_in_force(host: Connection) -> None:
    """A policy that is bound to nothing, or that only warns, refuses nobody."""
    items = json.loads(host.check_output(POLICIES))["items"]
    policies = {one["metadata"]["name"] for one in items if one["kind"] == "ValidatingAdmissionPolicy"}
    bindings = [one["spec"] for one in items if one["kind"] == "ValidatingAdmissionPolicyBinding"]
    assert {one["policyName"] for one in bindings if "Deny" in one["validationActions"]} == policies


def test_a_copy_of_etcd_is_young_enough(host: Connection, expected: Expected) -> None:
    """One turn of its timer may be missed; a host or a member that is younger than that need not have one yet."""
    up, now, *written = map(float, host.check_output(TIMES).split())
    age = min(up, now - max(written))
    assert age < 2 * EVERY_HOURS[expected.facts["cluster_snapshots"]["calendar"]] * HOUR + TAKES_S
