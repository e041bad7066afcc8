"""Roll-outs in shards: the template of their Job, who it is, whom its pods reach, and what one run changes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.policy.ground import ground_of
from infra.policy.pods import PINNED
from infra.policy.record import Declared
from infra.policy.rules import violations
from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM
from province.fleet.rooms import RUNNER, SHARD, SHARDS
from province.fleet.site import Site
from province.manifest.trust import SERVICE_CA
from province.shards.journal import StoreJournal
from province.shards.kubernetes import Order, job, order_of
from province.shards.store import Store
from tests.policy_examples import changed
from tests.unit.rollout_world import begun

from .conftest import STACKS, Synth, offering, stack_of, synthesise
from .runner_facts import IMAGE, STORE, ready, with_image


@pytest.fixture(params=[one for one in STACKS if one[2] == PLATFORM], ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """The layer of the platform of every cluster, with everything that a runner needs."""
    return made_ready(*request.param)


@cache
def made_ready(*stack: str) -> Synth:
    today = stack_of(*stack)
    return synthesise(*ready(today.fleet, today.site), PLATFORM)


def template(synth: Synth) -> dict[str, Any]:
    return dict(synth.object("CronJob", RUNNER, SHARDS).body)


def run_of(synth: Synth, shards: int = 4) -> dict[str, Any]:
    return job(template(synth), Order("7c1e9a", f"{STORE.place}7c1e9a", shards))


def in_room(synth: Synth, kind: str) -> list[str]:
    return [str(one.name) for one in synth.objects if (one.kind, one.namespace) == (kind, RUNNER)]


@pytest.mark.parametrize("lacking", ["image", "store", "both"])
def test_as_long_as_a_fact_lacks_there_is_the_room_and_no_way_out_of_it(lacking: str) -> None:
    today = stack_of("lab", "rach-gia", PLATFORM)
    fleet = with_image(today.fleet, None if lacking != "store" else IMAGE)
    made = synthesise(*offering(fleet, today.site, run_store=None if lacking != "image" else STORE), PLATFORM)
    assert RUNNER in [one.name for one in made.objects if one.kind == "Namespace"]
    assert in_room(made, "CronJob") == []
    assert in_room(made, "NetworkPolicy") == ["default-deny", "name-resolution"]


def test_the_stacks_of_today_have_none() -> None:
    """Nobody has made the image, no site has a store: the day that changes, this says what to prove."""
    for stack in (one for one in STACKS if one[2] == PLATFORM):
        assert in_room(stack_of(*stack), "CronJob") == []


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


def test_a_run_differs_from_the_template_by_its_name_its_place_and_the_number_of_its_shards(synth: Synth) -> None:
    body = template(synth)["spec"]["jobTemplate"]
    made = run_of(synth, 4)
    assert made["metadata"]["name"] == f"{SHARDS}-7c1e9a"
    assert made["metadata"]["namespace"] == RUNNER
    assert (
        made["spec"] | {"completions": 1, "parallelism": 1}
        == changed(body, "spec.template.spec.containers.0.args", ["shard", "run", "--store", "s3://runs/7c1e9a"])[
            "spec"
        ]
    )
    assert "--store" not in body["spec"]["template"]["spec"]["containers"][0]["args"], "the template itself is left"


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
    assert written == ["/home/shard", "/tmp", "/srv/province/.province"]  # noqa: S108 - paths in a pod
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
    assert container["resources"] == {"requests": size, "limits": size}
    assert (shard.cpu_millicores, shard.memory_mib) == (1000, 1024)
    quota = part.quota_in(synth.fleet.tiers)
    most = shard.replicas_at_peak + 1
    assert (quota.pods, quota.cpu_cores, quota.memory_gib) == (most, most, most)


def test_secrets_are_named_and_stand_nowhere(synth: Synth) -> None:
    pod = Declared(run_of(synth)).pod
    assert pod
    secrets = {one["name"]: one["secret"] for one in pod["volumes"] if "secret" in one}
    assert {one["secretName"] for one in secrets.values()} == {"automation", "desk", "trust"}
    assert {one["defaultMode"] for one in secrets.values()} == {0o440}, "readable by the pod's group, by nobody else"
    (container,) = pod["containers"]
    by_secret = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    assert by_secret == {
        "AWS_ACCESS_KEY_ID": {"name": "runs", "key": "id"},
        "AWS_SECRET_ACCESS_KEY": {"name": "runs", "key": "key"},
    }
    assert in_room(synth, "Secret") == []


def test_the_model_in_the_image_finds_what_the_environment_never_commits(synth: Synth) -> None:
    """Where `province.manifest` looks for it: below the checkout, and below what PROVINCE_TRUST names."""
    (container,) = Declared(run_of(synth)).containers
    environment = synth.fleet.environment
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    said = {one["name"]: one.get("value") for one in container["env"]}
    assert f"{said['PROVINCE_TRUST']}/{environment.id}/trust" in mounted
    assert f"{container['workingDir']}/inventories/{environment.id}/ssh_config" in mounted
    assert said["SSL_CERT_FILE"] == f"{said['PROVINCE_TRUST']}/{environment.id}/trust/{SERVICE_CA}"
    overlay = f"{container['workingDir']}/inventories/{environment.id}/{environment.address_overlay}"
    assert (overlay in mounted) is (environment.address_overlay is not None)


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


def test_every_shard_that_a_run_deals_out_has_its_index_and_no_index_has_none(synth: Synth, tmp_path: Any) -> None:
    first = begun(("a", "b"), ("c", "d", "e", "f", "g"), tuple("hijklmn"))
    for shards in (1, 3, 8):
        journal = StoreJournal.begin(Store.at(str(tmp_path / str(shards))), first, shards)
        order = order_of(synth.fleet, synth.site, first.run, f"{STORE.place}{first.run}", journal.count)
        spec = job(template(synth), order)["spec"]
        assert set(range(spec["completions"])) == set(journal.of.values())
        assert spec["parallelism"] == spec["completions"], "each waits for all others after every batch"


Change = Callable[[Fleet, Site], tuple[Fleet, Site]]


def bad_orders() -> Iterator[tuple[str, Change, str, int, str]]:
    place = f"{STORE.place}x"
    runner = "inventories/fleet/platform/fleet-runner.yml"

    def without(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
        return offering(with_image(fleet), site)

    def undelivered(fleet: Fleet, site: Site) -> tuple[Fleet, Site]:
        return offering(with_image(fleet, None), site, run_store=STORE)

    yield "no image", undelivered, place, 4, f"{runner}, components.shard.image: null, its image is not delivered yet"
    yield "no store", without, place, 4, "inventories/fleet/sites/rach-gia.yml, cluster.run_store: missing"
    yield "another bucket", ready, "s3://else/x", 4, "--store s3://else/x: shards at rach-gia reach s3://runs/… and"
    yield "the bucket alone", ready, STORE.place, 4, "--store s3://runs/: shards at rach-gia reach"
    yield "a folder", ready, "/srv/runs", 4, "--store /srv/runs: shards at rach-gia reach"
    yield "too many", ready, place, 9, f"has 9 shards, and there is place for 8 ({runner}, components.shard.replicas)"


@pytest.mark.parametrize(
    ("facts", "store", "shards", "said"), [one[1:] for one in bad_orders()], ids=[one[0] for one in bad_orders()]
)
def test_an_order_that_could_not_be_carried_out_says_what_to_mend(
    facts: Change, store: str, shards: int, said: str
) -> None:
    today = stack_of("production", "rach-gia", PLATFORM)
    with pytest.raises(ProvinceError) as caught:
        order_of(*facts(today.fleet, today.site), "7c1e9a", store, shards)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("path", ["kind", "spec.jobTemplate.spec.completionMode"])
def test_what_is_not_the_template_is_not_filled_in(path: str) -> None:
    made = made_ready("lab", "rach-gia", PLATFORM)
    with pytest.raises(ProvinceError, match="is not the template of shards") as caught:
        job(changed(template(made), path, "Deployment"), Order("x", f"{STORE.place}x", 1))
    assert caught.value.exit_code == ExitCode.BAD_DATA


def test_the_command_prints_nothing_for_a_site_that_is_none_or_facts_that_lack(tmp_path: Any) -> None:
    """In the lab as it is today: nobody has delivered the image."""
    StoreJournal.begin(Store.at(str(tmp_path)), begun(("a", "b"), environment="lab"), 2)
    words = ["shard", "kubernetes", "--store", str(tmp_path)]
    for more, said in ((["--site", "nowhere"], "--site nowhere"), ([], "its image is not delivered yet")):
        done = CliRunner().invoke(app, [*words, *more], input=json.dumps({}))
        assert done.stdout == ""
        assert said in str(done.exception)
