"""Roll-outs in shards: the template of their Job, who it is, whom its pods reach, and what one run changes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.components.fleet_runner import FOUND
from infra.components.node_marks import ROLE
from infra.policy.ground import ground_of
from infra.policy.pods import PINNED
from infra.policy.record import Declared
from infra.policy.rules import violations
from province.cli import app
from province.errors import ExitCode
from province.fleet.layer import PLATFORM
from province.fleet.load import COMMUNES_VARIABLE
from province.fleet.requests import nodes_at, runner_nodes
from province.fleet.rooms import AUTOMATION, DESK, RUNNER, SHARD, SHARDS
from province.manifest.peers import Peers
from province.manifest.trust import SERVICE_CA
from province.ops.workplace import HERE
from province.shards.kubernetes import Order, job
from province.shards.start import OF_DESK, PLACE, WHERE
from tests.policy_examples import changed

from .conftest import STACKS, Synth, offering, stack_of, synthesise
from .runner_facts import CARRIED, IMAGE, STORE, made_ready, template, with_consent, with_image


@pytest.fixture(params=[one for one in STACKS if one[2] == PLATFORM], ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """The layer of the platform of every cluster, with everything that a runner needs."""
    return made_ready(*request.param)


def run_of(synth: Synth, shards: int = 4) -> dict[str, Any]:
    return job(template(synth), Order("7c1e9a", f"{STORE.place}7c1e9a", shards, CARRIED))


def in_room(synth: Synth, kind: str) -> list[str]:
    return [str(one.name) for one in synth.objects if (one.kind, one.namespace) == (kind, RUNNER)]


@pytest.mark.parametrize("lacking", ["image", "store", "consent", "all"])
def test_as_long_as_a_fact_lacks_there_is_the_room_and_no_way_out_of_it(lacking: str) -> None:
    today = stack_of("production", "rach-gia", PLATFORM)
    fleet = with_image(today.fleet, None if lacking in {"image", "all"} else IMAGE)
    fleet = fleet if lacking in {"consent", "all"} else with_consent(fleet)
    store = None if lacking in {"store", "all"} else STORE
    made = synthesise(*offering(fleet, today.site, run_store=store), PLATFORM)
    assert RUNNER in [one.name for one in made.objects if one.kind == "Namespace"]
    assert in_room(made, "CronJob") == []
    assert in_room(made, "NetworkPolicy") == ["default-deny", "name-resolution"]


def test_today_the_lab_s_primary_site_has_a_runner_and_production_has_none() -> None:
    """In production no site has a store for runs, and no host lets a cluster in: both are for people to decide."""
    found = {stack[:2] for stack in STACKS if stack[2] == PLATFORM and in_room(stack_of(*stack), "CronJob")}
    assert found == {("lab", "rach-gia")}


def test_the_lab_s_store_answers_at_its_router() -> None:
    fleet = stack_of("lab", "rach-gia", PLATFORM).fleet
    cluster = fleet.primary_site.cluster
    assert cluster
    assert cluster.run_store
    assert cluster.run_store.addresses == (Peers(fleet).station[0],)
    assert cluster.run_store.url == f"https://{Peers(fleet).station[0]}:{cluster.run_store.port}"


def test_shards_stand_only_where_hosts_let_them_in_from(synth: Synth) -> None:
    pod = Declared(run_of(synth)).pod
    assert pod
    (label,) = pod["nodeSelector"]
    chosen = {host for host in nodes_at(synth.fleet, synth.site) if label == f"{ROLE}{host.host_class}"}
    assert chosen == set(runner_nodes(synth.fleet, synth.site))
    for host in synth.fleet.hosts.values():
        let_in = [IPv4Network(one) for one in Peers(synth.fleet).automation(host).ipv4]
        come = [one.management if host.site else one.interfaces[0].address for one in chosen]
        assert [one for one in come if not any(one.ipv4.ip in network for network in let_in)] == []


@pytest.mark.proves("platform/fleet-runner")
def test_no_rule_is_broken_by_the_template_or_by_the_job_of_a_run(synth: Synth) -> None:
    objects = [*synth.objects, Declared(run_of(synth))]
    broken = violations(objects, ground_of(synth.fleet), datetime.now(UTC).date())
    assert [str(one) for one in broken] == []


@pytest.mark.parametrize("image", ["province.internal/fleet-runner:1.0", f"elsewhere.example/x@sha256:{'0' * 64}"])
def test_an_image_without_digest_or_from_elsewhere_is_refused(synth: Synth, image: str) -> None:
    bad = [
        changed(template(synth), "spec.jobTemplate.spec.template.spec.containers.0.image", image),
        changed(run_of(synth), "spec.template.spec.containers.0.image", image),
    ]
    found = violations(map(Declared, bad), ground_of(synth.fleet), datetime.now(UTC).date(), [PINNED])
    assert [one.rule for one in found] == ["pinned", "pinned"]


def test_pulumi_starts_nothing_and_waits_for_nothing(synth: Synth) -> None:
    """A Job that somebody made of the bare template would name no run, which is bad words and ends it at once."""
    spec = template(synth)["spec"]
    assert spec["suspend"] is True
    assert in_room(synth, "Job") == []
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    said = CliRunner().invoke(app, container["args"], env={"JOB_COMPLETION_INDEX": "0"})
    assert said.exit_code == ExitCode.USAGE
    assert "--store" in said.output
    assert ExitCode.USAGE in hopeless(spec["jobTemplate"]["spec"])


def hopeless(spec: dict[str, Any]) -> list[int]:
    """The exit codes that fail an index at once."""
    (rule,) = [one for one in spec["podFailurePolicy"]["rules"] if one["action"] == "FailIndex"]
    assert rule["onExitCodes"]["containerName"] == spec["template"]["spec"]["containers"][0]["name"]
    assert rule["onExitCodes"]["operator"] == "In"
    return list(rule["onExitCodes"]["values"])


def test_a_run_differs_from_the_template_by_its_name_its_place_its_checkout_and_the_number_of_its_shards(
    synth: Synth,
) -> None:
    body = template(synth)["spec"]["jobTemplate"]
    made = run_of(synth, 4)
    assert made["metadata"]["name"] == f"{SHARDS}-7c1e9a"
    assert made["metadata"]["namespace"] == RUNNER
    (container,) = body["spec"]["template"]["spec"]["containers"]
    own = {
        "args": ["shard", "run", "--store", "s3://runs/7c1e9a"],
        "env": [*container["env"], {"name": WHERE, "value": f"s3://runs/7c1e9a/{CARRIED}"}],
    }
    expected = changed(body, "spec.template.spec.containers", [{**container, **own}])
    assert made["spec"] | {"completions": 1, "parallelism": 1} == expected["spec"]
    assert "--store" not in container["args"], "the template itself is left"
    assert WHERE not in [one["name"] for one in container["env"]]


def test_a_pod_finds_the_hosts_of_a_lab_of_another_size(synth: Synth) -> None:
    order = Order("7c1e9a", f"{STORE.place}7c1e9a", 3, CARRIED, {COMMUNES_VARIABLE: "102"})
    (container,) = Declared(job(template(synth), order)).containers
    assert container["env"][-1] == {"name": "PROVINCE_COMMUNES", "value": "102"}


def test_a_changed_number_of_shards_changes_completions_and_parallelism_alone(synth: Synth) -> None:
    few, many = run_of(synth, 3), run_of(synth, 8)
    assert {**few, "spec": {**few["spec"], "completions": 8, "parallelism": 8}} == many


def test_a_disruption_costs_no_try_a_fault_costs_one_and_the_first_lost_shard_ends_all(synth: Synth) -> None:
    spec = run_of(synth)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["backoffLimitPerIndex"] == 4
    assert spec["maxFailedIndexes"] == 0
    assert spec["podReplacementPolicy"] == "Failed", "never two pods of one shard"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    first = spec["podFailurePolicy"]["rules"][0]
    assert first == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["activeDeadlineSeconds"] == 86400
    assert spec["ttlSecondsAfterFinished"] == 7 * 86400


def test_what_another_try_may_mend_is_tried_again(synth: Synth) -> None:
    codes = hopeless(run_of(synth)["spec"])
    assert codes == [ExitCode.USAGE, ExitCode.BAD_DATA, ExitCode.NOTHING_SELECTED]


def test_pods_may_do_nothing_that_they_need_not(synth: Synth) -> None:
    pod = Declared(run_of(synth)).pod
    assert pod
    assert synth.object("Namespace", RUNNER, RUNNER).labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["automountServiceAccountToken"] is False
    assert synth.object("ServiceAccount", RUNNER, SHARD).body["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == SHARD
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    written = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]
    assert written == ["/home/shard", "/tmp", "/srv/province"]  # noqa: S108 - paths in a pod
    (scratch,) = [one for one in pod["volumes"] if "emptyDir" in one]
    assert scratch["emptyDir"]["sizeLimit"]
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }


def test_a_shard_has_what_the_model_says_and_all_of_them_find_place_in_their_room(synth: Synth) -> None:
    shard, part = synth.fleet.platform[RUNNER].components[SHARD], synth.fleet.platform[RUNNER]
    (container,) = Declared(run_of(synth)).containers
    size = {"cpu": "1", "memory": "1Gi"}
    kept = {"production": size, "lab": {"cpu": "100m", "memory": "256Mi"}}[synth.fleet.environment.id]
    disk = {"ephemeral-storage": "2Gi"}  # the volume, and as much again for what the shard prints
    assert container["resources"] == {"requests": {**kept, **disk}, "limits": {**size, **disk}}
    assert (shard.cpu_millicores, shard.memory_mib) == (1000, 1024)
    quota = part.quota_in(synth.fleet.tiers)
    most = shard.replicas_at_peak + 1
    assert (quota.pods, quota.cpu_cores, quota.memory_gib) == (most, most, most)


def test_secrets_are_named_and_stand_nowhere(synth: Synth) -> None:
    pod = Declared(run_of(synth)).pod
    assert pod
    secrets = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
    assert {one["secretName"] for one in secrets.values()} == {"automation", "desk"}
    assert {one["defaultMode"] for one in secrets.values()} == {0o440}, "readable by the pod's group, by nobody else"
    (container,) = pod["containers"]
    by_secret = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    assert by_secret == {
        "AWS_ACCESS_KEY_ID": {"name": "runs", "key": "id"},
        "AWS_SECRET_ACCESS_KEY": {"name": "runs", "key": "key"},
    }
    assert in_room(synth, "Secret") == []


def test_the_checkout_is_given_what_the_environment_never_commits(synth: Synth) -> None:
    """Where `province.manifest` looks for it: in the environment's inventory."""
    (container,) = Declared(run_of(synth)).containers
    environment = synth.fleet.environment
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    said = {one["name"]: one.get("value") for one in container["env"]}
    assert {f"{FOUND}/{AUTOMATION}", f"{FOUND}/{DESK}", said[PLACE]} <= mounted
    names = ["ssh_config", *([environment.address_overlay] if environment.address_overlay else [])]
    assert said[OF_DESK].split() == [f"inventories/{environment.id}/{one}={FOUND}/{DESK}/{one}" for one in names]
    assert said["SSL_CERT_FILE"] == f"{FOUND}/{DESK}/{SERVICE_CA}"
    assert said["ANSIBLE_CONFIG"] == f"{said[PLACE]}/ansible.cfg"
    assert said[HERE], "or the lab's commands would look for the lab's network inside of it"


def test_pods_reach_the_hosts_of_the_environment_by_ssh_and_the_store_and_nobody_else(synth: Synth) -> None:
    assert sorted(in_room(synth, "NetworkPolicy")) == ["default-deny", "name-resolution", SHARD]
    door = synth.object("NetworkPolicy", RUNNER, SHARD).spec
    assert door["policyTypes"] == ["Egress"]
    labels = Declared(run_of(synth)).spec["template"]["metadata"]["labels"]
    assert door["podSelector"] == {"matchLabels": labels}
    to_hosts, to_store = door["egress"]
    assert to_hosts["ports"] == [{"protocol": "TCP", "port": 22}]
    opened = {one["ipBlock"]["cidr"] for one in to_hosts["to"]}
    managed = {address for host in synth.fleet.hosts.values() for address in host.management.plain}
    assert opened == {f"{address}/{address.max_prefixlen}" for address in managed}
    assert to_store == {
        "to": [{"ipBlock": {"cidr": "198.51.100.9/32"}}],
        "ports": [{"protocol": "TCP", "port": 9000}],
    }


def test_the_ways_are_there_before_the_template(synth: Synth) -> None:
    after = synth.registered("CronJob", RUNNER, SHARDS).after
    assert {f"{RUNNER}/NetworkPolicy/{SHARD}", f"{RUNNER}/ServiceAccount/{SHARD}"} <= set(after)
